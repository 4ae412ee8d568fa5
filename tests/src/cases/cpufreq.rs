//! Processes that have a CPU for a known time, where the machine knows how fast that runs.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use nix::time::{ClockId, clock_gettime};

use crate::case::{CAP_SYS_ADMIN, Case, Report, Work};

/// The count is the CPU time, ms.
pub const CASE: Case =
    Case { tool: "cpufreq", args: &["-f", "199"], count: 800, work, check, extra_caps: &[CAP_SYS_ADMIN] };

fn work(w: &Work) -> Result<()> {
    let enough = Duration::from_millis(w.count);
    while Duration::from(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?) < enough {}
    Ok(())
}

fn check(report: &Report) -> Result<()> {
    let own = report.of("histogram").find(|r| r["comm"] == "wk-own").context("nothing of the owned processes")?;
    let n = |key: &str| own[key].as_u64().with_context(|| format!("no {key} in {own}"));
    let samples = report.expected() * 199 / 1000;
    let (low, high) = (samples * (4 - report.slack()) / 4, samples * (4 + report.slack()) / 4);
    ensure!((low..=high).contains(&n("total")?), "{} samples, not about {samples}", n("total")?);
    ensure!((100..8000).contains(&(n("sum")? / n("total")?)), "not a frequency: {own}");
    Ok(())
}
