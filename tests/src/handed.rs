//! Sockets that change hands: made by root and given to two users, as systemd does, or by one user to another.

use std::io::{Read as _, Write as _};
use std::mem::size_of_val;
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd as _;
use std::process::Command;
use std::ptr::null;
use std::thread;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::case::{become_owner, own_uid};
use crate::process::{Running, cbpf};

/// Runs `work` in a thread of another user's.
fn by<T: Send>(uid: u32, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    let thread = move || {
        // SAFETY: plain system calls, and not libc's set*id(), which take all threads along. Another uid makes the process
        // one that its user could not trace; the last call mends that.
        let changed = unsafe {
            libc::syscall(libc::SYS_setgroups, 0, null::<u32>()) == 0
                && libc::syscall(libc::SYS_setresgid, uid, uid, uid) == 0
                && libc::syscall(libc::SYS_setresuid, uid, uid, uid) == 0
                && libc::prctl(libc::PR_SET_DUMPABLE, 1) == 0
        };
        ensure!(changed, "cannot become uid {uid}");
        work()
    };
    thread::scope(|scope| scope.spawn(thread).join()).map_err(|_| anyhow::anyhow!("a thread died"))?
}

/// The histograms that a tool shows to the one user, of what happens meanwhile.
fn histograms(tool: &str, args: &[&str], meanwhile: impl FnOnce() -> Result<()>) -> Result<Vec<Value>> {
    let mut command = Command::new(cbpf()?);
    command.args([tool, "--json", "--grant", "strict", "--scope", "user"]).args(args);
    become_owner(&mut command);
    let running = Running::start(&mut command)?.map_err(|(_, stderr)| anyhow::anyhow!(stderr))?;
    meanwhile()?;
    let (records, _) = running.stop()?;
    Ok(records.into_iter().filter(|record| record["type"] == "histogram").collect())
}

fn listen(listener: &TcpListener, backlog: i32) -> Result<()> {
    // SAFETY: a plain system call on a descriptor that is open.
    ensure!(unsafe { libc::listen(listener.as_raw_fd(), backlog) } == 0, "listen: {}", std::io::Error::last_os_error());
    Ok(())
}

/// Two services on one port, each at an address of its own, and one at any address.
pub fn listeners() -> Result<()> {
    let own = TcpListener::bind("127.0.0.1:0")?;
    let at = own.local_addr()?;
    let foreign = TcpListener::bind(("127.0.0.2", at.port()))?;
    // Of both families, where there are two.
    let everywhere = TcpListener::bind("[::]:0").or_else(|_| TcpListener::bind("0.0.0.0:0"))?;
    let port = everywhere.local_addr()?.port();
    let hists = histograms("tcpsynbl", &[], || {
        by(own_uid(), || listen(&own, 77).and_then(|()| listen(&everywhere, 66)))?;
        by(own_uid() + 1, || listen(&foreign, 55))?;
        let connect = |to, n| (0..n).map(|_| TcpStream::connect(to)).collect::<Result<Vec<_>, _>>();
        let _waiting =
            [connect(at, 3)?, connect(foreign.local_addr()?, 5)?, connect(([127, 0, 0, 1], port).into(), 2)?];
        // Whoever comes after it is somebody else.
        drop(own);
        let next = TcpListener::bind(at)?;
        listen(&next, 44)?;
        connect(at, 4)?;
        Ok(())
    })?;
    let mut seen: Vec<_> = hists.iter().map(|h| (h["backlog_max"].as_u64(), h["total"].as_u64())).collect();
    seen.sort_unstable();
    ensure!(seen == [(Some(66), Some(2)), (Some(77), Some(3))], "not two and three connections: {hists:?}");
    Ok(())
}

/// A connected socket that its owner gives away, and that the new owner connects to somewhere else.
pub fn connection() -> Result<()> {
    let servers = [TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.2:0")?];
    let talk = |mut client: &TcpStream, server: &TcpListener| -> Result<()> {
        let (mut answers, _) = server.accept()?;
        for _ in 0..20 {
            client.write_all(b"x")?;
            answers.read_exact(&mut [0])?;
            answers.write_all(b"y")?;
            client.read_exact(&mut [0])?;
        }
        Ok(())
    };
    let hists = histograms("tcprtt", &["-B"], || {
        let to = servers[0].local_addr()?;
        let socket = by(own_uid(), || Ok(TcpStream::connect(to)?))?;
        talk(&socket, &servers[0])?;
        by(own_uid() + 1, || {
            let mut to = libc::sockaddr_in {
                sin_family: libc::AF_INET as u16,
                sin_port: servers[1].local_addr()?.port().to_be(),
                sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes([127, 0, 0, 2]) },
                sin_zero: [0; 8],
            };
            for family in [libc::AF_UNSPEC, libc::AF_INET] {
                to.sin_family = family as u16;
                // SAFETY: the address lives through the call, and has that size.
                let done =
                    unsafe { libc::connect(socket.as_raw_fd(), (&raw const to).cast(), size_of_val(&to) as u32) };
                ensure!(done == 0, "connect: {}", std::io::Error::last_os_error());
            }
            Ok(())
        })?;
        talk(&socket, &servers[1])
    })?;
    let [hist] = &hists[..] else { anyhow::bail!("not one address: {hists:?}") };
    ensure!(hist["raddr"] == "127.0.0.1" && hist["total"].as_u64().context("no total")? >= 20, "{hist}");
    Ok(())
}
