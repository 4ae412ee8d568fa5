//! The daemon: a thread for each connection, which is one session of one client.

use std::fs::{self, Permissions};
use std::io::Write as _;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use cbpf_bpf::events::cbpf_owner;
use cbpf_common::client::SOCKET;
use cbpf_common::elf;
use cbpf_common::engine::{self, Loaded, Plan, Rate, Refused, Sample, UserFunctions};
use cbpf_common::fds;
use cbpf_common::owner::{self, Narrow, Scope};
use cbpf_common::protocol::{
    self, Ask, Build, Entries, Granted, Hello, LONGEST, Message as _, Nothing, Start, Started, ToClient, ToDaemon,
};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, Backlog, MsgFlags, SockFlag, SockType, UnixAddr, accept4, bind, getsockopt, listen, setsockopt,
    socket, sockopt,
};
use nix::sys::time::{TimeVal, TimeValLike as _};

use crate::accounts::{Accounts, Counted, What};
use crate::peer::{self, Identity, Peer};
use crate::policy::{self, Policy, Rule};
use crate::{Usage, kernel, locked, sandbox};

/// Connections at a time, of one account.
const MOST_OF_ONE: u32 = 64;
/// How long a client may take to ask.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long it may take to say what is to be started, once it has a grant: it looks for functions meanwhile.
const PATIENCE_TO_START: Duration = Duration::from_secs(30);
/// How long it may take to take an answer, all of it.
const PATIENCE_TO_ANSWER: Duration = Duration::from_secs(20);
/// How often a client's identity is looked at anew.
const LOOK: Duration = Duration::from_secs(1);
/// The most functions of user programs.
const MOST_OFFSETS: usize = 2048;
/// The most samples a second on each CPU.
const MOST_HERTZ: u64 = 1000;
/// Where a sample is taken after every so many events, the fewest of them: a busy CPU makes some ten million references
/// to its last-level cache a second. The kernel has a bound too (`kernel.perf_event_max_sample_rate`), but
/// that is for the whole machine.
const LEAST_PERIOD: u64 = 10_000;

pub fn run(words: &[&str]) -> Result<()> {
    let (mut path, mut policy) = (PathBuf::from(SOCKET), PathBuf::from(policy::DIR));
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().copied().with_context(|| Usage(format!("{word} needs a value")));
        match *word {
            "--socket" => path = value()?.into(),
            "--policy" => policy = value()?.into(),
            other => bail!(Usage(format!("unexpected argument {other}"))),
        }
    }
    peer::in_initial_namespaces()?;
    Policy::read(&policy)?;
    engine::listen(false);
    let listener = match activated()? {
        Some(socket) => socket,
        None => listen_at(&path)?,
    };
    sandbox::enter()?;
    log(format_args!("ready"));
    let accounts = Accounts::new()?;
    let daemon = Arc::new(Daemon { policy, accounts, loading: Mutex::new(()) });
    loop {
        let connection = match accept4(listener.as_raw_fd(), SockFlag::SOCK_CLOEXEC) {
            // SAFETY: just accepted, and nobody else's.
            Ok(fd) => unsafe { OwnedFd::from_raw_fd(fd) },
            Err(Errno::EMFILE | Errno::ENFILE | Errno::ENOMEM | Errno::ENOBUFS) => {
                thread::sleep(Duration::from_millis(100));
                continue;
            }
            Err(Errno::EINTR | Errno::ECONNABORTED | Errno::EAGAIN) => continue,
            Err(e) => return Err(e).context("cannot accept connections"),
        };
        let daemon = daemon.clone();
        let of_client = move || guarded(|| daemon.serve(&connection));
        if let Err(e) = thread::Builder::new().stack_size(512 << 10).spawn(of_client) {
            log(format_args!("no thread for a client: {e}"));
        }
    }
}

// One client's thread that panics must not end the others'.
const _: () = assert!(cfg!(panic = "unwind"), "cbpfd is to be built with panic = \"unwind\"");

/// Serves a client, whatever happens.
fn guarded(serve: impl FnOnce() -> Result<()>) {
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(serve)) {
        Ok(Ok(())) => {}
        Ok(Err(e)) if e.is::<Gone>() => {}
        Ok(Err(e)) => log(format_args!("{e:#}")),
        Err(_) => log(format_args!("a client's thread ended by a fault of cbpfd's; the others go on")),
    }
}

