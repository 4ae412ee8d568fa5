//! Reads, writes, syncs, opens and looks at files in memory, and of one elsewhere. Nothing else in the workload has files
//! in memory.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;

use anyhow::{Result, ensure};

use crate::case::{Case, Report, Work};

pub const CASE: Case = Case { tool: "fsdist", args: &["-t", "tmpfs"], count: 100, work, check, extra_caps: &[] };

fn work(w: &Work) -> Result<()> {
    let name = format!("/dev/shm/cbpf-{}-{}", w.who, std::process::id());
    for _ in 0..w.count {
        let mut file = File::options().read(true).write(true).create_new(true).open(&name)?;
        for _ in 0..3 {
            file.write_all(b"some")?;
        }
        let mut some = [0; 2];
        file.read_exact_at(&mut some, 1)?;
        file.sync_data()?;
        fs::metadata(&name)?;
        file.metadata()?;
        fs::remove_file(&name)?;
        fs::read("/etc/passwd")?;
        ensure!(File::open(&name).is_err() && fs::metadata(&name).is_err());
    }
    Ok(())
}

fn check(report: &Report) -> Result<()> {
    let of = |operation: &str| report.of("histogram").filter(move |r| r["operation"] == operation).collect::<Vec<_>>();
    // stat is left out where functions cannot be traced.
    let stats = if of("getattr").is_empty() && !report.functions() { 0 } else { 2 };
    for (operation, times) in [("write", 3), ("read", 1), ("fsync", 1), ("open", 1), ("getattr", stats)] {
        let rows = of(operation);
        let sum = |key: &str| rows.iter().filter_map(|r| r[key].as_u64()).sum::<u64>();
        let (seen, done) = (sum("total"), times * report.expected());
        ensure!(seen == done, "{operation}: {seen} times, not {done}");
        let most = (report.seconds * 1e6) as u64 * report.owned.len() as u64 * report.slack();
        ensure!(sum("sum") <= most, "{operation}: {} us in {} s", sum("sum"), report.seconds);
    }
    Ok(())
}
