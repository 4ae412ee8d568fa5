//! Datagrams over loopback, each of which is received in a softirq on top of its sender, and what /proc/softirqs says.
//!
//! The foreign process begins when the owned ones are done, so that a tool that counted its softirqs too would exceed
//! what the machine had while the owned ones ran.

use std::fs;
use std::net::UdpSocket;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::case::{Case, Report, Work};

pub const CASE: Case = Case { tool: "softirqs", args: &[], count: 500, work, check, extra_caps: &[] };

/// The owned processes are done by then, unless the machine is very busy.
const OWN_TIME: Duration = Duration::from_secs(1);

/// How many times network input was handled so far, on all CPUs.
fn received() -> Result<u64> {
    let text = fs::read_to_string("/proc/softirqs")?;
    let line = text.lines().find_map(|line| line.trim_start().strip_prefix("NET_RX:")).context("no NET_RX")?;
    Ok(line.split_whitespace().map_while(|word| word.parse::<u64>().ok()).sum())
}

fn work(w: &Work) -> Result<()> {
    if w.who == "foreign" {
        thread::sleep(OWN_TIME);
    }
    let before = received()?;
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.connect(socket.local_addr()?)?;
    let mut byte = [0];
    for _ in 0..w.count {
        socket.send(b"x")?;
        socket.recv(&mut byte)?;
    }
    w.note(format!("{before} {}", received()?))
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
    for row in report.of("count") {
        let n = |key: &str| row[key].as_u64().with_context(|| format!("no {key} in {row}"));
        let (count, ns) = (n("count")?, n("total_ns")?);
        ensure!(count > 0 && ns > 0 && n("total_us")? == ns / 1000, "{row}");
        ensure!((ns as f64) < report.seconds * 1e9 * thread::available_parallelism()?.get() as f64, "{row}");
        if row["softirq"] == "net_rx" {
            ensure!(shown == 0, "net_rx twice");
            shown = count;
        }
    }
    // A few may come before a process looks at the counters the first time, and after the last.
    ensure!(shown <= machine + 20, "{shown} softirqs of the {machine} that there were");
    // While ksoftirqd is at work on a CPU, it gets these too.
    ensure!(shown >= report.expected() / 4, "only {shown} softirqs, of {} datagrams", report.expected());
    Ok(())
}
