//! ICMP echo: requests, and what comes back for them (RFC 792, RFC 4443).

/// The header of an echo: type, code, checksum, identifier, sequence.
pub const HEADER_BYTES: usize = 8;

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

/// The answer to an echo, with its payload: out of an ICMP packet of version 4 or 6, without the header of IP.
pub fn reply(is_v6: bool, packet: &[u8]) -> Option<(Echo, &[u8])> {
    let kind = if is_v6 { V6_REPLY } else { V4_REPLY };
    Some((echo(kind, packet)?, packet.get(HEADER_BYTES..)?))
}

/// Which echo a request was, as the kernel hands it back with what a router says against it.
pub fn asked(is_v6: bool, packet: &[u8]) -> Option<Echo> {
    echo(if is_v6 { V6_REQUEST } else { V4_REQUEST }, packet)
}

fn echo(kind: u8, packet: &[u8]) -> Option<Echo> {
    let number = |at: usize| Some(u16::from_be_bytes(packet.get(at..at + 2)?.try_into().ok()?));
    (*packet.first()? == kind).then_some(Echo { id: number(4)?, seq: number(6)? })
}

/// What an IPv4 packet carries: sockets of version 4 may hand out the header, too.
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
        for (is_v6, kind) in [(false, 0), (true, 129)] {
            let mut packet = request(is_v6, ECHO, b"xyz");
            assert_eq!((reply(is_v6, &packet), asked(is_v6, &packet)), (None, Some(ECHO)));
            packet[0] = kind;
            assert_eq!((reply(is_v6, &packet), asked(is_v6, &packet)), (Some((ECHO, b"xyz".as_slice())), None));
            assert_eq!(reply(is_v6, &packet[..7]), None, "cut off");
        }
    }

    #[test]
    fn the_header_of_version_4_says_how_long_it_is() {
        let packet = [&[0x46][..], &[0; 23], b"inside"].concat();
        assert_eq!(without_v4_header(&packet), Some(b"inside".as_slice()));
        assert_eq!(without_v4_header(&packet[..20]), None, "cut off");
        assert_eq!(without_v4_header(&[0x60; 40]), None, "version 6");
        assert_eq!(words(false, 3, 1), "host unreachable");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(is_v6: bool, bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            let _ = (reply(is_v6, &bytes), asked(is_v6, &bytes));
            let _ = without_v4_header(&bytes);
        }

        #[test]
        fn every_type_and_code_has_words(is_v6: bool, kind: u8, code: u8) {
            prop_assert!(!words(is_v6, kind, code).is_empty());
        }
    }
}
