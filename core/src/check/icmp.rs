//! ICMP echo: requests, and what comes back for them (RFC 792, RFC 4443).

use std::net::IpAddr;

/// The header of an echo: type, code, checksum, identifier, sequence.
pub const HEADER_BYTES: usize = 8;
/// The header of IPv6, which stands in the errors of ICMPv6.
const IPV6_HEADER_BYTES: usize = 40;

const V4_REQUEST: u8 = 8;
const V4_REPLY: u8 = 0;
const V6_REQUEST: u8 = 128;
const V6_REPLY: u8 = 129;

/// What tells an echo from others: the identifier of its sender, and its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Echo {
    /// Who sent it.
    pub id: u16,
    /// Which it was.
    pub seq: u16,
}

/// What came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Came<'a> {
    /// The answer to an echo, with its payload.
    Reply(Echo, &'a [u8]),
    /// Somebody on the way says that an echo did not arrive.
    Error {
        /// Which.
        echo: Echo,
        /// Where it was sent to.
        to: IpAddr,
        /// The type.
        kind: u8,
        /// The code.
        code: u8,
    },
}

/// A request. The checksum is that of version 4; for version 6 the kernel writes it.
pub fn request(is_v6: bool, echo: Echo, payload: &[u8]) -> Vec<u8> {
    let mut packet = Vec::with_capacity(HEADER_BYTES + payload.len());
    packet.extend([if is_v6 { V6_REQUEST } else { V4_REQUEST }, 0, 0, 0]);
    packet.extend(echo.id.to_be_bytes());
    packet.extend(echo.seq.to_be_bytes());
    packet.extend(payload);
    if !is_v6 {
        let sum = checksum(&packet);
        packet[2..4].copy_from_slice(&sum.to_be_bytes());
    }
    packet
}

/// The checksum of the internet (RFC 1071).
fn checksum(bytes: &[u8]) -> u16 {
    let words = bytes.chunks(2).map(|two| u32::from(two[0]) << 8 | two.get(1).map_or(0, |low| u32::from(*low)));
    let sum = words.fold(0_u32, |sum, word| {
        let sum = sum + word;
        (sum & 0xffff) + (sum >> 16)
    });
    !(sum as u16)
}

/// Reads an ICMP packet of version 4 or 6, without the header of IP. `None` when it is about no echo.
pub fn read(is_v6: bool, packet: &[u8]) -> Option<Came<'_>> {
    let (kind, code) = (*packet.first()?, *packet.get(1)?);
    let (is_reply, is_error) =
        if is_v6 { (kind == V6_REPLY, kind < 128) } else { (kind == V4_REPLY, is_v4_error(kind)) };
    if is_reply {
        return Some(Came::Reply(echo(packet)?, packet.get(HEADER_BYTES..)?));
    }
    if !is_error {
        return None;
    }
    let inner = packet.get(HEADER_BYTES..)?;
    let (to, request) = if is_v6 { quoted_v6(inner)? } else { quoted_v4(inner)? };
    (*request.first()? == if is_v6 { V6_REQUEST } else { V4_REQUEST }).then_some(())?;
    Some(Came::Error { echo: echo(request)?, to, kind, code })
}

/// Unreachable, source quench, redirect, time exceeded, parameter problem. A redirect is no failure: the packet went on.
fn is_v4_error(kind: u8) -> bool {
    matches!(kind, 3 | 4 | 11 | 12)
}

fn echo(packet: &[u8]) -> Option<Echo> {
    let number = |at: usize| Some(u16::from_be_bytes(packet.get(at..at + 2)?.try_into().ok()?));
    Some(Echo { id: number(4)?, seq: number(6)? })
}

/// What an IPv4 packet carries, when that is ICMP, and where it goes.
fn quoted_v4(packet: &[u8]) -> Option<(IpAddr, &[u8])> {
    let to: [u8; 4] = packet.get(16..20)?.try_into().ok()?;
    (packet.get(9) == Some(&1)).then_some((IpAddr::from(to), without_v4_header(packet)?))
}

