//! Opens of a file that is not there and of one that is.

use std::fs::File;

use anyhow::{Result, ensure};

use crate::case::{Case, Report, Work};

pub const CASE: Case =
    Case { tool: "opensnoop", args: &[], count: 50, work, check, extra_caps: &[] };

fn work(w: &Work) -> Result<()> {
    for n in 0..w.count {
        ensure!(File::open(format!("/tmp/cbpf-{}-{n}", w.who)).is_err());
        File::open("/etc/passwd")?;
    }
    Ok(())
}

fn check(report: &Report) -> Result<()> {
    for n in 0..report.count {
        let path = format!("/tmp/cbpf-own-{n}");
        let rows: Vec<_> = report.owned_of("event").filter(|r| r["path"] == *path).collect();
        ensure!(rows.len() == report.owned.len(), "{path} was seen {} times", rows.len());
        ensure!(rows.iter().all(|r| r["err"] == 2 && r["fd"] == -1 && r["comm"] == "wk-own"), "{rows:?}");
    }
    let opened = report.owned_of("event").filter(|r| r["path"] == "/etc/passwd" && r["err"] == 0).count() as u64;
    ensure!(opened == report.expected(), "/etc/passwd was seen {opened} times");
    Ok(())
}
