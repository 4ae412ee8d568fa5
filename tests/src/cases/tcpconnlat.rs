//! Connects over loopback: accepted ones, by IPv4, IPv6 and IPv4 in an IPv6 socket, refused ones, and one
//! for which there is no port.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd as _;

use anyhow::{Result, ensure};
use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, setsockopt, socket, sockopt};
use serde_json::Value;

use crate::case::{Case, Report, Work};

pub const CASE: Case = Case { tool: "tcpconnlat", args: &[], count: 40, work, check, extra_caps: &[] };

const EADDRNOTAVAIL: u64 = libc::EADDRNOTAVAIL as u64;

/// A listener on IPv6, where there is that.
pub fn ipv6() -> Option<TcpListener> {
    TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).ok()
}

/// A connect between two ports that are connected already.
fn connect_in_vain() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let (there, _client) = (listener.local_addr()?.port(), TcpStream::connect(listener.local_addr()?)?);
    let (_server, peer) = listener.accept()?;
    drop(listener);
    let second = socket(AddressFamily::Inet, SockType::Stream, SockFlag::empty(), None)?;
    setsockopt(&second, sockopt::ReuseAddr, &true)?;
    let [from, to] = [there, peer.port()].map(|port| libc::sockaddr_in {
        sin_family: libc::AF_INET as u16,
        sin_port: port.to_be(),
        sin_addr: libc::in_addr { s_addr: u32::from(Ipv4Addr::LOCALHOST).to_be() },
        sin_zero: [0; 8],
    });
    let size = size_of_val(&from) as u32;
    // SAFETY: the address is as long as it is said to be.
    Errno::result(unsafe { libc::bind(second.as_raw_fd(), (&raw const from).cast(), size) })?;
    // SAFETY: as above.
    let failed = Errno::result(unsafe { libc::connect(second.as_raw_fd(), (&raw const to).cast(), size) });
    ensure!(failed == Err(Errno::EADDRNOTAVAIL), "{failed:?}");
    Ok(())
}

fn work(w: &Work) -> Result<()> {
    connect_in_vain()?;
    let (v4, v6) = (TcpListener::bind("127.0.0.1:0")?, ipv6());
    let accepting = v4.local_addr()?;
    let mapped = SocketAddr::new("::ffff:127.0.0.1".parse()?, accepting.port());
    for _ in 0..w.count {
        TcpStream::connect(accepting)?;
        v4.accept()?;
        ensure!(TcpStream::connect("127.0.0.1:1").is_err());
        if let Some(v6) = &v6 {
            TcpStream::connect(v6.local_addr()?)?;
            v6.accept()?;
            TcpStream::connect(mapped)?;
            v4.accept()?;
        }
    }
    Ok(())
}

fn check(report: &Report) -> Result<()> {
    let rows: Vec<_> = report.owned_of("event").collect();
    let with = |version: u64, address: &str, err: u64| {
        let of = |r: &&&Value| r["ip"] == version && r["daddr"] == address && r["err"] == err;
        rows.iter().filter(of).count() as u64
    };
    let n = report.expected();
    let v6 = if ipv6().is_some() { n } else { 0 };
    let once = report.owned.len() as u64;
    let failed = [with(4, "127.0.0.1", 111), with(4, "127.0.0.1", EADDRNOTAVAIL)];
    let seen = [with(4, "127.0.0.1", 0), with(6, "::1", 0), failed[0], failed[1]];
    let done = [once + n + v6, v6, n, once];
    // A segment may arrive while the program looks at another connection, on the same CPU: the kernel then counts the
    // second event as missed.
    ensure!(seen.iter().zip(done).all(|(seen, done)| *seen <= done), "v4, v6, refused, in vain: {seen:?}");
    let short = done.iter().sum::<u64>() - seen.iter().sum::<u64>();
    ensure!(short <= report.missed(), "v4, v6, refused, in vain: {seen:?}, missed {}", report.missed());
    ensure!(rows.len() as u64 == seen.iter().sum::<u64>(), "{} rows", rows.len());
    for row in rows {
        ensure!(row["comm"] == "wk-own" && row["saddr"] == row["daddr"] && row["lport"] != 0, "{row}");
        ensure!((row["dport"] == 1) == (row["err"] == 111), "{row}");
        ensure!(row["lat_ms"].as_f64().is_some_and(|ms| ms > 0.0 && ms < report.seconds * 1e3), "{row}");
    }
    Ok(())
}
