//! Reads past the page cache: one request each, all by the same way through the kernel.

use anyhow::{Context as _, Result, ensure};

use crate::case::{Case, Report};

use super::biolatency;

pub const CASE: Case = Case { tool: "biostacks", args: &[], check, ..biolatency::CASE };

fn check(report: &Report) -> Result<()> {
    for pid in &report.owned {
        let hists: Vec<_> = report.owned_of("histogram").filter(|r| r["pid"] == *pid).collect();
        ensure!(hists.iter().all(|r| r["comm"] == "wk-own" && r["unit"] == "usecs" && r["disk"].is_string()), "{hists:?}");
        ensure!(!hists.iter().any(|r| r.to_string().contains("0x")), "an address: {hists:?}");
        let reads = hists.iter().max_by_key(|r| r["total"].as_u64()).context("no histogram")?;
        let n = |key: &str| reads[key].as_u64().with_context(|| format!("no {key} in {reads}"));
        // Besides, a few for metadata may come the same way.
        let (seen, done) = (n("total")?, report.count);
        ensure!(seen + report.missed() >= done && seen <= done + done / 10, "{seen} reads, not {done}: {reads}");
        // Who may not know the kernel's addresses gets one word for all of its functions.
        let kernel = reads["kernel"].to_string();
        let way = kernel.contains("submit_bio") && kernel.contains("read");
        ensure!(way || kernel == r#"["[kernel]"]"#, "not the way of a read: {kernel}");
        ensure!(n("sum")? < (report.seconds * 1e6) as u64, "{reads}");
    }
    Ok(())
}
