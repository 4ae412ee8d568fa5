//! Reads of an odd number of bytes, among others that a comparison leaves out; and what is null and what is not.

use std::fs::File;
use std::io::Read as _;

use anyhow::{Result, ensure};

use crate::case::{Case, Report, Work};

pub const CASE: Case = Case {
    tool: "ksnoop",
    args: &["vfs_read(count == 4321, file, return)"],
    count: 100,
    work,
    check,
    extra_caps: &[],
};

fn work(w: &Work) -> Result<()> {
    let mut zeros = File::open("/dev/zero")?;
    let mut bytes = [1; 4321];
    for _ in 0..w.count {
        zeros.read_exact(&mut bytes)?;
        zeros.read_exact(&mut bytes[..17])?;
    }
    Ok(())
}

fn check(report: &Report) -> Result<()> {
    let rows: Vec<_> = report.owned_of("event").collect();
    ensure!(rows.len() as u64 == report.expected(), "{} rows", rows.len());
    ensure!(report.of("event").count() == rows.len(), "somebody else's reads");
    for row in rows {
        ensure!(row["function"] == "vfs_read" && row["comm"] == "wk-own", "{row}");
        // The file's address is nobody's to see.
        ensure!(row["values"] == serde_json::json!(["count=4321", "file=-", "return=4321"]), "{row}");
        ensure!(row["lat_us"].as_f64().is_some_and(|us| us > 0.0 && us < report.seconds * 1e6), "{row}");
    }
    Ok(())
}
