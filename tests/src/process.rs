//! Processes of the tests: under other uids, in other namespaces, and the tool under test.

use std::ffi::CString;
use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::os::fd::{AsFd, AsRawFd as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::ptr::null;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;
use serde_json::Value;

/// This binary.
pub fn own_exe() -> Result<PathBuf> {
    std::env::current_exe().context("where am I?")
}

/// The tool under test: beside this binary, or as `CBPF` says.
pub fn cbpf() -> Result<PathBuf> {
    match std::env::var_os("CBPF") {
        Some(path) => Ok(path.into()),
        None => Ok(own_exe()?.with_file_name("cbpf")),
    }
}

/// A child of ours.
#[derive(Debug)]
pub struct Child {
    pid: Pid,
}

impl Child {
    /// Its pid in our namespace.
    pub fn pid(&self) -> u64 {
        self.pid.as_raw().unsigned_abs().into()
    }

    /// Waits for it to succeed; returns its pid.
    pub fn finish(self) -> Result<u64> {
        match waitpid(self.pid, None)? {
            WaitStatus::Exited(_, 0) => Ok(self.pid()),
            other => bail!("a process of the test failed: {other:?}"),
        }
    }
}

/// Runs a command of this binary in a mount namespace of its own, which others see nothing of.
pub fn run_apart(args: &[&str]) -> Result<()> {
    let mut command = Command::new(own_exe()?);
    command.args(args).stdin(Stdio::null());
    // SAFETY: two system calls only, between fork and exec, with a C string and NULL.
    unsafe {
        command.pre_exec(|| {
            let flags = libc::MS_REC | libc::MS_SLAVE;
            if libc::unshare(libc::CLONE_NEWNS) != 0 || libc::mount(null(), c"/".as_ptr(), null(), flags, null()) != 0 {
                return Err(io::Error::last_os_error());
            }
            Ok(())
        });
    }
    let done = command.output()?;
    let said = String::from_utf8_lossy(&done.stderr);
    ensure!(done.status.success(), "{}", said.trim().trim_start_matches("cbpf-suite: "));
    Ok(())
}

/// Runs a program to its end; its output, or an error with what it wrote to standard error.
pub fn output(command: &mut Command) -> Result<String> {
    let program = command.get_program().to_owned();
    let out = command.output().with_context(|| format!("cannot run {program:?}"))?;
    let stderr = String::from_utf8_lossy(&out.stderr);
    ensure!(out.status.success(), "{program:?} failed ({}): {}", out.status, stderr.trim());
    String::from_utf8(out.stdout).with_context(|| format!("{program:?} wrote no valid UTF-8"))
}

/// Starts a command, under `uid` without any capability if one is given, as the first process of new namespaces
/// (`CLONE_NEW*` in `flags`). `Command` cannot: unshare(CLONE_NEWPID) is for the children of its child only.
pub fn spawn(command: &mut Command, uid: Option<u32>, flags: i32) -> Result<Child> {
    spawn_then(command, uid, flags, None)
}

/// Starts a command as root of a user namespace of its own, whose uids and gids are `first` and the 65,535 after it,
/// and as the first process of a pid and a mount namespace that belong to it.
pub fn spawn_in_userns(command: &mut Command, first: u32) -> Result<Child> {
    let flags = libc::CLONE_NEWUSER | libc::CLONE_NEWPID | libc::CLONE_NEWNS;
    // Root there keeps its capabilities over exec only if it is root by then.
    spawn_then(command, Some(0), flags, Some(first))
}

/// With `map_first`, the child executes after its uids and gids are mapped.
fn spawn_then(command: &mut Command, uid: Option<u32>, flags: i32, map_first: Option<u32>) -> Result<Child> {
    let c = |s: &std::ffi::OsStr| CString::new(s.as_bytes());
    let argv: Vec<CString> =
        std::iter::once(command.get_program()).chain(command.get_args()).map(c).collect::<Result<_, _>>()?;
    let mut pointers: Vec<*const libc::c_char> = argv.iter().map(|arg| arg.as_ptr()).collect();
    pointers.push(null());
    let (wait, go) = nix::unistd::pipe2(OFlag::O_CLOEXEC)?;
    // SAFETY: clone without CLONE_VM is fork. The child makes system calls only, on memory prepared above, and ends in
    // exec or _exit. Not libc's set*id(): those wait for the threads of this process, which the child has not.
    let child = unsafe {
        match libc::syscall(libc::SYS_clone, flags | libc::SIGCHLD, 0, 0, 0, 0) {
            -1 => return Err(io::Error::last_os_error()).context("clone"),
            0 => {
                let mut word = [0u8; 1];
                let told = map_first.is_none() || libc::read(wait.as_raw_fd(), word.as_mut_ptr().cast(), 1) == 1;
                let ok = uid.is_none_or(|uid| {
                    libc::syscall(libc::SYS_setgroups, 0, null::<u32>()) == 0
                        && libc::syscall(libc::SYS_setresgid, uid, uid, uid) == 0
                        && libc::syscall(libc::SYS_setresuid, uid, uid, uid) == 0
                });
                if told && ok {
                    libc::execv(pointers[0], pointers.as_ptr());
                }
                libc::_exit(127)
            }
            pid => Child { pid: Pid::from_raw(pid as i32) },
        }
    };
    if let Some(first) = map_first {
        for map in ["uid_map", "gid_map"] {
            fs::write(format!("/proc/{}/{map}", child.pid()), format!("0 {first} 65536")).context(map)?;
        }
        nix::unistd::write(&go, b"g")?;
    }
    Ok(child)
}

/// Lets a descriptor live on in children.
pub fn keep_over_exec(fd: impl AsFd) -> Result<()> {
    fcntl(fd, FcntlArg::F_SETFD(FdFlag::empty()))?;
    Ok(())
}

/// Makes the command run under a uid, with nothing but these capabilities.
pub fn become_user(command: &mut Command, uid: u32, caps: Vec<u32>) {
    // SAFETY: system calls only, between fork and exec.
    unsafe {
        command.pre_exec(move || {
            let check = |ret: i32| if ret < 0 { Err(io::Error::last_os_error()) } else { Ok(()) };
            check(libc::prctl(libc::PR_SET_KEEPCAPS, 1))?;
            check(libc::setgroups(0, null()))?;
            check(libc::setresgid(uid, uid, uid))?;
            check(libc::setresuid(uid, uid, uid))?;
            set_caps(&caps)?;
            for cap in &caps {
                check(libc::prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_RAISE, *cap, 0, 0))?;
            }
            Ok(())
        });
    }
}