/// The socket that systemd listens at for us, if it does (sd_listen_fds(3)).
fn activated() -> Result<Option<OwnedFd>> {
    let number = |name| std::env::var(name).ok().and_then(|v| v.parse::<u32>().ok());
    if number("LISTEN_PID") != Some(std::process::id()) {
        return Ok(None);
    }
    ensure!(number("LISTEN_FDS") == Some(1), "systemd passed more or fewer sockets than one");
    // SAFETY: looked at for one call only, and one that fails where there is no such descriptor.
    let kind =
        getsockopt(&unsafe { BorrowedFd::borrow_raw(3) }, sockopt::SockType).context("systemd passed no socket")?;
    ensure!(kind == SockType::SeqPacket, "the socket must be a ListenSequentialPacket= one");
    // SAFETY: it is there, and the protocol says that it is passed to this process, which has not used it before.
    Ok(Some(unsafe { OwnedFd::from_raw_fd(3) }))
}

fn listen_at(path: &Path) -> Result<OwnedFd> {
    let address = UnixAddr::new(path)?;
    let new = || socket(AddressFamily::Unix, SockType::SeqPacket, SockFlag::SOCK_CLOEXEC, None);
    if fs::symlink_metadata(path).is_ok_and(|meta| meta.file_type().is_socket()) {
        let busy = nix::sys::socket::connect(new()?.as_raw_fd(), &address).is_ok();
        ensure!(!busy, "a daemon listens at {} already", path.display());
        fs::remove_file(path)?;
    } else if let Some(dir) = path.parent() {
        fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    }
    let socket = new()?;
    bind(socket.as_raw_fd(), &address).with_context(|| format!("cannot listen at {}", path.display()))?;
    // Everybody may ask.
    fs::set_permissions(path, Permissions::from_mode(0o666))?;
    listen(&socket, Backlog::new(128)?)?;
    Ok(socket)
}

/// Writes a line of the log. Where nobody reads it the daemon goes on.
fn log(line: std::fmt::Arguments<'_>) {
    let _ = writeln!(std::io::stderr(), "cbpfd: {line}");
}

struct Daemon {
    policy: PathBuf,
    accounts: Accounts,
    /// One load at a time: libbpf's complaints have one place, and so nobody reads another one's.
    loading: Mutex<()>,
}

/// What the daemon says instead of giving something.
struct No(ToClient);

impl From<anyhow::Error> for No {
    fn from(e: anyhow::Error) -> Self {
        Self(ToClient::Refused(format!("{e:#}")))
    }
}

impl Daemon {
    fn serve(&self, socket: &OwnedFd) -> Result<()> {
        let peer = Peer::of(socket)?;
        setsockopt(socket, sockopt::ReceiveTimeout, &TimeVal::seconds(PATIENCE.as_secs() as i64))?;
        // A message takes as many of these as [`deliver`] gives it.
        setsockopt(socket, sockopt::SendTimeout, &TimeVal::seconds(LOOK.as_secs() as i64))?;
        setsockopt(socket, sockopt::PassCred, &true)?;
        let refuse = |No(message): No| send(socket, &message, &[]);
        let _connection = match peer.account().and_then(|who| self.accounts.count(who, What::Connection, MOST_OF_ONE)) {
            Ok(counted) => counted,
            Err(e) => return refuse(e.into()),
        };
        let (ask, dir) = match greet(socket, &peer) {
            Ok(Some(asked)) => asked,
            Ok(None) => return Ok(()),
            Err(e) => return refuse(e.into()),
        };
        let (grant, mut counted) = match self.grant(&peer, &ask, dir) {
            Ok(granted) => granted,
            Err(no) => return refuse(no),
        };
        send(socket, &grant.message(), &[])?;
        let until = Instant::now() + PATIENCE_TO_START;
        let Some((message, fds)) = self.next(socket, &peer, &grant, Some(until))? else { return Ok(()) };
        let ToDaemon::Start(start) = message else { return refuse(anyhow::anyhow!("no tool is asked for").into()) };
        let loaded = match self.start(&start, fds, &grant) {
            Ok(loaded) => loaded,
            Err(no) => return refuse(no),
        };
        self.session(socket, &peer, &grant, &mut counted, &start, loaded)
    }

