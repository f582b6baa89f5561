//! A socket for the echoes to one host, which hears duplicates and what routers say, too.

#[cfg_attr(target_os = "linux", path = "socket/linux.rs")]
#[cfg_attr(not(target_os = "linux"), path = "socket/other.rs")]
mod system;

use std::{
    io,
    net::{IpAddr, SocketAddr},
};

use netloom_core::icmp::{self, Message, Word};
use tokio::{io::Interest, net::UdpSocket};

use super::open::{Identity, open};

/// Room for the header of IPv4 with options, and that of ICMP.
const HEADERS_BYTES: usize = 60 + icmp::HEADER_BYTES;

/// The socket. The runtime knows datagrams only as those of UDP; what is asked of the system is the same.
pub(super) struct IcmpSocket {
    socket: UdpSocket,
    is_v6: bool,
    identity: Identity,
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
        let (socket, identity) = open(is_v6)?;
        // A round may be in flight altogether.
        let _ = socket.set_recv_buffer_size((payload_bytes + HEADERS_BYTES).saturating_mul(32).clamp(1 << 16, 1 << 22));
        system::prepare(&socket, is_v6);
        Ok(Self { socket: UdpSocket::from_std(socket.into())?, is_v6, identity })
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
        let packet = icmp::request(self.is_v6, icmp::Echo { id: self.identity.id, seq }, payload);
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
        let Some(message) = Message::received(self.is_v6, bytes) else { return Came::Other };
        let is_own = |echo: &icmp::Echo| self.identity.owns(*echo);
        if let Some(refusal) = &received.refusal {
            // The request itself, handed back.
            let asked = Some(message.echo()).filter(is_own);
            return asked.map_or(Came::Other, |echo| Came::Refusal {
                seq: echo.seq,
                by: refusal.by,
                words: Word::against(self.is_v6, refusal.kind, refusal.code),
            });
        }
        let reply = message.reply(self.is_v6).filter(is_own);
        reply.map_or(Came::Other, |echo| Came::Reply {
            seq: echo.seq,
            is_changed: message.body != payload,
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
