//! SIGINT, SIGTERM and SIGHUP: the first one ends the trace, the second one ends cbpf.

use std::os::fd::{BorrowedFd, IntoRawFd as _, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

use anyhow::{Context as _, Result};
use nix::errno::Errno;
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

/// Where the first one is told.
static STOP: AtomicI32 = AtomicI32::new(-1);
static STOPPED: AtomicBool = AtomicBool::new(false);
/// The process that a second one is passed on to, if it is not 0.
static COMMAND: AtomicI32 = AtomicI32::new(0);

extern "C" fn handle(signal: libc::c_int) {
    let errno = Errno::last_raw();
    if STOPPED.swap(true, Ordering::Relaxed) {
        let command = COMMAND.load(Ordering::Relaxed);
        // SAFETY: all of them may be called in a handler. The signal is blocked in its own one, so it is taken after that.
        unsafe {
            if command > 0 {
                libc::kill(command, signal);
            }
            libc::signal(signal, libc::SIG_DFL);
            libc::raise(signal);
        }
    } else {
        // SAFETY: may be called in a handler; the descriptor stays open to the end, and eight bytes are read.
        unsafe { libc::write(STOP.load(Ordering::Relaxed), (&raw const ONE).cast(), size_of_val(&ONE)) };
    }
    Errno::set_raw(errno);
}
static ONE: u64 = 1;

/// Handles them from now on. What it returns is readable after the first.
pub fn handle_all() -> Result<BorrowedFd<'static>> {
    let stop = OwnedFd::from(EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?).into_raw_fd();
    STOP.store(stop, Ordering::Relaxed);
    // poll(2) is interrupted all the same.
    let action = SigAction::new(SigHandler::Handler(handle), SaFlags::SA_RESTART, SigSet::empty());
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        // SAFETY: the handler does what one may.
        let before = unsafe { sigaction(signal, &action) }.context("cannot handle signals")?;
        // nohup(1). Not so SIGINT, which shells without job control ignore in what they start with `&`.
        if signal == Signal::SIGHUP && matches!(before.handler(), SigHandler::SigIgn) {
            // SAFETY: as it was.
            unsafe { sigaction(signal, &before) }.context("cannot handle signals")?;
        }
    }
    // SAFETY: it is never closed.
    Ok(unsafe { BorrowedFd::borrow_raw(stop) })
}

/// Has there been one?
pub fn stopped() -> bool {
    STOPPED.load(Ordering::Relaxed)
}

/// Passes the second one on to this process; 0: to none.
pub fn pass_on(command: i32) {
    COMMAND.store(command, Ordering::Relaxed);
}
