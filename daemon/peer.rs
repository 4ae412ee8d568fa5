//! Who is at the other end of a connection: from the kernel, never from what it says.

use std::fs::{self, File};
use std::io::Read as _;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt as _;

use anyhow::{Context as _, Result, bail, ensure};
use cbpf_common::owner::{self, Scope, UidMap, Viewer};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{UnixCredentials, getsockopt, sockopt};

use crate::delegate::descriptor;

/// Inode numbers of the initial namespaces (include/linux/proc_ns.h).
const INIT_USER: u64 = 0xEFFF_FFFD;
const INIT_PID: u64 = 0xEFFF_FFFC;
const INIT_CGROUP: u64 = 0xEFFF_FFFB;
const CAP_SYS_ADMIN: u64 = 21;

/// The process that connected.
#[derive(Debug)]
pub struct Peer {
    pid: u32,
    uid: u32,
    pidfd: OwnedFd,
}

/// What matters of a process: its rights follow from this.
#[derive(Debug)]
pub struct Identity {
    /// In the initial pid namespace, where the daemon is.
    pub pid: u32,
    /// The kernel's uid; real, effective and saved one are the same.
    pub uid: u32,
    /// The kernel's gids, supplementary ones included.
    pub gids: Vec<u32>,
    /// Inode numbers of its namespaces.
    pub pidns: u64,
    pub userns: u64,
    /// Depth of the pid namespace.
    pub level: u32,
    /// Path of its cgroup (v2) in the initial cgroup namespace; empty where there is no v2.
    pub cgroup: String,
    /// How its user namespace numbers uids.
    pub uids: UidMap,
    /// Is it root of its user namespace, and does that namespace own its pid namespace?
    pub container_root: bool,
    /// Is it root of the machine, with the power to show for it?
    pub host_root: bool,
    /// As long as they are open, their numbers mean no other namespaces.
    _held: [File; 2],
}

impl Peer {
    /// Who connected. Without SO_PEERPIDFD (Linux 6.5) the pid may have come to mean another process since: only
    /// [`Peer::sent`] a nonce proves that it has not.
    pub fn of(socket: &OwnedFd) -> Result<Self> {
        let credentials = getsockopt(socket, sockopt::PeerCredentials)?;
        let pid = u32::try_from(credentials.pid()).unwrap_or(0);
        ensure!(pid > 0, "the peer is not in a pid namespace that this one sees");
        let pidfd = match getsockopt(socket, sockopt::PeerPidfd) {
            Ok(pidfd) => pidfd,
            Err(Errno::ENOPROTOOPT) => pidfd_open(pid)?,
            Err(e) => return Err(e).context("SO_PEERPIDFD"),
        };
        Ok(Self { pid, uid: credentials.uid(), pidfd })
    }

    /// Some process, to explain what it would get.
    pub fn process(pid: u32) -> Result<Self> {
        let uid = status(pid)?.uids[0];
        Ok(Self { pid, uid, pidfd: pidfd_open(pid)? })
    }

    /// Is the sender of a message, as the kernel wrote it beside the message, this process?
    pub fn sent(&self, sender: Option<&UnixCredentials>) -> Result<()> {
        let sender = sender.context("a message without credentials")?;
        ensure!(u32::try_from(sender.pid()) == Ok(self.pid), "another process than the one that connected speaks");
        ensure!(sender.uid() == self.uid, "the process has changed its uid since it connected");
        self.alive()
    }

    /// Its pid.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The uid under which it connected.
    pub fn uid(&self) -> u32 {
        self.uid
    }

