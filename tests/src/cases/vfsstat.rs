//! Files and directories made and removed, and what nothing else in the workload does: syncs, and reads without bytes.

use std::fs::{self, File};
use std::os::fd::AsRawFd as _;

use anyhow::{Result, ensure};

use crate::case::{Case, Report, Work};

pub const CASE: Case = Case { tool: "vfsstat", args: &["1"], count: 200, work, check, extra_caps: &[] };

fn work(w: &Work) -> Result<()> {
    let name = format!("/tmp/cbpf-{}-{}", w.who, std::process::id());
    for _ in 0..w.count {
        let file = File::create(&name)?;
        let mut byte = [0u8; 1];
        let vec = libc::iovec { iov_base: byte.as_mut_ptr().cast(), iov_len: 1 };
        // SAFETY: the buffers live through the calls; the first writes a byte and the others find nothing.
        let done = unsafe {
            let fd = file.as_raw_fd();
            [
                libc::writev(fd, &vec, 1),
                libc::fsync(fd) as isize,
                libc::fdatasync(fd) as isize,
                // Only for writing: that is no read.
                libc::read(fd, byte.as_mut_ptr().cast(), 1),
            ]
        };
        ensure!(done == [1, 0, 0, -1], "{done:?}");
        fs::remove_file(&name)?;
        fs::create_dir(&name)?;
        fs::remove_dir(&name)?;
        ensure!(fs::remove_dir(&name).is_err() && File::open(&name).is_err());
    }
    Ok(())
}

fn check(report: &Report) -> Result<()> {
    let sum = |key: &str| report.of("count").filter_map(|r| r[key].as_u64()).sum::<u64>();
    let done = report.expected();
    for (key, times) in [("fsyncs", 2), ("creates", 1), ("rmdirs", 1)] {
        ensure!(sum(key) == times * done, "{} {key} of {}", sum(key), times * done);
    }
    // The start of the program itself opens, reads and writes a little, and in a container the suite makes a directory.
    for (key, most) in [("unlinks", 4), ("mkdirs", 1), ("opens", 100), ("writes", 100)] {
        ensure!((done..=done + most).contains(&sum(key)), "{} {key} of {done}", sum(key));
    }
    ensure!(sum("reads") < done, "{} reads", sum("reads"));
    ensure!(report.of("count").all(|r| r["fsync_per_s"].as_f64().is_some()));
    Ok(())
}
