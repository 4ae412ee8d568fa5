//! The client of the daemon: gets a grant over its socket, and reads what the daemon's programs report. It makes no
//! `bpf()` call, which container engines refuse by default: rings and counters are mapped, maps are asked for.

use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::{fs, io};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use cbpf_bpf::events::viewer_extent;
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockType, UnixAddr, connect, setsockopt, socket, sockopt::ReceiveTimeout,
};
use nix::sys::time::{TimeVal, TimeValLike as _};

use crate::engine::{Plan, Refused};
use crate::fds;
use crate::grant::{Missing, NoGrant, Request, ScopeRefused};
use crate::owner::{Scope, UidMap, Viewer, cgroup_id};
use crate::protocol::{self, Ask, Build, Granted, LONGEST, Message as _, Nothing, Start, Started, ToClient, ToDaemon};

/// Where the daemon listens, unless `CBPF_SOCKET` says otherwise.
pub const SOCKET: &str = "/run/cbpf/cbpf.sock";

/// How long the daemon may take for an answer, s. Loading a large tool takes a fraction of one.
const PATIENCE: i64 = 30;

/// A connection that a grant came over; the grant lives as long as this.
#[derive(Debug)]
pub struct Client {
    socket: OwnedFd,
    /// Why there will be no more answers.
    ended: Mutex<Option<String>>,
}

/// What the daemon granted.
#[derive(Debug)]
pub struct Permit {
    /// The connection.
    pub client: Client,
    /// The scope.
    pub scope: Scope,
    /// This process in the eyes of the kernel.
    pub viewer: Viewer,
}

/// What fixes a refusal.
const ASK: &str = "ask whoever runs the daemon: cbpfd check --pid PID explains its policy";
/// What is wrong with an answer of another kind than the question's.
const ANOTHER: &str = "the daemon answers another question";

fn missing(why: String, fix: &str) -> Missing {
    Missing::new("daemon", why, fix)
}

fn socket_path() -> PathBuf {
    std::env::var_os("CBPF_SOCKET").filter(|path| !path.is_empty()).map_or_else(|| SOCKET.into(), Into::into)
}

/// Asks the daemon for a grant.
///
/// # Errors
/// [`Missing`] when there is none to be had here, [`ScopeRefused`] when there is, but not in this scope.
pub fn ask(request: &Request) -> Result<Permit> {
    let path = socket_path();
    let client = Client::connect(&path).map_err(|errno| {
        let fix = match errno {
            Errno::ENOENT => {
                "start cbpfd on the host (systemctl enable --now cbpfd.socket); into a container, mount /run/cbpf"
            }
            Errno::ECONNREFUSED => "the daemon has ended: systemctl restart cbpfd.socket on the host",
            _ => "CBPF_SOCKET names the daemon's socket, which must be open to this user",
        };
        missing(format!("{}: {}", path.display(), errno.desc()), fix)
    })?;
    let words =
        |e: anyhow::Error| missing(format!("{}: {e:#}", path.display()), "see the daemon's log: journalctl -u cbpfd");
    let greeting = client.receive_raw().map_err(words)?.0;
    // What it says to whom it has no place for.
    if let Ok(ToClient::Refused(why)) = ToClient::decode(&greeting) {
        return Err(missing(why, "try again when others have ended, or ask who runs the daemon").into());
    }
    protocol::same_build(&greeting, "daemon")
        .map_err(|e| missing(e.to_string(), "install cbpf and cbpfd of the same release"))?;
    let ToClient::Hello(hello) = ToClient::decode(&greeting)? else { bail!(words(anyhow!("no greeting"))) };

    let narrow = &request.narrow;
    let dir = match &narrow.cgroup {
        Some(path) => {
            cgroup_id(path).context("--cgroup")?;
            Some(fs::File::open(path).with_context(|| format!("--cgroup: cannot open {}", path.display()))?)
        }
        None => None,
    };
    let ask = ToDaemon::Ask(Ask {
        build: Build::this(),
        nonce: hello.nonce,
        scope: request.scope.map(Scope::number),
        pids: narrow.pids.clone(),
        tids: narrow.tids.clone(),
        uid: narrow.uid,
        cgroup: dir.is_some(),
        family: narrow.family,
    });
    let fds: Vec<BorrowedFd<'_>> = dir.iter().map(|dir| dir.as_fd()).collect();
    client.send(&ask, &fds).map_err(words)?;
    match client.receive().map_err(words)?.0 {
        ToClient::Granted(granted) => {
            let scope = Scope::numbered(granted.scope).ok_or_else(|| words(anyhow!("unknown scope")))?;
            Ok(Permit { client, scope, viewer: viewer(granted) })
        }
        ToClient::ScopeRefused(why) => Err(ScopeRefused(why).into()),
        ToClient::Refused(why) => Err(missing(why, ASK).into()),
        _ => Err(words(anyhow!(ANOTHER)).into()),
    }
}

