//! The UDP socket of the echo: many datagrams by one call, each with the moment at which the kernel received it.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(any(test, not(target_os = "linux")))]
mod plain;

use std::{
    io,
    net::{IpAddr, Ipv6Addr, SocketAddr, UdpSocket},
    time::Duration,
};

use netloom_core::mesh::echo::PACKET_BYTES;
use socket2::{Domain, Protocol, SockRef, Type};

#[cfg(target_os = "linux")]
use linux as system;
#[cfg(not(target_os = "linux"))]
use plain as system;

/// One byte more than a packet has, which tells longer datagrams from packets.
const BUFFER_BYTES: usize = PACKET_BYTES + 1;
/// Datagrams taken by one call.
const BATCH: usize = 32;
/// What the socket may hold, bytes, as far as the system grants it: the kernel reckons under a kilobyte for a packet, so
/// these are a thousand, a tenth of a second of the busiest node.
const QUEUE_BYTES: usize = 1 << 20;

/// What came.
#[derive(Debug, Clone, Copy)]
pub(super) struct Datagram {
    bytes: [u8; BUFFER_BYTES],
    len: usize,
    /// From where, IPv4 as such.
    pub(super) from: SocketAddr,
    /// To which address of this machine, where an answer must name it.
    pub(super) to: Option<IpAddr>,
    /// When the kernel received it, ns of the wall clock; `None` where it does not tell.
    pub(super) received_ns: Option<u64>,
}

impl Datagram {
    /// What it carries; of a longer one, one byte more than a packet has.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// Opens the socket of an echo. One on all IPv6 addresses takes IPv4 too.
///
/// # Errors
/// When the port is taken or the address is not one of this machine's.
pub fn bind(listen: SocketAddr) -> io::Result<UdpSocket> {
    let socket = socket2::Socket::new(Domain::for_address(listen), Type::DGRAM, Some(Protocol::UDP))?;
    if listen.is_ipv6() {
        socket.set_only_v6(!listen.ip().is_unspecified())?;
    }
    socket.bind(&listen.into())?;
    Ok(socket.into())
}

/// The socket. Nothing but `wait` blocks.
pub(super) struct Socket {
    inner: UdpSocket,
    batch: system::Batch,
    has_stamps: bool,
    /// Whether it listens on every address: answers must then name the one that was asked, or the system may choose
    /// another of this machine's.
    is_wildcard: bool,
    is_v6: bool,
}

impl Socket {
    /// The echo on a socket that is bound.
    pub(super) fn on(inner: UdpSocket) -> io::Result<Self> {
        inner.set_nonblocking(true)?;
        let enlarge = SockRef::from(&inner).set_recv_buffer_size(QUEUE_BYTES);
        if let Err(error) = enlarge {
            tracing::debug!(%error, "the echo's queue keeps its size");
        }
        let is_wildcard = inner.local_addr().is_ok_and(|address| address.ip().is_unspecified());
        let is_v6 = inner.local_addr().is_ok_and(|address| address.is_ipv6());
        let has_stamps = system::prepare(&inner, is_wildcard);
        Ok(Self { inner, batch: system::Batch::default(), has_stamps, is_wildcard, is_v6 })
    }

    /// Where it listens.
    pub(super) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }

    /// Whether the kernel says when it received a packet.
    pub(super) fn has_stamps(&self) -> bool {
        self.has_stamps
    }

    /// Takes what is there, at most one batch, and puts it behind what is in the list. Returns whether there may be more.
    pub(super) fn receive(&mut self, into: &mut Vec<Datagram>) -> io::Result<bool> {
        let before = into.len();
        let is_full = system::receive(&self.inner, &mut self.batch, into)?;
        self.has_stamps &= into[before..].iter().all(|datagram| datagram.received_ns.is_some());
        if !self.is_wildcard {
            into[before..].iter_mut().for_each(|datagram| datagram.to = None);
        }
        Ok(is_full)
    }

    /// Sends one datagram, from a certain address of this machine if there is one given.
    pub(super) fn send(&self, bytes: &[u8], to: SocketAddr, from: Option<IpAddr>) -> io::Result<()> {
        let to = match to {
            SocketAddr::V4(v4) if self.is_v6 => SocketAddr::new(v4.ip().to_ipv6_mapped().into(), v4.port()),
            SocketAddr::V6(_) if !self.is_v6 => {
                return Err(io::Error::new(io::ErrorKind::AddrNotAvailable, "the echo listens on IPv4 only"));
            }
            to => to,
        };
        match from {
            Some(from) => system::send_from(&self.inner, bytes, to, from),
            None => self.inner.send_to(bytes, to).map(|_| ()),
        }
    }

    /// Waits until something comes or the time is over.
    pub(super) fn wait(&self, time: Duration) -> io::Result<()> {
        system::wait(&self.inner, time)
    }
}

/// IPv4 as such, also where it came through an IPv6 socket.
pub(super) fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        IpAddr::V4(v4) => SocketAddr::new(v4.into(), address.port()),
        IpAddr::V6(_) => address,
    }
}

/// IPv4 in the form that IPv6 sockets take.
fn mapped(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAIT: Duration = Duration::from_secs(20);

    fn pair() -> (UdpSocket, UdpSocket) {
        let open = || {
            let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
            socket.set_nonblocking(true).expect("a socket that does not block");
            socket
        };
        (open(), open())
    }

    #[test]
    fn a_batch_is_taken_with_stamps_and_lengths() {
        let (receiver, sender) = pair();
        let (mut socket, from) = (Socket::on(receiver).expect("opens"), sender.local_addr().expect("bound"));
        let to = socket.local_addr().expect("bound");
        for len in [0, 96, 97, 4_000] {
            sender.send_to(&vec![7; len], to).expect("loopback takes it");
        }
        let mut inbox = Vec::new();
        while inbox.len() < 4 {
            socket.wait(WAIT).expect("waits");
            assert!(!socket.receive(&mut inbox).expect("reads"), "that was no full batch");
        }
        assert_eq!(inbox.iter().map(|datagram| datagram.bytes().len()).collect::<Vec<_>>(), [0, 96, 97, 97]);
        assert!(inbox.iter().all(|datagram| datagram.from == from && datagram.received_ns.is_some()));
        assert!(socket.has_stamps());
        for _ in 0..=BATCH {
            sender.send_to(&[7; 96], to).expect("loopback takes it");
        }
        inbox.clear();
        assert!(socket.receive(&mut inbox).expect("reads"), "there is one more");
        assert!(!socket.receive(&mut inbox).expect("reads"));
        assert_eq!(inbox.len(), BATCH + 1);
    }

    #[test]
    fn systems_without_the_calls_of_linux_take_the_same() {
        let (receiver, sender) = pair();
        let (to, mut inbox) = (receiver.local_addr().expect("bound"), Vec::new());
        let asked = sender.local_addr().expect("bound").ip();
        assert!(!plain::prepare(&receiver, true));
        plain::send_from(&sender, &[7; 300], to, asked).expect("loopback takes it");
        plain::wait(&receiver, Duration::ZERO).expect("does not wait");
        while inbox.is_empty() {
            plain::wait(&receiver, WAIT).expect("waits");
            assert!(!plain::receive(&receiver, &mut plain::Batch, &mut inbox).expect("reads"));
        }
        assert_eq!((inbox[0].bytes().len(), inbox[0].received_ns), (BUFFER_BYTES, None));
    }
}