    /// Who asks, what it may, and the record of what it owns.
    fn grant(&self, peer: &Peer, ask: &Ask, dir: Option<OwnedFd>) -> Result<(Grant, Counted<'_>), No> {
        let who = peer.identify()?;
        let policy = Policy::read(&self.policy).inspect_err(|e| log(format_args!("{e:#}")));
        let policy = policy.map_err(|_| anyhow::anyhow!("its policy cannot be read; its log says why"))?;
        let rule = policy.rule(&who).context("its policy has no rule for this process")?.clone();
        let session = self.accounts.count(peer.account()?, What::Session, rule.sessions)?;
        let widest = rule.widest(&who);
        let scope = match ask.scope {
            Some(n) => Scope::numbered(n).context("unknown scope")?,
            None if widest != Scope::User && who.container_root && who.level > 0 => Scope::Container,
            None => Scope::User,
        };
        if scope.number() > widest.number() {
            let why = format!(
                "--scope {}: not allowed{}: the widest scope for this process is {}",
                scope.name(),
                if scope.number() <= who.widest().number() { " by the daemon's policy" } else { "" },
                widest.name()
            );
            return Err(No(ToClient::ScopeRefused(why)));
        }
        let narrow =
            Narrow { pids: ask.pids.clone(), tids: ask.tids.clone(), uid: ask.uid, cgroup: None, family: ask.family };
        let mut owner = who.viewer().record_in(scope, &narrow, || owner::cgroup_of(who.pid))?;
        if let Some(dir) = dir {
            owner.in_cgroup = cgroup_dir(&dir)?;
        }
        owner.rate = rule.events_per_second;
        peer.alive()?;
        let by_cgroup = rule.goes_by_cgroup() || owner.cgroup != 0;
        Ok((Grant { who, rule, scope, owner, by_cgroup }, session))
    }

    /// The client's next message; `None` at the end, which is also when its identity has changed or it is too late.
    fn next(
        &self,
        socket: &OwnedFd,
        peer: &Peer,
        grant: &Grant,
        until: Option<Instant>,
    ) -> Result<Option<(ToDaemon, Vec<OwnedFd>)>> {
        loop {
            let mut fds =
                [PollFd::new(socket.as_fd(), PollFlags::POLLIN), PollFd::new(peer.pidfd(), PollFlags::POLLIN)];
            match poll(&mut fds, PollTimeout::try_from(LOOK)?) {
                Err(Errno::EINTR) => continue,
                other => other?,
            };
            let ready = |fd: &PollFd<'_>| fd.revents().is_some_and(|r| !r.is_empty());
            if ready(&fds[1]) {
                return Ok(None);
            }
            let asked = ready(&fds[0]);
            let late = until.is_some_and(|until| !asked && Instant::now() > until);
            let same = grant.holds(peer).and_then(|()| {
                ensure!(!late, "no tool was asked for within {} s", PATIENCE_TO_START.as_secs());
                Ok(())
            });
            if let Err(e) = same {
                if peer.alive().is_ok() {
                    send(socket, &ToClient::Ended(format!("{e:#}")), &[])?;
                }
                return Ok(None);
            }
            if asked {
                return receive(socket, peer);
            }
        }
    }

    fn start(&self, start: &Start, fds: Vec<OwnedFd>, grant: &Grant) -> Result<Loaded, No> {
        if !grant.rule.allows(&start.tool) {
            return Err(anyhow::anyhow!("its policy does not allow {} for this process", start.tool).into());
        }
        let plan = plan(start, fds, &grant.who)?;
        let memory = u64::from(grant.rule.memory_mib) << 20;
        let options = engine::Options { buffer: start.buffer, token: None, memory };
        let _alone = locked(&self.loading);
        let loaded = engine::load(&plan, &grant.owner, options).map_err(|e| match e.downcast::<Refused>() {
            Ok(refused) => No(ToClient::NotHere(refused.reasons)),
            Err(e) if e.is::<engine::TooMuch>() => e.into(),
            Err(e) => No(ToClient::Failed(format!("{e:#}"))),
        })?;
        loaded.freeze_counts()?;
        Ok(loaded)
    }

