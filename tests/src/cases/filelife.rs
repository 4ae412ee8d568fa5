//! Files that are made, renamed and deleted; before that an unlink of another name of theirs, and one that fails.

use std::fs::{self, File};
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::case::{Case, Report, Work};

pub const CASE: Case = Case { tool: "filelife", args: &["-F"], count: 20, work, check, extra_caps: &[] };

/// How old the first file becomes.
const AGE: Duration = Duration::from_millis(300);

fn work(w: &Work) -> Result<()> {
    let dir = format!("/var/tmp/cbpf-{}-{}", w.who, std::process::id());
    fs::create_dir(&dir)?;
    std::env::set_current_dir(&dir)?;
    for n in 0..w.count {
        let (first, then) = (format!("new-{}-{n}", w.who), format!("old-{}-{n}", w.who));
        drop(File::create(&first)?);
        drop(File::create(&first)?); // it is there already
        fs::hard_link(&first, "link")?;
        fs::remove_file("link")?;
        fs::rename(&first, &then)?;
        ensure!(fs::remove_file(&first).is_err());
        if n == 0 {
            thread::sleep(AGE);
        }
        fs::remove_file(&then)?;
    }
    w.note(&dir)?;
    Ok(fs::remove_dir(&dir)?)
}

fn check(report: &Report) -> Result<()> {
    for pid in &report.owned {
        let dir = report.note(*pid)?;
        let rows: Vec<_> = report.owned_of("event").filter(|r| r["pid"] == *pid).collect();
        ensure!(rows.len() as u64 == report.count, "{} rows", rows.len());
        for (n, row) in rows.iter().enumerate() {
            ensure!(row["file"] == format!("{dir}/old-own-{n}") && row["comm"] == "wk-own", "{row}");
            let age = row["age_s"].as_f64().unwrap_or(-1.0);
            let least = if n == 0 { AGE.as_secs_f64() / report.slack() as f64 } else { 0.0 };
            ensure!((least..report.seconds * report.slack() as f64).contains(&age), "{row}");
        }
    }
    Ok(())
}
