//! `-- COMMAND`: a child that waits until it is traced, then runs as the user who started cbpf. It is traced from there
//! on, so it does all else before it waits, and finds nothing out by failing.

use std::ffi::{CStr, CString, OsStr, OsString};
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow};
use cbpf_common::proc;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{AccessFlags, ForkResult, Pid, access, execvp, fork, getgid, getuid, pipe2, setresgid, setresuid};

use crate::cli::signals;

/// The child. It sits before its exec until [`Child::release`].
pub struct Child {
    pid: Pid,
    pidfd: OwnedFd,
    go: Option<io::PipeWriter>,
    failed: io::PipeReader,
    name: String,
    file: PathBuf,
}

impl Child {
    /// Forks the child. To be called before the process has other threads.
    pub fn hold(command: &[OsString]) -> Result<Self> {
        let name = command[0].to_string_lossy().into_owned();
        let file = find(&command[0]).map_err(|errno| cannot_run(&name, errno))?;
        let path = CString::new(file.as_os_str().as_bytes()).context("COMMAND")?;
        let args: Vec<CString> = command
            .iter()
            .map(|arg| CString::new(arg.clone().into_vec()))
            .collect::<Result<_, _>>()
            .context("COMMAND")?;
        let (wait, go) = pipe2(OFlag::O_CLOEXEC)?;
        let (failed, fail) = pipe2(OFlag::O_CLOEXEC)?;
        // SAFETY: there is one thread, so nothing that the child does before exec can be locked by another.
        match unsafe { fork() }.context("cannot fork")? {
            ForkResult::Child => {
                drop(go);
                let error = become_command(&wait, &path, &args);
                let _ = io::PipeWriter::from(fail).write_all(&(error as i32).to_ne_bytes());
                // SAFETY: ends the child without running the parent's exit handlers.
                unsafe { libc::_exit(127) }
            }
            ForkResult::Parent { child } => {
                let pidfd = proc::pidfd(child.as_raw().unsigned_abs())?;
                Ok(Self { pid: child, pidfd, go: Some(go.into()), failed: failed.into(), name, file })
            }
        }
    }

    /// Its pid in our namespace.
    pub fn pid(&self) -> u32 {
        self.pid.as_raw().unsigned_abs()
    }

    /// What it is to execute.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Readable once the child has ended.
    pub fn ended(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }

    /// Has it ended already?
    pub fn has_ended(&self) -> bool {
        let mut fds = [PollFd::new(self.ended(), PollFlags::POLLIN)];
        poll(&mut fds, PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
    }

    /// Lets it run. An error says why its command cannot be executed.
    pub fn release(&mut self) -> Result<()> {
        if let Some(mut go) = self.go.take() {
            go.write_all(b"g")?;
        }
        let mut errno = [0; 4];
        match self.failed.read(&mut errno)? {
            0 => Ok(()), // closed by exec
            _ => Err(cannot_run(&self.name, Errno::from_raw(i32::from_ne_bytes(errno)))),
        }
    }

    /// Asks it to end, if it has not.
    pub fn terminate(&self) {
        signals::pass_on(self.pid.as_raw());
        let _ = kill(self.pid, Signal::SIGTERM);
    }

    /// Its exit status as a shell would give it: 128 and the signal's number when one killed it.
    pub fn status(&self) -> Result<u8> {
        Ok(match waitpid(self.pid, None)? {
            WaitStatus::Exited(_, code) => code as u8,
            WaitStatus::Signaled(_, signal, _) => 128 + signal as u8,
            _ => 1,
        })
    }
}

fn cannot_run(name: &str, errno: Errno) -> anyhow::Error {
    anyhow!("cannot run {name}: {}", errno.desc())
}

/// The file that execvp(3) would execute.
fn find(name: &OsStr) -> Result<PathBuf, Errno> {
    let path = std::env::var_os("PATH").unwrap_or("/bin:/usr/bin".into());
    let by_path = !name.as_bytes().contains(&b'/');
    let dirs = if by_path { std::env::split_paths(&path).collect() } else { vec![PathBuf::new()] };
    let mut why = Errno::ENOENT;
    for dir in dirs {
        // An empty directory is this one, and with a slash execvp does not look further.
        let file = if by_path && dir.as_os_str().is_empty() { Path::new(".").join(name) } else { dir.join(name) };
        match access(&file, AccessFlags::X_OK) {
            Ok(()) if file.is_dir() => why = Errno::EACCES,
            Ok(()) => return Ok(file),
            Err(Errno::EACCES) => why = Errno::EACCES,
            Err(_) => {}
        }
    }
    Err(why)
}

/// Gives up what cbpf may have been given beyond its user, waits for the word, and executes. Returns only to fail.
fn become_command(wait: &OwnedFd, file: &CStr, args: &[CString]) -> Errno {
    // SAFETY: a constant; Rust's start-up ignores the signal, and who executes would inherit that.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    // SAFETY: constants only; a kernel without ambient capabilities refuses, and has none to clear.
    unsafe { libc::prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) };
    // Real ids: those of the user who typed the command, whatever set-uid or set-gid bit cbpf carries.
    let (uid, gid) = (getuid(), getgid());
    if let Err(e) = setresgid(gid, gid, gid).and_then(|()| setresuid(uid, uid, uid)) {
        return e;
    }
    // Not read: that would be the first I/O of the command.
    let mut word = [PollFd::new(wait.as_fd(), PollFlags::POLLIN)];
    while poll(&mut word, PollTimeout::NONE) == Err(Errno::EINTR) {}
    if !word[0].revents().is_some_and(|ready| ready.contains(PollFlags::POLLIN)) {
        // SAFETY: the parent is gone; nobody is left to tell.
        unsafe { libc::_exit(127) }
    }
    // Not execv, for the scripts that begin without #!.
    execvp(file, args).err().unwrap_or(Errno::UnknownErrno)
}
