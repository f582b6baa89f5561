//! What ICMP says of a probe: messages and the packets quoted in them are read, and codes become words.
//!
//! Everything here comes from strangers, so nothing is believed about lengths.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Echo reply, destination unreachable, time exceeded (RFC 792).
const V4_ECHO_REPLY: u8 = 0;
const V4_UNREACHABLE: u8 = 3;
const V4_TIME_EXCEEDED: u8 = 11;
const V4_PARAMETER: u8 = 12;
const V4_CODE_PORT: u8 = 3;
const V4_CODE_TOO_BIG: u8 = 4;
/// Destination unreachable, packet too big, time exceeded, echo reply (RFC 4443).
const V6_UNREACHABLE: u8 = 1;
const V6_TOO_BIG: u8 = 2;
const V6_TIME_EXCEEDED: u8 = 3;
const V6_PARAMETER: u8 = 4;
const V6_ECHO_REPLY: u8 = 129;
const V6_CODE_PORT: u8 = 4;
/// Protocol numbers.
pub const ICMP: u8 = 1;
/// As above.
pub const TCP: u8 = 6;
/// As above.
pub const UDP: u8 = 17;
/// As above.
pub const ICMP_V6: u8 = 58;
/// An ICMP header, as long as what every router quotes of the transport (RFC 792).
const HEADER_BYTES: usize = 8;
/// Headers of extensions that are stepped over in a quoted packet: a usual packet has none.
const EXTENSIONS_MAX: usize = 8;

/// What was said of a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// It used up its hops.
    Expired,
    /// The host itself answered: an echo, a handshake, a reset.
    Answered,
    /// It got to a machine on which nobody has that port.
    NoPort,
    /// It is too large to go on; `mtu` is what passes, 0 when the router does not say.
    TooBig {
        /// The largest that passes, bytes.
        mtu: u32,
    },
    /// It will not go on.
    Refused {
        /// Which ICMP.
        is_v6: bool,
        /// The type.
        kind: u8,
        /// The code.
        code: u8,
    },
}

impl Word {
    /// What an ICMP message means; `None` for one that says nothing of a probe. `rest` is the second word of the header.
    pub fn of(is_v6: bool, kind: u8, code: u8, rest: u32) -> Option<Self> {
        let refused = Word::Refused { is_v6, kind, code };
        Some(match (is_v6, kind, code) {
            (false, V4_ECHO_REPLY, _) | (true, V6_ECHO_REPLY, _) => Word::Answered,
            // Code 1 is a fragment whose others did not come: the host has it.
            (false, V4_TIME_EXCEEDED, 0) | (true, V6_TIME_EXCEEDED, 0) => Word::Expired,
            (false, V4_UNREACHABLE, V4_CODE_PORT) | (true, V6_UNREACHABLE, V6_CODE_PORT) => Word::NoPort,
            (false, V4_UNREACHABLE, V4_CODE_TOO_BIG) => Word::TooBig { mtu: rest & 0xffff },
            (true, V6_TOO_BIG, _) => Word::TooBig { mtu: rest },
            (false, V4_UNREACHABLE | V4_PARAMETER | V4_TIME_EXCEEDED, _)
            | (true, V6_UNREACHABLE | V6_PARAMETER | V6_TIME_EXCEEDED, _) => refused,
            _ => return None,
        })
    }

    /// What is said against going on, in words; empty when nothing is.
    pub fn refusal(self) -> String {
        let known = match self {
            Word::Expired | Word::Answered => "",
            Word::NoPort => "port unreachable",
            Word::TooBig { mtu: 0 } => "packet too large",
            Word::TooBig { mtu } => return format!("packet too large, {mtu} bytes pass"),
            Word::Refused { is_v6: false, kind, code } => v4_words(kind, code),
            Word::Refused { is_v6: true, kind, code } => v6_words(kind, code),
        };
        match (known, self) {
            ("?", Word::Refused { kind, code, .. }) => format!("ICMP type {kind}, code {code}"),
            _ => known.to_owned(),
        }
    }
}

/// RFC 792, RFC 1122 section 3.2.2.1, RFC 1812 section 5.2.7.1.
const fn v4_words(kind: u8, code: u8) -> &'static str {
    match (kind, code) {
        (V4_UNREACHABLE, 0) => "network unreachable",
        (V4_UNREACHABLE, 1) => "host unreachable",
        (V4_UNREACHABLE, 2) => "protocol unreachable",
        (V4_UNREACHABLE, 5) => "source route failed",
        (V4_UNREACHABLE, 6) => "network unknown",
        (V4_UNREACHABLE, 7) => "host unknown",
        (V4_UNREACHABLE, 8) => "source host isolated",
        (V4_UNREACHABLE, 9) => "network prohibited by administration",
        (V4_UNREACHABLE, 10) => "host prohibited by administration",
        (V4_UNREACHABLE, 11) => "network unreachable for this type of service",
        (V4_UNREACHABLE, 12) => "host unreachable for this type of service",
        (V4_UNREACHABLE, 13) => "communication prohibited by administration",
        (V4_UNREACHABLE, 14) => "host precedence violation",
        (V4_UNREACHABLE, 15) => "precedence too low",
        (V4_TIME_EXCEEDED, 1) => "fragments missing",
        (V4_PARAMETER, _) => "header not understood",
        _ => "?",
    }
}

