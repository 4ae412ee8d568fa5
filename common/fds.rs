//! Packets over a Unix socket, and the descriptors and credentials that travel with them.

use std::io::IoSlice;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::sys::socket::{ControlMessage, MsgFlags, UnixCredentials, sendmsg};

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

/// The most descriptors that the kernel lets travel with one packet (`SCM_MAX_FD`, include/net/scm.h).
const ROOM: usize = 253;

/// Receives a packet into `buffer`. One that does not fit, or has too many descriptors, is an error:
/// [`Errno::EMSGSIZE`].
#[allow(trivial_numeric_casts, clippy::unnecessary_cast)] // musl's lengths have other types
pub fn receive(socket: &impl AsRawFd, buffer: &mut [u8], flags: MsgFlags) -> Result<Received, Errno> {
    let mut control = nix::cmsg_space!([RawFd; ROOM], UnixCredentials);
    let mut slice = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    // SAFETY: an address of no length, no control data and no flags; what it points to is set below.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    (message.msg_iov, message.msg_iovlen) = (&raw mut slice, 1);
    let flags = (flags | MsgFlags::MSG_CMSG_CLOEXEC).bits();
    let bytes = loop {
        (message.msg_control, message.msg_controllen) = (control.as_mut_ptr().cast(), control.capacity() as _);
        // SAFETY: the kernel writes as much as there is room for, to buffers that live through the call.
        match Errno::result(unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut message, flags) }) {
            Err(Errno::EINTR) => {}
            other => break other? as usize,
        }
    };
    let mut received = Received { bytes, ..Default::default() };
    // By hand: nix gives nothing of what was cut off, and what has come of it is in our table of descriptors all the same.
    // SAFETY: the kernel wrote these headers, each with as much data as its length says.
    unsafe {
        let mut item = libc::CMSG_FIRSTHDR(&raw const message);
        while let Some(head) = item.as_ref() {
            let (data, len) = (libc::CMSG_DATA(item), head.cmsg_len as usize - libc::CMSG_LEN(0) as usize);
            match (head.cmsg_level, head.cmsg_type) {
                (libc::SOL_SOCKET, libc::SCM_RIGHTS) => received.fds.extend(
                    (0..len / size_of::<RawFd>())
                        .map(|n| OwnedFd::from_raw_fd(data.cast::<RawFd>().add(n).read_unaligned())),
                ),
                (libc::SOL_SOCKET, libc::SCM_CREDENTIALS) if len >= size_of::<libc::ucred>() => {
                    received.sender = Some(data.cast::<libc::ucred>().read_unaligned().into());
                }
                _ => {}
            }
            item = libc::CMSG_NXTHDR(&raw const message, item);
        }
    }
    let cut = message.msg_flags & (libc::MSG_CTRUNC | libc::MSG_TRUNC) != 0;
    if cut || received.fds.len() > MOST { Err(Errno::EMSGSIZE) } else { Ok(received) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd as _;

    #[test]
    fn descriptors_that_are_too_many_are_closed() {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        // All refer to one end of a pipe; when none is left its other end says so.
        let (mut reader, writer) = std::io::pipe().unwrap();
        send(&theirs, b"x", &[writer.as_fd(); MOST + 12]).unwrap();
        drop(writer);
        assert_eq!(receive(&ours, &mut [0; 8], MsgFlags::empty()).err(), Some(Errno::EMSGSIZE));
        assert_eq!(std::io::Read::read(&mut reader, &mut [0; 1]).unwrap(), 0);
        send(&theirs, b"x", &[theirs.as_fd(); MOST]).unwrap();
        assert_eq!(receive(&ours, &mut [0; 8], MsgFlags::empty()).unwrap().fds.len(), MOST);
    }
}
