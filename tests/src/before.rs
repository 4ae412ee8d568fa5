//! Sockets that are there before the trace: whose they are is found out at its start.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd as _;
use std::process::Command;

use anyhow::{Context as _, Result, anyhow, ensure};

use crate::process::{Running, cbpf};

/// Unlike that of any other socket.
const BACKLOG: i32 = 91;
const COUNT: u64 = 50;

/// What tcprtt and tcpsynbl count of connections that are made, and of a socket that listens, before they start.
pub fn sockets() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    // SAFETY: a plain system call on a descriptor that is open.
    ensure!(unsafe { libc::listen(listener.as_raw_fd(), BACKLOG) } == 0);
    let to = listener.local_addr()?;
    let mut client = TcpStream::connect(to)?;
    let (mut server, _) = listener.accept()?;

    let start = |args: &[&str]| -> Result<Running> {
        let mut tool = Command::new(cbpf()?);
        tool.args(args).args(["--json", "--grant", "strict"]);
        Running::start(&mut tool)?.map_err(|(_, stderr)| anyhow!("{args:?}: {stderr}"))
    };
    let (port, other) = (to.port().to_string(), client.local_addr()?.port().to_string());
    let times = start(&["tcprtt", "--lport", &port])?;
    let others = start(&["tcprtt", "--lport", &port, "--rport", &port])?;
    let queues = start(&["tcpsynbl"])?;
    for _ in 0..COUNT {
        client.write_all(b"x")?;
        server.read_exact(&mut [0])?;
        server.write_all(b"x")?;
        client.read_exact(&mut [0])?;
    }
    let _waiting = (0..COUNT).map(|_| TcpStream::connect(to)).collect::<Result<Vec<_>, _>>()?;

    let (times, others, queues) = (times.stop()?.0, others.stop()?.0, queues.stop()?.0);
    let total = |records: &[serde_json::Value]| records.iter().filter_map(|r| r["total"].as_u64()).sum::<u64>();
    ensure!(total(&times) >= COUNT, "port {port}: {times:?}");
    ensure!(total(&others) == 0, "from {port} to {port}, not {other}: {others:?}");
    let queue = queues.iter().find(|r| r["backlog_max"] == BACKLOG).context("no histogram of the socket")?;
    ensure!(queue["total"] == COUNT, "{queue}");
    Ok(())
}
