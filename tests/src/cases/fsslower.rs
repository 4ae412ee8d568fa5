//! Everything done with a file in memory, or on what filesystems.rs has there: written, read at an offset, synced,
//! opened; and other calls, which are none.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;

use anyhow::{Result, ensure};
use serde_json::Value;

use crate::case::{Case, Report, Work};

pub const CASE: Case =
    Case { tool: "fsslower", args: &["-t", "tmpfs", "-m", "0"], count: 50, work, check, extra_caps: &[] };

fn work(w: &Work) -> Result<()> {
    for n in 0..w.count {
        let name = format!("/dev/shm/cbpf-{}-{}-{n}", w.who, std::process::id());
        let mut file = File::options().read(true).write(true).create_new(true).open(&name)?;
        file.write_all(&[b'x'; 2000])?;
        file.write_all(&[b'x'; 96])?;
        let mut some = [0; 100];
        file.read_exact_at(&mut some, 1024)?;
        file.sync_all()?;
        ensure!(File::open(&name)?.write_at(b"x", 0).is_err());
        fs::remove_file(&name)?;
        // Not in memory, and not there.
        fs::read("/etc/passwd")?;
        ensure!(File::open(&name).is_err());
    }
    Ok(())
}

fn check(report: &Report) -> Result<()> {
    let kind = report.args[1];
    for pid in &report.owned {
        let rows: Vec<_> = report.owned_of("event").filter(|r| r["pid"] == *pid).collect();
        // `-t nfs` is nfs4 too.
        let is_of_kind = |r: &Value| r["fs"].as_str().is_some_and(|fs| fs.starts_with(kind));
        ensure!(rows.iter().all(|r| is_of_kind(r) && r["comm"] == "wk-own"), "{rows:?}");
        for n in 0..report.count {
            let of_file = |r: &&&Value| r["file"].as_str().is_some_and(|f| f.ends_with(&format!("-{n}")));
            let done: Vec<_> = rows
                .iter()
                .filter(of_file)
                .map(|r| (r["op"].as_str().unwrap_or("?"), r["bytes"].as_i64(), r["offset"].as_u64()))
                .collect();
            let right = [
                ("O", Some(0), None),
                ("W", Some(2000), Some(0)),
                ("W", Some(96), Some(2000)),
                ("R", Some(100), Some(1024)),
                ("F", Some(0), None),
                ("O", Some(0), None),
                ("W", Some(-9), Some(0)), // EBADF: opened for reading
            ];
            ensure!(done == right, "{done:?}");
        }
        let sum: f64 = rows.iter().filter_map(|r| r["lat_ms"].as_f64()).sum();
        ensure!(sum > 0.0 && sum <= report.seconds * 1e3 * report.slack() as f64, "{sum} ms in {} s", report.seconds);
    }
    Ok(())
}
