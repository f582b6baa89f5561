//! Systems that do not tell.

use std::{io, net::SocketAddr};

use netloom_core::check::connection::{diag::Connection, tcp_info::TcpInfo};

/// What the kernel knows of one connection of this machine.
///
/// # Errors
/// Always: this system does not tell.
pub fn tcp_info(_local: SocketAddr, _remote: SocketAddr) -> io::Result<TcpInfo> {
    Err(io::ErrorKind::Unsupported.into())
}

/// All connections of this machine over which data flows.
///
/// # Errors
/// Always: this system does not tell.
pub fn all() -> io::Result<Vec<Connection>> {
    Err(io::ErrorKind::Unsupported.into())
}
