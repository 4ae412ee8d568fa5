//! The reader of a BPF ring buffer. It needs the descriptor alone: no `bpf()` call, so it works for a client that
//! may make none.
//!
//! Layout (kernel/bpf/ringbuf.c): page 0 holds the consumer's position, page 1 the producer's, then come the data.
//! A record is a header of 8 bytes, whose first word is a length with two flag bits, and the data, padded to 8.

use std::ffi::c_void;
use std::num::NonZeroUsize;
use std::os::fd::BorrowedFd;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use anyhow::{Context as _, Result, ensure};
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};
use nix::unistd::{SysconfVar, sysconf};

/// The record is still being written.
const BUSY: u32 = 1 << 31;
/// The record was given up.
const DISCARD: u32 = 1 << 30;
/// Length of a record's header, bytes.
const HEADER: usize = 8;
/// Space is given back after this many bytes, so that the position's cache line is not written for every record.
const GIVE_BACK: u64 = 64 * 1024;

/// A mapping that ends with its owner.
#[derive(Debug)]
pub(crate) struct Mapping {
    at: NonNull<c_void>,
    len: usize,
}

impl Mapping {
    pub(crate) fn new(fd: BorrowedFd<'_>, len: usize, offset: usize, prot: ProtFlags) -> Result<Self> {
        let size = NonZeroUsize::new(len).context("an empty mapping")?;
        // SAFETY: a fresh mapping at an address of the kernel's choice aliases nothing of ours.
        let at = unsafe { mmap(None, size, prot, MapFlags::MAP_SHARED, fd, offset.try_into()?) }?;
        Ok(Self { at, len })
    }

    /// A mapping to read of something that does not change.
    pub(crate) fn private(fd: BorrowedFd<'_>, len: usize) -> Result<Self> {
        let size = NonZeroUsize::new(len).context("an empty mapping")?;
        // SAFETY: as above.
        let at = unsafe { mmap(None, size, ProtFlags::PROT_READ, MapFlags::MAP_PRIVATE, fd, 0) }?;
        Ok(Self { at, len })
    }

    /// What is mapped, if it does not change.
    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: mapped to be read, as long as `self` lives.
        unsafe { std::slice::from_raw_parts(self.at.as_ptr().cast(), self.len) }
    }

    pub(crate) fn pointer<T>(&self, offset: usize) -> *mut T {
        assert!(offset + size_of::<T>() <= self.len, "outside of the mapping");
        // SAFETY: inside the mapping, by the assertion.
        unsafe { self.at.as_ptr().byte_add(offset).cast() }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, and nothing borrowed from it outlives `self`.
        let _ = unsafe { munmap(self.at, self.len) };
    }
}

// SAFETY: a mapping may be read from any thread; what is written is behind atomics.
unsafe impl Send for Mapping {}

/// One reader of one ring.
#[derive(Debug)]
pub struct Ring {
    consumer: Mapping,
    producer: Mapping,
    page: usize,
    size: usize,
    position: u64,
    /// A record that runs past the end of the ring is put together here. (The kernel maps the data twice so that
    /// none does; mapping it once halves what counts as our memory.)
    wrapped: Vec<u8>,
}

impl Ring {
    /// Maps the ring behind `fd`, which holds `size` bytes.
    pub fn new(fd: BorrowedFd<'_>, size: u32) -> Result<Self> {
        let page = sysconf(SysconfVar::PAGE_SIZE)?.context("no page size")? as usize;
        let size = size as usize;
        ensure!(size.is_power_of_two() && size >= page, "a ring of {size} bytes");
        let consumer = Mapping::new(fd, page, 0, ProtFlags::PROT_READ | ProtFlags::PROT_WRITE)
            .context("cannot map the ring's consumer page")?;
        let producer = Mapping::new(fd, page + size, page, ProtFlags::PROT_READ).context("cannot map the ring")?;
        let mut ring = Self { consumer, producer, page, size, position: 0, wrapped: Vec::new() };
        ring.position = ring.consumed().load(Ordering::Acquire);
        Ok(ring)
    }

    fn consumed(&self) -> &AtomicU64 {
        // SAFETY: the first word of the consumer page, aligned, mapped as long as `self` lives.
        unsafe { &*self.consumer.pointer::<AtomicU64>(0) }
    }

    fn produced(&self) -> u64 {
        // SAFETY: the first word of the producer page, as above.
        unsafe { &*self.producer.pointer::<AtomicU64>(0) }.load(Ordering::Acquire)
    }

    /// Hands every finished record to `each`, in order, until the ring is empty, `each` returns false, or `most`
    /// records were read. Returns how many were read.
    pub fn drain(&mut self, most: usize, mut each: impl FnMut(&[u8]) -> bool) -> usize {
        let mut read = 0;
        let mut given_back = self.position;
        let mut produced = self.produced();
        let mut go_on = true;
        while go_on && read < most {
            if self.position >= produced {
                produced = self.produced();
                if self.position >= produced {
                    break;
                }
            }
            let at = (self.position & (self.size as u64 - 1)) as usize;
            // SAFETY: positions are multiples of 8, so the header does not wrap and is aligned.
            let len = unsafe { &*self.producer.pointer::<AtomicU32>(self.page + at) }.load(Ordering::Acquire);
            if len & BUSY != 0 {
                break;
            }
            let bytes = (len & !DISCARD) as usize;
            if bytes > self.size - HEADER {
                break; // not a ring that the kernel wrote
            }
            if len & DISCARD == 0 {
                go_on = self.with_record((at + HEADER) & (self.size - 1), bytes, &mut each);
                read += 1;
            }
            self.position += (HEADER + bytes.next_multiple_of(8)) as u64;
            if self.position - given_back >= GIVE_BACK {
                self.consumed().store(self.position, Ordering::Release);
                given_back = self.position;
            }
        }
        self.consumed().store(self.position, Ordering::Release);
        read
    }

    fn with_record(&mut self, at: usize, len: usize, each: &mut impl FnMut(&[u8]) -> bool) -> bool {
        let to_end = (self.size - at).min(len);
        // SAFETY: both pieces lie inside the data pages; the kernel does not touch a finished record before the
        // consumer's position has passed it, which happens after `each` returns.
        let piece = |at: usize, len: usize| unsafe {
            std::slice::from_raw_parts(self.producer.pointer::<u8>(self.page + at), len)
        };
        if to_end == len {
            return if len == 0 { each(&[]) } else { each(piece(at, len)) };
        }
        let (head, tail) = (piece(at, to_end), piece(0, len - to_end));
        // Alignment is the reader's business: records are copied out by `plain`, which checks it.
        let mut whole = std::mem::take(&mut self.wrapped);
        whole.clear();
        whole.extend_from_slice(head);
        whole.extend_from_slice(tail);
        let go_on = each(&whole);
        self.wrapped = whole;
        go_on
    }

    /// How much of the ring is filled, from 0 to 1.
    pub fn fill(&self) -> f64 {
        self.produced().saturating_sub(self.position) as f64 / self.size as f64
    }
}
