//! ICMP: echoes, what answers them, and what routers say of probes (RFC 792, RFC 4443).
//!
//! What is read here comes from strangers, so nothing is believed about lengths.

mod word;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub use self::word::Word;

/// The header of an echo: type, code, checksum, identifier, sequence number. Every router quotes as much of the transport.
pub const HEADER_BYTES: usize = 8;
/// Types of requests and of their answers.
const V4_ECHO: u8 = 8;
const V4_ECHO_REPLY: u8 = 0;
const V6_ECHO: u8 = 128;
const V6_ECHO_REPLY: u8 = 129;
/// Protocol numbers.
pub const ICMP: u8 = 1;
/// As above.
pub const TCP: u8 = 6;
/// As above.
pub const UDP: u8 = 17;
/// As above.
pub const ICMP_V6: u8 = 58;
/// Headers of extensions that are stepped over in a quoted packet: a usual packet has none.
const EXTENSIONS_MAX: usize = 8;

/// What tells an echo from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Echo {
    /// The identifier: who sent it.
    pub id: u16,
    /// The sequence number: which it was.
    pub seq: u16,
}

/// A request for an echo of the payload.
pub fn request(is_v6: bool, echo: Echo, payload: &[u8]) -> Vec<u8> {
    let mut packet = Vec::with_capacity(HEADER_BYTES + payload.len());
    packet.extend([if is_v6 { V6_ECHO } else { V4_ECHO }, 0, 0, 0]);
    packet.extend(echo.id.to_be_bytes());
    packet.extend(echo.seq.to_be_bytes());
    packet.extend(payload);
    seal(is_v6, packet)
}

/// A request whose checksum is the same for every sequence number, because some routers choose among equal ways by it
/// (Augustin et al., "Avoiding traceroute anomalies with Paris traceroute", 2006): the first word of the payload makes up
/// for the sequence number. `bytes` is its length with the header.
pub fn request_of_flow(is_v6: bool, echo: Echo, bytes: usize) -> Vec<u8> {
    let mut payload = vec![0; bytes.saturating_sub(HEADER_BYTES).max(2)];
    payload[..2].copy_from_slice(&(!echo.seq).to_be_bytes());
    request(is_v6, echo, &payload)
}

/// Puts the checksum in. That of version 6 covers the addresses, too, and is written by the kernel.
fn seal(is_v6: bool, mut packet: Vec<u8>) -> Vec<u8> {
    if !is_v6 {
        let sum = checksum(&packet);
        packet[2..4].copy_from_slice(&sum.to_be_bytes());
    }
    packet
}

/// The checksum of the internet (RFC 1071).
fn checksum(bytes: &[u8]) -> u16 {
    let (words, rest) = bytes.as_chunks::<2>();
    let mut sum: u64 = words.iter().map(|word| u64::from(u16::from_be_bytes(*word))).sum();
    sum += rest.first().map_or(0, |last| u64::from(*last) << 8);
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// The type of an answer to an echo.
pub const fn reply_type(is_v6: bool) -> u8 {
    if is_v6 { V6_ECHO_REPLY } else { V4_ECHO_REPLY }
}

/// An ICMP message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    /// The type.
    pub kind: u8,
    /// The code.
    pub code: u8,
    /// The second word of the header: identifier and sequence number of an echo, the MTU of a packet too big.
    pub rest: u32,
    /// What follows the header.
    pub body: &'a [u8],
}

