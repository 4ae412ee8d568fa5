//! Reads of a file that is larger than what the suite and its children may have in memory, see limit.rs. How often the
//! kernel makes room, and for how much, is its own affair, so the check has bounds.

use std::fs::{self, File};
use std::io::Read as _;

use anyhow::{Context as _, Result, ensure};

use crate::case::{Case, Report, Work};
use crate::limit::LIMIT;

pub const CASE: Case = Case { tool: "drsnoop", args: &["-e"], count: 4, work, check, extra_caps: &[] };

fn work(w: &Work) -> Result<()> {
    // Not /tmp: what is in a file system in memory cannot be forgotten. Of a hole every page has to be in memory too.
    let path = format!("/var/tmp/cbpf-{}-{}", w.who, std::process::id());
    let file = File::create(&path).with_context(|| path.clone())?;
    file.set_len(w.count * LIMIT)?;
    let reader = File::open(&path);
    fs::remove_file(&path)?;
    let mut reader = reader?;
    let mut buffer = vec![0; 1 << 20];
    while reader.read(&mut buffer)? > 0 {}
    Ok(())
}

fn check(report: &Report) -> Result<()> {
    for pid in &report.owned {
        let rows: Vec<_> = report.owned_of("event").filter(|r| r["pid"] == *pid).collect();
        ensure!(!rows.is_empty(), "{pid} never waited");
        let sum = |key: &str| rows.iter().filter_map(|r| r[key].as_f64()).sum::<f64>();
        // All that is behind the limit had to take the place of something, in part of what others read.
        let pages = (report.count - 1) * LIMIT / 4096;
        ensure!((pages as f64 / 8.0..pages as f64 * 8.0).contains(&sum("pages")), "{} of {pages} pages", sum("pages"));
        ensure!(sum("lat_ms") <= report.seconds * 1e3 * report.slack() as f64, "{} ms", sum("lat_ms"));
        // On a machine whose memory is full of others' files that one makes room as well.
        ensure!(rows.iter().any(|r| r["kind"] == "cgroup"), "the limit made nobody wait");
        for row in rows {
            let known = row["kind"] == "cgroup" || row["kind"] == "machine";
            ensure!(known && row["comm"] == "wk-own" && row["tid"] == row["pid"], "{row}");
            ensure!(row["lat_ms"].as_f64() > Some(0.0), "{row}");
        }
    }
    let total = total_kb()?;
    let free = |r: &serde_json::Value| r["free_kb"].as_u64().is_some_and(|kb| kb > 0 && kb < total);
    ensure!(report.of("event").all(free), "free memory of {total} KB");
    Ok(())
}

fn total_kb() -> Result<u64> {
    let text = fs::read_to_string("/proc/meminfo")?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:")).context("no MemTotal")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
