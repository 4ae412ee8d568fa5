//! Binds that succeed, by IPv4 and IPv6, TCP and UDP, to a multicast address,
//! one whose port is taken, and one to an address of another family.

use std::net::{Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::fd::AsRawFd as _;

use anyhow::{Context as _, Result, ensure};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use serde_json::Value;

use crate::case::{Case, Report, Work};

pub const CASE: Case = Case { tool: "bindsnoop", args: &["-x"], count: 40, work, check, extra_caps: &[] };

fn work(w: &Work) -> Result<()> {
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let port = taken.local_addr()?.port();
    for _ in 0..w.count {
        UdpSocket::bind("127.0.0.1:0")?;
        let _ = TcpListener::bind(SocketAddr::from((Ipv6Addr::LOCALHOST, 0)));
        ensure!(TcpListener::bind(("127.0.0.1", port)).is_err());
    }
    UdpSocket::bind(("224.0.0.251", 0))?;
    // An IPv4 socket, and an address that is not: what stands where that of IPv4 would is none.
    let datagram = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::empty(), None)?;
    // SAFETY: all zeroes are an address.
    let mut other: libc::sockaddr_in6 = unsafe { std::mem::zeroed() };
    (other.sin6_family, other.sin6_port, other.sin6_flowinfo) = (libc::AF_INET6 as u16, port, 0x0403_0201);
    // SAFETY: the address is as long as it is said to be.
    let bound = unsafe { libc::bind(datagram.as_raw_fd(), (&raw const other).cast(), size_of_val(&other) as u32) };
    ensure!(bound == -1);
    // What other families bind is not shown.
    std::os::unix::net::UnixDatagram::bind(format!("/tmp/cbpf-{}-{}", w.who, std::process::id()))?;
    let _ = std::fs::remove_file(format!("/tmp/cbpf-{}-{}", w.who, std::process::id()));
    w.note(port.to_string())
}

fn check(report: &Report) -> Result<()> {
    let six = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok();
    for pid in &report.owned {
        let port: u64 = report.note(*pid)?.parse().context("the port")?;
        let rows: Vec<&Value> = report.owned_of("event").filter(|r| r["pid"] == *pid).collect();
        let (others, rows): (Vec<&Value>, Vec<&Value>) = rows.into_iter().partition(|r| r["ret"] == -97);
        let no_address = |r: &&Value| r["proto"] == "UDP" && r["port"].is_null() && r["addr"].is_null();
        ensure!(others.len() as u64 + report.missed() >= 1 && others.iter().all(no_address), "{others:?}");
        let count = |proto: &str, ret: i64, opts: &str, addr: &str| {
            let of = |r: &&&Value| r["proto"] == proto && r["ret"] == ret && r["opts"] == opts && r["addr"] == addr;
            rows.iter().filter(of).count() as u64
        };
        let n = report.count;
        // The standard library asks for SO_REUSEADDR before it binds a listener.
        let first = count("TCP", 0, "...R.", "127.0.0.1");
        ensure!(first == 1 || (first == 0 && report.missed() > 0), "the first listener");
        let multicast = count("UDP", 0, ".....", "224.0.0.251");
        ensure!(multicast == 1 || (multicast == 0 && report.missed() > 0), "the multicast address");
        let seen = [
            count("UDP", 0, ".....", "127.0.0.1"),
            count("TCP", if six { 0 } else { -99 }, "...R.", "::1"),
            count("TCP", -98, "...R.", "127.0.0.1"),
        ];
        ensure!(seen.iter().all(|seen| *seen <= n), "UDP, IPv6, taken: {seen:?}");
        let short = (if six { 3 } else { 2 } * n).saturating_sub(seen.iter().sum());
        ensure!(short <= report.missed(), "UDP, IPv6, taken: {seen:?}, missed {}", report.missed());
        ensure!(rows.len() as u64 <= 2 + seen.iter().sum::<u64>() || !six, "{} rows", rows.len());
        for row in rows {
            ensure!(row["comm"] == "wk-own" && row["ifindex"] == 0 && row["port"].as_u64() > Some(0), "{row}");
            ensure!(row["ret"] != -98 || row["port"] == port, "not the port that was asked for: {row}");
        }
    }
    Ok(())
}
