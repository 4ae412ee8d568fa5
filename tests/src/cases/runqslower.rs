//! Processes that sleep, are woken on one CPU and fight for it, and the kernel's own account of how often and how long
//! they waited. The foreign process is on the same CPU, so it is who was there before an owned one, and must not be told.

use anyhow::{Context as _, Result, ensure};

use super::runqlat::{self, SLACK, schedstat};
use crate::case::{Case, Report};

pub const CASE: Case =
    Case { tool: "runqslower", args: &["-P", "-c", "wk-o", "0"], count: 500, work: runqlat::CASE.work, check, extra_caps: &[] };

fn check(report: &Report) -> Result<()> {
    for pid in &report.owned {
        let [_, nanoseconds, times] = schedstat(report, *pid)?;
        let (mut waits, mut sum) = (0, 0.0);
        for row in report.owned_of("event").filter(|r| r["pid"] == *pid) {
            ensure!(row["comm"] == "wk-own" && row["tid"] == *pid, "{row}");
            waits += 1;
            sum += row["lat_us"].as_f64().with_context(|| format!("{row}"))?;
        }
        ensure!(times.abs_diff(waits) <= SLACK, "{waits} waits, the kernel says {times}");
        let kernel = nanoseconds as f64 / 1e3;
        let slack = report.slack() as f64 / 4.0;
        ensure!((kernel * (1.0 - slack) - 2e4..=kernel * (1.0 + slack) + 2e4).contains(&sum), "{sum} us, the kernel says {kernel}");
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
