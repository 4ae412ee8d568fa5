//! Processes that sleep, are woken on one CPU and fight for it, and the kernel's own account of how often and how long
//! they waited. The foreign process is on the same CPU, so it is who was there before an owned one, and must not be told.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;

use crate::case::{Case, Report, Work};

pub const CASE: Case =
    Case { tool: "runqslower", args: &["-P", "-c", "wk-o", "0"], count: 500, work, check, extra_caps: &[] };

/// Before it has its name and after it has asked the kernel, a process may wait a few times more.
const SLACK: u64 = 50;

fn work(w: &Work) -> Result<()> {
    let mut first = CpuSet::new();
    first.set(0)?;
    sched_setaffinity(Pid::from_raw(0), &first)?;
    for _ in 0..w.count {
        thread::sleep(Duration::from_micros(200));
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_micros(200) {}
    }
    w.note(fs::read("/proc/self/schedstat")?)
}

fn check(report: &Report) -> Result<()> {
    for pid in &report.owned {
        let schedstat = report.note(*pid)?;
        let mut numbers = schedstat.split_whitespace().skip(1).map(str::parse::<u64>);
        let (Some(Ok(nanoseconds)), Some(Ok(times))) = (numbers.next(), numbers.next()) else {
            anyhow::bail!("{schedstat}");
        };
        let (mut waits, mut sum) = (0, 0.0);
        for row in report.owned_of("event").filter(|r| r["pid"] == *pid) {
            ensure!(row["comm"] == "wk-own" && row["tid"] == *pid, "{row}");
            waits += 1;
            sum += row["lat_us"].as_f64().with_context(|| format!("{row}"))?;
        }
        ensure!(times >= report.count, "only {times} waits");
        ensure!(times.abs_diff(waits) <= SLACK, "{waits} waits, the kernel says {times}");
        let kernel = nanoseconds as f64 / 1e3;
        ensure!((kernel * 0.75 - 2e4..=kernel * 1.25 + 2e4).contains(&sum), "{sum} us, the kernel says {kernel}");
    }
    let all: Vec<_> = report.of("event").collect();
    ensure!(all.iter().all(|r| r["comm"].as_str().is_some_and(|comm| comm.starts_with("wk-o"))), "another name");
    ensure!(all.iter().all(|r| r["prev_comm"].is_null() == r["prev_tid"].is_null()), "half a thread");
    // The CPU was idle before some waits ended, and the foreign process had it before others.
    ensure!(all.iter().any(|r| r["prev_comm"].is_null()), "nobody else had the CPU");
    // In a container two owned ones fight.
    if report.owned.len() > 1 {
        let own = |r: &&serde_json::Value| r["prev_comm"] == "wk-own" && report.owned.iter().any(|p| r["prev_tid"] == *p);
        ensure!(all.iter().any(own), "no owned one had the CPU before");
    }
    Ok(())
}