    /// Readable once it has ended.
    pub fn pidfd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }

    /// Until now it has not ended, so that what was read under its pid was about it.
    pub fn alive(&self) -> Result<()> {
        let mut fds = [PollFd::new(self.pidfd(), PollFlags::POLLIN)];
        ensure!(poll(&mut fds, PollTimeout::ZERO)? == 0, "the process has ended");
        Ok(())
    }

    /// Its identity as it is now.
    pub fn identify(&self) -> Result<Identity> {
        let pid = self.pid;
        let status = status(pid)?;
        ensure!(
            status.uids.iter().all(|uid| *uid == self.uid),
            "its real, effective and saved uid are not all {}: set-uid programs cannot be clients",
            self.uid
        );
        let namespace = |kind: &str| -> Result<(File, u64)> {
            let path = format!("/proc/{pid}/ns/{kind}");
            let file = File::open(&path).with_context(|| format!("cannot open {path}"))?;
            let inode = file.metadata()?.ino();
            Ok((file, inode))
        };
        let (pidns, pid_inode) = namespace("pid")?;
        let (userns, user_inode) = namespace("user")?;
        ensure!(status.pids.first() == Some(&pid), "/proc is of another pid namespace");
        let level = status.pids.len() as u32 - 1;
        ensure!((level == 0) == (pid_inode == INIT_PID), "/proc says two things about its pid namespace");
        let init_user = user_inode == INIT_USER;
        let uids = if init_user { UidMap::default() } else { owner::uid_map(pid)? };
        let root = uids.inside(self.uid) == Some(0);
        let identity = Identity {
            pid,
            uid: self.uid,
            gids: status.gids,
            pidns: pid_inode,
            userns: user_inode,
            level,
            cgroup: cgroup(pid)?,
            container_root: root && governs(&userns, &pidns)?,
            host_root: root && init_user && level == 0 && status.effective & 1 << CAP_SYS_ADMIN != 0,
            uids,
            _held: [pidns, userns],
        };
        self.alive()?;
        Ok(identity)
    }

    /// Is `child`, a pid of the peer's pid namespace, a child of the peer's?
    pub fn is_child(&self, child: u32) -> Result<()> {
        let tasks = format!("/proc/{}/task", self.pid);
        for task in fs::read_dir(&tasks).with_context(|| format!("cannot read {tasks}"))? {
            let children = fs::read_to_string(task?.path().join("children")).context("whose children?")?;
            for pid in children.split_whitespace().filter_map(|pid| pid.parse().ok()) {
                if status(pid).is_ok_and(|status| status.pids.last() == Some(&child)) {
                    return self.alive();
                }
            }
        }
        bail!("process {child} is no child of the client's")
    }
}

impl Identity {
    /// Does the process still have the rights that it had as `self`? Its cgroup matters where a scope or a rule went
    /// by it.
    pub fn same(&self, now: &Self, by_cgroup: bool) -> Result<()> {
        ensure!(now.uid == self.uid, "the process has changed its uid");
        ensure!(now.userns == self.userns, "the process has moved to another user namespace");
        ensure!(now.pidns == self.pidns, "the process has moved to another pid namespace");
        ensure!(!self.container_root || now.container_root, "the process is no longer root of its container");
        ensure!(!self.host_root || now.host_root, "the process is no longer root of the host");
        ensure!(!by_cgroup || now.cgroup == self.cgroup, "the process has moved to another cgroup");
        Ok(())
    }

    /// Is it in the initial namespaces that host processes are in?
    pub fn on_host(&self) -> bool {
        self.level == 0 && self.userns == INIT_USER
    }

    /// The widest scope that comes with being who it is.
    pub fn widest(&self) -> Scope {
        match self {
            Self { host_root: true, .. } => Scope::Host,
            Self { container_root: true, .. } => Scope::Container,
            _ => Scope::User,
        }
    }

    /// For the ownership record.
    pub fn viewer(&self) -> Viewer {
        Viewer {
            uid: self.uid,
            root: self.uids.inside(self.uid) == Some(0),
            pidns: self.pidns as u32,
            level: self.level,
            tgid: self.pid,
            init_userns: self.userns == INIT_USER,
            // Whose writeback is the container's cannot be told from outside, and a cgroup that a user namespace's
            // owner has made the root of a namespace may have others' processes in it.
            cgroup_root: None,
            uids: self.uids.clone(),
        }
    }
}

