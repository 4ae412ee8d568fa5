//! The daemon: what it must give, what it must refuse, and that it keeps nothing when a client is gone. Clients of
//! these tests run as processes of their own (`cbpf-suite client WHAT SOCKET`), under a uid without capabilities.

use std::ffi::c_void;
use std::fs::{self, File};
use std::io::Read as _;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use cbpf_common::fds;
use cbpf_common::protocol::{Ask, Build, Event, LONGEST, Message as _, Nothing, Start, Started, ToClient, ToDaemon};
use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{
    AddressFamily, Backlog, MsgFlags, SockFlag, SockType, UnixAddr, bind, connect, listen, setsockopt, socket,
    sockopt::{ReceiveTimeout, SendTimeout},
};
use nix::sys::time::{TimeVal, TimeValLike as _};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, Uid, fork, setresuid};

use crate::loss::closing_line;
use crate::process::{self, cbpf};

/// The uid of clients.
const UID: u32 = 2001;

/// A daemon that ends with this, or with the suite.
pub struct Daemon {
    child: Child,
    /// Its socket, in a directory of its own.
    pub socket: PathBuf,
    dir: PathBuf,
}

impl Daemon {
    /// Starts one with the policy `policy`; empty: the built-in one.
    pub fn start(policy: &str) -> Result<Self> {
        static STARTED: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let n = STARTED.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("cbpfd-{}-{n}", std::process::id()));
        fs::create_dir_all(&dir)?;
        if !policy.is_empty() {
            fs::write(dir.join("policy.toml"), policy)?;
        }
        Self::run(dir, None)
    }

    /// Starts one again where an earlier one was, or had its socket from a service manager that keeps it.
    fn run(dir: PathBuf, listener: Option<BorrowedFd<'_>>) -> Result<Self> {
        let socket = dir.join("cbpf.sock");
        let daemon = cbpf()?.with_file_name("cbpfd");
        // Who is passed a socket has to be told so by its own pid.
        let mut command = if listener.is_some() {
            let mut shell = Command::new("/bin/sh");
            shell.args(["-c", "export LISTEN_PID=$$ LISTEN_FDS=1; exec \"$@\"", "sh"]).arg(daemon);
            shell
        } else {
            Command::new(daemon)
        };
        command.arg("serve").arg("--socket").arg(&socket).arg("--policy").arg(&dir);
        command.stdin(Stdio::null()).stderr(File::create(dir.join("log"))?);
        let listener = listener.map(|fd| fd.as_raw_fd());
        // SAFETY: system calls only, between fork and exec.
        unsafe {
            command.pre_exec(move || {
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                // Where it is 3 already, dup2 would leave it to be closed by exec.
                let passed = listener.is_none_or(|fd| match fd {
                    3 => libc::fcntl(3, libc::F_SETFD, 0) == 0,
                    fd => libc::dup2(fd, 3) == 3,
                });
                if passed { Ok(()) } else { Err(std::io::Error::last_os_error()) }
            });
        }
        let child = command.spawn().context("cbpfd")?;
        let daemon = Self { child, socket, dir };
        let ready = || fs::read_to_string(daemon.dir.join("log")).is_ok_and(|log| log.contains("cbpfd: ready"));
        ensure!(within(Duration::from_secs(20), ready), "the daemon does not start: {}", daemon.log());
        Ok(daemon)
    }

    /// It is killed, which leaves its directory.
    fn kill(mut self) -> Result<PathBuf> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(std::mem::take(&mut self.dir))
    }

    fn log(&self) -> String {
        fs::read_to_string(self.dir.join("log")).unwrap_or_default()
    }

    /// What `cbpf ARGS` would be as a client under [`UID`].
    fn tool(&self, args: &[&str]) -> Result<Command> {
        let mut tool = Command::new(cbpf()?);
        tool.arg(args[0]).args(["--grant", "daemon"]).args(&args[1..]).env("CBPF_SOCKET", &self.socket);
        tool.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Ok(tool)
    }

    /// Runs one of [`CLIENTS`], and waits until the daemon has nothing of it left: a session ends after
    /// its client, and the next client's would be counted beside it.
    fn client(&self, what: &str, uid: Option<u32>) -> Result<()> {
        let descriptors = || anyhow::Ok(fs::read_dir(format!("/proc/{}/fd", self.child.id()))?.count());
        let before = descriptors()?;
        let mut command = Command::new(process::own_exe()?);
        command.args(["client", what]).arg(&self.socket);
        if let Some(uid) = uid {
            process::become_user(&mut command, uid, Vec::new());
        }
        let done = command.output()?;
        ensure!(done.status.success(), "{what}: {}", String::from_utf8_lossy(&done.stderr).trim());
        let clean = within(Duration::from_secs(10), || descriptors().is_ok_and(|now| now <= before));
        ensure!(clean, "{what}: the daemon has {} descriptors, and had {before} before", descriptors()?);
        Ok(())
    }

    /// Descriptors of BPF objects that the daemon has, as lines of their fdinfo that name an id.
    fn objects(&self) -> Result<Vec<(&'static str, u32)>> {
        let mut all = Vec::new();
        for fd in fs::read_dir(format!("/proc/{}/fdinfo", self.child.id()))? {
            let text = fs::read_to_string(fd?.path()).unwrap_or_default();
            for (line, kind) in [("link_id:", "link"), ("prog_id:", "program"), ("map_id:", "map")] {
                let id = text.lines().find_map(|l| l.strip_prefix(line)).and_then(|id| id.trim().parse().ok());
                if let Some(id) = id {
                    all.push((kind, id));
                    break;
                }
            }
        }
        Ok(all)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if !self.dir.as_os_str().is_empty() {
            let _ = fs::remove_dir_all(&self.dir);
        }
    }
}