    fn session(
        &self,
        socket: &OwnedFd,
        peer: &Peer,
        grant: &Grant,
        counted: &mut Counted<'_>,
        start: &Start,
        mut loaded: Loaded,
    ) -> Result<()> {
        {
            let ring = loaded.events();
            let started = Started {
                set: loaded.set,
                passed_over: loaded.passed_over.clone(),
                ring: ring.map_or(0, |(_, size)| size),
                counts: engine::counts_size()? as u32,
                insns: loaded.verified_insns()?,
            };
            let fds: Vec<BorrowedFd<'_>> = std::iter::once(loaded.counts()?).chain(ring.map(|(fd, _)| fd)).collect();
            counted.gives(&fds)?;
            send(socket, &ToClient::Started(started), &fds)?;
        }
        let who = &grant.who;
        log(format_args!("{} for pid {} of uid {}, scope {}", start.tool, who.pid, who.uid, grant.scope.name()));
        while let Some((message, _)) = self.next(socket, peer, grant, None)? {
            let mut tell = Telling::new(socket, || grant.holds(peer));
            let answer = match message {
                ToDaemon::Read(map) => read(&mut tell, &loaded, &map),
                ToDaemon::Adopt(pid) => {
                    peer.is_child(pid).and_then(|()| loaded.adopt(pid)).map(|()| Some(ToClient::Done(Nothing)))
                }
                ToDaemon::NextPeriod(_) => loaded.next_period().map(|n| Some(ToClient::Number(n))),
                ToDaemon::Stack((map, id)) => loaded.stack(&map, id).map(|stack| {
                    let (kernel, user): (Vec<u64>, Vec<u64>) = stack.into_iter().partition(|a| kernel::is_kernel(*a));
                    Some(ToClient::Frames((user, kernel::names(&kernel))))
                }),
                ToDaemon::Detach(_) => {
                    loaded.detach();
                    Ok(Some(ToClient::Number(loaded.missed())))
                }
                ToDaemon::Ask(_) | ToDaemon::Start(_) => bail!("pid {} asks twice", who.pid),
            };
            match answer {
                Ok(Some(answer)) => tell.send(&answer, &[])?,
                Ok(None) => {}
                Err(e) if e.is::<Gone>() => return Ok(()),
                Err(e) => tell.send(&ToClient::Failed(format!("{e:#}")), &[])?,
            }
        }
        Ok(())
    }
}

/// What a client has.
struct Grant {
    who: Identity,
    rule: Rule,
    scope: Scope,
    owner: cbpf_owner,
    by_cgroup: bool,
}

impl Grant {
    /// Is the client still who was given this?
    fn holds(&self, peer: &Peer) -> Result<()> {
        peer.identify().and_then(|now| self.who.same(&now, self.by_cgroup))
    }

    fn message(&self) -> ToClient {
        let viewer = self.who.viewer();
        ToClient::Granted(Granted {
            scope: self.scope.number(),
            uid: viewer.uid,
            root: viewer.root,
            pidns: viewer.pidns,
            level: viewer.level,
            init_userns: viewer.init_userns,
            uids: viewer.uids.extents().map(|map| map.iter().map(|e| (e.first, e.lower, e.count)).collect()),
        })
    }
}

