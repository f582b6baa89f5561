//! Sockets for echoes: one that everybody may open where the system permits that (`net.ipv4.ping_group_range`), else a raw one.

use std::io;

use netloom_core::icmp;
#[cfg(target_os = "linux")]
use socket2::SockFilter;
use socket2::{Domain, Protocol, Socket, Type};

/// How echoes of a socket are told from those of others.
#[derive(Debug, Clone, Copy)]
pub(super) struct Identity {
    /// The identifier that requests are sent with.
    pub(super) id: u16,
    /// Sockets that are not raw are given an identifier by the kernel, and get only what carries it.
    is_raw: bool,
}

impl Identity {
    /// Whether an echo is one of the socket.
    pub(super) fn owns(self, echo: icmp::Echo) -> bool {
        !self.is_raw || echo.id == self.id
    }
}

/// Opens a socket that does not block.
///
/// # Errors
/// When the system permits none. [`io::ErrorKind::PermissionDenied`] is for people to cure.
pub(super) fn open(is_v6: bool) -> io::Result<(Socket, Identity)> {
    let (domain, protocol) = if is_v6 { (Domain::IPV6, Protocol::ICMPV6) } else { (Domain::IPV4, Protocol::ICMPV4) };
    let (socket, is_raw) = match Socket::new(domain, Type::DGRAM, Some(protocol)) {
        Ok(socket) => (socket, false),
        Err(_) => (Socket::new(domain, Type::RAW, Some(protocol))?, true),
    };
    socket.set_nonblocking(true)?;
    let identity = Identity { id: fastrand::u16(..), is_raw };
    #[cfg(target_os = "linux")]
    if is_raw && let Err(error) = socket.attach_filter(&only_answers_to(identity.id, is_v6)) {
        // There is more to read, and large packets of others may fill the socket.
        tracing::debug!(%error, "everybody's ICMP is heard");
    }
    Ok((socket, identity))
}

/// A program for the kernel that lets answers to this identifier pass, and nothing else (bpf(4)).
#[cfg(target_os = "linux")]
fn only_answers_to(identifier: u16, is_v6: bool) -> Vec<SockFilter> {
    /// `ldxb 4*([k]&0xf)`, `ldb [x+k]`, `ldh [x+k]`, `ldx #k`, `jeq #k`, `ret #k`.
    const HEADER_LENGTH: u16 = 0xb1;
    const LOAD_BYTE: u16 = 0x50;
    const LOAD_HALF: u16 = 0x48;
    const SET_OFFSET: u16 = 0x01;
    const IF_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    // Of IPv4, raw sockets get the header of IP, too, which is of no fixed length.
    let start = if is_v6 { SET_OFFSET } else { HEADER_LENGTH };
    vec![
        SockFilter::new(start, 0, 0, 0),
        SockFilter::new(LOAD_BYTE, 0, 0, 0),
        SockFilter::new(IF_EQUAL, 0, 3, icmp::reply_type(is_v6).into()),
        SockFilter::new(LOAD_HALF, 0, 0, 4),
        SockFilter::new(IF_EQUAL, 0, 1, identifier.into()),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
        SockFilter::new(RETURN, 0, 0, 0),
    ]
}