impl<'a> Message<'a> {
    /// Reads a message that begins with the ICMP header.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let rest = u32::from_be_bytes(bytes.get(4..HEADER_BYTES)?.try_into().ok()?);
        Some(Self { kind: bytes[0], code: bytes[1], rest, body: &bytes[HEADER_BYTES..] })
    }

    /// Reads what a socket hands out: raw ones of version 4, and on some systems others, too, show the header of IP. No type
    /// of ICMP begins as that does.
    pub fn received(is_v6: bool, bytes: &'a [u8]) -> Option<Self> {
        if is_v6 || bytes.first()? >> 4 != 4 {
            return Self::parse(bytes);
        }
        let packet = Quote::parse_v4(bytes)?;
        (packet.protocol == ICMP).then(|| Self::parse(packet.transport)).flatten()
    }

    /// Which echo it is about, if it is a request, an answer, or quoted from one.
    pub fn echo(&self) -> Echo {
        Echo { id: (self.rest >> 16) as u16, seq: self.rest as u16 }
    }

    /// The echo that it answers.
    pub fn reply(&self, is_v6: bool) -> Option<Echo> {
        (self.kind == reply_type(is_v6) && self.code == 0).then(|| self.echo())
    }
}

/// The beginning of a packet, quoted by whoever complains of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quote<'a> {
    /// The protocol above IP.
    pub protocol: u8,
    /// Whose packet it was.
    pub source: IpAddr,
    /// Where it went.
    pub destination: IpAddr,
    /// The header of the transport, as far as it is quoted: often eight bytes and no more.
    pub transport: &'a [u8],
}

impl<'a> Quote<'a> {
    /// Reads the packet that is quoted in the body of an ICMP error.
    pub fn parse(is_v6: bool, body: &'a [u8]) -> Option<Self> {
        if is_v6 { Self::parse_v6(body) } else { Self::parse_v4(body) }
    }

    fn parse_v4(bytes: &'a [u8]) -> Option<Self> {
        const LEAST: usize = 20;
        let header = bytes.get(..LEAST)?;
        let length = usize::from(header[0] & 0x0f) * 4;
        if header[0] >> 4 != 4 || length < LEAST {
            return None;
        }
        let address = |at: usize| Some(Ipv4Addr::from(<[u8; 4]>::try_from(header.get(at..at + 4)?).ok()?));
        Some(Self {
            protocol: header[9],
            source: address(12)?.into(),
            destination: address(16)?.into(),
            transport: bytes.get(length..)?,
        })
    }

    fn parse_v6(bytes: &'a [u8]) -> Option<Self> {
        const LEAST: usize = 40;
        /// Hop-by-hop options, routing, destination options (RFC 8200 section 4): all of one shape.
        const EXTENSIONS: [u8; 3] = [0, 43, 60];
        const FRAGMENT: u8 = 44;
        let header = bytes.get(..LEAST)?;
        if header[0] >> 4 != 6 {
            return None;
        }
        let address = |at: usize| Some(Ipv6Addr::from(<[u8; 16]>::try_from(header.get(at..at + 16)?).ok()?));
        let (mut protocol, mut transport) = (header[6], bytes.get(LEAST..)?);
        for _ in 0..EXTENSIONS_MAX {
            let length = match protocol {
                FRAGMENT => 8,
                known if EXTENSIONS.contains(&known) => 8 + 8 * usize::from(*transport.get(1)?),
                _ => break,
            };
            (protocol, transport) = (*transport.first()?, transport.get(length..)?);
        }
        Some(Self { protocol, source: address(8)?.into(), destination: address(24)?.into(), transport })
    }

    /// Source and destination port of TCP and UDP.
    pub fn ports(&self) -> Option<(u16, u16)> {
        let word = |at: usize| Some(u16::from_be_bytes(self.transport.get(at..at + 2)?.try_into().ok()?));
        matches!(self.protocol, TCP | UDP).then(|| Some((word(0)?, word(2)?))).flatten()
    }
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
    fn an_answer_is_told_from_everything_else() {
        for (is_v6, kind) in [(false, 0), (true, 129)] {
            let mut packet = request(is_v6, ECHO, b"xyz");
            let reply = |packet: &[u8], is_v6| Message::received(is_v6, packet)?.reply(is_v6);
            assert_eq!(reply(&packet, is_v6), None, "a request");
            packet[0] = kind;
            assert_eq!((reply(&packet, is_v6), reply(&packet, !is_v6)), (Some(ECHO), None));
            assert_eq!(Message::parse(&packet).map(|message| message.body), Some(&b"xyz"[..]));
            assert_eq!(reply(&packet[..7], is_v6), None, "cut off");
        }
        let mut behind = vec![0x46; 24];
        behind[9] = ICMP;
        behind.extend(request(false, ECHO, b""));
        behind[24] = V4_ECHO_REPLY;
        assert_eq!(Message::received(false, &behind).and_then(|message| message.reply(false)), Some(ECHO));
    }

