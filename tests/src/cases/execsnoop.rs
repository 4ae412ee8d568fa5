//! Starts of a program that is there, of one that is not, and of one by its descriptor.

use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::AsRawFd as _;
use std::process::{Command, Stdio};

use anyhow::{Result, ensure};
use serde_json::json;

use crate::case::{Case, Report, Work};
use crate::process::own_exe;

pub const CASE: Case =
    Case { tool: "execsnoop", args: &["-x", "--max-args", "40"], count: 20, work, check, extra_caps: &[] };

fn long(who: &str, n: u64) -> Vec<String> {
    (0..30).map(|i| format!("{who}-{n}-{i}-{}", "x".repeat(200))).collect()
}

/// The suite itself is the one program that is there everywhere; of these arguments it understands none.
fn refuses(program: impl AsRef<OsStr>, args: &[String]) -> Result<()> {
    let status = Command::new(program).args(args).stderr(Stdio::null()).status()?;
    ensure!(status.code() == Some(1), "{status}");
    Ok(())
}

fn work(w: &Work) -> Result<()> {
    let file = File::open(own_exe()?)?;
    for n in 0..w.count {
        refuses(own_exe()?, &long(&w.who, n))?;
        ensure!(Command::new(format!("/nonexistent-{}", w.who)).arg(n.to_string()).spawn().is_err());
        refuses(format!("/proc/self/fd/{}", file.as_raw_fd()), &[1, 2, 3].map(|_| format!("fd-{}-{n}", w.who)))?;
    }
    Ok(())
}

fn check(report: &Report) -> Result<()> {
    let ours = || report.of("event").filter(|r| r["ppid"].as_u64().is_some_and(|p| report.owned.contains(&p)));
    let workers = report.owned.len();
    let exe = own_exe()?.display().to_string();
    for n in 0..report.count {
        let mut args = vec![exe.clone()];
        args.extend(long("own", n));
        let started: Vec<_> = ours().filter(|r| r["args"] == json!(args)).collect();
        ensure!(started.len() == workers, "a start was seen {} times", started.len());
        ensure!(started.iter().all(|r| r["ret"] == 0 && r["comm"] == "cbpf-suite" && r["argv0"] == *exe));

        let failed: Vec<_> = ours().filter(|r| r["args"] == json!(["/nonexistent-own", n.to_string()])).collect();
        ensure!(failed.len() == workers, "a failure was seen {} times", failed.len());
        ensure!(failed.iter().all(|r| r["ret"] == -2 && r["comm"] == "wk-own"), "{failed:?}");

        let by_fd = ours().filter(|r| r["args"][1] == *format!("fd-own-{n}") && r["ret"] == 0).count();
        ensure!(by_fd == workers, "a start by descriptor was seen {by_fd} times");
    }
    Ok(())
}