/// The grant that owner tests name: that of one daemon for all of them.
pub fn grant() -> Result<String> {
    static DAEMON: OnceLock<Daemon> = OnceLock::new();
    let daemon = match DAEMON.get() {
        Some(daemon) => daemon,
        None => {
            let new = Daemon::start("")?;
            DAEMON.get_or_init(|| new)
        }
    };
    Ok(format!("daemon:{}", daemon.socket.display()))
}

fn within(limit: Duration, mut so: impl FnMut() -> bool) -> bool {
    let until = Instant::now() + limit;
    loop {
        if so() {
            return true;
        }
        if Instant::now() >= until {
            return false;
        }
        thread::sleep(Duration::from_millis(10));
    }
}

type Test = (&'static str, fn() -> Result<()>);

/// Every test, by name.
pub const TESTS: &[Test] = &[
    ("a client that would die of bpf()", no_bpf_call),
    ("kill -9 of a client leaves nothing", killed_client),
    ("the daemon's end is told, and what was counted", killed_daemon),
    ("it starts again after it was killed", restarted),
    ("clients that read nothing", stalled_clients),
    ("clients that lie, as users", liars),
    ("clients that change, as root", changers),
    ("root of a container is not root of the host", container_root),
    ("a policy bounds tools, scope, sessions and memory", policy_bounds),
    ("a policy bounds events", rate_cap),
    ("a policy that cannot be read allows nothing", broken_policy),
    ("a thousand clients leave nothing", many_clients),
    ("clients that say nothing", half_open),
];

fn no_bpf_call() -> Result<()> {
    let daemon = Daemon::start("")?;
    let mut tool = daemon.tool(&["opensnoop", "--", "cat", "/etc/hosts"])?;
    process::become_user(&mut tool, UID, Vec::new());
    kill_on_bpf(&mut tool);
    let done = tool.output()?;
    let stderr = String::from_utf8_lossy(&done.stderr).into_owned();
    ensure!(done.status.success(), "{}: {stderr}", done.status);
    let (matched, shown, _) = closing_line(&stderr)?;
    ensure!(matched > 0 && shown == matched, "{stderr}");
    ensure!(String::from_utf8_lossy(&done.stdout).contains("/etc/hosts"), "{stderr}");
    // And the filter does what it says: without the daemon there is no way.
    let mut strict = Command::new(cbpf()?);
    strict.args(["opensnoop", "--grant", "strict", "-d", "1"]);
    kill_on_bpf(&mut strict);
    let done = strict.output()?;
    let stderr = String::from_utf8_lossy(&done.stderr);
    let told = stderr.contains("a seccomp profile kills who calls bpf()");
    ensure!(done.status.code() == Some(3) && told, "{}: {stderr}", done.status);
    Ok(())
}

/// A seccomp filter under which bpf() and perf_event_open() are fatal.
fn kill_on_bpf(command: &mut Command) {
    let op = |code: u32, jt, jf, k: u32| libc::sock_filter { code: code as u16, jt, jf, k };
    let program = [
        op(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        op(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 2, 0, libc::SYS_bpf as u32),
        op(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 1, 0, libc::SYS_perf_event_open as u32),
        op(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
        op(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_KILL_PROCESS),
    ];
    // SAFETY: system calls only, between fork and exec; the program lives in the closure.
    unsafe {
        command.pre_exec(move || {
            let mut program = program;
            let filter = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
            if libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0
                || libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const filter) < 0
            {
                return Err(std::io::Error::last_os_error());
            }
            Ok(())
        });
    }
}

/// Starts a tool and waits for its first line: from then on it traces.
fn running(tool: &mut Command) -> Result<Child> {
    let mut child = tool.spawn()?;
    let mut first = [0];
    child.stdout.as_mut().context("stdout")?.read_exact(&mut first).context("the tool did not start")?;
    Ok(child)
}

fn killed_client() -> Result<()> {
    let daemon = Daemon::start("")?;
    let mut tool = daemon.tool(&["opensnoop"])?;
    process::become_user(&mut tool, UID, Vec::new());
    let mut client = running(&mut tool)?;
    let objects = daemon.objects()?;
    for kind in ["program", "map"] {
        ensure!(objects.iter().any(|(k, _)| *k == kind), "the daemon has no {kind}: {objects:?}");
    }
    client.kill()?;
    client.wait()?;
    let mut left = Vec::new();
    within(Duration::from_secs(1), || {
        left = daemon.objects().unwrap_or_default();
        left.is_empty() && objects.iter().all(|(kind, id)| !exists(kind, *id))
    });
    ensure!(left.is_empty(), "after a second the daemon still has {left:?}");
    let alive: Vec<_> = objects.iter().filter(|(kind, id)| exists(kind, *id)).collect();
    ensure!(alive.is_empty(), "after a second there still are {alive:?}");
    Ok(())
}

fn exists(kind: &str, id: u32) -> bool {
    // SAFETY: plain calls; a descriptor that comes back is ours to close.
    unsafe {
        let fd = match kind {
            "link" => libbpf_sys::bpf_link_get_fd_by_id(id),
            "program" => libbpf_sys::bpf_prog_get_fd_by_id(id),
            _ => libbpf_sys::bpf_map_get_fd_by_id(id),
        };
        fd >= 0 && libc::close(fd) == 0
    }
}

fn killed_daemon() -> Result<()> {
    for args in [&["opensnoop"][..], &["syscount", "-i", "60"]] {
        let mut daemon = Daemon::start("")?;
        let mut tool = daemon.tool(args)?;
        process::become_user(&mut tool, UID, Vec::new());
        let mut client = tool.spawn()?;
        ensure!(within(Duration::from_secs(20), || daemon.log().contains(" for pid ")), "{}", daemon.log());
        thread::sleep(Duration::from_millis(300));
        let mut work = Command::new("/bin/true");
        process::become_user(&mut work, UID, Vec::new());
        work.status()?;
        thread::sleep(Duration::from_millis(300));
        daemon.child.kill()?;
        daemon.child.wait()?;
        let ended = within(Duration::from_secs(2), || client.try_wait().is_ok_and(|status| status.is_some()));
        if !ended {
            client.kill()?;
        }
        let done = client.wait_with_output()?;
        let stderr = String::from_utf8_lossy(&done.stderr);
        ensure!(ended, "{args:?}: two seconds later the client still runs: {stderr}");
        ensure!(done.status.code() == Some(1), "{args:?}: {}: {stderr}", done.status);
        ensure!(stderr.contains("the daemon ended the trace: the daemon has ended"), "{args:?}: {stderr}");
        let (matched, shown, dropped) = closing_line(&stderr)?;
        ensure!(matched > 0 && matched == shown + dropped, "{args:?}: {stderr}");
    }
    Ok(())
}

fn restarted() -> Result<()> {
    // By hand: what is left of the socket is in the way.
    let dir = Daemon::start("")?.kill()?;
    ensure!(dir.join("cbpf.sock").exists(), "a daemon that was killed has no chance to remove its socket");
    let daemon = Daemon::run(dir, None)?;
    daemon.client("a short trace", Some(UID)).with_context(|| format!("started again: {}", daemon.log()))?;
    // By a service manager: it keeps the socket, and who comes while there is no daemon waits for the next one.
    let dir = daemon.kill()?;
    let path = dir.join("cbpf.sock");
    fs::remove_file(&path)?;
    let listener = socket(AddressFamily::Unix, SockType::SeqPacket, SockFlag::SOCK_CLOEXEC, None)?;
    bind(listener.as_raw_fd(), &UnixAddr::new(&path)?)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666))?;
    listen(&listener, Backlog::new(16)?)?;
    let first = Daemon::run(dir, Some(listener.as_fd()))?;
    first.client("a short trace", Some(UID)).with_context(|| format!("passed a socket: {}", first.log()))?;
    let dir = first.kill()?;
    thread::scope(|scope| {
        let waits = scope.spawn(|| {
            let mut tool = Command::new(cbpf()?);
            tool.args(["opensnoop", "--grant", "daemon", "--", "cat", "/etc/hosts"]).env("CBPF_SOCKET", &path);
            process::become_user(&mut tool, UID, Vec::new());
            Ok::<_, anyhow::Error>(tool.output()?)
        });
        thread::sleep(Duration::from_millis(300));
        let second = Daemon::run(dir, Some(listener.as_fd()))?;
        let done = waits.join().map_err(|_| anyhow::anyhow!("the client's thread panicked"))??;
        let stderr = String::from_utf8_lossy(&done.stderr);
        ensure!(done.status.success() && closing_line(&stderr)?.0 > 0, "{}: {stderr}", done.status);
        drop(second);
        Ok(())
    })
}

