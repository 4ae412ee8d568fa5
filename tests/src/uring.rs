//! io_uring, with one request at a time: for what is not done by system calls.

use std::ffi::CStr;
use std::fs;
use std::os::fd::RawFd;

use anyhow::{Context as _, Result};
use io_uring::squeue::{Entry, Flags};
use io_uring::{IoUring, opcode, types};

use crate::case::{Report, Work};

/// Why cbpf sees nothing of io_uring here, or there is none.
fn missing() -> Option<&'static str> {
    let read = |name: &str| fs::read_to_string(format!("/proc/sys/kernel/{name}")).unwrap_or_default();
    let major: u32 = read("osrelease").split('.').next().and_then(|n| n.parse().ok()).unwrap_or(0);
    // It came with 6.6.
    let off = read("io_uring_disabled");
    if major < 6 {
        Some("this kernel does not say which request of io_uring it has completed")
    } else if !["", "0"].contains(&off.trim()) {
        Some("io_uring is off (kernel.io_uring_disabled)")
    } else {
        // What seccomp refuses: podman's profile as if there were no such call.
        let refused = |e: std::io::Error| matches!(e.raw_os_error(), Some(libc::ENOSYS | libc::EPERM));
        IoUring::new(1).err().is_some_and(refused).then_some(REFUSED)
    }
}

const REFUSED: &str = "io_uring is refused here";

/// Is there io_uring for this workload? What it finds out is noted for [`was_used`].
pub fn usable(w: &Work) -> Result<bool> {
    let Some(why) = missing() else { return Ok(true) };
    eprintln!("     without io_uring: {why}");
    if why == REFUSED {
        w.note(REFUSED)?;
    }
    Ok(false)
}

/// Have the owned workloads used it?
pub fn was_used(report: &Report) -> bool {
    let refused = |pid: &u64| report.note(*pid).is_ok_and(|note| note.starts_with(REFUSED));
    missing().is_none() && !report.owned.iter().all(refused)
}

/// Has the request done; its result. `elsewhere`: by a worker thread.
///
/// # Safety
/// What the request points to lives through the call.
unsafe fn run(ring: &mut IoUring, request: Entry, elsewhere: bool) -> Result<i32> {
    let request = request.flags(if elsewhere { Flags::ASYNC } else { Flags::empty() });
    // SAFETY: the caller's; it is done when this returns.
    unsafe { ring.submission().push(&request) }?;
    ring.submit_and_wait(1)?;
    Ok(ring.completion().next().context("no completion")?.result())
}

/// open(2), for reading.
pub fn open(ring: &mut IoUring, path: &CStr, elsewhere: bool) -> Result<i32> {
    let request = opcode::OpenAt::new(types::Fd(libc::AT_FDCWD), path.as_ptr());
    // SAFETY: the path is borrowed for this call.
    unsafe { run(ring, request.build(), elsewhere) }
}

/// openat2(2), for reading.
pub fn open_at(ring: &mut IoUring, dir: RawFd, path: &CStr, elsewhere: bool) -> Result<i32> {
    let how = types::OpenHow::new();
    let request = opcode::OpenAt2::new(types::Fd(dir), path.as_ptr(), &raw const how);
    // SAFETY: as above; `how` lives as long.
    unsafe { run(ring, request.build(), elsewhere) }
}

/// openat2(2), for reading, to the first place of the ring's own table.
pub fn open_to_slot(ring: &mut IoUring, dir: RawFd, path: &CStr, elsewhere: bool) -> Result<i32> {
    let (how, first) = (types::OpenHow::new(), types::DestinationSlot::try_from_slot_target(0).ok());
    let request = opcode::OpenAt2::new(types::Fd(dir), path.as_ptr(), &raw const how).file_index(first);
    // SAFETY: as above.
    unsafe { run(ring, request.build(), elsewhere) }
}

/// statx(2).
pub fn statx(ring: &mut IoUring, dir: RawFd, path: &CStr, flags: i32, elsewhere: bool) -> Result<i32> {
    let mut buffer = [0u64; 32]; // a struct statx
    let request = opcode::Statx::new(types::Fd(dir), path.as_ptr(), buffer.as_mut_ptr().cast()).flags(flags);
    // SAFETY: as above; the kernel writes a struct statx of 256 bytes.
    unsafe { run(ring, request.build(), elsewhere) }
}
