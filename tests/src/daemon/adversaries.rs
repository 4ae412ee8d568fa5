//! Clients of the daemon that want more of it, or of other people's processes, than is theirs; and what the daemon itself
//! still may do.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::os::unix::fs::chown;
use std::process::{Command, Stdio};
use std::ptr;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use cbpf_common::functions;
use cbpf_common::protocol::{Message as _, Start, ToClient, ToDaemon};
use nix::errno::Errno;
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, Uid, fork, setresuid};

use crate::process;

use super::clients::{Client, Line, opensnoop};
use super::tests::Test;
use super::{Daemon, UID, within};

/// Every test, by name.
pub const TESTS: &[Test] = &[
    ("clients that want what is not theirs", greedy),
    ("funclatency in a file of one's own", own_file),
    ("an answer that is taken slowly", slow_answer),
    ("a namespace of root's has one account", one_account),
    ("what is kept of a session counts", kept_rings),
    ("what it refuses, strict gives", next_grant),
    ("what it may do itself", sandboxed),
];

/// Name, whether it must run as root, and what it does.
pub const CLIENTS: &[Client] = &[
    ("too many descriptors", false, |path| {
        let null = File::open("/dev/null")?;
        for _ in 0..6 {
            let line = Line::open(path)?;
            line.say(&ToDaemon::Ask(line.ask()), &[null.as_fd(); 20])?;
            line.is_refused("too many descriptors")?;
        }
        Ok(())
    }),
    ("functions that are not the tool's", false, |path| {
        let libc = || anyhow::Ok(functions::own_libcs()?.into_iter().next().context("no C library")?);
        let at = |tool: &str, function: &str| {
            let found = functions::find(libc()?, &[function])?.context("no such function")?;
            let start = Start { tool: tool.into(), functions: vec![found.offsets], ..opensnoop() };
            let line = Line::granted(path)?;
            line.say(&ToDaemon::Start(start), &[found.file.as_fd()])?;
            anyhow::Ok(line)
        };
        at("bashreadline", "fgets")?.is_refused("none of readline_internal_teardown, readline")?;
        at("gethostlatency", "malloc")?.is_refused("none of getaddrinfo")?;
        at("opensnoop", "malloc")?.is_refused("none of")?;
        at("funclatency", "_setjmp")?.is_refused("the file belongs to another user (uid 0)")?;
        let started = at("gethostlatency", "getaddrinfo")?.hear()?.0;
        ensure!(matches!(started, Some(ToClient::Started(_))), "{started:?}");
        Ok(())
    }),
    ("maps that take more than their entries", false, |path| {
        let line = Line::granted(path)?;
        // 36 MB of keys and values; the kernel takes several times that for them.
        let start = Start { tool: "runqlat".into(), entries: vec![("start".into(), 3_000_000)], ..opensnoop() };
        line.say(&ToDaemon::Start(Start { events: false, ..start }), &[])?;
        line.is_refused("are allowed")
    }),
    ("the daemon's maps by their numbers", false, |path| {
        let (_line, _, fds) = Line::started(path, opensnoop())?;
        let ring = fds.get(1).context("no ring")?;
        let about = fs::read_to_string(format!("/proc/self/fdinfo/{}", ring.as_raw_fd()))?;
        let id = about.lines().find_map(|l| l.strip_prefix("map_id:")).context("no id")?.trim().parse::<u32>()?;
        // Its others were made just before and after.
        for id in id.saturating_sub(50)..id + 50 {
            // SAFETY: a plain call.
            let fd = unsafe { libbpf_sys::bpf_map_get_fd_by_id(id) };
            ensure!(fd == -libc::EPERM, "map {id}: {fd}");
        }
        Ok(())
    }),
    ("credentials that are another's", true, |path| {
        let forged = |pid: i32, uid: u32| {
            let line = Line::open(path)?;
            let credentials = libc::ucred { pid, uid, gid: 0 }.into();
            let bytes = ToDaemon::Ask(line.ask()).encode();
            let with = [ControlMessage::ScmCredentials(&credentials)];
            let slice = [io::IoSlice::new(&bytes)];
            sendmsg::<()>(line.socket.as_raw_fd(), &slice, &with, MsgFlags::empty(), None)?;
            anyhow::Ok(line)
        };
        forged(1, 0)?.is_refused("another process")?;
        forged(Pid::this().as_raw(), UID)?.is_refused("uid")?;
        // Who is not root does not get as far.
        let uid = Uid::from_raw(UID);
        setresuid(uid, uid, uid)?;
        let error = forged(1, UID).err().context("a user may claim to be another process")?;
        ensure!(error.downcast_ref() == Some(&Errno::EPERM), "{error:#}");
        Ok(())
    }),
];

