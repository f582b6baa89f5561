//! Systems without calls for many datagrams: one by one.

use std::{
    io,
    net::{SocketAddr, UdpSocket},
};

use netloom_core::check::throughput::datagram::{DATAGRAM_BYTES, HEAD_BYTES, Head};

use super::{BATCH, TAKE_BYTES};

/// Datagrams that go out.
pub(in super::super) struct Outgoing {
    buffer: [u8; DATAGRAM_BYTES],
    to: Option<SocketAddr>,
}

impl Outgoing {
    /// To an address, when the socket is not connected.
    pub(in super::super) fn new(to: Option<SocketAddr>) -> Self {
        let mut buffer = [0; DATAGRAM_BYTES];
        buffer.fill_with(|| fastrand::u8(..));
        Self { buffer, to }
    }

    /// Sends a datagram for each head, at most a batch; returns how many went out.
    pub(in super::super) fn send(
        &mut self,
        socket: &UdpSocket,
        heads: impl Iterator<Item = Head>,
    ) -> io::Result<usize> {
        let mut count = 0;
        for head in heads.take(BATCH) {
            self.buffer[..HEAD_BYTES].copy_from_slice(&head.encode());
            match self.to {
                Some(to) => socket.send_to(&self.buffer, to)?,
                None => socket.send(&self.buffer)?,
            };
            count += 1;
        }
        Ok(count)
    }
}

/// Datagrams that come in.
pub(in super::super) struct Incoming([u8; TAKE_BYTES]);

impl Default for Incoming {
    fn default() -> Self {
        Self([0; TAKE_BYTES])
    }
}

impl Incoming {
    /// Waits for a datagram as long as the socket says.
    pub(in super::super) fn take(&mut self, socket: &UdpSocket) -> io::Result<Vec<(&[u8], SocketAddr)>> {
        let (size, from) = socket.recv_from(&mut self.0)?;
        Ok(vec![(&self.0[..size], from)])
    }
}
