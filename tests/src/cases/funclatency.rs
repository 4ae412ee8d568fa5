//! A function of the C library that calls itself, as deep as the tool follows, and a sleep at the bottom; and at
//! functions of the kernel: that sleep, and interrupts, which are nobody's calls.

use std::ffi::c_void;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::case::{self, CAP_SYS_ADMIN, Case, Outcome, Report, Work};

pub const CASE: Case = Case {
    tool: "funclatency",
    args: &["-u", "c:bsearch"],
    count: 20,
    work,
    check: nested,
    extra_caps: &[CAP_SYS_ADMIN],
};

pub const SLEEPS: Case = Case { args: &["-u", "hrtimer_nanosleep"], check: slept, ..CASE };
const SLEEPS_BY_KPROBES: Case = Case { args: &["-uk", "hrtimer_nanosleep"], ..SLEEPS };
const INTERRUPTS: Case = Case { args: &["-u", "hrtimer_interrupt"], check: undisturbed, ..CASE };
const INTERRUPTS_BY_KPROBES: Case = Case { args: &["-uk", "hrtimer_interrupt"], ..INTERRUPTS };

/// As deep as the tool follows.
const DEPTH: u64 = 32;
const NAP: Duration = Duration::from_millis(2);
/// So long it works between two interrupts and more.
const WORK: Duration = Duration::from_millis(100);

extern "C" fn compare(depth: *const c_void, _: *const c_void) -> i32 {
    match depth as u64 {
        DEPTH => thread::sleep(NAP),
        depth => search(depth + 1),
    }
    0
}

fn search(depth: u64) {
    let array = [0u8];
    // SAFETY: an array of one byte, and a key that is a number and nobody reads through.
    unsafe { libc::bsearch(depth as *const c_void, array.as_ptr().cast(), 1, 1, Some(compare)) };
}

fn work(w: &Work) -> Result<()> {
    for _ in 0..w.count {
        search(1);
    }
    let begin = Instant::now();
    while begin.elapsed() < WORK {
        std::hint::spin_loop();
    }
    Ok(())
}

/// How many calls were shown, and how many of them took as long as the sleep.
fn calls(report: &Report, function: &str) -> Result<(u64, u64)> {
    let histogram = report.of("histogram").next().context("no histogram")?;
    ensure!(histogram["function"] == function && histogram["unit"] == "usecs", "{histogram}");
    // Under emulation the clocks of the guest and of what it waits for run apart.
    let long = |b: &&serde_json::Value| b["hi"].as_u64().unwrap_or(u64::MAX) >= NAP.as_micros() as u64 / report.slack();
    let buckets = histogram["buckets"].as_array().context("no buckets")?;
    let of_long = buckets.iter().filter(long).filter_map(|b| b["count"].as_u64()).sum();
    Ok((histogram["total"].as_u64().context("no total")?, of_long))
}

fn nested(report: &Report) -> Result<()> {
    let (shown, long) = calls(report, "c:bsearch")?;
    let expected = report.expected() * DEPTH;
    ensure!(shown == expected && long == expected, "{shown} calls of {expected}, {long} of them took their time");
    Ok(())
}

fn slept(report: &Report) -> Result<()> {
    let (shown, long) = calls(report, "hrtimer_nanosleep")?;
    let expected = report.expected();
    ensure!(shown == expected && long == expected, "{shown} calls of {expected}, {long} of them took their time");
    Ok(())
}

fn undisturbed(report: &Report) -> Result<()> {
    ensure!(report.of("histogram").next().is_none(), "an interrupt was taken for a call of a task");
    Ok(())
}

/// The cases at functions of the kernel.
pub const OF_THE_KERNEL: &[&Case] = &[&SLEEPS, &SLEEPS_BY_KPROBES, &INTERRUPTS, &INTERRUPTS_BY_KPROBES];

/// At functions of the kernel. Says why they cannot be tested here, if so.
pub fn of_the_kernel() -> Result<Option<String>> {
    for case in OF_THE_KERNEL {
        for scope in [case::user_scope, case::container_scope] {
            let outcome = match scope(case).with_context(|| format!("{:?}", case.args))? {
                Outcome::Disturbed(_) => scope(case)?,
                outcome => outcome,
            };
            match outcome {
                Outcome::Passed => {}
                Outcome::NotHere(why) | Outcome::Disturbed(why) => return Ok(Some(why)),
            }
        }
    }
    Ok(None)
}