fn quoted_v6(packet: &[u8]) -> Option<(IpAddr, &[u8])> {
    let to: [u8; 16] = packet.get(24..40)?.try_into().ok()?;
    (packet.get(6) == Some(&58)).then_some((IpAddr::from(to), packet.get(IPV6_HEADER_BYTES..)?))
}

/// What an IPv4 packet carries: raw sockets of version 4 hand out the header, too.
pub fn without_v4_header(packet: &[u8]) -> Option<&[u8]> {
    let header = usize::from(packet.first()? & 0x0f) * 4;
    (packet.first()? >> 4 == 4 && header >= 20).then_some(packet.get(header..)?)
}

/// What a router says against a packet, in words.
pub fn words(is_v6: bool, kind: u8, code: u8) -> String {
    let words = if is_v6 {
        match (kind, code) {
            (1, 0) => "no route to the destination",
            (1, 1 | 5 | 6) => "administratively prohibited",
            (1, 3) => "host unreachable",
            (1, 4) => "port unreachable",
            (1, _) => "destination unreachable",
            (2, _) => "packet too big",
            (3, 0) => "time to live exceeded",
            (3, _) => "fragment reassembly time exceeded",
            (4, _) => "parameter problem",
            _ => return format!("ICMPv6 type {kind} code {code}"),
        }
    } else {
        match (kind, code) {
            (3, 0 | 6) => "network unreachable",
            (3, 1 | 7) => "host unreachable",
            (3, 2) => "protocol unreachable",
            (3, 3) => "port unreachable",
            (3, 4) => "fragmentation needed",
            (3, 9 | 10 | 13) => "administratively prohibited",
            (3, _) => "destination unreachable",
            (4, _) => "source quench",
            (11, 0) => "time to live exceeded",
            (11, _) => "fragment reassembly time exceeded",
            (12, _) => "parameter problem",
            _ => return format!("ICMP type {kind} code {code}"),
        }
    };
    words.to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ECHO: Echo = Echo { id: 0x1234, seq: 7 };

    #[test]
    fn a_request_is_what_ping_sends() {
        let packet = request(false, ECHO, b"abc");
        assert_eq!(packet, [8, 0, 0x21, 0x62, 0x12, 0x34, 0, 7, b'a', b'b', b'c']);
        assert_eq!(checksum(&packet), 0, "it adds up");
        assert_eq!(request(true, ECHO, b"")[..4], [128, 0, 0, 0]);
    }

    #[test]
    fn a_reply_is_the_request_with_another_type() {
        for (is_v6, reply) in [(false, 0), (true, 129)] {
            let mut packet = request(is_v6, ECHO, b"xyz");
            assert_eq!(read(is_v6, &packet), None, "a request is no answer");
            packet[0] = reply;
            assert_eq!(read(is_v6, &packet), Some(Came::Reply(ECHO, b"xyz")));
        }
    }

    #[test]
    fn a_router_quotes_what_did_not_arrive() {
        let to: IpAddr = "10.1.2.3".parse().expect("an address");
        let mut ip = vec![0; 20];
        (ip[0], ip[9]) = (0x45, 1);
        ip[16..20].copy_from_slice(&[10, 1, 2, 3]);
        let packet = [&[3, 1, 0, 0, 0, 0, 0, 0], ip.as_slice(), &request(false, ECHO, b"")].concat();
        assert_eq!(read(false, &packet), Some(Came::Error { echo: ECHO, to, kind: 3, code: 1 }));
        assert_eq!(words(false, 3, 1), "host unreachable");
        for cut in 0..packet.len() {
            assert_eq!(read(false, &packet[..cut]), None, "{cut}");
        }
        let mut other = packet.clone();
        other[8 + 9] = 17;
        assert_eq!(read(false, &other), None, "about a UDP packet");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(is_v6: bool, bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            let _ = read(is_v6, &bytes);
            let _ = without_v4_header(&bytes);
        }

        #[test]
        fn every_type_and_code_has_words(is_v6: bool, kind: u8, code: u8) {
            prop_assert!(!words(is_v6, kind, code).is_empty());
        }
    }
}
