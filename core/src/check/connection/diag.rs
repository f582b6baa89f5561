//! Questions about sockets and their answers (`sock_diag`(7)).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::tcp_info::{TcpInfo, TcpState};
use crate::netlink::{attributes, read, read_u16};

/// The kind of the question and of its answers.
pub const SOCK_DIAG_BY_FAMILY: u16 = 20;
/// `AF_INET` and `AF_INET6` of Linux.
const FAMILY_V4: u8 = 2;
const FAMILY_V6: u8 = 10;
const PROTOCOL_TCP: u8 = 6;
/// The attribute that holds `struct tcp_info`, and the bit that asks for it.
const INFO: u16 = 2;
const WITH_INFO: u8 = 1 << (INFO - 1);
/// What an answer has before its attributes: family, state, timer, retransmits, the socket's addresses, and five numbers.
const ANSWER_BYTES: usize = 72;
/// The addresses in an answer: ports, then two addresses of sixteen bytes.
const ID_AT: usize = 4;

/// A family of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6, connections over IPv4 of sockets that take both included.
    V6,
}

impl Family {
    const fn number(self) -> u8 {
        match self {
            Family::V4 => FAMILY_V4,
            Family::V6 => FAMILY_V6,
        }
    }
}

/// A connection as the kernel tells of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Connection {
    /// This end.
    pub local: SocketAddr,
    /// The other end.
    pub remote: SocketAddr,
    /// What distinguishes it from all others there ever were.
    pub cookie: u64,
    /// What is known of it.
    pub info: TcpInfo,
}

/// Asks for one connection.
pub fn question_for(local: SocketAddr, remote: SocketAddr) -> Vec<u8> {
    let family = if local.is_ipv4() { Family::V4 } else { Family::V6 };
    let mut body = head(family, u32::MAX);
    body.extend(local.port().to_be_bytes());
    body.extend(remote.port().to_be_bytes());
    for address in [local.ip(), remote.ip()] {
        match address {
            IpAddr::V4(v4) => body.extend([&v4.octets()[..], &[0; 12]].concat()),
            IpAddr::V6(v6) => body.extend(v6.octets()),
        }
    }
    // Sockets of a link-local address are found by their interface, too.
    let scope = if let SocketAddr::V6(v6) = local { v6.scope_id() } else { 0 };
    body.extend(scope.to_ne_bytes());
    // Whichever it is.
    body.extend([0xff; 8]);
    body
}

/// Asks for all connections of a family over which data flows.
pub fn question_for_all(family: Family) -> Vec<u8> {
    let mut body = head(family, 1 << TcpState::ESTABLISHED.0);
    body.extend([0; 48]);
    body
}

fn head(family: Family, states: u32) -> Vec<u8> {
    let mut body = vec![family.number(), PROTOCOL_TCP, WITH_INFO, 0];
    body.extend(states.to_ne_bytes());
    body
}

/// Reads an answer. `None` when it is none, or tells nothing of the connection.
pub fn answer(body: &[u8]) -> Option<Connection> {
    let port = |at: usize| read_u16(body, ID_AT + at).map(u16::from_be);
    let address = |at: usize| match *body.first()? {
        FAMILY_V4 => Some(IpAddr::V4(Ipv4Addr::from(read::<4>(body, ID_AT + at)?))),
        FAMILY_V6 => Some(IpAddr::V6(Ipv6Addr::from(read::<16>(body, ID_AT + at)?)).to_canonical()),
        _ => None,
    };
    let local = SocketAddr::new(address(4)?, port(0)?);
    let remote = SocketAddr::new(address(20)?, port(2)?);
    let cookie = read(body, ID_AT + 40).map(u64::from_ne_bytes)?;
    let (_, info) = attributes(body.get(ANSWER_BYTES..)?).find(|(kind, _)| *kind == INFO)?;
    Some(Connection { local, remote, cookie, info: TcpInfo::parse(info)? })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An answer for a connection; questions and answers write addresses alike.
    fn answered(local: SocketAddr, remote: SocketAddr) -> Vec<u8> {
        let question = question_for(local, remote);
        let mut body = vec![question[0], TcpState::ESTABLISHED.0, 0, 0];
        body.extend(&question[8..]);
        body.extend([0; 20]);
        body.extend((4_u16 + 104).to_ne_bytes());
        body.extend(INFO.to_ne_bytes());
        body.extend([1; 104]);
        body
    }

    #[test]
    fn addresses_of_both_families_are_read() {
        for (local, remote) in [("10.0.0.1:4711", "10.0.0.2:22"), ("[fd00::1]:4711", "[fd00::2]:22")] {
            let (local, remote) = (local.parse().expect("an address"), remote.parse().expect("an address"));
            assert_eq!(question_for(local, remote).len(), 56);
            let read = answer(&answered(local, remote)).expect("an answer");
            assert_eq!((read.local, read.remote, read.info.state), (local, remote, TcpState::ESTABLISHED));
        }
    }

    #[test]
    fn an_ipv4_connection_of_a_socket_for_both_is_one_of_ipv4() {
        let [local, remote] = ["[::ffff:10.0.0.1]:1", "[::ffff:10.0.0.2]:2"].map(|a| a.parse().expect("an address"));
        let read = answer(&answered(local, remote)).expect("an answer");
        assert_eq!(read.remote, "10.0.0.2:2".parse().expect("an address"));
    }

    proptest! {
        #[test]
        fn rubbish_does_no_harm(mut bytes in prop::collection::vec(any::<u8>(), 0..300), family in 0_u8..12) {
            if let Some(first) = bytes.first_mut() {
                *first = family;
            }
            let is_long_enough = bytes.len() >= ANSWER_BYTES + 108;
            prop_assert!(answer(&bytes).is_none() || is_long_enough);
        }
    }
}
