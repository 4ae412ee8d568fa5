//! Processes that run and sleep on one CPU, and the kernel's own account of how often and how long they ran.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;

use crate::case::{Case, Report, Work};

pub const CASE: Case = Case { tool: "cpudist", args: &["-P"], count: 500, work, check, extra_caps: &[] };

/// Before it runs under its uid and after it has asked the kernel, a process may run a few times more.
const SLACK: u64 = 50;

fn work(w: &Work) -> Result<()> {
    // All on one CPU, so that runs end both ways: by sleep, and because it is another's turn.
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
        // Time on a CPU, time of waiting for one, times that it got one.
        let numbers: Vec<u64> = schedstat.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
        let [ran, waited, times] = numbers[..] else { anyhow::bail!("{schedstat}") };
        let mut histograms = report.owned_of("histogram").filter(|r| r["pid"] == *pid);
        let histogram = histograms.next().with_context(|| format!("no histogram of {pid}"))?;
        ensure!(histograms.next().is_none(), "more than one histogram of {pid}");
        ensure!(histogram["comm"] == "wk-own" && histogram["unit"] == "usecs", "{histogram}");
        let n = |key: &str| histogram[key].as_u64().with_context(|| format!("no {key} in {histogram}"));
        let (total, sum) = (n("total")?, n("sum")?);
        ensure!(times >= report.count, "only {times} runs");
        ensure!(total.abs_diff(times) <= SLACK, "{total} runs, the kernel says {times}");
        // The kernel leaves out what interrupts and the hypervisor took from a run; what is left of the time, if the
        // waits are subtracted, is an upper bound. Each run is rounded down to microseconds.
        let (low, all) = (ran / 1000 * 3 / 4, (report.seconds * 1e6) as u64);
        let high = all.saturating_sub(waited / 1000) + 20_000;
        ensure!((low.saturating_sub(20_000)..=high).contains(&sum), "{sum} us, of {all} us: the kernel says {schedstat}");
    }
    Ok(())
}
