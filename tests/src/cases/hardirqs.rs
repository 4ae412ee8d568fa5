//! Interrupts of a disk, while every CPU is kept busy by threads of the workload, and what /proc/interrupts says.
//!
//! Whom an interrupt hits is chance, so the check has bounds: no more than the machine had while the owned processes
//! ran, and, if it had many, at least one. The foreign process begins when the owned ones are done, so that a tool that
//! counted its interrupts too would exceed the bound.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;
use anyhow::{Context as _, Result, ensure};

use crate::case::{Case, Report, Work};

pub const CASE: Case = Case { tool: "hardirqs", args: &["-C"], count: 200, work, check, extra_caps: &[] };

/// How long the owned processes keep their CPUs busy.
const OWN_TIME: Duration = Duration::from_secs(1);

/// The interrupts of devices so far, all of them together. Other lines have a word instead of a number.
fn interrupts() -> Result<u64> {
    let text = fs::read_to_string("/proc/interrupts")?;
    let count = |line: &str| -> Option<u64> {
        let (number, rest) = line.split_once(':')?;
        number.trim().parse::<u32>().ok()?;
        Some(rest.split_whitespace().map_while(|word| word.parse::<u64>().ok()).sum())
    };
    Ok(text.lines().filter_map(count).sum())
}

/// Writes that wait for the disk, if there is one: each is an interrupt.
fn write(w: &Work, times: u64, least: Duration) -> Result<()> {
    let dir = ["/var/tmp", "/tmp"].into_iter().find(|dir| Path::new(dir).is_dir()).context("no /tmp")?;
    let path = format!("{dir}/cbpf-{}-{}", w.who, std::process::id());
    let file = OpenOptions::new().write(true).create_new(true).custom_flags(libc::O_DSYNC).open(&path)?;
    fs::remove_file(&path)?;
    let begin = Instant::now();
    let mut written = 0;
    while written < times || begin.elapsed() < least {
        file.write_at(b"x", 0)?;
        written += 1;
    }
    Ok(())
}

fn work(w: &Work) -> Result<()> {
    if w.who == "foreign" {
        thread::sleep(OWN_TIME * 2);
    }
    let before = interrupts()?;
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for cpu in 0..thread::available_parallelism()?.get() {
            let done = &done;
            scope.spawn(move || {
                let mut one = CpuSet::new();
                // There may be less; then this thread is on any.
                let _ = one.set(cpu).and_then(|()| sched_setaffinity(Pid::from_raw(0), &one));
                while !done.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        let result = write(w, w.count, if w.who == "own" { OWN_TIME } else { Duration::ZERO });
        done.store(true, Ordering::Relaxed);
        result
    })?;
    w.note(format!("{before} {}", interrupts()?))
}

fn check(report: &Report) -> Result<()> {
    let (mut first, mut last) = (u64::MAX, 0);
    for pid in &report.owned {
        let note = report.note(*pid)?;
        let (before, after) = note.split_once(' ').context("half a note")?;
        first = first.min(before.parse()?);
        last = last.max(after.parse()?);
    }
    let machine = last - first;
    let mut shown = 0;
    let names = fs::read_to_string("/proc/interrupts")?;
    for row in report.of("count") {
        let n = |key: &str| row[key].as_u64().with_context(|| format!("no {key} in {row}"));
        let (count, total, max) = (n("count")?, n("total_ns")?, n("max_ns")?);
        ensure!(count > 0 && max > 0 && max <= total && total <= max * count, "{row}");
        ensure!(row["hardirq"].as_str().is_some_and(|name| names.contains(name)), "no such interrupt: {row}");
        ensure!(n("cpu")? < 4096, "{row}");
        shown += count;
    }
    // A few may come before a process looks at the counters the first time, and after the last.
    ensure!(shown <= machine + 20, "{shown} interrupts of the {machine} that there were");
    ensure!(shown > 0 || machine < 500, "none of {machine} interrupts");
    Ok(())
}
