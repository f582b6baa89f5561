//! The socket of a search.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    os::fd::AsFd,
    time::Duration,
};

use netloom_core::icmp::{self, Message, Quote, Word, request_of_flow};
use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, ppoll},
    sys::time::TimeSpec,
};
use rustix::net::sockopt::{Ipv4PathMtuDiscovery, Ipv6PathMtuDiscovery, set_ip_mtu_discover, set_ipv6_mtu_discover};
use socket2::{Domain, Protocol, Socket, Type};

use crate::probe::path::queue::{self, Read};

/// A port that nobody has, usually: the first one of `traceroute`.
const PORT: u16 = 33_434;
/// Headers of IP without options, and of ICMP or UDP.
const IP_BYTES: [u32; 2] = [20, 40];
const HEADER_BYTES: u32 = 8;
/// Packets that are read at one go.
const READ_MAX: usize = 1_024;

/// What packets are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Echoes by a socket that everybody may open, where the system allows it.
    Echo,
    /// Echoes by a raw socket.
    Raw,
    /// UDP.
    Udp,
}

/// What was heard of a packet.
pub(super) struct Heard {
    pub(super) number: Option<u16>,
    pub(super) from: IpAddr,
    pub(super) word: Word,
}

/// The socket, and how packets are told from others'.
pub(super) struct Line {
    pub(super) kind: Kind,
    to: IpAddr,
    socket: Socket,
    mark: u16,
}

impl Line {
    pub(super) fn open(kind: Kind, to: IpAddr) -> io::Result<Self> {
        let is_v6 = to.is_ipv6();
        let echo = if is_v6 { Protocol::ICMPV6 } else { Protocol::ICMPV4 };
        let (kind_of_socket, protocol) = match kind {
            Kind::Echo => (Type::DGRAM, echo),
            Kind::Raw => (Type::RAW, echo),
            Kind::Udp => (Type::DGRAM, Protocol::UDP),
        };
        let place = SocketAddr::new(to, if kind == Kind::Udp { PORT } else { 0 });
        let socket = Socket::new(Domain::for_address(place), kind_of_socket, Some(protocol))?;
        if is_v6 {
            set_ipv6_mtu_discover(&socket, Ipv6PathMtuDiscovery::PROBE)?;
        } else {
            set_ip_mtu_discover(&socket, Ipv4PathMtuDiscovery::PROBE)?;
        }
        socket.set_nonblocking(true)?;
        if kind == Kind::Raw {
            // What routers say comes as packets, and from others than the host.
            queue::stamp(&socket)?;
        } else {
            queue::ask(&socket, is_v6)?;
            socket.connect(&place.into())?;
        }
        Ok(Self { kind, to, socket, mark: fastrand::u16(..) })
    }

    pub(super) fn is_v6(&self) -> bool {
        self.to.is_ipv6()
    }

    /// Sends a packet of a size, the headers included.
    pub(super) fn send(&self, number: u16, size: u32) -> io::Result<()> {
        let is_v6 = self.is_v6();
        let bytes = size.saturating_sub(IP_BYTES[usize::from(is_v6)]) as usize;
        let packet = match self.kind {
            Kind::Echo | Kind::Raw => request_of_flow(is_v6, icmp::Echo { id: self.mark, seq: number }, bytes),
            Kind::Udp => {
                let mut payload = vec![0; bytes.saturating_sub(HEADER_BYTES as usize)];
                payload[..2].copy_from_slice(&self.mark.to_be_bytes());
                payload[2..4].copy_from_slice(&number.to_be_bytes());
                payload
            }
        };
        let send = || match self.kind {
            Kind::Raw => self.socket.send_to(&packet, &SocketAddr::new(self.to, 0).into()),
            Kind::Echo | Kind::Udp => self.socket.send(&packet),
        };
        crate::probe::path::send_despite(&self.socket, send)
    }

    pub(super) fn wait(&self, time: Duration) -> io::Result<()> {
        let mut sockets = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
        match ppoll(&mut sockets, Some(TimeSpec::from(time)), None) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn receive(&self, heard: &mut Vec<Heard>) {
        for _ in 0..READ_MAX {
            let Ok(Some(read)) = queue::complaint(&self.socket) else { break };
            let Some(word) = read.word else { continue };
            let number = match self.kind {
                Kind::Udp => self.number_of_payload(&read.bytes),
                // The kernel sorts what is said by the identifier, which it chose itself.
                Kind::Echo | Kind::Raw => Message::parse(&read.bytes).map(|message| message.echo().seq),
            };
            heard.extend(read.from.map(|from| Heard { number, from, word }));
        }
        for _ in 0..READ_MAX {
            let Ok(Some(read)) = queue::packet(&self.socket) else { break };
            heard.extend(self.packet(&read));
        }
    }

    fn packet(&self, read: &Read) -> Option<Heard> {
        let (from, is_v6) = (read.from?, self.is_v6());
        if self.kind == Kind::Udp {
            let number = self.number_of_payload(&read.bytes);
            return Some(Heard { number, from, word: Word::Answered });
        }
        let message = Message::received(is_v6, &read.bytes)?;
        let word = Word::of(is_v6, message.kind, message.code, message.rest)?;
        let echo = if word == Word::Answered {
            (from == self.to).then(|| message.echo())?
        } else {
            let quote = Quote::parse(is_v6, message.body)?;
            let expected = if is_v6 { icmp::ICMP_V6 } else { icmp::ICMP };
            let is_ours = quote.protocol == expected && quote.destination == self.to;
            is_ours.then(|| Message::parse(quote.transport))??.echo()
        };
        // Unprivileged sockets get their own only, under an identifier of the kernel's.
        (self.kind == Kind::Echo || echo.id == self.mark).then_some(Heard { number: Some(echo.seq), from, word })
    }

    fn number_of_payload(&self, payload: &[u8]) -> Option<u16> {
        let rest = payload.strip_prefix(&self.mark.to_be_bytes())?;
        Some(u16::from_be_bytes(rest.get(..2)?.try_into().ok()?))
    }
}
