//! Processes that run and sleep on one CPU, and the kernel's own account of how often and how long they ran.

use anyhow::{Context as _, Result, ensure};

use super::runqlat::{self, SLACK, schedstat};
use crate::case::{Case, Report};

pub const CASE: Case =
    Case { tool: "cpudist", args: &["-P"], count: 500, work: runqlat::CASE.work, check, extra_caps: &[] };

fn check(report: &Report) -> Result<()> {
    for pid in &report.owned {
        let [ran, waited, times] = schedstat(report, *pid)?;
        let mut histograms = report.owned_of("histogram").filter(|r| r["pid"] == *pid);
        let histogram = histograms.next().with_context(|| format!("no histogram of {pid}"))?;
        ensure!(histograms.next().is_none(), "more than one histogram of {pid}");
        ensure!(histogram["comm"] == "wk-own" && histogram["unit"] == "usecs", "{histogram}");
        let n = |key: &str| histogram[key].as_u64().with_context(|| format!("no {key} in {histogram}"));
        let (total, sum) = (n("total")?, n("sum")?);
        ensure!(total.abs_diff(times) <= SLACK, "{total} runs, the kernel says {times}");
        // The kernel leaves out what interrupts and the hypervisor took from a run; what is left of the time, if the
        // waits are subtracted, is an upper bound. Each run is rounded down to microseconds.
        let (low, all) = (ran / 1000 * (4 - report.slack()) / 4, (report.seconds * 1e6) as u64);
        let high = all.saturating_sub(waited / 1000) + 20_000;
        ensure!((low.saturating_sub(20_000)..=high).contains(&sum), "{sum} us, of {all} us: the kernel says {ran} ns");
    }
    Ok(())
}