const OTHERS: &[Client] = &[
    ("take an answer slowly, and end", false, |path| {
        let start = Start { tool: "filetop".into(), events: false, ..opensnoop() };
        let (line, ..) = Line::started(path, start)?;
        let dir = std::env::temp_dir().join(format!("cbpf-many-{}", Pid::this()));
        fs::create_dir(&dir)?;
        // Several times what the socket holds; and by another process, for a tool is not shown its own.
        let make = "cd \"$0\"; n=0; while [ $n -lt 9000 ]; do echo x > $n; n=$((n + 1)); done";
        let done = Command::new("/bin/sh").args(["-c", make]).arg(&dir).status();
        fs::remove_dir_all(&dir)?;
        ensure!(done?.success(), "cannot make files");
        line.say(&ToDaemon::Read("files".into()), &[])?;
        let first = line.hear()?.0;
        ensure!(matches!(&first, Some(ToClient::Entries(piece)) if !piece.last), "the answer is a short one");
        // SAFETY: this process has one thread.
        match unsafe { fork() }? {
            // It is nobody whom the daemon knows, and takes a piece now and then.
            ForkResult::Child => {
                for _ in 0..6 {
                    thread::sleep(Duration::from_millis(1500));
                    match line.hear() {
                        Ok((Some(ToClient::Entries(_)), _)) => {}
                        _ => break,
                    }
                }
                // SAFETY: ends the child without running the parent's exit handlers.
                unsafe { libc::_exit(0) }
            }
            ForkResult::Parent { .. } => Ok(()),
        }
    }),
    ("rings of sessions that are over", false, |path| {
        let refused = |why: &str| {
            let line = Line::open(path)?;
            line.say(&ToDaemon::Ask(line.ask()), &[])?;
            line.is_refused(why)
        };
        let (line, _, mut kept) = Line::started(path, opensnoop())?;
        drop(line);
        let is_over = || refused("0 sessions and keeps the rings of 1 that are over, and the policy allows 1").is_ok();
        ensure!(within(Duration::from_secs(3), is_over), "a ring that is kept does not count");
        let ring = kept.pop().context("no ring")?;
        // SAFETY: new memory, which nobody looks at.
        let mapped =
            unsafe { libc::mmap(ptr::null_mut(), 4096, libc::PROT_READ, libc::MAP_SHARED, ring.as_raw_fd(), 0) };
        ensure!(mapped != libc::MAP_FAILED, "mmap: {}", io::Error::last_os_error());
        drop((ring, kept));
        refused("keeps the rings of 1").context("one that is mapped")?;
        // SAFETY: what was mapped above.
        ensure!(unsafe { libc::munmap(mapped, 4096) } == 0);
        Line::granted(path).map(drop).context("when it has let go of it")
    }),
    ("sessions under two uids of a namespace", true, |path| {
        let _line = Line::granted(path)?;
        // SAFETY: this process has one thread.
        match unsafe { fork() }? {
            ForkResult::Child => {
                let uid = Uid::from_raw(7);
                let refused = || {
                    setresuid(uid, uid, uid)?;
                    let line = Line::open(path)?;
                    line.say(&ToDaemon::Ask(line.ask()), &[])?;
                    line.is_refused("the policy allows 1")
                };
                let done = refused().inspect_err(|e| eprintln!("{e:#}"));
                // SAFETY: ends the child without running the parent's exit handlers.
                unsafe { libc::_exit(done.is_err().into()) }
            }
            ForkResult::Parent { child } => {
                ensure!(
                    waitpid(child, None)? == WaitStatus::Exited(child, 0),
                    "the other uid has a session of its own"
                );
            }
        }
        Ok(())
    }),
];

/// Those that are run by their own tests, too.
pub fn clients() -> impl Iterator<Item = &'static Client> {
    CLIENTS.iter().chain(OTHERS)
}

fn greedy() -> Result<()> {
    let daemon = Daemon::start("")?;
    CLIENTS.iter().try_for_each(|(what, by_root, _)| daemon.client(what, (!by_root).then_some(UID)))
}

fn slow_answer() -> Result<()> {
    let daemon = Daemon::start("")?;
    let mut command = Command::new(process::own_exe()?);
    command.args(["client", "take an answer slowly, and end"]).arg(&daemon.socket);
    process::become_user(&mut command, UID, Vec::new());
    ensure!(command.status()?.success(), "the client");
    let gone = within(Duration::from_secs(3), || daemon.objects().is_ok_and(|left| left.is_empty()));
    ensure!(gone, "its session outlives it");
    Ok(())
}

fn one_account() -> Result<()> {
    let daemon = Daemon::start("[[rule]]\nsessions = 1\n")?;
    let mut command = Command::new(process::own_exe()?);
    command.args(["client", "sessions under two uids of a namespace"]).arg(&daemon.socket);
    process::spawn_in_userns(&mut command, 0x3000_0000)?.finish()?;
    Ok(())
}

