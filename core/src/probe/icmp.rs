//! The packets of an ICMP echo (RFC 792, RFC 4443).

/// The header: type, code, checksum, identifier, sequence number.
pub const HEADER_BYTES: usize = 8;
/// Types of requests and of their answers.
const REQUEST_V4: u8 = 8;
const REPLY_V4: u8 = 0;
const REQUEST_V6: u8 = 128;
const REPLY_V6: u8 = 129;

/// A request. The kernel puts the checksum of IPv6 in, because it covers addresses that only the kernel knows.
pub fn request(is_v4: bool, identifier: u16, sequence: u16, payload: &[u8]) -> Vec<u8> {
    let mut packet = Vec::with_capacity(HEADER_BYTES + payload.len());
    packet.extend([if is_v4 { REQUEST_V4 } else { REQUEST_V6 }, 0, 0, 0]);
    packet.extend(identifier.to_be_bytes());
    packet.extend(sequence.to_be_bytes());
    packet.extend(payload);
    if is_v4 {
        let sum = checksum(&packet);
        packet[2..4].copy_from_slice(&sum.to_be_bytes());
    }
    packet
}

/// The identifier and the sequence number of an answer; `None` for any other packet. Raw sockets of IPv4 show the header of IP,
/// too.
pub fn reply(bytes: &[u8], is_v4: bool, has_ip_header: bool) -> Option<(u16, u16)> {
    let skipped = if has_ip_header { usize::from(bytes.first()? & 0xf) * 4 } else { 0 };
    let header: [u8; HEADER_BYTES] = bytes.get(skipped..skipped + HEADER_BYTES)?.try_into().ok()?;
    let [kind, 0, _, _, identifier @ .., high, low] = header else { return None };
    (kind == reply_type(is_v4)).then(|| (u16::from_be_bytes(identifier), u16::from_be_bytes([high, low])))
}

/// The type of an answer.
pub const fn reply_type(is_v4: bool) -> u8 {
    if is_v4 { REPLY_V4 } else { REPLY_V6 }
}

/// The round-trip time, µs: from the stamps of the wall clock, unless that was set in between, which the steady clock tells.
pub fn round_trip_us(sent_ns: u64, stamp_ns: Option<u64>, elapsed_ns: u64) -> f64 {
    let by_stamps = stamp_ns.and_then(|stamp_ns| stamp_ns.checked_sub(sent_ns));
    // The answer was read after it came.
    by_stamps.filter(|ns| *ns > 0 && *ns <= elapsed_ns).unwrap_or(elapsed_ns) as f64 / 1e3
}

/// The sum of RFC 1071.
fn checksum(bytes: &[u8]) -> u16 {
    let words = bytes.chunks(2).map(|pair| u64::from(u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)])));
    let mut sum: u64 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_answer_is_told_from_everything_else() {
        let request = request(true, 0x1234, 7, b"abc");
        assert_eq!(checksum(&request), 0, "a packet with its sum adds up");
        let mut answer = request.clone();
        answer[0] = REPLY_V4;
        assert_eq!(reply(&request, true, false), None);
        assert_eq!(reply(&answer, true, false), Some((0x1234, 7)));
        let mut with_header = vec![0x46; 24];
        with_header.extend(&answer);
        assert_eq!(reply(&with_header, true, true), Some((0x1234, 7)));
        answer[0] = REPLY_V6;
        assert_eq!((reply(&answer, true, false), reply(&answer, false, false)), (None, Some((0x1234, 7))));
    }

    #[test]
    fn a_clock_that_was_set_measures_nothing() {
        let same = |us: f64, expected: f64| (us - expected).abs() < 1e-9;
        assert!(same(round_trip_us(1_000, Some(6_000), 9_000), 5.0));
        for stamp in [None, Some(500), Some(1_000), Some(1_000_000)] {
            assert!(same(round_trip_us(1_000, stamp, 9_000), 9.0), "{stamp:?}");
        }
    }

    proptest! {
        #[test]
        fn rubbish_is_no_answer_or_one(
            bytes in prop::collection::vec(any::<u8>(), 0..100),
            is_v4 in any::<bool>(),
            has_header in any::<bool>(),
        ) {
            prop_assert!(reply(&bytes, is_v4, has_header).is_none() || bytes.len() >= HEADER_BYTES);
        }
    }
}
