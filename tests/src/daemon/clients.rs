//! The other side: what clients do, those above all that use their connection wrongly.

use std::ffi::c_void;
use std::fs::{self, File};
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use cbpf_common::fds;
use cbpf_common::protocol::{Ask, Build, Event, LONGEST, Message as _, Nothing, Start, Started, ToClient, ToDaemon};
use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::sys::socket::sockopt::{ReceiveTimeout, SendTimeout};
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, UnixAddr, connect, setsockopt, socket};
use nix::sys::time::{TimeVal, TimeValLike as _};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, Uid, fork, setresuid};

use crate::process;

use super::{UID, adversaries, within};

/// A connection that can be used wrongly.
pub(super) struct Line {
    pub(super) socket: OwnedFd,
    pub(super) nonce: [u8; 16],
}

impl Line {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let socket = socket(AddressFamily::Unix, SockType::SeqPacket, SockFlag::SOCK_CLOEXEC, None)?;
        connect(socket.as_raw_fd(), &UnixAddr::new(path)?)?;
        setsockopt(&socket, ReceiveTimeout, &TimeVal::seconds(20))?;
        let mut line = Self { socket, nonce: [0; 16] };
        match line.hear()? {
            (Some(ToClient::Hello(hello)), _) => line.nonce = hello.nonce,
            other => bail!("no greeting: {other:?}"),
        }
        Ok(line)
    }

    /// The next message; none at the end.
    pub(super) fn hear(&self) -> Result<(Option<ToClient>, Vec<OwnedFd>)> {
        let mut bytes = vec![0; LONGEST + 1];
        match fds::receive(&self.socket, &mut bytes, MsgFlags::empty()) {
            Ok(came) if came.bytes > 0 => Ok((Some(ToClient::decode(&bytes[..came.bytes])?), came.fds)),
            Ok(_) | Err(Errno::ECONNRESET) => Ok((None, Vec::new())),
            Err(e) => Err(e).context("the daemon says nothing"),
        }
    }

    pub(super) fn say(&self, message: &ToDaemon, fds: &[BorrowedFd<'_>]) -> Result<()> {
        self.say_raw(&message.encode(), fds)
    }

    pub(super) fn say_raw(&self, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> Result<()> {
        match fds::send(&self.socket, bytes, fds) {
            Ok(_) | Err(Errno::EPIPE) => Ok(()),
            Err(e) => Err(e.into()),
        }
    }

    pub(super) fn ask(&self) -> Ask {
        Ask {
            build: Build::this(),
            nonce: self.nonce,
            scope: None,
            pids: vec![],
            tids: vec![],
            uid: None,
            cgroup: false,
            family: false,
        }
    }

    /// With a grant.
    pub(super) fn granted(path: &Path) -> Result<Self> {
        let line = Self::open(path)?;
        line.say(&ToDaemon::Ask(line.ask()), &[])?;
        match line.hear()?.0 {
            Some(ToClient::Granted(_)) => Ok(line),
            other => bail!("no grant: {other:?}"),
        }
    }

    /// With a tool that runs.
    pub(super) fn started(path: &Path, start: Start) -> Result<(Self, Started, Vec<OwnedFd>)> {
        let line = Self::granted(path)?;
        line.say(&ToDaemon::Start(start), &[])?;
        match line.hear()? {
            (Some(ToClient::Started(started)), fds) => Ok((line, started, fds)),
            other => bail!("not started: {other:?}"),
        }
    }

    /// The daemon refuses, with that word in its reason, and says nothing more.
    pub(super) fn is_refused(&self, why: &str) -> Result<()> {
        let text = match self.hear()?.0 {
            Some(
                ToClient::Refused(text) | ToClient::ScopeRefused(text) | ToClient::Failed(text) | ToClient::Ended(text),
            ) => text,
            other => bail!("{other:?} instead of a refusal ({why})"),
        };
        ensure!(text.contains(why), "refused, but not for {why}: {text}");
        Ok(())
    }

    pub(super) fn is_over(&self) -> Result<()> {
        match self.hear()?.0 {
            None => Ok(()),
            other => bail!("{other:?} instead of the end"),
        }
    }
}

pub(super) fn opensnoop() -> Start {
    Start {
        tool: "opensnoop".into(),
        knobs: vec![],
        entries: vec![],
        depths: vec![],
        functions: vec![],
        samples: vec![],
        kernel_functions: vec![],
        sets: vec![],
        events: true,
        buffer: 65_536,
    }
}

pub type Client = (&'static str, bool, fn(&Path) -> Result<()>);

/// Name, whether it must run as root, and what it does.
pub const CLIENTS: &[Client] = &[
    ("a short trace", false, |path| {
        let (line, ..) = Line::started(path, opensnoop())?;
        line.say(&ToDaemon::Detach(Nothing), &[])?;
        ensure!(matches!(line.hear()?.0, Some(ToClient::Number(_))));
        Ok(())
    }),
    ("ask and read nothing", false, |path| {
        let (line, ..) = Line::started(path, opensnoop())?;
        setsockopt(&line.socket, SendTimeout, &TimeVal::seconds(1))?;
        // Until neither side's queue takes any more, and then until the daemon has had enough of it.
        let asked = (0..100_000).take_while(|_| line.say(&ToDaemon::Read("counts".into()), &[]).is_ok()).count();
        ensure!(asked < 100_000, "the daemon queues answers without bound");
        let patience = within(Duration::from_secs(30), || {
            let asked = fds::send(&line.socket, &ToDaemon::Read("counts".into()).encode(), &[]);
            asked == Err(Errno::EPIPE) || asked == Err(Errno::ECONNRESET)
        });
        ensure!(patience, "the daemon waits for it forever");
        Ok(())
    }),
    ("messages that are none", false, |path| {
        let good = |line: &Line| ToDaemon::Ask(line.ask()).encode();
        let try_with = |why: &str, change: &dyn Fn(&mut Vec<u8>)| {
            let line = Line::open(path)?;
            let mut bytes = good(&line);
            change(&mut bytes);
            line.say_raw(&bytes, &[])?;
            line.is_refused(why).and_then(|()| line.is_over())
        };
        try_with("too long", &|bytes| bytes.resize(LONGEST + 2, 0))?;
        try_with("malformed message", &|bytes| bytes.truncate(bytes.len() - 1))?;
        try_with("malformed message", &|bytes| bytes.push(0))?;
        try_with("does not speak", &|bytes| bytes.truncate(3))?;
        try_with("does not speak", &|bytes| bytes[1] = b'x')?;
        try_with("version", &|bytes| bytes[5] += 1)?;
        try_with("another build", &|bytes| bytes[7] ^= 1)?;
        try_with("another greeting", &|bytes| bytes[15] ^= 1)?;
        try_with("malformed message", &|bytes| bytes[0] = 4)?;
        let line = Line::open(path)?;
        line.say_raw(&good(&line), &[File::open("/dev/null")?.as_fd()])?;
        line.is_refused("not announced")
    }),
    ("messages at the wrong time", false, |path| {
        let line = Line::granted(path)?;
        line.say(&ToDaemon::Ask(line.ask()), &[])?;
        line.is_refused("no tool")?;
        let line = Line::granted(path)?;
        line.say(&ToDaemon::Read("hists".into()), &[])?;
        line.is_refused("no tool")?;
        let (line, ..) = Line::started(path, opensnoop())?;
        line.say(&ToDaemon::Start(opensnoop()), &[])?;
        line.is_over()?;
        let (line, ..) = Line::started(path, opensnoop())?;
        line.say_raw(&[99, 0, 0], &[])?;
        line.is_over()?;
        let (line, ..) = Line::started(path, opensnoop())?;
        line.say(&ToDaemon::NextPeriod(Nothing), &[File::open("/dev/null")?.as_fd()])?;
        line.is_over()
    }),
    ("scopes that are more than a user's", false, |path| {
        for scope in [1, 2] {
            let line = Line::open(path)?;
            line.say(&ToDaemon::Ask(Ask { scope: Some(scope), ..line.ask() }), &[])?;
            line.is_refused("not allowed: ")?;
        }
        let line = Line::open(path)?;
        line.say(&ToDaemon::Ask(Ask { scope: Some(9), ..line.ask() }), &[])?;
        line.is_refused("unknown scope")?;
        let line = Line::open(path)?;
        line.say(&ToDaemon::Ask(Ask { pids: vec![1; 33], ..line.ask() }), &[])?;
        line.is_refused("at most 32")
    }),
    ("tools that are none, and wrong knobs", false, |path| {
        let try_with = |why: &str, start: Start| {
            let line = Line::granted(path)?;
            line.say(&ToDaemon::Start(start), &[])?;
            line.is_refused(why).with_context(|| why.to_owned())
        };
        let knob = |name: &str, value: &[u8]| vec![(name.to_owned(), value.to_vec())];
        try_with("viewer", Start { tool: "viewer".into(), ..opensnoop() })?;
        try_with("no object", Start { tool: "../opensnoop".into(), ..opensnoop() })?;
        try_with("no knob", Start { knobs: knob("owner", &[1; 8]), ..opensnoop() })?;
        try_with("bytes, not", Start { knobs: knob("failed_only", &[1; 9]), ..opensnoop() })?;
        try_with("are allowed", Start { buffer: 1 << 30, ..opensnoop() })?;
        try_with("a ring of", Start { buffer: 4097, ..opensnoop() })?;
        try_with(
            "are allowed",
            Start {
                tool: "syscount".into(),
                events: false,
                entries: vec![("tallies".into(), u32::MAX)],
                ..opensnoop()
            },
        )?;
        try_with("frames", Start { depths: vec![("stacks".into(), u32::MAX)], ..opensnoop() })?;
        let sample = |kind, config, period, rate| Start {
            samples: vec![("sample".into(), Event { kind, config, period, rate })],
            ..opensnoop()
        };
        try_with("samples a second", sample(1, 0, false, 1_000_000))?;
        try_with("kind of sample", sample(5, 0x1234, false, 1))?;
        // Misses may be counted, cycles and nanoseconds may not.
        try_with("events at least", sample(0, 3, true, 100))?;
        try_with("kind of sample", sample(0, 0, true, 1 << 40))?;
        try_with("kind of sample", sample(1, 0, true, 1 << 40))?;
        let at = |function: &str, n: usize| vec![function.to_owned(); n];
        for bad in ["", "vfs_read+4", "p:x vfs_read", "a/b", "*", &"a".repeat(128)] {
            try_with("not the name of a function", Start { kernel_functions: at(bad, 1), ..opensnoop() })?;
        }
        try_with("at most", Start { kernel_functions: at("vfs_read", 99), ..opensnoop() })?;
        try_with("one descriptor for each", Start { functions: vec![vec![1]], ..opensnoop() })
    }),
    ("descriptors of the wrong kind", false, |path| {
        let try_with = |why: &str, file: File, offset: u64| {
            let line = Line::granted(path)?;
            let start = Start { tool: "gethostlatency".into(), functions: vec![vec![offset]], ..opensnoop() };
            line.say(&ToDaemon::Start(start), &[file.as_fd()])?;
            line.is_refused(why).with_context(|| why.to_owned())
        };
        let open = |path: &str, flags| fs::OpenOptions::new().read(true).custom_flags(flags).open(path);
        try_with("not a regular file", open("/dev/null", 0)?, 0)?;
        try_with("not a regular file", open("/", libc::O_DIRECTORY)?, 0)?;
        try_with("not open for reading", open("/bin/true", libc::O_PATH)?, 0)?;
        try_with("ELF", open("/etc/passwd", 0)?, 0)?;
        try_with("no function begins", File::open(process::own_exe()?)?, 3)?;
        let line = Line::open(path)?;
        line.say(&ToDaemon::Ask(Ask { cgroup: true, ..line.ask() }), &[open("/", libc::O_DIRECTORY)?.as_fd()])?;
        line.is_refused("cgroup v2")
    }),
    ("another process speaks", false, |path| {
        let line = Line::open(path)?;
        // SAFETY: this process has one thread.
        match unsafe { fork() }? {
            ForkResult::Child => {
                let said = line.say(&ToDaemon::Ask(line.ask()), &[]);
                // SAFETY: ends the child without running the parent's exit handlers.
                unsafe { libc::_exit(said.is_err().into()) }
            }
            ForkResult::Parent { child } => waitpid(child, None)?,
        };
        line.is_refused("another process")
    }),
    ("a child outlives the client", false, |path| {
        // The connection is inherited; the grant is not.
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        // SAFETY: this process has one thread.
        match unsafe { fork() }? {
            ForkResult::Child => {
                let done = Line::started(path, opensnoop()).and_then(|(line, ..)| {
                    fds::send(&theirs, b"!", &[line.socket.as_fd()])?;
                    Ok(())
                });
                // SAFETY: as above.
                unsafe { libc::_exit(done.is_err().into()) }
            }
            ForkResult::Parent { child } => waitpid(child, None)?,
        };
        let mut word = [0];
        let mut came = fds::receive(&ours, &mut word, MsgFlags::empty())?;
        let line = Line { socket: came.fds.pop().context("no socket")?, nonce: [0; 16] };
        line.is_over()
    }),
    ("maps that are not for reports", false, |path| {
        let (line, ..) = Line::started(path, opensnoop())?;
        for map in ["events", "counts", "scratch_space", ".rodata.owner", "opensnoo.rodata", "nothing"] {
            line.say(&ToDaemon::Read(map.into()), &[])?;
            line.is_refused("map").with_context(|| map.to_owned())?;
        }
        // These have kernel addresses in keys or values.
        for (tool, map) in [("cpudist", "start"), ("fsdist", "started"), ("tcpconnlat", "socks")] {
            let start = Start { tool: tool.into(), ..opensnoop() };
            let (line, ..) = Line::started(path, start)?;
            line.say(&ToDaemon::Read(map.into()), &[])?;
            line.is_refused("not for reports").with_context(|| map.to_owned())?;
        }
        let (line, ..) = Line::started(path, Start { tool: "tcpconnlat".into(), ..opensnoop() })?;
        line.say(&ToDaemon::Stack(("socks".into(), 1)), &[])?;
        line.is_refused("no stacks")?;
        line.say(&ToDaemon::Adopt(1), &[])?;
        line.is_refused("no child")
    }),
    ("writing to what was passed", false, |path| {
        let (_line, started, fds) = Line::started(path, opensnoop())?;
        ensure!(fds.len() == 2, "{} descriptors", fds.len());
        for fd in &fds {
            let target = fs::read_link(format!("/proc/self/fd/{}", fd.as_raw_fd()))?;
            ensure!(target.to_string_lossy().contains("bpf-map"), "a descriptor of {}", target.display());
        }
        let map = |fd: &OwnedFd, offset: usize, prot| {
            // SAFETY: a mapping at an address of the kernel's choice, unmapped below.
            unsafe { libc::mmap(std::ptr::null_mut(), 4096, prot, libc::MAP_SHARED, fd.as_raw_fd(), offset as i64) }
        };
        let refuses = |fd: &OwnedFd, offset: usize| {
            let at = map(fd, offset, libc::PROT_READ | libc::PROT_WRITE);
            ensure!(at == libc::MAP_FAILED, "page {offset:#x} can be written");
            // Nor can a mapping be made writable later.
            let at = map(fd, offset, libc::PROT_READ);
            ensure!(at != libc::MAP_FAILED, "page {offset:#x} cannot be read");
            // SAFETY: the mapping of just now.
            let ret = unsafe { libc::mprotect(at, 4096, libc::PROT_READ | libc::PROT_WRITE) };
            ensure!(ret < 0, "page {offset:#x} can be made writable");
            Ok(())
        };
        refuses(&fds[0], 0)?;
        refuses(&fds[1], 4096)?;
        refuses(&fds[1], 8192)?;
        ensure!(started.ring == 65_536);
        for fd in &fds {
            let (key, value) = (0u32, [0xffu8; 64]);
            let (key, value) = ((&raw const key).cast::<c_void>(), value.as_ptr().cast::<c_void>());
            // SAFETY: key and value are as long as the map's.
            let ret = unsafe { libbpf_sys::bpf_map_update_elem(fd.as_raw_fd(), key, value, 0) };
            ensure!(ret < 0, "the map can be written");
        }
        // Nobody gets at the other maps by their number.
        for id in 1..100_000 {
            // SAFETY: a plain call.
            let fd = unsafe { libbpf_sys::bpf_map_get_fd_by_id(id) };
            ensure!(fd == -libc::EPERM, "map {id}: {fd}");
            if id > 100 {
                break;
            }
        }
        Ok(())
    }),
    ("more sessions than are allowed", false, |path| {
        let mut all = Vec::new();
        for _ in 0..8 {
            all.push(Line::granted(path)?);
        }
        let line = Line::open(path)?;
        line.say(&ToDaemon::Ask(line.ask()), &[])?;
        line.is_refused("the policy allows 8")?;
        drop(all);
        ensure!(within(Duration::from_secs(10), || Line::granted(path).is_ok()), "they do not come free");
        Ok(())
    }),
    ("root of a namespace that it made", false, |path| {
        let uid = Uid::current();
        unshare(CloneFlags::CLONE_NEWUSER)?;
        fs::write("/proc/self/uid_map", format!("0 {uid} 1"))?;
        // Root of its user namespace now; but the pid namespace is not that one's.
        for scope in [1, 2] {
            let line = Line::open(path)?;
            line.say(&ToDaemon::Ask(Ask { scope: Some(scope), ..line.ask() }), &[])?;
            line.is_refused("not allowed: ")?;
        }
        let line = Line::open(path)?;
        line.say(&ToDaemon::Ask(line.ask()), &[])?;
        match line.hear()?.0 {
            Some(ToClient::Granted(granted)) => ensure!(granted.scope == 0 && granted.uid == uid.as_raw()),
            other => bail!("{other:?}"),
        }
        Ok(())
    }),
    ("moves to another user namespace", false, |path| {
        let (line, ..) = Line::started(path, opensnoop())?;
        unshare(CloneFlags::CLONE_NEWUSER)?;
        line.is_refused("another user namespace")?;
        line.is_over()
    }),
    ("changes its uid", true, |path| {
        let (line, ..) = Line::started(path, opensnoop())?;
        let uid = Uid::from_raw(UID);
        setresuid(uid, uid, uid)?;
        line.is_refused("uid")?;
        line.is_over()
    }),
    ("changes its uid before it asks", true, |path| {
        let line = Line::open(path)?;
        let uid = Uid::from_raw(UID);
        setresuid(uid, uid, uid)?;
        line.say(&ToDaemon::Ask(line.ask()), &[])?;
        line.is_refused("uid")
    }),
    ("has the number of one that has gone", true, |path| {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        // The first connects, hands its connection on, and ends.
        // SAFETY: this process has one thread.
        let first = match unsafe { fork() }? {
            ForkResult::Child => {
                let done = Line::open(path)
                    .and_then(|line| Ok(fds::send(&theirs, &line.nonce, &[line.socket.as_fd()]).map(drop)?));
                // SAFETY: ends the child without running the parent's exit handlers.
                unsafe { libc::_exit(done.is_err().into()) }
            }
            ForkResult::Parent { child } => child,
        };
        waitpid(first, None)?;
        let mut nonce = [0; 16];
        let mut came = fds::receive(&ours, &mut nonce, MsgFlags::empty())?;
        let line = Line { socket: came.fds.pop().context("no socket")?, nonce };
        for _ in 0..100 {
            // The next process gets the first one's number, unless somebody else is faster.
            fs::write("/proc/sys/kernel/ns_last_pid", (first.as_raw() - 1).to_string())?;
            // SAFETY: as above.
            let second = match unsafe { fork() }? {
                ForkResult::Child => {
                    let same = Pid::this() == first;
                    let refused =
                        || line.say(&ToDaemon::Ask(line.ask()), &[]).and_then(|()| line.is_refused("has ended"));
                    let done = !same || refused().inspect_err(|e| eprintln!("{e:#}")).is_ok();
                    // SAFETY: as above.
                    unsafe { libc::_exit((!done).into()) }
                }
                ForkResult::Parent { child } => child,
            };
            let status = waitpid(second, None)?;
            if second == first {
                ensure!(status == WaitStatus::Exited(second, 0), "it was taken for the first one: {status:?}");
                return Ok(());
            }
        }
        bail!("the number {first} was not to be had a second time")
    }),
    ("moves to another cgroup", true, |path| {
        let mounts = fs::read_to_string("/proc/self/mounts")?;
        let root = mounts.lines().find_map(|l| match l.split(' ').collect::<Vec<_>>()[..] {
            [_, at, "cgroup2", ..] => Some(PathBuf::from(at)),
            _ => None,
        });
        let root = root.context("no cgroup v2")?;
        let home = fs::read_to_string("/proc/self/cgroup")?;
        let home = root.join(home.lines().find_map(|l| l.strip_prefix("0::/")).context("no cgroup")?);
        let group = root.join(format!("cbpf-moved-{}", std::process::id()));
        fs::create_dir(&group)?;
        // Root of the host may ask for its own cgroup, and then has it no longer.
        let tried = || {
            fs::write(group.join("cgroup.procs"), "0")?;
            let line = Line::open(path)?;
            line.say(&ToDaemon::Ask(Ask { scope: Some(1), ..line.ask() }), &[])?;
            let answer = line.hear()?.0;
            ensure!(matches!(answer, Some(ToClient::Granted(_))), "no grant for its own cgroup: {answer:?}");
            fs::write(home.join("cgroup.procs"), "0")?;
            line.is_refused("another cgroup")?;
            line.is_over()
        };
        let refused = tried();
        fs::write(home.join("cgroup.procs"), "0")?;
        fs::remove_dir(&group)?;
        refused
    }),
    ("is a set-uid program", true, |path| {
        setresuid(Uid::from_raw(UID), Uid::from_raw(0), Uid::from_raw(0))?;
        let line = Line::open(path)?;
        line.say(&ToDaemon::Ask(line.ask()), &[])?;
        line.is_refused("uid")
    }),
];

/// Those that are run by their own tests.
const OTHERS: &[Client] = &[
    ("ask for the host in a container", true, |path| {
        let line = Line::open(path)?;
        line.say(&ToDaemon::Ask(Ask { scope: Some(2), ..line.ask() }), &[])?;
        line.is_refused("not allowed: ")?;
        let line = Line::open(path)?;
        line.say(&ToDaemon::Ask(line.ask()), &[])?;
        match line.hear()?.0 {
            Some(ToClient::Granted(granted)) => ensure!(granted.scope == 1 && granted.level == 1, "{granted:?}"),
            other => bail!("{other:?}"),
        }
        Ok(())
    }),
    ("ask for a container as its user", false, |path| {
        let try_both = || {
            for scope in [1, 2] {
                let line = Line::open(path)?;
                line.say(&ToDaemon::Ask(Ask { scope: Some(scope), ..line.ask() }), &[])?;
                line.is_refused("not allowed: ")?;
            }
            Ok::<(), anyhow::Error>(())
        };
        try_both()?;
        // Nor as root of a user namespace inside: the container's pid namespace is not that one's.
        unshare(CloneFlags::CLONE_NEWUSER)?;
        // /proc is the host's here; the id by which it knows this process is not needed to ask.
        try_both()
    }),
    ("come and go a thousand times", false, |path| {
        for n in 0..1000 {
            match n % 4 {
                0 => drop(Line::open(path)?),
                1 | 2 => {
                    let line = Line::open(path)?;
                    line.say(&ToDaemon::Ask(line.ask()), &[])?;
                    if n % 4 == 1 {
                        line.hear()?; // or go before the answer
                    }
                }
                _ if n % 40 == 3 => drop(Line::started(path, opensnoop()).or_else(|_| {
                    thread::sleep(Duration::from_millis(200)); // those before have not been noticed to be gone
                    Line::started(path, opensnoop())
                })?),
                _ => {}
            }
        }
        Ok(())
    }),
    ("say nothing", false, |path| {
        let (mut lines, mut refusals) = (Vec::new(), Vec::new());
        for _ in 0..70 {
            match Line::open(path) {
                Ok(line) => lines.push(line),
                Err(e) => refusals.push(e.to_string()),
            }
        }
        ensure!(lines.len() == 64, "{} connections of one uid", lines.len());
        ensure!(refusals.iter().all(|e| e.contains("64 connections, and the daemon takes 64")), "{refusals:?}");
        let begin = Instant::now();
        for line in &lines {
            line.is_refused("asks nothing")?;
        }
        ensure!(begin.elapsed() < Duration::from_secs(8), "{:?}", begin.elapsed());
        Ok(())
    }),
];

/// Does as the client of that name.
pub fn client(what: &str, socket: &Path) -> Result<()> {
    let all = || CLIENTS.iter().chain(OTHERS).chain(adversaries::clients());
    let (.., act) = all().find(|(name, ..)| *name == what).with_context(|| format!("no client {what}"))?;
    act(socket)
}
