//! Packets over a Unix socket, and the descriptors and credentials that travel with them.

use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, UnixCredentials, recvmsg, sendmsg};

/// So many descriptors travel with one packet at most.
pub const MOST: usize = 8;

/// Sends `bytes`, and `fds` with the first of them. Returns how many bytes went.
pub fn send(socket: &impl AsRawFd, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> Result<usize, Errno> {
    let raw: Vec<RawFd> = fds.iter().map(AsRawFd::as_raw_fd).collect();
    let rights = [ControlMessage::ScmRights(&raw)];
    let control = if raw.is_empty() { &[][..] } else { &rights[..] };
    loop {
        match sendmsg::<()>(socket.as_raw_fd(), &[IoSlice::new(bytes)], control, MsgFlags::MSG_NOSIGNAL, None) {
            // Ctrl-C, say: the kernel does not restart calls on a socket with a timeout.
            Err(Errno::EINTR) => {}
            done => return done,
        }
    }
}

/// What came.
#[derive(Debug, Default)]
pub struct Received {
    /// How many bytes; 0 at the end.
    pub bytes: usize,
    /// Descriptors that came along.
    pub fds: Vec<OwnedFd>,
    /// Who sent it, on a socket with `SO_PASSCRED`; written by the kernel.
    pub sender: Option<UnixCredentials>,
}

/// Receives a packet into `buffer`. One that does not fit, or has too many descriptors, is an error:
/// [`Errno::EMSGSIZE`].
pub fn receive(socket: &impl AsRawFd, buffer: &mut [u8], flags: MsgFlags) -> Result<Received, Errno> {
    let mut control = nix::cmsg_space!([RawFd; MOST], UnixCredentials);
    let mut slices = [IoSliceMut::new(buffer)];
    let flags = flags | MsgFlags::MSG_CMSG_CLOEXEC;
    let message = loop {
        match recvmsg::<()>(socket.as_raw_fd(), &mut slices, Some(&mut control), flags) {
            Err(Errno::EINTR) => {}
            other => break other?,
        }
    };
    let cut = message.flags.intersects(MsgFlags::MSG_CTRUNC | MsgFlags::MSG_TRUNC);
    let mut received = Received { bytes: message.bytes, ..Default::default() };
    for item in message.cmsgs()? {
        match item {
            ControlMessageOwned::ScmRights(raw) => {
                // SAFETY: the kernel has just put these descriptors into our table, for us alone.
                received.fds.extend(raw.into_iter().map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }));
            }
            ControlMessageOwned::ScmCredentials(sender) => received.sender = Some(sender),
            _ => {}
        }
    }
    if cut { Err(Errno::EMSGSIZE) } else { Ok(received) }
}