fn stalled_clients() -> Result<()> {
    let daemon = Daemon::start("")?;
    // One that asks and does not take the answers. It has to be given up, and the others must not notice.
    let mut command = Command::new(process::own_exe()?);
    command.args(["client", "ask and read nothing"]).arg(&daemon.socket);
    process::become_user(&mut command, UID, Vec::new());
    let asking = command.spawn()?;
    // One that stops reading its ring.
    let mut tool = daemon.tool(&["opensnoop", "-n", "wk-loop", "--buffer", "64K"])?;
    process::become_user(&mut tool, UID, Vec::new());
    let reader = running(&mut tool)?;
    let pid = Pid::from_raw(reader.id() as i32);
    kill(pid, Signal::SIGSTOP)?;
    let mut work = Command::new(process::own_exe()?);
    work.args(["loop", "20000"]);
    process::spawn(&mut work, Some(UID), 0)?.finish()?;
    daemon.client("a short trace", Some(UID + 1))?;
    kill(pid, Signal::SIGCONT)?;
    kill(pid, Signal::SIGINT)?;
    let done = reader.wait_with_output()?;
    let stderr = String::from_utf8_lossy(&done.stderr);
    let (matched, shown, dropped) = closing_line(&stderr)?;
    ensure!(matched == 20_000 && matched == shown + dropped && dropped > 0 && shown > 0, "{stderr}");
    let done = asking.wait_with_output()?;
    ensure!(done.status.success(), "who asks and reads nothing: {}", done.status);
    ensure!(
        within(Duration::from_secs(10), || daemon.objects().is_ok_and(|left| left.is_empty())),
        "something is left"
    );
    Ok(())
}