fn viewer(granted: Granted) -> Viewer {
    let extent = |(first, lower, count)| viewer_extent { first, lower, count };
    Viewer {
        uid: granted.uid,
        root: granted.root,
        pidns: granted.pidns,
        level: granted.level,
        init_userns: granted.init_userns,
        uids: UidMap(granted.uids.map(|map| map.into_iter().map(extent).collect())),
        ..Viewer::default() // the rest is for records of ownership, and the daemon makes those
    }
}

impl Client {
    fn connect(path: &Path) -> Result<Self, Errno> {
        let socket = socket(AddressFamily::Unix, SockType::SeqPacket, SockFlag::SOCK_CLOEXEC, None)?;
        connect(socket.as_raw_fd(), &UnixAddr::new(path.as_os_str().as_bytes())?)?;
        setsockopt(&socket, ReceiveTimeout, &TimeVal::seconds(PATIENCE))?;
        Ok(Self { socket, ended: Mutex::new(None) })
    }

    fn send(&self, message: &ToDaemon, fds: &[BorrowedFd<'_>]) -> Result<()> {
        let bytes = message.encode();
        ensure!(bytes.len() <= LONGEST, "more than the daemon takes: {} bytes", bytes.len());
        match fds::send(&self.socket, &bytes, fds) {
            Ok(_) => Ok(()),
            // It may have said why.
            Err(Errno::EPIPE | Errno::ECONNRESET) => Ok(()),
            Err(e) => Err(e).context("cannot ask the daemon"),
        }
    }

    fn receive_raw(&self) -> Result<(Vec<u8>, Vec<OwnedFd>)> {
        let mut bytes = vec![0; LONGEST + 1];
        let came = fds::receive(&self.socket, &mut bytes, MsgFlags::empty());
        match came {
            Ok(came) if came.bytes > 0 => {
                bytes.truncate(came.bytes);
                Ok((bytes, came.fds))
            }
            Err(Errno::EAGAIN) => bail!("the daemon does not answer"),
            Ok(_) | Err(Errno::ECONNRESET) => {
                self.end("the daemon has ended");
                bail!("the daemon has ended the connection")
            }
            Err(e) => Err(io::Error::from(e)).context("cannot hear the daemon"),
        }
    }

    fn receive(&self) -> Result<(ToClient, Vec<OwnedFd>)> {
        let (bytes, fds) = self.receive_raw()?;
        match ToClient::decode(&bytes)? {
            ToClient::Ended(why) => {
                self.end(&why);
                bail!("the daemon ended the trace: {why}")
            }
            message => Ok((message, fds)),
        }
    }

    fn end(&self, why: &str) {
        if let Ok(mut ended) = self.ended.lock() {
            ended.get_or_insert_with(|| why.into());
        }
    }

    fn answer(&self, question: &ToDaemon) -> Result<ToClient> {
        self.send(question, &[])?;
        match self.receive()?.0 {
            ToClient::Failed(why) => bail!(why),
            answer => Ok(answer),
        }
    }

    /// Has a tool started.
    pub fn start(self: std::sync::Arc<Self>, plan: &Plan, buffer: u32) -> Result<Remote> {
        let files: Vec<BorrowedFd<'_>> = plan.functions.iter().map(|f| f.file.as_fd()).collect();
        ensure!(files.len() <= fds::MOST, "functions of {} files; the daemon takes {}", files.len(), fds::MOST);
        let owned = |name: &std::borrow::Cow<'static, str>| name.clone().into_owned();
        let start = Start {
            tool: plan.object.name.into(),
            knobs: plan.knobs.iter().map(|(name, value)| (owned(name), value.clone())).collect(),
            entries: plan.entries.iter().map(|(map, entries)| (owned(map), *entries)).collect(),
            depths: plan.depths.iter().map(|(map, frames)| (owned(map), *frames)).collect(),
            functions: plan.functions.iter().map(|f| f.offsets.clone()).collect(),
            samples: plan.samples.iter().map(|(program, sample)| (owned(program), (*sample).into())).collect(),
            kernel_functions: plan.kernel_functions.iter().map(owned).collect(),
            sets: plan.only_sets.clone(),
            events: plan.events,
            buffer,
        };
        self.send(&ToDaemon::Start(start), &files)?;
        let (answer, fds) = self.receive()?;
        let started = match answer {
            ToClient::Started(started) => started,
            ToClient::NotHere(reasons) => bail!(Refused { tool: plan.object.name, reasons }),
            ToClient::Refused(why) => {
                bail!(NoGrant(vec![missing(why, ASK)]))
            }
            ToClient::Failed(why) => bail!("the daemon: {why}"),
            _ => bail!(ANOTHER),
        };
        let mut fds = fds.into_iter();
        let counts = fds.next().context("the daemon sent no counts")?;
        let ring = match started.ring {
            0 => None,
            size => Some((fds.next().context("the daemon sent no ring")?, size)),
        };
        Ok(Remote { client: self, counts, ring, started, missed: AtomicU64::new(0) })
    }
}

/// A tool that the daemon runs.
#[derive(Debug)]
pub struct Remote {
    client: std::sync::Arc<Client>,
    counts: OwnedFd,
    ring: Option<(OwnedFd, u32)>,
    started: Started,
    missed: AtomicU64,
}

impl Remote {
    /// Events missed; known once detached.
    pub(crate) fn missed(&self) -> u64 {
        self.missed.load(Ordering::Relaxed)
    }