/// Takes every capability away, and the way back that root has by exec; but for the one without which nobody may look at
/// the memory maps of another uid's processes, where the names of functions come from.
pub fn powerless(command: &mut Command) {
    const NOROOT_LOCKED: libc::c_ulong = 3;
    const CAP_SYS_PTRACE: u32 = 19;
    // SAFETY: system calls only, between fork and exec.
    unsafe {
        command.pre_exec(|| {
            if libc::prctl(libc::PR_SET_SECUREBITS, NOROOT_LOCKED) < 0 {
                return Err(io::Error::last_os_error());
            }
            set_caps(&[CAP_SYS_PTRACE])?;
            let raise = libc::PR_CAP_AMBIENT_RAISE;
            match libc::prctl(libc::PR_CAP_AMBIENT, raise, CAP_SYS_PTRACE, 0, 0) {
                0 => Ok(()),
                _ => Err(io::Error::last_os_error()),
            }
        });
    }
}

/// Sets the permitted, effective and inheritable capabilities to those of `caps` that we have (capset(2), version 3).
fn set_caps(caps: &[u32]) -> io::Result<()> {
    let mask = caps.iter().fold(0u64, |mask, cap| mask | 1 << cap);
    let header: [u32; 2] = [0x2008_0522, 0];
    let (low, high) = (mask as u32, (mask >> 32) as u32);
    let data = [low, low, low, high, high, high];
    // SAFETY: header and data have the layout of capset(2).
    if unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), data.as_ptr()) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Those of `caps` that this process may give away: a container or a hardened machine may lack some.
