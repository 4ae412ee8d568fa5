//! Pages that are read ahead by request, of which some are then read, some mapped, and some thrown away unused.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::FileExt as _;
use std::ptr;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::case::{Case, Report, Work};

/// `count` is the number of pages.
pub const CASE: Case = Case { tool: "readahead", args: &[], count: 256, work, check, extra_caps: &[] };

const PAGE: u64 = 4096;
/// Of these groups of 16 pages, as the kernel maps them, from the beginning of the file on.
const READ: u64 = 4;
const MAPPED: u64 = 2;
const GONE: u64 = 8;
const GROUP: u64 = 16;
/// After what time they are used.
const AGE: Duration = Duration::from_millis(100);

fn advise(file: &File, offset: u64, length: u64, advice: i32) -> Result<()> {
    // SAFETY: a descriptor, and numbers.
    let done = unsafe { libc::posix_fadvise(file.as_raw_fd(), offset as i64, length as i64, advice) };
    ensure!(done == 0, "posix_fadvise {advice}: {done}");
    Ok(())
}

/// Maps a file of that length. What the kernel maps around a page is aligned, as address and not as place in the file.
fn map(file: &File, length: usize) -> Result<*const u8> {
    let align = (GROUP * PAGE) as usize;
    let (shared, fd) = (libc::MAP_SHARED, file.as_raw_fd());
    // SAFETY: new mappings that nothing else refers to; the second one lies within the first.
    let at = unsafe {
        let room = libc::mmap(ptr::null_mut(), length + align, libc::PROT_NONE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0);
        ensure!(room != libc::MAP_FAILED, "mmap: {}", std::io::Error::last_os_error());
        let at = room.add(room.align_offset(align));
        libc::mmap(at, length, libc::PROT_READ, shared | libc::MAP_FIXED, fd, 0)
    };
    ensure!(at != libc::MAP_FAILED, "mmap: {}", std::io::Error::last_os_error());
    Ok(at.cast())
}

fn work(w: &Work) -> Result<()> {
    // Not /tmp: what is in a file system in memory is never read.
    let name = format!("/var/tmp/cbpf-{}-{}", w.who, std::process::id());
    let mut file = File::options().read(true).write(true).create_new(true).open(&name)?;
    fs::remove_file(&name)?;
    file.write_all(&vec![b'x'; (w.count * PAGE) as usize])?;
    file.sync_all()?;
    advise(&file, 0, 0, libc::POSIX_FADV_DONTNEED)?;
    // Nothing but what is asked for.
    advise(&file, 0, 0, libc::POSIX_FADV_RANDOM)?;
    for n in 0..w.count / GROUP {
        advise(&file, n * GROUP * PAGE, GROUP * PAGE, libc::POSIX_FADV_WILLNEED)?;
    }
    let map = map(&file, (w.count * PAGE) as usize)?;
    thread::sleep(AGE);
    let mut page = [0; PAGE as usize];
    for n in 0..READ * GROUP {
        file.read_exact_at(&mut page, n * PAGE)?;
        file.read_exact_at(&mut page, n * PAGE)?; // it is used already
    }
    for n in READ..READ + MAPPED {
        // SAFETY: within the mapping.
        ensure!(unsafe { ptr::read_volatile(map.add((n * GROUP * PAGE) as usize)) } == b'x');
    }
    advise(&file, (READ + MAPPED) * GROUP * PAGE, GONE * GROUP * PAGE, libc::POSIX_FADV_DONTNEED)?;
    Ok(file.set_len(0)?)
}

fn check(report: &Report) -> Result<()> {
    let row = report.of("histogram").next().context("no histogram")?;
    let n = |key: &str| row[key].as_u64().unwrap_or(u64::MAX);
    let workers = report.owned.len() as u64;
    let used = workers * (READ + MAPPED) * GROUP;
    let expected = (report.expected(), report.expected() - used, used);
    ensure!((n("pages"), n("unused"), n("total")) == expected, "not {expected:?}: {row}");
    // Nothing was left of the file.
    ensure!(n("gone") == n("unused"), "{row}");
    let old = row["buckets"].as_array().into_iter().flatten().filter(|b| b["lo"].as_u64() >= Some(16));
    let old: u64 = old.filter_map(|b| b["count"].as_u64()).sum();
    ensure!(old == used, "{old} of {used} used after {AGE:?}: {row}");
    ensure!(n("sum") <= (report.seconds * 1e3) as u64 * used * report.slack(), "{row}");
    Ok(())
}
