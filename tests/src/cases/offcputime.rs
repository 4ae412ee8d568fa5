//! Sleeps: how many, how long, and where.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::case::{Case, Report, Work};

/// Only what sleeps of its own will: of waits for pages of its program a process knows nothing.
pub const CASE: Case =
    Case { tool: "offcputime", args: &["--state", "1"], count: 200, work, check, extra_caps: &[] };

const NAP: Duration = Duration::from_millis(2);

fn work(w: &Work) -> Result<()> {
    (0..w.count).for_each(|_| thread::sleep(NAP));
    // Awake for a while, so that it is still there when the tool looks up where it slept.
    let asleep = Instant::now();
    while asleep.elapsed() < Duration::from_millis(1500) {
        std::hint::spin_loop();
    }
    Ok(())
}

fn check(report: &Report) -> Result<()> {
    for pid in &report.owned {
        let stacks: Vec<_> = report.of("stack").filter(|r| r["pid"] == *pid).collect();
        let sum = |key: &str| stacks.iter().filter_map(|r| r[key].as_u64()).sum::<u64>();
        ensure!(stacks.iter().all(|r| r["tid"] == *pid && r["unit"] == "us"), "{stacks:?}");
        // One that is preempted until its time is up, before it has left the CPU by itself, has not slept.
        let count = sum("count");
        ensure!((report.count * 9 / 10..=report.count).contains(&count), "{count} sleeps, not {}", report.count);
        let least = NAP.as_micros() as u64 * count;
        let most = (report.seconds * 1e6) as u64;
        ensure!((least..=most).contains(&sum("value")), "{} us, not {least} to {most}", sum("value"));
        let longest = stacks.iter().max_by_key(|r| r["value"].as_u64()).context("no stack")?;
        ensure!(longest["comm"] == "wk-own", "{longest}");
        ensure!(longest["user"].to_string().contains("nanosleep"), "not where it slept: {longest}");
        ensure!(longest["kernel"].as_array().is_some_and(|k| !k.is_empty()), "no kernel stack: {longest}");
        // Where the kernel hides its addresses it tells their names all the same; those with tokens do (Linux 5.15).
        if report.of("start").any(|start| start["grant"] == "token") {
            ensure!(longest["kernel"].to_string().contains("nanosleep"), "the kernel's names are missing: {longest}");
        }
        ensure!(!longest.to_string().contains("0x"), "an address: {longest}");
    }
    Ok(())
}
