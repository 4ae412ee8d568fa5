//! Connects over loopback as for tcpconnlat, and some to a listener whose queue is full, which are never answered.

use std::mem::size_of_val;
use std::net::TcpListener;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::tcpconnlat;
use crate::case::{Case, Report, Work};

pub const CASE: Case = Case { tool: "tcpconnect", args: &[], count: 40, work, check, extra_caps: &[] };

/// One connection fills the queue; the others stay without an answer.
const UNANSWERED: usize = 4;

fn work(w: &Work) -> Result<()> {
    let full = TcpListener::bind("127.0.0.1:0")?;
    // SAFETY: plain system calls on a socket of ours.
    ensure!(unsafe { libc::listen(full.as_raw_fd(), 0) } == 0);
    let port = full.local_addr()?.port();
    let waiting = (0..=UNANSWERED).map(|_| begin_connect(port)).collect::<Result<Vec<_>>>()?;
    (tcpconnlat::CASE.work)(w)?;
    // Until the first SYN has been sent again.
    thread::sleep(Duration::from_millis(1300));
    drop(waiting);
    w.note(port.to_string())
}

/// A socket that connects, and whose answer nobody waits for.
fn begin_connect(port: u16) -> Result<OwnedFd> {
    let to = libc::sockaddr_in {
        sin_family: libc::AF_INET as u16,
        sin_port: port.to_be(),
        sin_addr: libc::in_addr { s_addr: u32::from_be_bytes([127, 0, 0, 1]).to_be() },
        sin_zero: [0; 8],
    };
    // SAFETY: the address is initialised and of the size that is told; the descriptor is new.
    unsafe {
        let fd = libc::socket(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC, 0);
        ensure!(fd >= 0, "no socket");
        let fd = OwnedFd::from_raw_fd(fd);
        let ret = libc::connect(fd.as_raw_fd(), (&raw const to).cast(), size_of_val(&to) as u32);
        ensure!(ret == -1 && std::io::Error::last_os_error().raw_os_error() == Some(libc::EINPROGRESS));
        Ok(fd)
    }
}

fn check(report: &Report) -> Result<()> {
    let rows: Vec<&Value> = report.owned_of("event").collect();
    let mut unanswered = 0;
    for pid in &report.owned {
        let port: u64 = report.note(*pid)?.parse().context("the port")?;
        let seen = rows.iter().filter(|r| r["pid"] == *pid && r["dport"] == port).count();
        ensure!(seen == UNANSWERED + 1, "{seen} connects to a full queue");
        unanswered += seen;
    }
    let with = |version: u64, address: &str, refused: bool| {
        let of = |r: &&&Value| r["ip"] == version && r["daddr"] == address && (r["dport"] == 1) == refused;
        rows.iter().filter(of).count() as u64
    };
    let (n, v6) = (report.expected(), if tcpconnlat::ipv6().is_some() { report.expected() } else { 0 });
    let seen = [with(4, "127.0.0.1", false) - unanswered as u64, with(4, "127.0.0.1", true), with(6, "::1", false)];
    // Once by the attempt that has no port left, to be connected to.
    let done = [report.owned.len() as u64 + n + v6, n, v6];
    // As with tcpconnlat, a segment may arrive while the program looks at another connection.
    ensure!(seen.iter().zip(done).all(|(seen, done)| *seen <= done), "v4, refused, v6: {seen:?}");
    let short = done.iter().sum::<u64>() - seen.iter().sum::<u64>();
    ensure!(short <= report.missed(), "v4, refused, v6: {seen:?}, missed {}", report.missed());
    for row in rows {
        ensure!(row["comm"] == "wk-own" && row["saddr"] == row["daddr"] && row["sport"] != 0, "{row}");
    }
    Ok(())
}
