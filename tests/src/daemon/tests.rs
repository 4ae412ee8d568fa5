//! What the daemon must give, what it must refuse, and that it keeps nothing when a client is gone.

use std::fs;
use std::io::Read as _;
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind, listen, socket};
use nix::unistd::Pid;

use crate::loss::closing_line;
use crate::process::{self, cbpf};

use super::clients::CLIENTS;
use super::{Daemon, UID, within};

pub(super) type Test = (&'static str, fn() -> Result<()>);

/// Every test, by name.
pub(super) const TESTS: &[Test] = &[
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
    let told = stderr.contains("a seccomp profile kills whoever calls bpf()");
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
    refused(&["opensnoop", "--buffer", "4M"], UID, 3, "5 MiB for its maps and its ring, and 1 are allowed")?;
    refused(&["opensnoop", "--buffer", "64K"], UID, 0, "matched")?;
    refused(&["opensnoop"], UID + 1, 3, "no rule")?;
    let mut host = daemon.tool(&["opensnoop", "--scope", "host"])?;
    let done = host.output()?;
    let stderr = String::from_utf8_lossy(&done.stderr);
    ensure!(done.status.code() == Some(3) && stderr.contains("not allowed by the daemon's policy"), "{stderr}");
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
    let refused = |what: &str| {
        let done = daemon.tool(&["opensnoop", "-d", "1"])?.output()?;
        let stderr = String::from_utf8_lossy(&done.stderr);
        ensure!(done.status.code() == Some(3) && stderr.contains("policy cannot be read"), "{what}: {stderr}");
        anyhow::Ok(())
    };
    fs::write(daemon.dir.join("policy.toml"), "[[rule]]\nuids = [0]\n")?;
    refused("no policy")?;
    // Root too must be let in by its mode: the daemon has no capability that makes up for it.
    fs::remove_file(daemon.dir.join("policy.toml"))?;
    let drop_ins = daemon.dir.join("policy.d");
    fs::create_dir(&drop_ins)?;
    fs::set_permissions(&drop_ins, fs::Permissions::from_mode(0o000))?;
    refused("a directory that is shut")
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
