//! Reads past the page cache: one request each.

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;

use anyhow::{Context as _, Result, ensure};

use crate::case::{Case, Report, Work};

/// Few reads: some virtual machines hide what completes on top of tasks of their own from programs.
pub const CASE: Case = Case { tool: "biolatency", args: &["-D", "-F"], count: 40, work, check, extra_caps: &[] };

/// What direct I/O reads into must be aligned.
#[repr(align(4096))]
struct Block([u8; 4096]);

fn work(w: &Work) -> Result<()> {
    // Not /tmp: that may be in memory.
    let path = format!("/var/tmp/cbpf-{}-{}", w.who, std::process::id());
    let mut file = File::create(&path).with_context(|| path.clone())?;
    let mut block = Block([b'x'; 4096]);
    for _ in 0..w.count {
        file.write_all(&block.0)?;
    }
    file.sync_all()?;
    let direct = OpenOptions::new().read(true).custom_flags(libc::O_DIRECT).open(&path);
    fs::remove_file(&path)?;
    let mut direct = direct.with_context(|| format!("{path} is not on a disk"))?;
    for _ in 0..w.count {
        direct.read_exact(&mut block.0)?;
    }
    Ok(())
}

fn check(report: &Report) -> Result<()> {
    // Writes are as many as the file system makes of them, and what it reads for itself is marked as metadata.
    let flags = |words: &str| words.ends_with("Read") && !words.contains("Metadata") && !words.contains("ReadAhead");
    let reads: Vec<_> = report.of("histogram").filter(|r| r["flags"].as_str().is_some_and(flags)).collect();
    ensure!(reads.iter().all(|r| r["disk"].is_string() && r["unit"] == "usecs"), "{reads:?}");
    let sum = |key: &str| reads.iter().filter_map(|r| r[key].as_u64()).sum::<u64>();
    // One that completes while the program looks at another, on the same CPU, is counted as missed by the kernel.
    let (seen, done) = (sum("total"), report.expected());
    ensure!(seen <= done && done - seen <= report.missed(), "{seen} reads, not {done}, missed {}", report.missed());
    // One after the other, they took less than the whole, and each at least a microsecond.
    let most = (report.seconds * 1e6) as u64 * report.owned.len() as u64;
    ensure!((sum("total")..=most).contains(&sum("sum")), "{} us in {} s", sum("sum"), report.seconds);
    Ok(())
}