/// The daemon itself must see every process as the kernel does.
pub fn in_initial_namespaces() -> Result<()> {
    for (kind, initial) in [("pid", INIT_PID), ("user", INIT_USER), ("cgroup", INIT_CGROUP)] {
        let inode = fs::metadata(format!("/proc/self/ns/{kind}"))?.ino();
        ensure!(inode == initial, "cbpfd must run in the initial {kind} namespace, and not in a container");
    }
    Ok(())
}

fn pidfd_open(pid: u32) -> Result<OwnedFd> {
    // SAFETY: a plain system call; the result is checked.
    descriptor(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) }).with_context(|| format!("no process {pid}"))
}

/// Is the user namespace that owns the pid namespace `pidns` the user namespace `userns`, or one below it?
fn governs(userns: &File, pidns: &File) -> Result<bool> {
    const NS_GET_USERNS: libc::c_ulong = 0xb701;
    const NS_GET_PARENT: libc::c_ulong = 0xb702;
    let related = |of: &OwnedFd, what: libc::c_ulong| {
        // SAFETY: an ioctl without an argument that returns a new descriptor.
        descriptor(unsafe { libc::ioctl(of.as_raw_fd(), what) }.into()).map(File::from)
    };
    let target = userns.metadata()?.ino();
    let mut at = related(&OwnedFd::from(pidns.try_clone()?), NS_GET_USERNS).context("who owns the pid namespace?")?;
    loop {
        match at.metadata()?.ino() {
            inode if inode == target => return Ok(true),
            INIT_USER => return Ok(false),
            _ => at = related(&OwnedFd::from(at), NS_GET_PARENT).context("which user namespace is above?")?,
        }
    }
}

struct Status {
    uids: [u32; 4],
    gids: Vec<u32>,
    /// In the initial pid namespace first, its own last.
    pids: Vec<u32>,
    effective: u64,
}

fn status(pid: u32) -> Result<Status> {
    let path = format!("/proc/{pid}/status");
    let mut text = Vec::new();
    File::open(&path).and_then(|mut f| f.read_to_end(&mut text)).with_context(|| format!("cannot read {path}"))?;
    parse_status(&String::from_utf8_lossy(&text)).with_context(|| format!("{path} has not what it should"))
}

fn parse_status(text: &str) -> Option<Status> {
    // The name comes first, and newlines in it are escaped; still, only whole lines count.
    let line = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    let numbers = |key: &str| line(key)?.split_whitespace().map(|n| n.parse().ok()).collect::<Option<Vec<u32>>>();
    let gid = numbers("Gid")?;
    Some(Status {
        uids: numbers("Uid")?.try_into().ok()?,
        gids: [vec![*gid.get(1)?], numbers("Groups")?].concat(),
        pids: numbers("NSpid")?,
        effective: u64::from_str_radix(line("CapEff")?.trim(), 16).ok()?,
    })
}

fn cgroup(pid: u32) -> Result<String> {
    let path = format!("/proc/{pid}/cgroup");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    Ok(text.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_of_a_process_is_read() {
        let text = "Name:\ta\\nUid:\\t0\nUid:\t1000\t1000\t1000\t1000\nGid:\t100\t100\t100\t100\nGroups:\t27 100 \n\
                    NSpid:\t4711\t12\t1\nCapEff:\t000000c000000000\n";
        let status = parse_status(text).unwrap();
        assert_eq!((status.uids, status.gids), ([1000; 4], vec![100, 27, 100]));
        assert_eq!((status.pids, status.effective), (vec![4711, 12, 1], 3 << 38));
        assert!(parse_status("Uid:\t1\n").is_none());
    }

    #[test]
    fn this_process_is_itself() {
        let peer = Peer::process(std::process::id()).unwrap();
        let identity = peer.identify().unwrap();
        assert!(identity.same(&peer.identify().unwrap(), true).is_ok());
        assert!(peer.is_child(1).is_err());
        let child = std::process::Command::new("sleep").arg("5").spawn().map(|mut c| {
            let found = peer.is_child(c.id());
            c.kill().and_then(|()| c.wait()).map(|_| found)
        });
        child.unwrap().unwrap().unwrap();
    }
}