fn kept_rings() -> Result<()> {
    Daemon::start("[[rule]]\nsessions = 1\n")?.client("rings of sessions that are over", Some(UID))
}

/// A copy of the C library that belongs to the user, and two who use it: the user's own calls are shown.
fn own_file() -> Result<()> {
    let daemon = Daemon::start("")?;
    let copy = daemon.dir.join("libc.so.6");
    let mut bytes = Vec::new();
    functions::own_libcs()?.first().context("no C library")?.read_to_end(&mut bytes)?;
    fs::write(&copy, bytes)?;
    let function = format!("{}:bsearch", copy.display());
    let args = ["funclatency", &function, "--json"];
    let refused = |uid: u32| {
        let mut tool = daemon.tool(&args)?;
        process::become_user(&mut tool, uid, Vec::new());
        let done = tool.output()?;
        let stderr = String::from_utf8_lossy(&done.stderr);
        ensure!(done.status.code() == Some(3) && stderr.contains("belongs to another user"), "{stderr}");
        anyhow::Ok(())
    };
    refused(UID).context("root's file")?;
    chown(&copy, Some(UID), None)?;
    refused(UID + 1).context("another user's file")?;
    let mut tool = daemon.tool(&args)?;
    process::become_user(&mut tool, UID, Vec::new());
    let running = process::Running::start(&mut tool)?.map_err(|(_, stderr)| anyhow::anyhow!(stderr))?;
    for uid in [UID, UID + 1] {
        let mut work = Command::new(process::own_exe()?);
        work.args(["work", "funclatency", "own", "20", "/"]).env("LD_LIBRARY_PATH", &daemon.dir);
        process::become_user(&mut work, uid, Vec::new());
        ensure!(work.stdin(Stdio::null()).status()?.success(), "the work of uid {uid}");
    }
    let (records, stderr) = running.stop()?;
    let total: u64 = records.iter().filter_map(|r| r["total"].as_u64()).sum();
    ensure!(total == 20 * 32, "{total} calls: {stderr}");
    Ok(())
}

/// Root could have both: the daemon is asked first, and what it does not give is not the end.
fn next_grant() -> Result<()> {
    let daemon = Daemon::start("[[rule]]\nuid = [0]\nscope = \"user\"\ntools = [\"opensnoop\"]\n")?;
    let runs_by = |args: &[&str], words: &str| {
        let mut tool = Command::new(process::cbpf()?);
        tool.args(args).args(["-d", "0.1"]).env("CBPF_SOCKET", &daemon.socket).env_remove("CBPF_TOKEN_PATH");
        let done = tool.output()?;
        let stderr = String::from_utf8_lossy(&done.stderr);
        ensure!(done.status.success() && stderr.contains(words), "{args:?}: {}: {stderr}", done.status);
        anyhow::Ok(())
    };
    runs_by(&["opensnoop"], "daemon grant, scope user")?;
    runs_by(&["opensnoop", "--scope", "host"], "strict grant, scope host")?;
    runs_by(&["runqlat"], "strict grant, scope user")?;
    // Who has no other is told of all.
    let mut tool = Command::new(process::cbpf()?);
    tool.args(["runqlat", "-d", "0.1"]).env("CBPF_SOCKET", &daemon.socket);
    process::powerless(&mut tool);
    let done = tool.output()?;
    let stderr = String::from_utf8_lossy(&done.stderr);
    let told =
        stderr.contains("daemon: its policy does not allow runqlat") && stderr.contains("strict: this process has");
    ensure!(done.status.code() == Some(3) && told, "{}: {stderr}", done.status);
    Ok(())
}

/// What the kernel says of its threads.
fn sandboxed() -> Result<()> {
    let daemon = Daemon::start("")?;
    let needed = [19, 21, 24, 34, 38, 39].iter().fold(0u64, |mask, cap| mask | 1 << cap);
    for task in fs::read_dir(format!("/proc/{}/task", daemon.child.id()))? {
        let status = fs::read_to_string(task?.path().join("status"))?;
        let line = |key: &str| status.lines().find_map(|l| l.strip_prefix(key)).map(str::trim).context(status.clone());
        ensure!(line("Seccomp:")? == "2" && line("NoNewPrivs:")? == "1", "{status}");
        for key in ["CapEff:", "CapPrm:", "CapBnd:"] {
            let mask = u64::from_str_radix(line(key)?, 16)?;
            ensure!(mask != 0 && mask & !needed == 0, "{key} {mask:x}");
        }
        ensure!(u64::from_str_radix(line("CapAmb:")?, 16)? == 0, "{status}");
    }
    Ok(())
}
