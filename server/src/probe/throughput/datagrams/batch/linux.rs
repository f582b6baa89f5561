//! Linux: `sendmmsg` and `recvmmsg`.

use std::{
    io::{self, IoSlice, IoSliceMut},
    net::{SocketAddr, SocketAddrV4, SocketAddrV6, UdpSocket},
    os::fd::AsRawFd as _,
};

use netloom_core::check::throughput::datagram::{DATAGRAM_BYTES, HEAD_BYTES, Head};
use nix::sys::socket::{ControlMessage, MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, sendmmsg};

use super::{BATCH, TAKE_BYTES};

/// Datagrams that go out.
pub(in super::super) struct Outgoing {
    buffers: Vec<[u8; DATAGRAM_BYTES]>,
    to: Option<SockaddrStorage>,
    headers: MultiHeaders<SockaddrStorage>,
}

impl Outgoing {
    /// To an address, when the socket is not connected.
    pub(in super::super) fn new(to: Option<SocketAddr>) -> Self {
        let mut buffers = vec![[0; DATAGRAM_BYTES]; BATCH];
        // Filling that does not shrink: some ways compress.
        buffers.iter_mut().for_each(|buffer| buffer.fill_with(|| fastrand::u8(..)));
        Self { buffers, to: to.map(SockaddrStorage::from), headers: MultiHeaders::preallocate(BATCH, None) }
    }

    /// Sends a datagram for each head, at most a batch; returns how many went out.
    pub(in super::super) fn send(
        &mut self,
        socket: &UdpSocket,
        heads: impl Iterator<Item = Head>,
    ) -> io::Result<usize> {
        let mut count = 0;
        for (buffer, head) in self.buffers.iter_mut().zip(heads) {
            buffer[..HEAD_BYTES].copy_from_slice(&head.encode());
            count += 1;
        }
        let slices: Vec<[IoSlice; 1]> = self.buffers[..count].iter().map(|buffer| [IoSlice::new(buffer)]).collect();
        let (to, none): (_, [ControlMessage; 0]) = (vec![self.to; count], []);
        let sent = sendmmsg(socket.as_raw_fd(), &mut self.headers, &slices, &to, none, MsgFlags::empty())?;
        Ok(sent.count())
    }
}

/// Datagrams that come in.
pub(in super::super) struct Incoming {
    buffers: Vec<[u8; TAKE_BYTES]>,
    headers: MultiHeaders<SockaddrStorage>,
}

impl Default for Incoming {
    fn default() -> Self {
        Self { buffers: vec![[0; TAKE_BYTES]; BATCH], headers: MultiHeaders::preallocate(BATCH, None) }
    }
}

impl Incoming {
    /// Waits for a datagram as long as the socket says, and takes what is there with it, at most a batch.
    pub(in super::super) fn take(&mut self, socket: &UdpSocket) -> io::Result<Vec<(&[u8], SocketAddr)>> {
        // The kernel writes into the headers how long an address was; that is the same for all of one socket.
        let mut slices: Vec<[IoSliceMut; 1]> =
            self.buffers.iter_mut().map(|buffer| [IoSliceMut::new(buffer)]).collect();
        let came = recvmmsg(socket.as_raw_fd(), &mut self.headers, slices.iter_mut(), MsgFlags::MSG_WAITFORONE, None)?;
        let sizes: Vec<(usize, Option<SocketAddr>)> =
            came.map(|message| (message.bytes, message.address.as_ref().and_then(address))).collect();
        Ok(self
            .buffers
            .iter()
            .zip(sizes)
            .filter_map(|(buffer, (size, from))| Some((&buffer[..size.min(TAKE_BYTES)], from?)))
            .collect())
    }
}

fn address(storage: &SockaddrStorage) -> Option<SocketAddr> {
    match (storage.as_sockaddr_in(), storage.as_sockaddr_in6()) {
        (Some(v4), _) => Some(SocketAddr::V4(SocketAddrV4::from(*v4))),
        (_, Some(v6)) => Some(SocketAddr::V6(SocketAddrV6::from(*v6))),
        _ => None,
    }
}
