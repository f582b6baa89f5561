//! A socket to the kernel (netlink(7)): a question, and the messages that answer it.

use std::{
    io,
    os::fd::{AsRawFd, OwnedFd},
};

use netloom_core::netlink::{DONE, ERROR, Message, messages};
use nix::sys::{
    socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, setsockopt, socket, sockopt},
    time::{TimeVal, TimeValLike},
};

/// The kernel fills datagrams up to this size when there is room for it, so a dump takes few calls.
const BUFFER_BYTES: usize = 32 * 1_024;
/// The kernel answers at once; whoever waits longer has missed the end, ms.
const PATIENCE_MS: i64 = 1_000;

/// A socket to one part of the kernel, and where its answers are written to.
pub(super) struct Netlink {
    socket: OwnedFd,
    buffer: Vec<u8>,
    seq: u32,
}

impl Netlink {
    /// A socket to the part that knows interfaces and addresses.
    pub(super) fn route() -> io::Result<Self> {
        Self::open(SockProtocol::NetlinkRoute)
    }

    /// A socket to the part that knows sockets.
    pub(super) fn sock_diag() -> io::Result<Self> {
        Self::open(SockProtocol::NetlinkSockDiag)
    }

    fn open(protocol: SockProtocol) -> io::Result<Self> {
        let socket = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, protocol)?;
        setsockopt(&socket, sockopt::ReceiveTimeout, &TimeVal::milliseconds(PATIENCE_MS))?;
        Ok(Self { socket, buffer: vec![0; BUFFER_BYTES], seq: 0 })
    }

    /// Sends a question that was made with the number it is given, and shows every message of the answer.
    ///
    /// # Errors
    /// When the kernel does not answer, or with an error.
    pub(super) fn ask(
        &mut self,
        question: impl FnOnce(u32) -> Vec<u8>,
        is_dump: bool,
        mut see: impl FnMut(Message),
    ) -> io::Result<()> {
        self.seq = self.seq.wrapping_add(1);
        send(self.socket.as_raw_fd(), &question(self.seq), MsgFlags::empty())?;
        loop {
            let len = recv(self.socket.as_raw_fd(), &mut self.buffer, MsgFlags::empty())?;
            for message in messages(&self.buffer[..len]).filter(|message| message.seq == self.seq) {
                match (message.kind, message.errno()) {
                    (ERROR | DONE, 0) => return Ok(()),
                    (ERROR | DONE, errno) => return Err(io::Error::from_raw_os_error(errno)),
                    _ => see(message),
                }
                if !is_dump {
                    return Ok(());
                }
            }
        }
    }
}
