//! Opens of a file that is not there and of one that is, by system calls and by io_uring.

use std::ffi::CString;
use std::fs::File;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};

use anyhow::{Result, ensure};
use io_uring::IoUring;

use crate::case::{Case, Report, Work};
use crate::uring;

pub const CASE: Case =
    Case { tool: "opensnoop", args: &[], count: 50, work, check, extra_caps: &[] };

fn work(w: &Work) -> Result<()> {
    for n in 0..w.count {
        ensure!(File::open(format!("/tmp/cbpf-{}-{n}", w.who)).is_err());
        File::open("/etc/passwd")?;
        // With a mode that means nothing, as no file is made.
        // SAFETY: the name is a C string.
        let fd = unsafe { libc::syscall(libc::SYS_openat, libc::AT_FDCWD, c"/proc/self/status".as_ptr(), 0, 0o644) };
        ensure!(fd >= 0, "{fd}");
        // SAFETY: a new descriptor of ours.
        drop(unsafe { OwnedFd::from_raw_fd(fd as i32) });
    }
    if !uring::usable(w)? {
        return Ok(());
    }
    let (mut ring, etc) = (IoUring::new(1)?, File::open("/etc")?);
    ring.submitter().register_files_sparse(1)?;
    for n in 0..w.count {
        // At once, and by a worker thread, which has another name.
        let elsewhere = n % 2 != 0;
        let absent = CString::new(format!("/tmp/cbpf-uring-{}-{n}", w.who))?;
        ensure!(uring::open(&mut ring, &absent, elsewhere)? == -libc::ENOENT);
        let fd = uring::open_at(&mut ring, etc.as_raw_fd(), c"passwd", elsewhere)?;
        ensure!(fd >= 0, "{fd}");
        // SAFETY: a new descriptor of ours.
        drop(unsafe { OwnedFd::from_raw_fd(fd) });
        ensure!(uring::open_to_slot(&mut ring, etc.as_raw_fd(), c"hosts", elsewhere)? == 0);
    }
    Ok(())
}

fn check(report: &Report) -> Result<()> {
    let absent = |path: String| {
        let rows: Vec<_> = report.owned_of("event").filter(|r| r["path"] == *path).collect();
        ensure!(rows.len() == report.owned.len(), "{path} was seen {} times", rows.len());
        ensure!(rows.iter().all(|r| r["err"] == 2 && r["fd"] == -1 && r["comm"] == "wk-own"), "{rows:?}");
        Ok(())
    };
    let opened = |path: &str, has_fd: bool| {
        let of = |r: &&serde_json::Value| {
            let right = r["err"] == 0 && r["comm"] == "wk-own" && r["flags"] == 0 && r["fd"].is_null() != has_fd;
            r["path"] == path && right
        };
        let seen = report.owned_of("event").filter(of).count() as u64;
        ensure!(seen == report.expected(), "{path} was seen {seen} times");
        Ok(())
    };
    for n in 0..report.count {
        absent(format!("/tmp/cbpf-own-{n}"))?;
    }
    let passwd = report.owned_of("event").filter(|r| r["path"] == "/etc/passwd" && r["err"] == 0).count() as u64;
    ensure!(passwd == report.expected(), "/etc/passwd was seen {passwd} times");
    let of = |r: &&serde_json::Value| r["path"] == "/proc/self/status" && r["flags"] == 0 && r["mode"] == 0;
    let status = report.owned_of("event").filter(of).count() as u64;
    ensure!(status == report.expected(), "/proc/self/status was seen {status} times");
    if uring::was_used(report) {
        for n in 0..report.count {
            absent(format!("/tmp/cbpf-uring-own-{n}"))?;
        }
        opened("passwd", true)?;
        opened("hosts", false)?;
    }
    Ok(())
}
