//! Questions and answers over a loopback connection: each is a segment that arrives.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use anyhow::{Context as _, Result, ensure};

use crate::case::{Case, Report, Work};

pub const CASE: Case = Case { tool: "tcprtt", args: &["-B"], count: 300, work, check, extra_caps: &[] };

/// Acknowledgements that a young connection sends at once, of both ends.
const QUICK: u64 = 64;

fn work(w: &Work) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut client = TcpStream::connect(listener.local_addr()?)?;
    let (mut server, _) = listener.accept()?;
    let mut byte = [0];
    for _ in 0..w.count {
        client.write_all(b"x")?;
        server.read_exact(&mut byte)?;
        server.write_all(&byte)?;
        client.read_exact(&mut byte)?;
    }
    Ok(())
}

fn check(report: &Report) -> Result<()> {
    let mut hists = report.of("histogram");
    let hist = hists.next().context("no histogram")?;
    ensure!(hists.next().is_none(), "more than one address");
    ensure!(hist["raddr"] == "127.0.0.1" && hist["unit"] == "usecs", "{hist}");
    let n = |key: &str| hist[key].as_u64().with_context(|| format!("no {key} in {hist}"));
    let (total, least) = (n("total")?, 2 * report.expected());
    let most = 3 * report.expected() + QUICK * report.owned.len() as u64;
    ensure!((least.saturating_sub(report.missed())..=most).contains(&total), "{total} segments, not {least} or so");
    ensure!(n("sum")? >= total && n("sum")? / total < (report.seconds * 1e6) as u64, "{hist}");
    Ok(())
}
