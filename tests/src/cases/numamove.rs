//! Memory on one NUMA node that is used on the other one, until the kernel has moved half of it. How many pages it moved
//! to the worker, its libraries' too, the kernel says itself.

use std::fs;
use std::ptr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::case::{Case, Report, Work};

/// `count` is the number of pages.
pub const CASE: Case = Case { tool: "numamove", args: &["1"], count: 64, work, check, extra_caps: &[] };

const PAGE: usize = 4096;
/// The kernel looks at a task's memory after it ran for a second, and again from time to time.
const PATIENCE: Duration = Duration::from_secs(90);

/// Runs on the first CPU of a node from here on.
fn run_on(node: u32) -> Result<()> {
    let list = fs::read_to_string(format!("/sys/devices/system/node/node{node}/cpulist"))?;
    let cpu = list.split(['-', ',', '\n']).next().context("no CPU")?.parse()?;
    // SAFETY: a set of CPUs is plain numbers, and this one is initialised.
    let done = unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(cpu, &mut set);
        libc::sched_setaffinity(0, size_of_val(&set), &set)
    };
    ensure!(done == 0, "sched_setaffinity: {}", std::io::Error::last_os_error());
    Ok(())
}

/// How many of the pages are on that node.
fn on_node(node: i32, pages: &[*mut u8]) -> Result<usize> {
    let mut nodes = vec![-1i32; pages.len()];
    // SAFETY: without nodes to move to the call only says where the pages are, in an array of that size.
    let done = unsafe {
        libc::syscall(libc::SYS_move_pages, 0, pages.len(), pages.as_ptr(), ptr::null::<i32>(), nodes.as_mut_ptr(), 0)
    };
    ensure!(done == 0, "move_pages: {}", std::io::Error::last_os_error());
    Ok(nodes.iter().filter(|at| **at == node).count())
}

/// How many pages the kernel has moved to this task. On 5.10 a child begins with its parent's count.
fn moved() -> Result<u64> {
    let sched = fs::read_to_string("/proc/self/sched")?;
    let line = sched.lines().find_map(|line| line.strip_prefix("numa_pages_migrated")).context("no count")?;
    Ok(line.trim_matches([' ', ':']).parse()?)
}

fn work(w: &Work) -> Result<()> {
    let before = moved()?;
    let size = w.count as usize * PAGE;
    run_on(0)?;
    // SAFETY: a new mapping that nothing else refers to.
    let memory = unsafe {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        libc::mmap(ptr::null_mut(), size, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0)
    };
    ensure!(memory != libc::MAP_FAILED, "mmap: {}", std::io::Error::last_os_error());
    // SAFETY: within the mapping.
    let pages: Vec<*mut u8> = (0..w.count as usize).map(|n| unsafe { memory.cast::<u8>().add(n * PAGE) }).collect();
    let touch = || {
        for page in &pages {
            // SAFETY: within the mapping.
            unsafe { page.write_volatile(1) };
        }
    };
    touch();
    ensure!(on_node(0, &pages)? == pages.len(), "not all pages are where they were made");
    run_on(1)?;
    let begin = Instant::now();
    // The rest it moves when it pleases, which may take minutes.
    while on_node(1, &pages)? * 2 < pages.len() {
        ensure!(begin.elapsed() < PATIENCE, "{} pages of {} were moved", on_node(1, &pages)?, pages.len());
        let turn = Instant::now();
        while turn.elapsed() < Duration::from_millis(100) {
            touch();
        }
    }
    w.note((moved()? - before).to_string())
}

fn check(report: &Report) -> Result<()> {
    let sum = |key: &str| report.of("count").filter_map(|r| r[key].as_f64()).sum::<f64>();
    let notes = report.owned.iter().map(|pid| Ok(report.note(*pid)?.trim().parse()?)).collect::<Result<Vec<u64>>>()?;
    let moved: u64 = notes.iter().sum();
    ensure!(moved * 2 >= report.expected(), "{moved} pages moved of {}", report.expected());
    // Workers move on after they have looked, and in a container others do; a foreign one would be more.
    let seen = sum("migrations") as u64;
    ensure!((moved..moved + report.count / 2).contains(&seen), "{seen} seen to be moved, of {moved}");
    let most = report.seconds * 1e3 * report.owned.len() as f64 * report.slack() as f64;
    ensure!(sum("ms") > 0.0 && sum("ms") < most, "{} ms", sum("ms"));
    Ok(())
}