/// Greets a client and hears what it asks for; `None` if it goes away.
fn greet(socket: &OwnedFd, peer: &Peer) -> Result<Option<(Ask, Option<OwnedFd>)>> {
    let mut nonce = [0; 16];
    // SAFETY: the kernel writes at most 16 bytes.
    let n = unsafe { libc::getrandom(nonce.as_mut_ptr().cast(), nonce.len(), 0) };
    ensure!(n == 16, "no random numbers");
    send(socket, &ToClient::Hello(Hello { build: Build::this(), nonce }), &[])?;
    let mut bytes = vec![0; LONGEST + 1];
    let came = fds::receive(socket, &mut bytes, MsgFlags::empty()).map_err(|e| match e {
        Errno::EAGAIN => anyhow::anyhow!("pid {} connects and asks nothing", peer.pid()),
        Errno::EMSGSIZE => anyhow::anyhow!("a message that is too long, or has too many descriptors"),
        e => e.into(),
    })?;
    if came.bytes == 0 {
        return Ok(None);
    }
    let bytes = &bytes[..came.bytes];
    protocol::same_build(bytes, "client")?;
    let ToDaemon::Ask(ask) = ToDaemon::decode(bytes)? else { bail!("no grant is asked for") };
    // Whoever has the nonce lives after the greeting, and so does the process that the kernel says has sent it.
    ensure!(ask.nonce == nonce, "the answer to another greeting");
    peer.sent(came.sender.as_ref())?;
    let mut fds = came.fds.into_iter();
    let dir = fds.next();
    ensure!(dir.is_some() == ask.cgroup && fds.next().is_none(), "descriptors that were not announced");
    Ok(Some((ask, dir)))
}

fn receive(socket: &OwnedFd, peer: &Peer) -> Result<Option<(ToDaemon, Vec<OwnedFd>)>> {
    let mut bytes = vec![0; LONGEST + 1];
    let came = match fds::receive(socket, &mut bytes, MsgFlags::MSG_DONTWAIT) {
        Ok(came) => came,
        Err(Errno::ECONNRESET | Errno::EAGAIN) => return Ok(None),
        Err(Errno::EMSGSIZE) => bail!("pid {}: a message that is too long, or has too many descriptors", peer.pid()),
        Err(e) => return Err(e.into()),
    };
    if came.bytes == 0 {
        return Ok(None);
    }
    peer.sent(came.sender.as_ref())?;
    let message = ToDaemon::decode(&bytes[..came.bytes]).with_context(|| format!("pid {}", peer.pid()))?;
    ensure!(came.fds.is_empty() || matches!(message, ToDaemon::Start(_)), "descriptors that were not announced");
    Ok(Some((message, came.fds)))
}

/// The client is not there any more, or does not take its answer.
#[derive(Debug)]
struct Gone;
impl std::fmt::Display for Gone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the client is gone")
    }
}
impl std::error::Error for Gone {}

fn send(socket: &OwnedFd, message: &ToClient, fds: &[BorrowedFd<'_>]) -> Result<()> {
    Telling::new(socket, || Ok(())).send(message, fds)
}

/// An answer on its way. Whoever takes it slowly is looked at meanwhile.
struct Telling<'a, F> {
    socket: &'a OwnedFd,
    holds: F,
    until: Instant,
    looked: Instant,
}

impl<'a, F: Fn() -> Result<()>> Telling<'a, F> {
    /// `holds` fails once the client may have the rest no longer.
    fn new(socket: &'a OwnedFd, holds: F) -> Self {
        let now = Instant::now();
        Self { socket, holds, until: now + PATIENCE_TO_ANSWER, looked: now }
    }

