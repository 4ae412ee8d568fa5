//! Processes that end with a code, by a signal, and with a first thread that ends before the last one.

use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::case::{Case, Report, Work};
use crate::process::own_exe;

pub const CASE: Case = Case { tool: "exitsnoop", args: &[], count: 20, work, check, extra_caps: &[] };

/// How long the first thread is survived.
const SURVIVED: Duration = Duration::from_millis(30);

fn work(w: &Work) -> Result<()> {
    for _ in 0..w.count {
        // The suite itself is the one program that is there everywhere. It understands none of this, and fails; one word
        // would be the name of a kernel, and it would begin to test.
        let mut child = Command::new(own_exe()?).args(["too", "many", "words"]).stderr(Stdio::null()).spawn()?;
        ensure!(child.wait()?.code() == Some(1));
        let killed = fork(|| loop {
            thread::sleep(Duration::from_secs(1));
        })?;
        // SAFETY: plain system calls.
        ensure!(unsafe { libc::kill(killed, libc::SIGTERM) } == 0 && wait(killed)? == libc::SIGTERM);
        let outlived = fork(|| {
            let last = || {
                thread::sleep(SURVIVED);
                // SAFETY: it ends the whole process.
                unsafe { libc::syscall(libc::SYS_exit_group, 7) };
            };
            if thread::Builder::new().spawn(last).is_ok() {
                // SAFETY: it ends this thread alone, which holds nothing.
                unsafe { libc::syscall(libc::SYS_exit, 3) };
            }
        })?;
        ensure!(wait(outlived)? == 7 << 8);
    }
    Ok(())
}

/// A child of this process, which has one thread; it never returns from `then`.
fn fork(then: impl FnOnce()) -> Result<i32> {
    // SAFETY: this process has one thread.
    let pid = unsafe { libc::fork() };
    ensure!(pid >= 0, "fork failed");
    if pid == 0 {
        then();
        // SAFETY: it does not return.
        unsafe { libc::_exit(99) };
    }
    Ok(pid)
}

fn wait(pid: i32) -> Result<i32> {
    let mut status = 0;
    // SAFETY: status outlives the call.
    ensure!(unsafe { libc::waitpid(pid, &raw mut status, 0) } == pid, "waitpid failed");
    Ok(status)
}

fn check(report: &Report) -> Result<()> {
    let is = |r: &Value, code: Option<u64>, signal: Option<u64>| {
        r["exit_code"].as_u64() == code && r["signal"].as_u64() == signal && r["core_dumped"] == 0
    };
    for pid in &report.owned {
        let children: Vec<_> = report.of("event").filter(|r| r["ppid"] == *pid).collect();
        let ended = |code, signal| children.iter().filter(move |r| is(r, code, signal)).count() as u64;
        ensure!(children.len() as u64 == 3 * report.count, "{} children ended", children.len());
        ensure!(children.iter().all(|r| r["pid"] == r["tid"]), "not a process's own row: {children:?}");
        for (code, signal) in [(Some(1), None), (None, Some(15)), (Some(7), None)] {
            let n = ended(code, signal);
            ensure!(n == report.count, "{n} ended with {code:?}, {signal:?}");
        }
        let outlived = children.iter().filter(|r| r["exit_code"] == 7);
        for row in outlived {
            let age = row["age_s"].as_f64().context("no age")?;
            ensure!((SURVIVED.as_secs_f64()..report.seconds).contains(&age), "{row}");
        }
        ensure!(report.owned_of("event").filter(|r| r["pid"] == *pid && is(r, Some(0), None)).count() == 1);
    }
    Ok(())
}
