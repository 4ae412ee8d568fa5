//! Reads and writes of a file of each process: those that move less than they ask for, by vectors and at an
//! offset too. It is renamed in the end.

use std::fs::{self, File};
use std::io::{IoSlice, Write as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::case::{Case, Report, Work};

pub const CASE: Case = Case { tool: "filetop", args: &["1"], count: 100, work, check, extra_caps: &[] };

/// Bytes of each write.
const SIZE: usize = 3072;

fn work(w: &Work) -> Result<()> {
    let name = format!("/tmp/cbpf-{}-{}", w.who, std::process::id());
    let mut file = File::options().read(true).write(true).create_new(true).open(&name)?;
    let block = [b'x'; SIZE];
    let mut more = [0; 2 * SIZE];
    for n in 0..w.count {
        let written = file.write_vectored(&[IoSlice::new(&block[..SIZE / 3]), IoSlice::new(&block[SIZE / 3..])])?;
        // Asks for twice as much as there is.
        let read = file.read_at(&mut more, n * SIZE as u64)?;
        ensure!((written, read) == (SIZE, SIZE), "{written} written, {read} read");
    }
    let renamed = format!("{name}-renamed");
    fs::rename(&name, &renamed)?;
    file.write_all(&block)?;
    fs::remove_file(&renamed)?;
    w.note(format!("{} {name}", file.metadata()?.ino()))
}

fn check(report: &Report) -> Result<()> {
    for pid in &report.owned {
        let note = report.note(*pid)?;
        let (inode, path) = note.split_once(' ').context("half a note")?;
        let name = path.rsplit('/').next().context("no name")?;
        let inode: u64 = inode.parse()?;
        // By its last name in each report.
        let renamed = format!("{name}-renamed");
        let is = |file: &Value| *file == name || *file == renamed;
        let rows: Vec<_> = report.owned_of("count").filter(|r| r["pid"] == *pid && is(&r["file"])).collect();
        ensure!(rows.last().is_some_and(|r| r["file"] == renamed), "{rows:?} after {name} was renamed");
        let sum = |key: &str| rows.iter().filter_map(|r| r[key].as_f64()).sum::<f64>();
        let (times, kb) = (report.count as f64, SIZE as f64 / 1024.0);
        let (reads, writes, read, written) = (sum("reads"), sum("writes"), sum("read_kb"), sum("write_kb"));
        ensure!((reads, writes) == (times, times + 1.0), "{reads} reads, {writes} writes");
        ensure!((read, written) == (times * kb, writes * kb), "{read} KB, {written} KB");
        for row in rows {
            ensure!(row["comm"] == "wk-own" && row["kind"] == "R" && row["tid"] == *pid && row["inode"] == inode, "{row}");
        }
    }
    ensure!(report.of("count").all(|r| r["kind"] == "R"), "not only regular files");
    Ok(())
}
