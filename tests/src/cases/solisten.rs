//! Sockets that listen, by IPv4 and IPv6, with a backlog of their own, and one that cannot.

use std::net::{Ipv6Addr, TcpListener, UdpSocket};
use std::os::fd::AsRawFd as _;

use anyhow::{Result, ensure};
use serde_json::Value;

use crate::case::{Case, Report, Work};

pub const CASE: Case = Case { tool: "solisten", args: &[], count: 40, work, check, extra_caps: &[] };

const BACKLOG: i32 = 77;

fn listen(socket: &impl std::os::fd::AsRawFd) -> i32 {
    // SAFETY: a plain system call on a descriptor that is open.
    unsafe { libc::listen(socket.as_raw_fd(), BACKLOG) }
}

fn work(w: &Work) -> Result<()> {
    for _ in 0..w.count {
        // It listens already, with another backlog.
        ensure!(listen(&TcpListener::bind("127.0.0.1:0")?) == 0);
        if let Ok(six) = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)) {
            ensure!(listen(&six) == 0);
        }
        let udp = UdpSocket::bind("127.0.0.1:0")?;
        ensure!(udp.as_raw_fd() >= 0 && listen(&udp) == -1);
    }
    Ok(())
}

fn check(report: &Report) -> Result<()> {
    let six = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok();
    let rows: Vec<&Value> = report.owned_of("event").collect();
    let count = |proto: &str, ours: bool, ret: i64, addr: &str| {
        let of = |r: &&&Value| {
            r["proto"] == proto && (r["backlog"] == BACKLOG) == ours && r["ret"] == ret && r["addr"] == addr
        };
        rows.iter().filter(of).count() as u64
    };
    let (n, v6) = (report.expected(), if six { report.expected() } else { 0 });
    let seen = [
        count("TCPv4", false, 0, "127.0.0.1"),
        count("TCPv4", true, 0, "127.0.0.1"),
        count("TCPv6", false, 0, "::1"),
        count("TCPv6", true, 0, "::1"),
        count("UDPv4", true, -95, "127.0.0.1"),
    ];
    let done = [n, n, v6, v6, n];
    let short = done.iter().sum::<u64>().saturating_sub(seen.iter().sum());
    ensure!(seen.iter().zip(done).all(|(seen, done)| *seen <= done), "{seen:?}, not {done:?}");
    ensure!(short <= report.missed(), "{seen:?}, not {done:?}, missed {}", report.missed());
    ensure!(rows.len() as u64 == seen.iter().sum::<u64>(), "{} rows", rows.len());
    ensure!(rows.iter().all(|r| r["comm"] == "wk-own" && r["port"].as_u64() > Some(0)), "{rows:?}");
    Ok(())
}
