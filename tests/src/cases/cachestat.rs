//! A file that is not in the page cache is read once, and then again and again.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::fd::AsRawFd as _;

use anyhow::{Context as _, Result, ensure};

use crate::case::{Case, Report, Work};

pub const CASE: Case = Case { tool: "cachestat", args: &["1"], count: 20, work, check, extra_caps: &[] };

/// Pages of the file.
const PAGES: usize = 256;

fn work(w: &Work) -> Result<()> {
    // Not /tmp: what is in a file system in memory is in the cache always.
    let name = format!("/var/tmp/cbpf-{}-{}", w.who, std::process::id());
    let mut file = File::options().read(true).write(true).create_new(true).open(&name)?;
    fs::remove_file(&name)?;
    let mut block = vec![b'x'; PAGES * 4096];
    file.write_all(&block)?;
    file.sync_all()?;
    // SAFETY: a descriptor, and numbers.
    let advised = unsafe { libc::posix_fadvise(file.as_raw_fd(), 0, 0, libc::POSIX_FADV_DONTNEED) };
    ensure!(advised == 0, "posix_fadvise: {advised}");
    for _ in 0..=w.count {
        file.rewind()?;
        file.read_exact(&mut block)?;
    }
    Ok(())
}

fn check(report: &Report) -> Result<()> {
    let sum = |key: &str| report.of("count").filter_map(|r| r[key].as_u64()).sum::<u64>();
    let (hits, misses, dirties) = (sum("hits"), sum("misses"), sum("dirties"));
    // Of a folio the kernel decides how many pages it has, within bounds; and programs are read as well.
    let (workers, pages) = (report.owned.len() as u64, PAGES as u64);
    let folios = |reads: u64| reads * workers * pages / 64..=reads * workers * pages + 5000;
    ensure!(dirties > 0, "nothing was dirtied");
    ensure!(folios(1).contains(&misses), "{misses} misses");
    ensure!(folios(report.count).contains(&hits), "{hits} hits");
    ensure!(hits > 4 * misses, "{hits} hits, {misses} misses");
    let last = report.of("count").find(|r| r["hit_percent"].as_f64() > Some(50.0));
    let last = last.context("no period of hits")?;
    ensure!(last["cached_mb"].is_null(), "the machine's memory is told: {last}");
    Ok(())
}