    /// A time exceeded of 10.0.0.1 about a UDP probe, with an option in the quoted header.
    fn sample() -> Vec<u8> {
        let mut quoted = vec![0x46, 0, 0, 40, 0, 0, 0, 0, 1, UDP, 0, 0, 192, 0, 2, 1, 198, 51, 100, 7, 1, 1, 1, 1];
        quoted.extend([0xf2, 0x30, 0x82, 0x9a, 0, 20, 0, 0, b'h', b'i']);
        let mut packet = vec![0x45, 0, 0, 0, 0, 0, 0, 0, 64, ICMP, 0, 0, 10, 0, 0, 1, 192, 0, 2, 1];
        packet.extend([11, 0, 0, 0, 0, 0, 0, 0]);
        packet.extend(quoted);
        packet
    }

    #[test]
    fn an_error_is_read_with_the_packet_it_is_about() {
        let bytes = sample();
        let message = Message::received(false, &bytes).expect("a message");
        assert_eq!(Word::of(false, message.kind, message.code, message.rest), Some(Word::Expired));
        let quote = Quote::parse(false, message.body).expect("a quote");
        assert_eq!(quote.destination.to_string(), "198.51.100.7");
        assert_eq!(quote.ports(), Some((0xf230, 0x829a)));
        assert_eq!(&quote.transport[8..], b"hi");
    }

    #[test]
    fn headers_of_extensions_are_stepped_over() {
        let mut bytes = vec![0x60, 0, 0, 0, 0, 32, 0, 1];
        bytes.extend([0; 15].iter().chain(&[1]).chain(&[0; 15]).chain(&[2]));
        // Hop-by-hop options, a fragment, UDP.
        bytes.extend([44, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend([UDP, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend([0, 7, 0, 9, 0, 8, 0, 0]);
        let quote = Quote::parse(true, &bytes).expect("a quote");
        assert_eq!((quote.destination.to_string().as_str(), quote.ports()), ("::2", Some((7, 9))));
    }

    #[test]
    fn the_checksum_of_a_flow_stays_the_same() {
        let sums: Vec<_> =
            [0, 1, 77, 0xffff].map(|seq| request_of_flow(false, Echo { id: 9, seq }, 64)[2..4].to_vec()).into();
        assert!(sums.iter().all(|sum| *sum == sums[0]), "{sums:?}");
        assert_eq!(checksum(&request_of_flow(false, Echo { id: 9, seq: 5 }, 65)), 0, "right, odd lengths too");
        assert_ne!(request_of_flow(false, Echo { id: 10, seq: 0 }, 64)[2..4], sums[0][..], "another flow, another one");
    }

    proptest! {
        #[test]
        fn rubbish_is_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..200), is_v6: bool) {
            let message = Message::received(is_v6, &bytes);
            if let Some(message) = message {
                let word = Word::of(is_v6, message.kind, message.code, message.rest);
                let _ = (word.map(Word::refusal), message.echo());
            }
            if let Some(quote) = Quote::parse(is_v6, &bytes) {
                prop_assert!(quote.transport.len() < bytes.len());
                let _ = quote.ports();
            }
        }

        #[test]
        fn messages_with_a_byte_changed_or_cut_off_are_read_without_harm(at in 0_usize..62, byte: u8, length in 0_usize..63) {
            let mut bytes = sample();
            bytes[at] = byte;
            bytes.truncate(length);
            if let Some(message) = Message::received(false, &bytes) {
                let _ = Quote::parse(false, message.body).map(|quote| quote.ports());
            }
        }
    }
}
