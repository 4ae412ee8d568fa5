//! Each call of the family: by names that are not there, by a name in a directory, and by descriptor; and what io_uring does of it.

use std::ffi::CString;
use std::fs::File;
use std::os::fd::AsRawFd as _;

use anyhow::{Result, ensure};
use io_uring::IoUring;

use crate::case::{Case, Report, Work};
use crate::uring;

pub const CASE: Case = Case { tool: "statsnoop", args: &[], count: 40, work, check, extra_caps: &[] };

/// The calls by name: what they are called, and their number.
const BY_NAME: [(&str, libc::c_long); 3] =
    [("stat", libc::SYS_stat), ("lstat", libc::SYS_lstat), ("statfs", libc::SYS_statfs)];

fn name(who: &str, call: &str, n: u64) -> String {
    format!("/tmp/cbpf-{who}-{call}-{n}")
}

fn work(w: &Work) -> Result<()> {
    let mut buffer = [0u64; 64];
    let to = buffer.as_mut_ptr();
    let etc = File::open("/etc")?;
    let passwd = File::open("/etc/passwd")?;
    for n in 0..w.count {
        for (call, nr) in BY_NAME {
            let path = CString::new(name(&w.who, call, n))?;
            // SAFETY: a C string, and more room than any of the calls fills.
            ensure!(unsafe { libc::syscall(nr, path.as_ptr(), to) } == -1);
        }
        let at = CString::new(format!("cbpf-{}-{n}", w.who))?;
        // SAFETY: as above.
        unsafe {
            ensure!(libc::syscall(libc::SYS_newfstatat, etc.as_raw_fd(), at.as_ptr(), to, 0) == -1);
            let flags = libc::AT_EMPTY_PATH;
            ensure!(libc::syscall(libc::SYS_newfstatat, passwd.as_raw_fd(), c"".as_ptr(), to, flags) == 0);
            ensure!(libc::syscall(libc::SYS_statx, etc.as_raw_fd(), c"passwd".as_ptr(), 0, libc::STATX_SIZE, to) == 0);
            ensure!(libc::syscall(libc::SYS_fstat, passwd.as_raw_fd(), to) == 0);
            ensure!(libc::syscall(libc::SYS_fstatfs, passwd.as_raw_fd(), to) == 0);
        }
    }
    if !uring::usable(w)? {
        return Ok(());
    }
    let mut ring = IoUring::new(1)?;
    for n in 0..w.count {
        let elsewhere = n % 2 != 0;
        let absent = CString::new(format!("cbpf-uring-{}-{n}", w.who))?;
        ensure!(uring::statx(&mut ring, etc.as_raw_fd(), &absent, 0, elsewhere)? == -libc::ENOENT);
        ensure!(uring::statx(&mut ring, libc::AT_FDCWD, c"/etc/../etc/passwd", 0, elsewhere)? == 0);
        ensure!(uring::statx(&mut ring, etc.as_raw_fd(), c"", libc::AT_EMPTY_PATH, elsewhere)? == 0);
    }
    Ok(())
}

fn check(report: &Report) -> Result<()> {
    let rows: Vec<_> = report.owned_of("event").collect();
    let count = |call: &str, path: &str, err: u64| {
        let ret = if err == 0 { 0 } else { -1 };
        let of = |r: &&&serde_json::Value| {
            r["syscall"] == call && r["path"] == path && r["err"] == err && r["ret"] == ret && r["comm"] == "wk-own"
        };
        rows.iter().filter(of).count() as u64
    };
    for n in 0..report.count {
        for (call, _) in BY_NAME {
            let seen = count(call, &name("own", call, n), 2);
            ensure!(seen == report.owned.len() as u64, "{call} {n} was seen {seen} times");
        }
        let seen = count("newfstatat", &format!("/etc/cbpf-own-{n}"), 2);
        ensure!(seen == report.owned.len() as u64, "newfstatat {n} was seen {seen} times");
    }
    for call in ["newfstatat", "statx", "fstat", "fstatfs"] {
        let seen = count(call, "/etc/passwd", 0);
        ensure!(seen == report.expected(), "{call} was seen {seen} times");
    }
    if uring::was_used(report) {
        for n in 0..report.count {
            let seen = count("statx", &format!("/etc/cbpf-uring-own-{n}"), 2);
            ensure!(seen == report.owned.len() as u64, "statx {n} by io_uring was seen {seen} times");
        }
        for path in ["/etc/../etc/passwd", "/etc"] {
            let seen = count("statx", path, 0);
            ensure!(seen == report.expected(), "statx of {path} by io_uring was seen {seen} times");
        }
    }
    Ok(())
}