    pub(crate) fn events(&self) -> Option<(BorrowedFd<'_>, u32)> {
        self.ring.as_ref().map(|(fd, size)| (fd.as_fd(), *size))
    }

    pub(crate) fn counts(&self) -> (BorrowedFd<'_>, usize) {
        (self.counts.as_fd(), self.started.counts as usize)
    }

    pub(crate) fn started(&self) -> &Started {
        &self.started
    }

    /// Becomes readable when the trace ends before it is told to.
    pub(crate) fn socket(&self) -> BorrowedFd<'_> {
        self.client.socket.as_fd()
    }

    /// Why the daemon ended the trace, if it did.
    pub(crate) fn ended(&self) -> Option<String> {
        self.client.ended.lock().ok()?.clone()
    }

    /// What made the socket readable, between a question and another.
    pub(crate) fn hear(&self) {
        if let Ok((message, _)) = self.client.receive() {
            self.client.end(&format!("it says {message:?} unasked"));
        }
    }

    pub(crate) fn detach(&self) {
        if self.ended().is_none() {
            // Where it fails the daemon has ended, and then the tool has too.
            if let Ok(ToClient::Number(missed)) = self.client.answer(&ToDaemon::Detach(Nothing)) {
                self.missed.store(missed, Ordering::Relaxed);
            }
        }
    }

    pub(crate) fn read(
        &self,
        map: &str,
        sizes: (usize, usize),
        mut each: impl FnMut(&[u8], &[u8]) -> Result<()>,
    ) -> Result<()> {
        if let Some(why) = self.ended() {
            bail!("the daemon ended the trace: {why}");
        }
        let mut answer = self.client.answer(&ToDaemon::Read(map.into()))?;
        loop {
            let ToClient::Entries(entries) = answer else { bail!(ANOTHER) };
            ensure!(
                (entries.key as usize, entries.value as usize) == sizes,
                "map {map} has another layout in the object"
            );
            for entry in entries.bytes.chunks_exact(sizes.0 + sizes.1) {
                let (key, value) = entry.split_at(sizes.0);
                each(key, value)?;
            }
            if entries.last {
                return Ok(());
            }
            answer = match self.client.receive()?.0 {
                ToClient::Failed(why) => bail!(why),
                answer => answer,
            };
        }
    }

    /// Addresses of the process's own functions in a stack, or names of the kernel's.
    pub(crate) fn stack(&self, map: &str, id: u32) -> Result<(Vec<u64>, Vec<String>)> {
        match self.client.answer(&ToDaemon::Stack((map.into(), id)))? {
            ToClient::Frames(frames) => Ok(frames),
            _ => bail!(ANOTHER),
        }
    }

    pub(crate) fn adopt(&self, pid: u32) -> Result<()> {
        match self.client.answer(&ToDaemon::Adopt(pid))? {
            ToClient::Done(_) => Ok(()),
            _ => bail!(ANOTHER),
        }
    }

    pub(crate) fn next_period(&self) -> Result<u64> {
        match self.client.answer(&ToDaemon::NextPeriod(Nothing))? {
            ToClient::Number(n) => Ok(n),
            _ => bail!(ANOTHER),
        }
    }
}
