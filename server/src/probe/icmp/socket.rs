//! A socket for the echoes to one host. Unprivileged ones are tried first, then raw ones.

#[cfg_attr(target_os = "linux", path = "socket/linux.rs")]
#[cfg_attr(not(target_os = "linux"), path = "socket/other.rs")]
mod system;

use std::{
    io,
    net::{IpAddr, SocketAddr},
};

use netloom_core::check::icmp::{self, Echo};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::{io::Interest, net::UdpSocket};

/// Room for the header of IPv4 with options, and that of ICMP.
const HEADERS_BYTES: usize = 60 + icmp::HEADER_BYTES;

/// The socket. The runtime knows datagrams only as those of UDP; what is asked of the system is the same.
pub(super) struct IcmpSocket {
    socket: UdpSocket,
    is_v6: bool,
    /// Unprivileged sockets are given an identifier by the kernel, and get only what carries it.
    is_raw: bool,
    id: u16,
}

/// What came.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Came {
    /// The answer to an echo.
    Reply {
        seq: u16,
        /// Whether the payload is another one than was sent.
        is_changed: bool,
        /// When the kernel took it, ns of the wall clock.
        stamp_ns: Option<u64>,
    },
    /// Somebody says that an echo did not arrive.
    Refusal {
        seq: u16,
        /// Who; none when it was this machine.
        by: Option<IpAddr>,
        /// What, in words.
        words: String,
    },
    /// Something else.
    Other,
}

impl IcmpSocket {
    /// Opens a socket that speaks with this host only.
    ///
    /// # Errors
    /// When the system permits none: the error is that of the raw socket. [`io::ErrorKind::PermissionDenied`] is for
    /// people to cure.
    pub(super) fn open(to: IpAddr, payload_bytes: usize) -> io::Result<Self> {
        let is_v6 = to.is_ipv6();
        let (domain, protocol) =
            if is_v6 { (Domain::IPV6, Protocol::ICMPV6) } else { (Domain::IPV4, Protocol::ICMPV4) };
        let (socket, is_raw) = match Socket::new(domain, Type::DGRAM, Some(protocol)) {
            Ok(socket) => (socket, false),
            Err(_) => (Socket::new(domain, Type::RAW, Some(protocol))?, true),
        };
        socket.set_nonblocking(true)?;
        // A round may be in flight altogether.
        let _ = socket.set_recv_buffer_size((payload_bytes + HEADERS_BYTES).saturating_mul(32).clamp(1 << 16, 1 << 22));
        system::prepare(&socket, is_v6);
        let id = fastrand::u16(..);
        if is_raw {
            // A raw socket gets what is meant for everybody on this machine, and a few large packets would fill it.
            system::hear_only(&socket, id, is_v6);
        }
        Ok(Self { socket: UdpSocket::from_std(socket.into())?, is_v6, is_raw, id })
    }

    /// Chooses the host. Nobody else is heard from then on.
    ///
    /// # Errors
    /// When there is no way to it.
    pub(super) fn connect(&self, to: IpAddr) -> io::Result<()> {
        socket2::SockRef::from(&self.socket).connect(&SocketAddr::new(to, 0).into())
    }

    /// Sends one echo.
    ///
    /// # Errors
    /// Why it did not leave.
    pub(super) fn send(&self, seq: u16, payload: &[u8]) -> io::Result<()> {
        let packet = icmp::request(self.is_v6, Echo { id: self.id, seq }, payload);
        socket2::SockRef::from(&self.socket).send(&packet).map(|_| ())
    }

    /// Waits for the next that comes.
    ///
    /// # Errors
    /// When the socket has one.
    pub(super) async fn next(&self, buffer: &mut Vec<u8>, payload: &[u8]) -> io::Result<Came> {
        buffer.resize(payload.len() + HEADERS_BYTES, 0);
        loop {
            let ready = self.socket.ready(Interest::READABLE | system::TROUBLE).await?;
            // The runtime tries, and clears, one at a time: both at once would be never ready and never cleared.
            let interest = if ready.is_error() { system::TROUBLE } else { Interest::READABLE };
            match self.socket.try_io(interest, || system::receive(&self.socket, buffer)) {
                Ok(received) => return Ok(self.read(&received, buffer, payload)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The wall clock, as stamps have it, ns.
    pub(super) fn wall_ns() -> Option<u64> {
        system::wall_ns()
    }

    fn read(&self, received: &Received, buffer: &[u8], payload: &[u8]) -> Came {
        let bytes = buffer.get(..received.bytes).unwrap_or_default();
        let is_mine = |echo: &Echo| !self.is_raw || echo.id == self.id;
        if let Some(refusal) = &received.refusal {
            let asked = icmp::asked(self.is_v6, bytes).filter(is_mine);
            return asked.map_or(Came::Other, |echo| Came::Refusal {
                seq: echo.seq,
                by: refusal.by,
                words: icmp::words(self.is_v6, refusal.kind, refusal.code),
            });
        }
        // Only packets of version 4 begin with a 4 where the type of an answer is 0.
        let inner = if self.is_v6 { None } else { icmp::without_v4_header(bytes) };
        let reply = icmp::reply(self.is_v6, inner.unwrap_or(bytes)).filter(|(echo, _)| is_mine(echo));
        reply.map_or(Came::Other, |(echo, content)| Came::Reply {
            seq: echo.seq,
            is_changed: content != payload,
            stamp_ns: received.stamp_ns,
        })
    }
}

/// What the system handed out.
struct Received {
    bytes: usize,
    stamp_ns: Option<u64>,
    refusal: Option<Refusal>,
}

/// What somebody says against the packet that was handed back.
struct Refusal {
    by: Option<IpAddr>,
    kind: u8,
    code: u8,
}