/// RFC 4443 section 3, RFC 6554 and RFC 7112 for the newer codes.
const fn v6_words(kind: u8, code: u8) -> &'static str {
    match (kind, code) {
        (V6_UNREACHABLE, 0) => "no route",
        (V6_UNREACHABLE, 1) => "prohibited by administration",
        (V6_UNREACHABLE, 2) => "beyond the scope of the source address",
        (V6_UNREACHABLE, 3) => "address unreachable",
        (V6_UNREACHABLE, 5) => "source address failed the policy",
        (V6_UNREACHABLE, 6) => "route rejected",
        (V6_UNREACHABLE, 7) => "error in the source routing header",
        (V6_TIME_EXCEEDED, 1) => "fragments missing",
        (V6_PARAMETER, _) => "header not understood",
        _ => "?",
    }
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

    /// Reads a message behind an IPv4 header, as raw sockets give it.
    pub fn parse_behind_v4(bytes: &'a [u8]) -> Option<Self> {
        let quote = Quote::parse_v4(bytes)?;
        (quote.protocol == ICMP).then(|| Self::parse(quote.transport)).flatten()
    }

    /// Identifier and sequence number of an echo.
    pub fn echo(&self) -> (u16, u16) {
        ((self.rest >> 16) as u16, self.rest as u16)
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

/// The checksum of the internet (RFC 1071).
pub fn checksum(bytes: &[u8]) -> u16 {
    let (words, rest) = bytes.as_chunks::<2>();
    let mut sum: u64 = words.iter().map(|word| u64::from(u16::from_be_bytes(*word))).sum();
    sum += rest.first().map_or(0, |last| u64::from(*last) << 8);
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// An echo request (RFC 792, RFC 4443) whose checksum is the same for every sequence number, because some routers choose
/// among equal ways by it (Augustin et al., "Avoiding traceroute anomalies with Paris traceroute", 2006): the first word of
/// the payload makes up for the sequence number. `bytes` is its length with the header.
pub fn echo_request(is_v6: bool, identifier: u16, sequence: u16, bytes: usize) -> Vec<u8> {
    const V4_ECHO: u8 = 8;
    const V6_ECHO: u8 = 128;
    let mut packet = vec![0; bytes.max(HEADER_BYTES + 2)];
    packet[0] = if is_v6 { V6_ECHO } else { V4_ECHO };
    packet[4..6].copy_from_slice(&identifier.to_be_bytes());
    packet[6..8].copy_from_slice(&sequence.to_be_bytes());
    packet[8..10].copy_from_slice(&(!sequence).to_be_bytes());
    // The kernel writes that of ICMPv6, which covers the addresses, too.
    let sum = checksum(&packet);
    packet[2..4].copy_from_slice(&sum.to_be_bytes());
    packet
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A time exceeded of 10.0.0.1 about a UDP probe, with an option in the quoted header.
    fn sample() -> Vec<u8> {
        let mut quoted = vec![0x46, 0, 0, 40, 0, 0, 0, 0, 1, UDP, 0, 0, 192, 0, 2, 1, 198, 51, 100, 7, 1, 1, 1, 1];
        quoted.extend([0xf2, 0x30, 0x82, 0x9a, 0, 20, 0, 0, b'h', b'i']);
        let mut packet = vec![0x45, 0, 0, 0, 0, 0, 0, 0, 64, ICMP, 0, 0, 10, 0, 0, 1, 192, 0, 2, 1];
        packet.extend([V4_TIME_EXCEEDED, 0, 0, 0, 0, 0, 0, 0]);
        packet.extend(quoted);
        packet
    }

    #[test]
    fn an_error_is_read_with_the_packet_it_is_about() {
        let bytes = sample();
        let message = Message::parse_behind_v4(&bytes).expect("a message");
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
    fn codes_have_words() {
        let cases = [
            (false, 3, 0, "network unreachable"),
            (false, 3, 13, "communication prohibited by administration"),
            (false, 3, 99, "ICMP type 3, code 99"),
            (true, 1, 0, "no route"),
            (true, 1, 1, "prohibited by administration"),
            (true, 4, 1, "header not understood"),
        ];
        for (is_v6, kind, code, words) in cases {
            assert_eq!(Word::of(is_v6, kind, code, 0).expect("a word").refusal(), words);
        }
        assert_eq!(Word::of(false, 3, 4, 1_400), Some(Word::TooBig { mtu: 1_400 }));
        assert_eq!(Word::of(false, 8, 0, 0), None, "a request is no answer");
        assert_eq!(Word::Expired.refusal(), "");
    }

    #[test]
    fn the_checksum_of_a_flow_stays_the_same() {
        let sums: Vec<_> =
            [0, 1, 77, 0xffff].map(|sequence| echo_request(false, 9, sequence, 64)[2..4].to_vec()).into();
        assert!(sums.iter().all(|sum| *sum == sums[0]), "{sums:?}");
        assert_eq!(checksum(&echo_request(false, 9, 5, 65)), 0, "right, odd lengths too");
        assert_ne!(echo_request(false, 10, 0, 64)[2..4], sums[0][..], "another flow, another one");
    }

    proptest! {
        #[test]
        fn rubbish_is_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..200), is_v6: bool) {
            let message = if is_v6 { Message::parse(&bytes) } else { Message::parse_behind_v4(&bytes) };
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
            if let Some(message) = Message::parse_behind_v4(&bytes) {
                let _ = Quote::parse(false, message.body).map(|quote| quote.ports());
            }
        }
    }
}