fn liars() -> Result<()> {
    let daemon = Daemon::start("")?;
    for (what, by_root, _) in CLIENTS.iter().filter(|(_, by_root, _)| !by_root) {
        debug_assert!(!by_root);
        daemon.client(what, Some(UID))?;
    }
    Ok(())
}

fn changers() -> Result<()> {
    let daemon = Daemon::start("")?;
    for (what, ..) in CLIENTS.iter().filter(|(_, by_root, _)| *by_root) {
        daemon.client(what, None)?;
    }
    Ok(())
}

fn container_root() -> Result<()> {
    let daemon = Daemon::start("")?;
    let mut command = Command::new(process::own_exe()?);
    command.args(["client", "ask for the host in a container"]).arg(&daemon.socket);
    process::spawn(&mut command, None, libc::CLONE_NEWPID | libc::CLONE_NEWNS)?.finish()?;
    let mut command = Command::new(process::own_exe()?);
    command.args(["client", "ask for a container as its user"]).arg(&daemon.socket);
    process::spawn(&mut command, Some(UID), libc::CLONE_NEWPID | libc::CLONE_NEWNS)?.finish()?;
    Ok(())
}

fn policy_bounds() -> Result<()> {
    let policy = format!(
        "[[rule]]\nuid = [{UID}]\ntools = [\"opensnoop\"]\nsessions = 1\nmemory_mib = 1\n\
         [[rule]]\nuid = [0]\nscope = \"user\"\n"
    );
    let daemon = Daemon::start(&policy)?;
    let refused = |args: &[&str], uid: u32, status: i32, why: &str| -> Result<()> {
        let mut tool = daemon.tool(args)?;
        tool.args(["-d", "1"]);
        process::become_user(&mut tool, uid, Vec::new());
        let done = tool.output()?;
        let stderr = String::from_utf8_lossy(&done.stderr);
        ensure!(done.status.code() == Some(status) && stderr.contains(why), "{args:?}: {}: {stderr}", done.status);
        Ok(())
    };
    refused(&["runqlat"], UID, 3, "does not allow runqlat")?;
    refused(&["opensnoop", "--buffer", "4M"], UID, 1, "are allowed")?;
    refused(&["opensnoop", "--buffer", "64K"], UID, 0, "matched")?;
    refused(&["opensnoop"], UID + 1, 3, "no rule")?;
    let mut host = daemon.tool(&["opensnoop", "--scope", "host"])?;
    let done = host.output()?;
    let stderr = String::from_utf8_lossy(&done.stderr);
    ensure!(done.status.code() == Some(3) && stderr.contains("its policy says no"), "{stderr}");
    let mut tool = daemon.tool(&["opensnoop", "--buffer", "64K"])?;
    process::become_user(&mut tool, UID, Vec::new());
    let mut first = running(&mut tool)?;
    refused(&["opensnoop", "--buffer", "64K"], UID, 3, "the policy allows 1")?;
    first.kill()?;
    first.wait()?;
    Ok(())
}

