//! Reads past the page cache, one after the other.

use anyhow::{Result, ensure};

use crate::case::{Case, Report};

use super::biolatency;

pub const CASE: Case = Case { tool: "biopattern", args: &[], check, ..biolatency::CASE };

fn check(report: &Report) -> Result<()> {
    let sum = |key: &str| report.of("count").filter_map(|r| r[key].as_u64()).sum::<u64>();
    // Besides, the writes of the same data, in as few requests as the file system likes, and metadata.
    let least = report.expected().saturating_sub(report.missed());
    ensure!((least..2 * report.expected()).contains(&sum("count")), "{} requests", sum("count"));
    ensure!((4 * least..16 * report.expected()).contains(&sum("kbytes")), "{} KiB", sum("kbytes"));
    // Two who read at once get into each other's way.
    let sequential = sum("sequential") > report.expected() / 2;
    ensure!(report.owned.len() > 1 || sequential, "{} of {} sequential", sum("sequential"), sum("count"));
    Ok(())
}
