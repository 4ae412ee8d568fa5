//! A ring for io_uring, with one request at a time: for what is not done by system calls.

use std::ffi::CStr;
use std::fs;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd, RawFd};
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Result, ensure};

/// Has a worker thread do it.
pub const ASYNC: u8 = 1 << 4;

/// `IORING_OP_*`
const OPENAT: u8 = 18;
const STATX: u8 = 21;
const OPENAT2: u8 = 28;

/// `struct io_uring_sqe`
#[repr(C)]
#[derive(Default)]
struct Request {
    opcode: u8,
    flags: u8,
    priority: u16,
    fd: i32,
    offset: u64,
    address: u64,
    len: u32,
    op_flags: u32,
    rest: [u64; 4],
}

/// `struct io_uring_params`, its offsets as they come.
#[repr(C)]
#[derive(Default)]
struct Params {
    head: [u32; 10],
    submission: [u32; 10],
    completion: [u32; 10],
}

/// What is mapped of each: rings and requests are far smaller.
const MAPPED: usize = 4096;
const REQUESTS: libc::off_t = 0x1000_0000;

pub struct Uring {
    fd: OwnedFd,
    rings: *mut u8,
    requests: *mut Request,
    params: Params,
}

/// Why cbpf sees nothing of io_uring here, or there is none.
pub fn missing() -> Option<&'static str> {
    let read = |name: &str| fs::read_to_string(format!("/proc/sys/kernel/{name}")).unwrap_or_default();
    let major: u32 = read("osrelease").split('.').next().and_then(|n| n.parse().ok()).unwrap_or(0);
    // It came with 6.6.
    let off = read("io_uring_disabled");
    if major < 6 {
        Some("this kernel does not say which request of io_uring it has completed")
    } else if !["", "0"].contains(&off.trim()) {
        Some("io_uring is off (kernel.io_uring_disabled)")
    } else {
        None
    }
}

impl Uring {
    pub fn new() -> Result<Self> {
        let mut params = Params::default();
        // SAFETY: the kernel fills in the parameters; the descriptor is new.
        let fd = unsafe {
            let fd = libc::syscall(libc::SYS_io_uring_setup, 1, &raw mut params);
            ensure!(fd >= 0, "io_uring_setup: {}", std::io::Error::last_os_error());
            OwnedFd::from_raw_fd(fd as RawFd)
        };
        let map = |offset| {
            let (prot, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_POPULATE);
            // SAFETY: new memory, which lives as long as the process.
            let at = unsafe { libc::mmap(ptr::null_mut(), MAPPED, prot, flags, fd.as_raw_fd(), offset) };
            ensure!(at != libc::MAP_FAILED, "mmap: {}", std::io::Error::last_os_error());
            Ok(at)
        };
        let (rings, requests) = (map(0)?.cast(), map(REQUESTS)?.cast());
        Ok(Self { fd, rings, requests, params })
    }

    fn word(&self, offset: u32) -> &AtomicU32 {
        // SAFETY: the kernel's offsets are within the mapping, and aligned.
        unsafe { &*self.rings.add(offset as usize).cast() }
    }

    /// Has the request done; its result.
    fn run(&self, request: Request) -> Result<i32> {
        let [_, tail, _, _, _, _, array, ..] = self.params.submission;
        let [head, _, mask, _, _, results, ..] = self.params.completion;
        // SAFETY: the ring has one request, and the kernel reads it at the call below.
        unsafe { self.requests.write_volatile(request) };
        self.word(array).store(0, Ordering::Relaxed);
        self.word(tail).fetch_add(1, Ordering::Release);
        const WAIT: u32 = 1;
        // SAFETY: what the request points to lives through the call, which waits for its end.
        let done =
            unsafe { libc::syscall(libc::SYS_io_uring_enter, self.fd.as_raw_fd(), 1, 1, WAIT, ptr::null::<u8>(), 0) };
        ensure!(done == 1, "io_uring_enter: {done}, {}", std::io::Error::last_os_error());
        let at = self.word(head).load(Ordering::Acquire) & self.word(mask).load(Ordering::Relaxed);
        // `struct io_uring_cqe`: eight bytes of the user's, the result, flags.
        let result = self.word(results + at * 16 + 8).load(Ordering::Acquire);
        self.word(head).fetch_add(1, Ordering::Release);
        Ok(result as i32)
    }

    /// open(2), for reading.
    pub fn open(&self, path: &CStr, flags: u8) -> Result<i32> {
        let address = path.as_ptr() as u64;
        self.run(Request { opcode: OPENAT, flags, fd: libc::AT_FDCWD, address, ..Default::default() })
    }

    /// openat2(2), for reading.
    pub fn open_at(&self, dir: RawFd, path: &CStr, flags: u8) -> Result<i32> {
        let how = [0u64; 3];
        let (address, offset, len) = (path.as_ptr() as u64, how.as_ptr() as u64, size_of_val(&how) as u32);
        self.run(Request { opcode: OPENAT2, flags, fd: dir, address, offset, len, ..Default::default() })
    }

    /// statx(2).
    pub fn statx(&self, dir: RawFd, path: &CStr, at_flags: i32, flags: u8) -> Result<i32> {
        let mut buffer = [0u64; 32];
        let (address, offset) = (path.as_ptr() as u64, buffer.as_mut_ptr() as u64);
        let (op_flags, len) = (at_flags as u32, libc::STATX_SIZE);
        self.run(Request { opcode: STATX, flags, fd: dir, address, offset, len, op_flags, ..Default::default() })
    }
}
