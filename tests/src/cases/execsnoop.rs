//! Starts of a program that is there, of one that is not, and of one by its descriptor.

use std::os::fd::AsRawFd as _;
use std::process::Command;

use anyhow::{Result, ensure};
use serde_json::json;

use crate::case::{Case, Report, Work};

pub const CASE: Case =
    Case { tool: "execsnoop", args: &["-x", "--max-args", "40"], count: 20, work, check, extra_caps: &[] };

fn long(who: &str, n: u64) -> Vec<String> {
    (0..30).map(|i| format!("{who}-{n}-{i}-{}", "x".repeat(200))).collect()
}

fn work(w: &Work) -> Result<()> {
    let file = std::fs::File::open("/bin/true")?;
    for n in 0..w.count {
        ensure!(Command::new("/bin/true").args(long(&w.who, n)).status()?.success());
        ensure!(Command::new(format!("/nonexistent-{}", w.who)).arg(n.to_string()).spawn().is_err());
        let by_descriptor = format!("/proc/self/fd/{}", file.as_raw_fd());
        ensure!(Command::new(by_descriptor).arg(format!("fd-{}-{n}", w.who)).status()?.success());
    }
    Ok(())
}

fn check(report: &Report) -> Result<()> {
    let ours = || report.of("event").filter(|r| r["ppid"].as_u64().is_some_and(|p| report.owned.contains(&p)));
    let workers = report.owned.len();
    for n in 0..report.count {
        let mut args = vec!["/bin/true".to_owned()];
        args.extend(long("own", n));
        let started: Vec<_> = ours().filter(|r| r["args"] == json!(args)).collect();
        ensure!(started.len() == workers, "a start was seen {} times", started.len());
        ensure!(started.iter().all(|r| r["ret"] == 0 && r["comm"] == "true" && r["argv0"] == "/bin/true"));

        let failed: Vec<_> = ours().filter(|r| r["args"] == json!(["/nonexistent-own", n.to_string()])).collect();
        ensure!(failed.len() == workers, "a failure was seen {} times", failed.len());
        ensure!(failed.iter().all(|r| r["ret"] == -2 && r["comm"] == "wk-own"), "{failed:?}");

        let by_fd = ours().filter(|r| r["args"][1] == *format!("fd-own-{n}") && r["ret"] == 0).count();
        ensure!(by_fd == workers, "a start by descriptor was seen {by_fd} times");
    }
    Ok(())
}