    /// Sends a message, all of the answer or a piece.
    fn send(&mut self, message: &ToClient, fds: &[BorrowedFd<'_>]) -> Result<()> {
        let bytes = message.encode();
        loop {
            if self.looked.elapsed() >= LOOK {
                ensure!(Instant::now() < self.until && (self.holds)().is_ok(), Gone);
                self.looked = Instant::now();
            }
            match fds::send(self.socket, &bytes, fds) {
                Ok(_) => return Ok(()),
                Err(Errno::EAGAIN) => {}
                Err(Errno::EPIPE | Errno::ECONNRESET) => bail!(Gone),
                Err(e) => return Err(e.into()),
            }
        }
    }
}

/// What a client wants to run, checked as far as it can be before the object is opened; the engine checks the rest.
fn plan(start: &Start, fds: Vec<OwnedFd>, who: &Identity) -> Result<Plan> {
    ensure!(start.tool != "viewer", "no tool is named viewer");
    let mut plan = Plan::new(&start.tool)?;
    for (name, value) in &start.knobs {
        plan.raw_knob(name.clone(), value.clone());
    }
    for (map, entries) in &start.entries {
        plan.entries(map.clone(), *entries);
    }
    for (map, frames) in &start.depths {
        // What the kernel has room for (PERF_MAX_STACK_DEPTH).
        ensure!((1..=127).contains(frames), "stacks of {frames} frames");
        plan.depth(map.clone(), *frames);
    }
    ensure!(fds.len() == start.functions.len(), "not one descriptor for each file");
    ensure!(start.functions.iter().map(Vec::len).sum::<usize>() <= MOST_OFFSETS, "too many functions");
    for (fd, offsets) in fds.into_iter().zip(&start.functions) {
        let file = elf::regular(fd)?;
        let names = elf::functions_of(&start.tool);
        let uid = file.metadata()?.uid();
        ensure!(
            names.is_some() || who.owns_file(uid),
            "the file belongs to another user (uid {uid}): a probe in it would be met by everybody's processes"
        );
        elf::check(&file, offsets, names)?;
        plan.at(UserFunctions { file, offsets: offsets.clone() });
    }
    for function in &start.kernel_functions {
        plan.at_kernel(function.clone())?;
    }
    plan.sets(&start.sets);
    for (program, event) in &start.samples {
        let sample = Sample::from(event);
        // PERF_TYPE_HARDWARE and PERF_TYPE_SOFTWARE, of which neither has an address or a register in its config.
        let known = sample.kind.0 <= 1 && sample.kind.1 < 16;
        match sample.rate {
            Rate::Hertz(hertz) if known => {
                ensure!((1..=MOST_HERTZ).contains(&hertz), "at most {MOST_HERTZ} samples a second");
            }
            // Not cycles or clocks, say, which are many.
            Rate::Period(period) if sample.is_of_cache() => {
                ensure!(period >= LEAST_PERIOD, "a sample after {LEAST_PERIOD} events at least");
            }
            _ => bail!("a kind of sample that is not allowed"),
        }
        plan.sample(program.clone(), sample);
    }
    if start.events {
        ensure!(start.buffer.is_power_of_two() && start.buffer >= 4096, "a ring of {} bytes", start.buffer);
        plan.events();
    }
    Ok(plan)
}

/// The id of the cgroup that a descriptor stands for; it can only narrow.
fn cgroup_dir(fd: &OwnedFd) -> Result<u64> {
    let fs = nix::sys::statfs::fstatfs(fd)?;
    ensure!(
        fs.filesystem_type() == nix::sys::statfs::CGROUP2_SUPER_MAGIC,
        "-c: no directory of a cgroup v2 file system"
    );
    let stat = nix::sys::stat::fstat(fd)?;
    ensure!(stat.st_mode & libc::S_IFMT == libc::S_IFDIR, "-c: no directory");
    Ok(stat.st_ino)
}

/// Sends all of a map, in pieces.
fn read(tell: &mut Telling<'_, impl Fn() -> Result<()>>, loaded: &Loaded, map: &str) -> Result<Option<ToClient>> {
    let (key, value) = loaded.layout(map)?;
    // A ring has neither keys nor values.
    let entry = (key + value).max(1);
    let room = (LONGEST - 64) / entry * entry;
    ensure!(room > 0, "map {map} has values that are too large");
    let piece = |last, bytes| ToClient::Entries(Entries { last, key: key as u32, value: value as u32, bytes });
    let mut bytes = Vec::with_capacity(room);
    loaded.read(map, |k, v| {
        if bytes.len() == room {
            tell.send(&piece(false, std::mem::take(&mut bytes)), &[])?;
        }
        bytes.extend_from_slice(k);
        bytes.extend_from_slice(v);
        Ok(())
    })?;
    Ok(Some(piece(true, bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::Account;

    #[test]
    fn a_fault_ends_its_own_client_only() {
        let accounts = Accounts::new().expect("epoll");
        let daemon = Arc::new(Daemon { policy: PathBuf::new(), accounts, loading: Mutex::new(()) });
        let faulty = daemon.clone();
        let thread = thread::spawn(move || {
            guarded(|| {
                let _counted = faulty.accounts.count(Account::Uid(7), What::Session, 1)?;
                let _alone = locked(&faulty.loading);
                panic!("on purpose")
            });
        });
        assert!(thread.join().is_ok());
        // Neither its place nor what it held is lost.
        assert!(daemon.accounts.count(Account::Uid(7), What::Session, 1).is_ok());
        drop(locked(&daemon.loading));
    }
}
