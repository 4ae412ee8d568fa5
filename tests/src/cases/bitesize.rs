//! Reads past the page cache: one request of 4 KiB each.

use anyhow::{Result, ensure};

use crate::case::{Case, Report};

use super::biolatency;

pub const CASE: Case = Case { tool: "bitesize", args: &["--comm", "wk-"], check, ..biolatency::CASE };

fn check(report: &Report) -> Result<()> {
    let hists: Vec<_> = report.of("histogram").collect();
    ensure!(hists.iter().all(|r| r["comm"] == "wk-own" && r["unit"] == "Kbytes"), "{hists:?}");
    let sum = |key: &str| hists.iter().filter_map(|r| r[key].as_u64()).sum::<u64>();
    // Besides, the writes of the same data, in as few requests as the file system likes, and metadata.
    let least = report.expected().saturating_sub(report.missed());
    ensure!((least..2 * report.expected()).contains(&sum("total")), "{} requests", sum("total"));
    ensure!((4 * least..16 * report.expected()).contains(&sum("sum")), "{} KiB", sum("sum"));
    Ok(())
}