fn rate_cap() -> Result<()> {
    let daemon = Daemon::start("[[rule]]\nevents_per_second = 100\n")?;
    let mut tool = daemon.tool(&["opensnoop", "-n", "wk-loop"])?;
    process::become_user(&mut tool, UID, Vec::new());
    let client = running(&mut tool)?;
    let mut work = Command::new(process::own_exe()?);
    work.args(["loop", "20000"]);
    process::spawn(&mut work, Some(UID), 0)?.finish()?;
    kill(Pid::from_raw(client.id() as i32), Signal::SIGINT)?;
    let done = client.wait_with_output()?;
    let stderr = String::from_utf8_lossy(&done.stderr);
    let (matched, shown, dropped) = closing_line(&stderr)?;
    ensure!(matched == 20_000 && matched == shown + dropped, "{stderr}");
    ensure!(stderr.contains("rate cap"), "{stderr}");
    // It may take some seconds on an emulated machine, and each of them has its hundred.
    ensure!((100..5000).contains(&shown), "{stderr}");
    Ok(())
}

fn broken_policy() -> Result<()> {
    let daemon = Daemon::start("[[rule]]\n")?;
    fs::write(daemon.dir.join("policy.toml"), "[[rule]]\nuids = [0]\n")?;
    let done = daemon.tool(&["opensnoop", "-d", "1"])?.output()?;
    let stderr = String::from_utf8_lossy(&done.stderr);
    ensure!(done.status.code() == Some(3) && stderr.contains("policy cannot be read"), "{stderr}");
    Ok(())
}

fn many_clients() -> Result<()> {
    let daemon = Daemon::start("")?;
    let fds = || fs::read_dir(format!("/proc/{}/fd", daemon.child.id())).map(Iterator::count).unwrap_or(0);
    let before = fds();
    daemon.client("come and go a thousand times", Some(UID))?;
    let settled = within(Duration::from_secs(10), || fds() <= before);
    ensure!(settled, "{before} descriptors before, {} after", fds());
    daemon.client("a short trace", Some(UID))
}

fn half_open() -> Result<()> {
    let daemon = Daemon::start("")?;
    // Seventy connections that say nothing must keep out neither another user nor, for long, the same one.
    let silent = {
        let mut command = Command::new(process::own_exe()?);
        command.args(["client", "say nothing"]).arg(&daemon.socket);
        process::become_user(&mut command, UID, Vec::new());
        command.spawn()?
    };
    thread::sleep(Duration::from_millis(500));
    daemon.client("a short trace", Some(UID + 1))?;
    let done = silent.wait_with_output()?;
    ensure!(done.status.success(), "the silent client: {}", done.status);
    daemon.client("a short trace", Some(UID))
}

