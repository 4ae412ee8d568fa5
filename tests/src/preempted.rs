//! Programs that are preempted by other tasks on the same CPU, for which they then run too. Uprobe programs always could be,
//! tracepoint programs can be since 7.0. Rows must not mix tasks, and the kernel must live: `bpf/include/raw.bpf.h` says what is
//! done for that, without which 7.2 crashes here.

use std::ffi::CString;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;
use serde_json::Value;

use crate::case::sums_add_up_in;
use crate::process::{self, Running, cbpf, own_exe};

/// Processes of each kind, all on one CPU.
const CROWD: usize = 4;
const LASTS: Duration = Duration::from_secs(4);

/// The workload: names that say who looks them up and who opens them.
pub fn crowd(who: &str) -> Result<()> {
    let mut cpu = CpuSet::new();
    cpu.set(0)?;
    sched_setaffinity(Pid::from_raw(0), &cpu)?;
    // SAFETY: all zeroes is a value of it.
    let mut hints: libc::addrinfo = unsafe { std::mem::zeroed() };
    hints.ai_flags = libc::AI_NUMERICHOST;
    let begin = Instant::now();
    let mut n = 0u64;
    while begin.elapsed() < LASTS {
        let name = CString::new(format!("{who}-{}-{n}", std::process::id()))?;
        let mut found = std::ptr::null_mut();
        // SAFETY: C strings, hints, and a place for the result, which is not made on failure; the open fails too.
        unsafe {
            libc::getaddrinfo(name.as_ptr(), std::ptr::null(), &hints, &mut found);
            libc::open(name.as_ptr(), libc::O_RDONLY);
        }
        n += 1;
    }
    Ok(())
}

/// Every row is about one task of the crowd that owns: what it names is that task's.
fn rows_are_whole(tool: &str, field: &str) -> Result<()> {
    let (own, foreign) = (crate::case::own_uid(), crate::case::own_uid() + 1);
    let mut command = Command::new(cbpf()?);
    command.args([tool, "--json", "--grant", "strict", "-u", &own.to_string(), "--scope", "host"]);
    let running = Running::start(&mut command)?.map_err(|(_, stderr)| anyhow::anyhow!(stderr))?;
    let mut children = Vec::new();
    for n in 0..2 * CROWD {
        let (who, uid) = if n % 2 == 0 { ("own", own) } else { ("foreign", foreign) };
        let mut command = Command::new(own_exe()?);
        command.args(["crowd", who]);
        children.push(process::spawn(&mut command, Some(uid), 0)?);
    }
    for child in children {
        child.finish()?;
    }
    let (records, stderr) = running.stop()?;
    let rows: Vec<&Value> = records.iter().filter(|r| r["type"] == "event" && r["comm"] == "cbpf-suite").collect();
    let names = |r: &Value| r[field].as_str().unwrap_or_default().to_owned();
    let mut seen = 0;
    for row in &rows {
        let name = names(row);
        ensure!(!name.contains("foreign"), "a foreign name: {row}");
        if name.starts_with("own-") {
            ensure!(name.starts_with(&format!("own-{}-", row["pid"])), "two tasks in a row: {row}");
            seen += 1;
        }
    }
    ensure!(seen > 100, "{seen} rows: {stderr}");
    let end = records.iter().find(|r| r["type"] == "end").context("no end record")?;
    sums_add_up_in(end)?;
    Ok(())
}

/// A uprobe program.
pub fn uprobe() -> Result<()> {
    rows_are_whole("gethostlatency", "host")
}

/// A tracepoint's program, whose record is put together in memory of the CPU.
pub fn tracepoint() -> Result<()> {
    rows_are_whole("opensnoop", "path")
}