pub fn available(caps: &[u32]) -> Vec<u32> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask =
        status.lines().find_map(|l| l.strip_prefix("CapBnd:")).and_then(|m| u64::from_str_radix(m.trim(), 16).ok());
    caps.iter().copied().filter(|cap| mask.unwrap_or(0) & (1 << cap) != 0).collect()
}

/// A tool that runs and has printed its first line: from then on everything is traced.
#[derive(Debug)]
pub struct Running {
    child: std::process::Child,
    lines: mpsc::Receiver<Vec<u8>>,
    stderr: thread::JoinHandle<String>,
    first: Vec<u8>,
}

impl Running {
    /// Starts the tool; the inner error is its exit status and stderr if it ended instead.
    #[allow(clippy::type_complexity, reason = "the inner error is named in one place alone")]
    pub fn start(tool: &mut Command) -> Result<Result<Self, (Option<i32>, String)>> {
        let mut child = tool
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot run {}", tool.get_program().display()))?;
        let (stdout, mut errors) = (child.stdout.take().context("stdout")?, child.stderr.take().context("stderr")?);
        let (send, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).split(b'\n').map_while(Result::ok) {
                if send.send(line).is_err() {
                    break;
                }
            }
        });
        let stderr = thread::spawn(move || {
            let mut text = Vec::new();
            let _ = errors.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        });
        match lines.recv_timeout(Duration::from_secs(60)) {
            Ok(first) => Ok(Ok(Self { child, lines, stderr, first })),
            Err(mpsc::RecvTimeoutError::Timeout) => {
                child.kill()?;
                bail!("the tool did not start within a minute")
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                let status = child.wait()?;
                Ok(Err((status.code(), stderr.join().unwrap_or_default())))
            }
        }
    }

    /// Interrupts it and returns every line of its output, and its stderr.
    pub fn stop_raw(self) -> Result<(Vec<Vec<u8>>, String)> {
        let child = Pid::from_raw(self.child.id().try_into()?);
        self.stop_by(|| Ok(kill(child, Signal::SIGINT)?))
    }

    /// The same where the child is not the tool, and `interrupt` interrupts that.
    pub fn stop_by(mut self, interrupt: impl FnOnce() -> Result<()>) -> Result<(Vec<Vec<u8>>, String)> {
        let mut lines = vec![self.first];
        // Work that ends in a softirq or in a kernel thread ends a little after the system call. No sleep: in a container
        // this is one of the processes that are traced.
        let until = Instant::now() + Duration::from_millis(300);
        while let Ok(line) = self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
            lines.push(line);
        }
        interrupt()?;
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            match self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) => lines.push(line),
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    self.child.kill()?;
                    bail!("the tool did not end within a minute of SIGINT")
                }
            }
        }
        let status = self.child.wait()?;
        let stderr = self.stderr.join().unwrap_or_default();
        ensure!(status.success(), "the tool failed, {status}: {stderr}");
        Ok((lines, stderr))
    }

    /// The same as [`Running::stop_raw`], of a tool with `--json`.
    pub fn stop(self) -> Result<(Vec<Value>, String)> {
        let (lines, stderr) = self.stop_raw()?;
        Ok((parse(&lines)?, stderr))
    }
}

/// Records of JSON, one a line.
pub fn parse(lines: &[Vec<u8>]) -> Result<Vec<Value>> {
    let parse = |line: &Vec<u8>| {
        serde_json::from_slice(line).with_context(|| format!("not JSON: {}", String::from_utf8_lossy(line)))
    };
    lines.iter().map(parse).collect()
}
