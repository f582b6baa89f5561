//! What TCP sent again.

use std::net::{SocketAddr, TcpStream};

use crate::collect::connection::tcp_info;

/// Segments that a stream has sent again since it was opened, where the system tells.
pub(super) fn retransmits(stream: &TcpStream) -> Option<u64> {
    let canonical = |address: SocketAddr| SocketAddr::new(address.ip().to_canonical(), address.port());
    let (local, remote) = (stream.local_addr().ok()?, stream.peer_addr().ok()?);
    tcp_info(canonical(local), canonical(remote)).ok().map(|info| u64::from(info.total_retrans))
}
