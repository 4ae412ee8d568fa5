//! Three threads that want one CPU: how often they are sampled on it, and how many wait then.

use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use nix::sched::{CpuSet, sched_setaffinity};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;

use crate::case::{CAP_SYS_ADMIN, Case, Report, Work};

/// The count is the CPU time of each thread, ms.
pub const CASE: Case = Case {
    tool: "runqlen",
    args: &["-C", "-f", "199"],
    count: 400,
    work,
    check,
    extra_caps: &[CAP_SYS_ADMIN],
};

const THREADS: u64 = 3;
const HERTZ: u64 = 199;

fn work(w: &Work) -> Result<()> {
    let mut first = CpuSet::new();
    first.set(0)?;
    sched_setaffinity(Pid::from_raw(0), &first)?;
    let enough = Duration::from_millis(w.count);
    let burn = move || -> Result<()> {
        while Duration::from(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?) < enough {}
        Ok(())
    };
    let threads: Vec<_> = (0..THREADS).map(|_| thread::spawn(burn)).collect();
    threads.into_iter().try_for_each(|t| t.join().map_err(|_| anyhow::anyhow!("a thread died"))?)
}

fn check(report: &Report) -> Result<()> {
    let first = report.of("histogram").find(|r| r["cpu"] == 0).context("nothing on CPU 0")?;
    let n = |key: &str| first[key].as_u64().with_context(|| format!("no {key} in {first}"));
    // Somebody else's samples would be half as many again.
    let samples = report.expected() * THREADS * HERTZ / 1000;
    let (low, high) = (samples * (4 - report.slack()) / 4, samples * (4 + report.slack()) / 4);
    ensure!((low..=high).contains(&n("total")?), "{} samples, not about {samples}", n("total")?);
    // While one of the threads runs the other two wait, until the first is done. The process itself runs alone before.
    let buckets = first["buckets"].as_array().context("buckets")?;
    let waiting = buckets.iter().filter(|b| b["lo"].as_u64() >= Some(THREADS - 1));
    let waiting: u64 = waiting.filter_map(|b| b["count"].as_u64()).sum();
    ensure!(waiting * 10 >= samples.min(n("total")?) * 8, "only {waiting} of the samples saw two others wait: {first}");
    Ok(())
}
