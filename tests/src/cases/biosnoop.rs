//! Reads past the page cache: one request each.

use anyhow::{Result, ensure};
use serde_json::Value;

use crate::case::{Case, Report};

use super::biolatency;

pub const CASE: Case = Case { tool: "biosnoop", args: &["-Q"], check, ..biolatency::CASE };

fn check(report: &Report) -> Result<()> {
    // What the file system reads for itself is marked as metadata.
    let reads: Vec<&Value> =
        report.owned_of("event").filter(|r| matches!(r["rwbs"].as_str(), Some("R" | "RS"))).collect();
    // As with biolatency: one that completes while the program looks at another is counted as missed.
    let (seen, done) = (reads.len() as u64, report.expected());
    ensure!(seen <= done && done - seen <= report.missed(), "{seen} reads, not {done}, missed {}", report.missed());
    for r in reads {
        ensure!(r["comm"] == "wk-own" && r["bytes"] == 4096 && r["disk"].is_string(), "{r}");
        let ms = r["lat_ms"].as_f64().unwrap_or_default();
        ensure!(ms > 0.0 && ms < report.seconds * 1e3 && r["sector"].as_u64() > Some(0), "{r}");
    }
    Ok(())
}
