//! Processes that sleep and are woken on one CPU, and the kernel's own account of how often and how long they waited.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;

use crate::case::{Case, Report, Work};

pub const CASE: Case = Case { tool: "runqlat", args: &["-P"], count: 500, work, check, extra_caps: &[] };

/// The kernel's account of an owned process: time on a CPU and time of waiting for one, ns, and how often it got one.
pub fn schedstat(report: &Report, pid: u64) -> Result<[u64; 3]> {
    let text = report.note(pid)?;
    let numbers: Vec<u64> = text.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    let numbers: [u64; 3] = numbers.try_into().map_err(|_| anyhow::anyhow!("{text}"))?;
    // On an emulated machine some of the naps are over before they begin.
    ensure!(numbers[2] * 2 >= report.count, "it ran only {} times", numbers[2]);
    Ok(numbers)
}

/// Before it runs under its uid and after it has asked the kernel, a process may wait a few times more.
pub const SLACK: u64 = 50;

fn work(w: &Work) -> Result<()> {
    // All on one CPU, so that they wait for each other.
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
    ensure!(report.of("histogram").count() >= report.owned.len(), "histograms are missing");
    for pid in &report.owned {
        let [_, nanoseconds, times] = schedstat(report, *pid)?;
        let mut histograms = report.owned_of("histogram").filter(|r| r["pid"] == *pid);
        let histogram = histograms.next().with_context(|| format!("no histogram of {pid}"))?;
        ensure!(histograms.next().is_none(), "more than one histogram of {pid}");
        ensure!(histogram["comm"] == "wk-own" && histogram["unit"] == "usecs", "{histogram}");
        let n = |key: &str| histogram[key].as_u64().with_context(|| format!("no {key} in {histogram}"));
        let (total, sum) = (n("total")?, n("sum")?);
        ensure!(total.abs_diff(times) <= SLACK, "{total} waits, the kernel says {times}");
        let us = nanoseconds / 1000;
        let (low, high) = (us * (4 - report.slack()) / 4, us * (4 + report.slack()) / 4);
        ensure!((low.saturating_sub(20_000)..=high + 20_000).contains(&sum), "{sum} us, the kernel says {nanoseconds} ns");
    }
    Ok(())
}
