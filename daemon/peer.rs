//! Who is at the other end of a connection: from the kernel, never from what it says.

use std::fmt;
use std::fs::{self, File};
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt as _;

use anyhow::{Context as _, Result, bail, ensure};
use cbpf_common::owner::{self, Scope, UidMap, Viewer};
use cbpf_common::proc::caps::{self, CAP_SYS_ADMIN};
use cbpf_common::proc::{self, INIT_CGROUP_NS, INIT_PID_NS, INIT_USER_NS, Status};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{UnixCredentials, getsockopt, sockopt};

use crate::delegate::descriptor;

/// The process that connected.
#[derive(Debug)]
pub struct Peer {
    pid: u32,
    uid: u32,
    pidfd: OwnedFd,
}

/// See [`Peer::account`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Account {
    /// The kernel's uid.
    Uid(u32),
    /// Inode number of a user namespace.
    Namespace(u64),
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uid(uid) => write!(f, "uid {uid}"),
            Self::Namespace(inode) => write!(f, "user namespace {inode}"),
        }
    }
}

/// What matters of a process: its rights follow from this.
#[derive(Debug)]
pub struct Identity {
    /// In the initial pid namespace, where the daemon is.
    pub pid: u32,
    /// The kernel's uid; real, effective and saved one are the same.
    pub uid: u32,
    /// The kernel's real gid.
    pub gid: u32,
    /// The kernel's gids, the effective one and the supplementary ones.
    pub gids: Vec<u32>,
    /// Its permitted capabilities, a bit for each.
    pub permitted: u64,
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
            Err(Errno::ENOPROTOOPT) => proc::pidfd(pid)?,
            Err(e) => return Err(e).context("SO_PEERPIDFD"),
        };
        Ok(Self { pid, uid: credentials.uid(), pidfd })
    }

    /// Some process, to explain what it would get.
    pub fn process(pid: u32) -> Result<Self> {
        let uid = Status::of(pid)?.uids[0];
        Ok(Self { pid, uid, pidfd: proc::pidfd(pid)? })
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

    /// Readable once it has ended.
    pub fn pidfd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }

    /// On whose account its connections and sessions are. A user with a range of uids to give to a user namespace is one
    /// user still: that is who made the outermost namespace below the initial one. Where root has made it, the namespace is
    /// an account of its own.
    pub fn account(&self) -> Result<Account> {
        let mut at = File::open(format!("/proc/{}/ns/user", self.pid)).context("cannot open its user namespace")?;
        self.alive()?;
        let mut account = Account::Uid(self.uid);
        loop {
            let inode = at.metadata()?.ino();
            if inode == INIT_USER_NS {
                return Ok(account);
            }
            let mut owner: libc::uid_t = 0;
            // SAFETY: the kernel writes a uid.
            let ret = unsafe { libc::ioctl(at.as_raw_fd(), NS_GET_OWNER_UID, &raw mut owner) };
            ensure!(ret == 0, "cannot find the owner of the user namespace: {}", Errno::last());
            account = if owner == 0 { Account::Namespace(inode) } else { Account::Uid(owner) };
            at = related(&at, NS_GET_PARENT).context("cannot find the user namespace above")?;
        }
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
        let status = Status::of(pid)?;
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
        ensure!((level == 0) == (pid_inode == INIT_PID_NS), "/proc says two things about its pid namespace");
        let init_user = user_inode == INIT_USER_NS;
        let uids = if init_user { UidMap::default() } else { owner::uid_map(pid)? };
        let root = uids.inside(self.uid) == Some(0);
        let identity = Identity {
            pid,
            uid: self.uid,
            gid: status.gid,
            gids: status.gids,
            permitted: status.permitted,
            pidns: pid_inode,
            userns: user_inode,
            level,
            cgroup: proc::cgroup(pid)?.unwrap_or_default(),
            container_root: root && governs(&userns, &pidns)?,
            host_root: root && init_user && level == 0 && caps::has(status.effective, CAP_SYS_ADMIN),
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
            let children = fs::read_to_string(task?.path().join("children"));
            let children = children.with_context(|| format!("cannot read the children of process {}", self.pid))?;
            for pid in children.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()) {
                if Status::of(pid).is_ok_and(|status| status.pids.last() == Some(&child)) {
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
        ensure!(now.gid == self.gid, "the process has changed its gid");
        ensure!(self.permitted & !now.permitted == 0, "the process has lost capabilities");
        ensure!(now.gids == self.gids, "the process has changed its groups");
        ensure!(now.userns == self.userns, "the process has moved to another user namespace");
        ensure!(now.pidns == self.pidns, "the process has moved to another pid namespace");
        ensure!(!self.container_root || now.container_root, "the process is no longer root of its container");
        ensure!(!self.host_root || now.host_root, "the process is no longer root of the host");
        ensure!(!by_cgroup || now.cgroup == self.cgroup, "the process has moved to another cgroup");
        Ok(())
    }

    /// Is it in the initial namespaces that host processes are in?
    pub fn on_host(&self) -> bool {
        self.level == 0 && self.userns == INIT_USER_NS
    }

    /// The widest scope that comes with being who it is.
    pub fn widest(&self) -> Scope {
        match self {
            Self { host_root: true, .. } => Scope::Host,
            Self { container_root: true, .. } => Scope::Container,
            _ => Scope::User,
        }
    }

    /// May it have probes put into a file of that owner (the kernel's uid)? Into its own, or its container's. Files of
    /// the kernel's uid 0 are everybody's: what root of a container without a user namespace owns, others may run too.
    pub fn owns_file(&self, uid: u32) -> bool {
        let of_container = self.container_root && self.userns != INIT_USER_NS && self.uids.inside(uid).is_some();
        self.host_root || uid != 0 && (uid == self.uid || of_container)
    }

    /// For the ownership record.
    pub fn viewer(&self) -> Viewer {
        Viewer {
            uid: self.uid,
            gid: self.gid,
            caps: self.permitted,
            userns: self.userns as u32,
            root: self.uids.inside(self.uid) == Some(0),
            pidns: self.pidns as u32,
            level: self.level,
            tgid: self.pid,
            init_userns: self.userns == INIT_USER_NS,
            // Whose writeback is the container's cannot be told from outside, and a cgroup that a user namespace's
            // owner has made the root of a namespace may have others' processes in it.
            cgroup_root: None,
            uids: self.uids.clone(),
        }
    }
}

/// The daemon itself must see every process as the kernel does.
pub fn in_initial_namespaces() -> Result<()> {
    for (kind, initial) in [("pid", INIT_PID_NS), ("user", INIT_USER_NS), ("cgroup", INIT_CGROUP_NS)] {
        ensure!(
            proc::namespace("self", kind)? == initial,
            "cbpfd must run in the initial {kind} namespace, and not in a container"
        );
    }
    Ok(())
}

// include/uapi/linux/nsfs.h
const NS_GET_USERNS: libc::c_ulong = 0xb701;
const NS_GET_PARENT: libc::c_ulong = 0xb702;
const NS_GET_OWNER_UID: libc::c_ulong = 0xb704;

/// Another namespace that one has to do with.
fn related(of: &File, what: libc::c_ulong) -> std::io::Result<File> {
    // SAFETY: an ioctl without an argument that returns a new descriptor.
    descriptor(unsafe { libc::ioctl(of.as_raw_fd(), what) }.into()).map(File::from)
}

/// Is the user namespace that owns the pid namespace `pidns` the user namespace `userns`, or one below it?
fn governs(userns: &File, pidns: &File) -> Result<bool> {
    let target = userns.metadata()?.ino();
    let mut at = related(pidns, NS_GET_USERNS).context("cannot find the owner of the pid namespace")?;
    loop {
        match at.metadata()?.ino() {
            inode if inode == target => return Ok(true),
            INIT_USER_NS => return Ok(false),
            _ => at = related(&at, NS_GET_PARENT).context("cannot find the user namespace above")?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
