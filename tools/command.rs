//! `-- COMMAND`: a child that waits until it is traced, then runs as the user who started cbpf.

use std::ffi::{CString, OsString};
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd, FromRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStringExt as _;

use anyhow::{Context as _, Result, bail};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, execvp, fork, getgid, getuid, pipe2, setresgid, setresuid};

/// The child. It sits before its exec until [`Child::release`].
pub struct Child {
    pid: Pid,
    pidfd: OwnedFd,
    go: Option<io::PipeWriter>,
    failed: io::PipeReader,
    name: String,
}

impl Child {
    /// Forks the child. To be called before the process has other threads.
    pub fn hold(command: &[OsString]) -> Result<Self> {
        let name = command[0].to_string_lossy().into_owned();
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
                let error = become_command(wait.into(), &args);
                let _ = io::PipeWriter::from(fail).write_all(&(error as i32).to_ne_bytes());
                // SAFETY: ends the child without running the parent's exit handlers.
                unsafe { libc::_exit(127) }
            }
            ForkResult::Parent { child } => {
                // SAFETY: a plain system call; the result is checked.
                let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, child.as_raw(), 0) };
                if fd < 0 {
                    return Err(io::Error::last_os_error()).context("pidfd_open");
                }
                // SAFETY: just returned, and nobody else's.
                let pidfd = unsafe { OwnedFd::from_raw_fd(fd as i32) };
                Ok(Self { pid: child, pidfd, go: Some(go.into()), failed: failed.into(), name })
            }
        }
    }

    /// Its pid in our namespace.
    pub fn pid(&self) -> u32 {
        self.pid.as_raw().unsigned_abs()
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
            _ => bail!("cannot run {}: {}", self.name, Errno::from_raw(i32::from_ne_bytes(errno)).desc()),
        }
    }

    /// Asks it to end, if it has not.
    pub fn terminate(&self) {
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

/// Waits for the word, gives up what cbpf may have been given beyond its user, and executes. Returns only to fail.
fn become_command(wait: io::PipeReader, args: &[CString]) -> Errno {
    let mut wait = wait;
    if wait.read_exact(&mut [0]).is_err() {
        // SAFETY: the parent is gone; nobody is left to tell.
        unsafe { libc::_exit(127) }
    }
    drop(wait);
    // SAFETY: constants only; a kernel without ambient capabilities refuses, and has none to clear.
    unsafe { libc::prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) };
    // Real ids: those of the user who typed the command, whatever set-uid or set-gid bit cbpf carries.
    let (uid, gid) = (getuid(), getgid());
    if let Err(e) = setresgid(gid, gid, gid).and_then(|()| setresuid(uid, uid, uid)) {
        return e;
    }
    execvp(&args[0], args).err().unwrap_or(Errno::UnknownErrno)
}
