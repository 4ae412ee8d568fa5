//! Threads that read /proc/devices at the same time: for each of the 512 numbers of character devices the same lock is
//! taken and released, a static one. And threads that write so much to one file that they wait for each other.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::thread;

use anyhow::{Result, anyhow, ensure};

use crate::case::{Case, Report, Work};

/// `count` is how often each thread reads.
pub const CASE: Case = Case { tool: "klockstat", args: &["-s", "2"], count: 8, work, check, extra_caps: &[] };

const THREADS: u64 = 4;
const NUMBERS: u64 = 512;

/// Of the large file, so that nobody is done before the other one begins.
const SIZE: usize = 16 << 20;
const WRITES: usize = 8;

fn work(w: &Work) -> Result<()> {
    let path = format!("/dev/shm/cbpf-{}-{}", w.who, std::process::id());
    let file = File::create(&path)?;
    fs::remove_file(&path)?;
    let block = vec![b'x'; SIZE];
    let start = |work: fn(&File, &[u8], u64) -> std::io::Result<()>, threads| -> Result<()> {
        thread::scope(|scope| {
            let begin = |_| {
                let named = thread::Builder::new().name(format!("wk-{}", w.who));
                named.spawn_scoped(scope, || work(&file, &block, w.count))
            };
            let threads: Vec<_> = (0..threads).map(begin).collect::<Result<_, _>>()?;
            threads.into_iter().try_for_each(|t| t.join().map_err(|_| anyhow!("a thread died"))?.map_err(Into::into))
        })
    };
    start(|_, _, count| (0..count).try_for_each(|_| fs::read("/proc/devices").map(|_| ())), THREADS)?;
    start(|file, block, _| (0..WRITES).try_for_each(|_| file.write_all_at(block, 0)), 2)
}

fn check(report: &Report) -> Result<()> {
    let sum = |rows: &[&serde_json::Value], key: &str| rows.iter().filter_map(|r| r[key].as_u64()).sum::<u64>();
    let all = |kind, caller: &str| report.of(kind).filter(|r| r["caller"] == caller).collect::<Vec<_>>();
    let (waits, holds) = (all("wait", "chrdev_show"), all("hold", "chrdev_show"));
    let taken = NUMBERS * THREADS * report.expected();
    let seen = sum(&waits, "count");
    if report.functions() {
        for (kind, rows) in [("wait", &waits), ("hold", &holds)] {
            // Stacks that met in the table. And before 5.15 only root has names of functions.
            let others = sum(&all(kind, "[missed stack]"), "count") + sum(&all(kind, "[kernel]"), "count");
            let seen = sum(rows, "count");
            ensure!((taken.saturating_sub(others)..=taken).contains(&seen), "{kind}: {seen} and {others}, not {taken}");
            ensure!(rows.iter().all(|r| r["max_ns"].as_u64() > Some(0)), "{rows:?}");
        }
    } else {
        // How often they meet is chance; those that write do.
        ensure!(seen <= taken, "{seen} waits of at most {taken}");
        let writes = |r: &&serde_json::Value| r["caller"].as_str().is_some_and(|name| name.ends_with("file_write_iter"));
        let met = report.of("wait").filter(writes).collect::<Vec<_>>();
        let (met, most) = (sum(&met, "count"), 2 * (WRITES * report.owned.len()) as u64);
        ensure!((1..=most).contains(&met), "{met} waits of at most {most} writes");
        ensure!(report.of("hold").count() == 0, "holds of which nothing is known");
    }
    // With the names of its data the kernel names this lock, and it tells all names or none.
    let named = fs::read_to_string("/proc/kallsyms")?.contains(" chrdevs_lock\n") && !waits.is_empty();
    for row in waits.iter().chain(&holds) {
        let lock = if named && !old() { row["lock"] == "chrdevs_lock" } else { row["lock"].is_null() };
        ensure!(lock && row["max_comm"] == "wk-own", "{row}");
        ensure!(row["stack"].as_array().is_some_and(|s| s.len() == 2 && s[0] == "chrdev_show"), "{row}");
        ensure!(row["max_ns"].as_u64() <= row["total_ns"].as_u64(), "{row}");
    }
    let most = report.seconds * 1e9 * (THREADS * report.owned.len() as u64 * report.slack()) as f64;
    ensure!((sum(&waits, "total_ns") as f64) < most, "{} ns", sum(&waits, "total_ns"));
    ensure!(!report.records.iter().any(|r| r.to_string().contains("0x")), "an address");
    Ok(())
}

/// Before 5.13 programs cannot ask for names.
fn old() -> bool {
    fs::read_to_string("/proc/sys/kernel/osrelease").is_ok_and(|release| release.starts_with("5.10."))
}
