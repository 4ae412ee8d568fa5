//! Connections that nobody accepts yet: each one finds one more in the queue.

use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd as _;

use anyhow::{Context as _, Result, ensure};

use crate::case::{Case, Report, Work};

pub const CASE: Case = Case { tool: "tcpsynbl", args: &["-4"], count: 40, work, check, extra_caps: &[] };

/// Unlike that of any other socket.
const BACKLOG: i32 = 77;

fn work(w: &Work) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    // SAFETY: a plain system call on a descriptor that is open.
    ensure!(unsafe { libc::listen(listener.as_raw_fd(), BACKLOG) } == 0);
    let to = listener.local_addr()?;
    let _waiting = (0..w.count).map(|_| TcpStream::connect(to)).collect::<Result<Vec<_>, _>>()?;
    Ok(())
}

fn check(report: &Report) -> Result<()> {
    let mut hists = report.of("histogram");
    let hist = hists.next().context("no histogram")?;
    ensure!(hists.next().is_none() && hist["backlog_max"] == BACKLOG && hist["unit"] == "backlog", "{hist}");
    let n = |key: &str| hist[key].as_u64().with_context(|| format!("no {key} in {hist}"));
    let (total, done) = (n("total")?, report.expected());
    ensure!(total <= done && done - total <= report.missed(), "{total} connections, not {done}");
    // 0, 1, 2, ... waited.
    let most = report.owned.len() as u64 * report.count * (report.count - 1) / 2;
    ensure!(n("sum")? <= most && (total < done || n("sum")? == most), "{} waited, not {most}", n("sum")?);
    Ok(())
}