// ---------------------------------------------------------------------------------------------------------------------
// The other side: what clients do.

/// A connection that can be used wrongly.
struct Line {
    socket: OwnedFd,
    nonce: [u8; 16],
}

impl Line {
    fn open(path: &Path) -> Result<Self> {
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
    fn hear(&self) -> Result<(Option<ToClient>, Vec<OwnedFd>)> {
        let mut bytes = vec![0; LONGEST + 1];
        match fds::receive(&self.socket, &mut bytes, MsgFlags::empty()) {
            Ok(came) if came.bytes > 0 => Ok((Some(ToClient::decode(&bytes[..came.bytes])?), came.fds)),
            Ok(_) | Err(Errno::ECONNRESET) => Ok((None, Vec::new())),
            Err(e) => Err(e).context("the daemon says nothing"),
        }
    }

    fn say(&self, message: &ToDaemon, fds: &[BorrowedFd<'_>]) -> Result<()> {
        self.say_raw(&message.encode(), fds)
    }

    fn say_raw(&self, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> Result<()> {
        match fds::send(&self.socket, bytes, fds) {
            Ok(_) | Err(Errno::EPIPE) => Ok(()),
            Err(e) => Err(e.into()),
        }
    }

    fn ask(&self) -> Ask {
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
    fn granted(path: &Path) -> Result<Self> {
        let line = Self::open(path)?;
        line.say(&ToDaemon::Ask(line.ask()), &[])?;
        match line.hear()?.0 {
            Some(ToClient::Granted(_)) => Ok(line),
            other => bail!("no grant: {other:?}"),
        }
    }

    /// With a tool that runs.
    fn started(path: &Path, start: Start) -> Result<(Self, Started, Vec<OwnedFd>)> {
        let line = Self::granted(path)?;
        line.say(&ToDaemon::Start(start), &[])?;
        match line.hear()? {
            (Some(ToClient::Started(started)), fds) => Ok((line, started, fds)),
            other => bail!("not started: {other:?}"),
        }
    }

    /// The daemon refuses, with that word in its reason, and says nothing more.
    fn is_refused(&self, why: &str) -> Result<()> {
        let text = match self.hear()?.0 {
            Some(
                ToClient::Refused(text) | ToClient::ScopeRefused(text) | ToClient::Failed(text) | ToClient::Ended(text),
            ) => text,
            other => bail!("{other:?} instead of a refusal ({why})"),
        };
        ensure!(text.contains(why), "refused, but not for {why}: {text}");
        Ok(())
    }

    fn is_over(&self) -> Result<()> {
        match self.hear()?.0 {
            None => Ok(()),
            other => bail!("{other:?} instead of the end"),
        }
    }
}

fn opensnoop() -> Start {
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

type Client = (&'static str, bool, fn(&Path) -> Result<()>);

/// Name, whether it must run as root, and what it does.
const CLIENTS: &[Client] = &[
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
        try_with("none", &|bytes| bytes.truncate(bytes.len() - 1))?;
        try_with("none", &|bytes| bytes.push(0))?;
        try_with("does not speak", &|bytes| bytes.truncate(3))?;
        try_with("does not speak", &|bytes| bytes[1] = b'x')?;
        try_with("version", &|bytes| bytes[5] += 1)?;
        try_with("another build", &|bytes| bytes[7] ^= 1)?;
        try_with("another greeting", &|bytes| bytes[15] ^= 1)?;
        try_with("none", &|bytes| bytes[0] = 4)?;
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
            line.is_refused("more than its own")?;
        }
        let line = Line::open(path)?;
        line.say(&ToDaemon::Ask(Ask { scope: Some(9), ..line.ask() }), &[])?;
        line.is_refused("none")?;
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
            line.is_refused("more than its own")?;
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
        line.is_refused("more than its own")?;
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
                line.is_refused("more than its own")?;
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
    let all = || CLIENTS.iter().chain(OTHERS);
    let (.., act) = all().find(|(name, ..)| *name == what).with_context(|| format!("no client {what}"))?;
    act(socket)
}
