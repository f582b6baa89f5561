//! Systems that hand out neither what routers say nor when a packet came.

use std::io::{self, Read as _};

use socket2::Socket;
use tokio::{io::Interest, net::UdpSocket};

use super::Received;

/// Nothing beside what can be read.
pub(super) const TROUBLE: Interest = Interest::READABLE;

/// There is nothing to ask for.
pub(super) fn prepare(_socket: &Socket, _is_v6: bool) {}

/// Takes what waits.
pub(super) fn receive(socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<Received> {
    Ok(Received { bytes: (&*socket2::SockRef::from(socket)).read(buffer)?, stamp_ns: None, refusal: None })
}

/// There are no stamps to hold it against.
pub(super) fn wall_ns() -> Option<u64> {
    None
}
