//! The packet that agents send each other, and the round-trip time that follows from its stamps.
//!
//! Request and reply have the same fixed size, so nobody can make a node send more than he sends himself. Numbers are
//! little-endian. The tag at the end covers everything before it.
//!
//! | bytes | what |
//! |---|---|
//! | 0..4 | `NLec` |
//! | 4 | version, 1 |
//! | 5 | kind: 1 request, 2 reply |
//! | 6..8 | place in the train |
//! | 8..12 | the prober's number |
//! | 12..16 | sequence number |
//! | 16..24 | the prober's epoch |
//! | 24..32 | time of the hub, ms; 0 when the prober does not know it |
//! | 32..40 | sent by the prober, ns of its clock |
//! | 40..48 | received by the responder, ns of its clock |
//! | 48..56 | sent by the responder, ns of its clock |
//! | 56..80 | zero, not read |
//! | 80..96 | tag |

/// Bytes of every packet: as many as a plain `ping` sends with its headers, within any path's limits.
pub const PACKET_BYTES: usize = 96;
/// Bytes of the tag: half of the digest, the least that RFC 2104 section 5 advises.
pub const TAG_BYTES: usize = 16;
/// Bytes that the tag covers.
pub const SEALED_BYTES: usize = PACKET_BYTES - TAG_BYTES;

const MAGIC: [u8; 4] = *b"NLec";
const VERSION: u8 = 1;

/// Which way a packet goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// From the prober.
    Request,
    /// Back to it.
    Reply,
}

/// What a packet says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet {
    /// Which way it goes.
    pub kind: Kind,
    /// Place in the train, from 0.
    pub place: u16,
    /// The number of the node that probes.
    pub prober: u32,
    /// Grows by one with every packet to a peer within an epoch.
    pub seq: u32,
    /// When the prober began with this peer, ms since the epoch of its own clock: sequence numbers begin anew with it.
    pub epoch: u64,
    /// The time of the hub when it was sent, as the prober knows it, ms; 0 when it does not.
    pub hub_ms: i64,
    /// When the prober sent it, ns of its clock.
    pub sent_ns: u64,
    /// When the responder's kernel received it, ns of the responder's clock; 0 in requests.
    pub received_ns: u64,
    /// When the responder sent it back, ns of the responder's clock; 0 in requests.
    pub replied_ns: u64,
}

/// Why bytes are no packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malformed {
    /// They are too few or too many.
    Size,
    /// They are of something else, of another version, or of no known kind.
    Foreign,
}

impl Packet {
    /// The bytes, with zeros for the tag.
    pub fn encode(&self) -> [u8; PACKET_BYTES] {
        let mut bytes = [0; PACKET_BYTES];
        bytes[..4].copy_from_slice(&MAGIC);
        bytes[4] = VERSION;
        bytes[5] = match self.kind {
            Kind::Request => 1,
            Kind::Reply => 2,
        };
        bytes[6..8].copy_from_slice(&self.place.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.prober.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.seq.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.epoch.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.hub_ms.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.sent_ns.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.received_ns.to_le_bytes());
        bytes[48..56].copy_from_slice(&self.replied_ns.to_le_bytes());
        bytes
    }

    /// Reads a packet; the tag is not looked at.
    ///
    /// # Errors
    /// When the bytes are no packet of this version.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let bytes: &[u8; PACKET_BYTES] = bytes.try_into().map_err(|_| Malformed::Size)?;
        let kind = match (bytes[..4] == MAGIC, bytes[4], bytes[5]) {
            (true, VERSION, 1) => Kind::Request,
            (true, VERSION, 2) => Kind::Reply,
            _ => return Err(Malformed::Foreign),
        };
        Ok(Self {
            kind,
            place: u16::from_le_bytes(field(bytes, 6)),
            prober: u32::from_le_bytes(field(bytes, 8)),
            seq: u32::from_le_bytes(field(bytes, 12)),
            epoch: u64::from_le_bytes(field(bytes, 16)),
            hub_ms: i64::from_le_bytes(field(bytes, 24)),
            sent_ns: u64::from_le_bytes(field(bytes, 32)),
            received_ns: u64::from_le_bytes(field(bytes, 40)),
            replied_ns: u64::from_le_bytes(field(bytes, 48)),
        })
    }
}

fn field<const N: usize>(bytes: &[u8; PACKET_BYTES], at: usize) -> [u8; N] {
    std::array::from_fn(|index| bytes[at + index])
}

/// The round-trip time without the time that the packet lay at the responder, ns:
/// `(returned - sent) - (replied - received)` (RFC 5905 section 8; RFC 5357 section 4.2.1 has the same stamps).
///
/// `sent` and `returned` are of the prober's wall clock, which may be set in between; `elapsed_ns` is how long its steady
/// clock says that the packet took until it was read, which bounds the result. A residence that cannot be is not
/// subtracted: the responder's clock was set.
pub fn round_trip_ns(reply: &Packet, returned_ns: u64, elapsed_ns: u64) -> u64 {
    let whole = match returned_ns.checked_sub(reply.sent_ns) {
        Some(whole) if (1..=elapsed_ns).contains(&whole) => whole,
        _ => elapsed_ns,
    };
    let residence = reply.replied_ns.checked_sub(reply.received_ns).filter(|residence| *residence < whole);
    whole - residence.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn packet() -> Packet {
        Packet {
            kind: Kind::Reply,
            place: 3,
            prober: 7,
            seq: 9,
            epoch: 11,
            hub_ms: -13,
            sent_ns: 1_000,
            received_ns: 5_000_000,
            replied_ns: 5_000_400,
        }
    }

    #[test]
    fn the_time_at_the_responder_is_no_round_trip_time() {
        assert_eq!(round_trip_ns(&packet(), 2_500, 2_000), 1_100);
    }

    #[test]
    fn clocks_that_were_set_do_not_show() {
        assert_eq!(round_trip_ns(&packet(), 900, 2_000), 1_600, "the prober's went back");
        assert_eq!(round_trip_ns(&packet(), 9_000_000, 2_000), 1_600, "the prober's went ahead");
        let back = Packet { replied_ns: 4_000_000, ..packet() };
        assert_eq!(round_trip_ns(&back, 2_500, 2_000), 1_500, "the responder's went back");
        let ahead = Packet { replied_ns: 6_000_000, ..packet() };
        assert_eq!(round_trip_ns(&ahead, 2_500, 2_000), 1_500, "the responder's went ahead");
    }

    #[test]
    fn the_largest_datagram_and_none_at_all_are_no_packets() {
        assert_eq!(Packet::decode(&[]), Err(Malformed::Size));
        assert_eq!(Packet::decode(&vec![0; 65_507]), Err(Malformed::Size));
        assert_eq!(Packet::decode(&[0; PACKET_BYTES]), Err(Malformed::Foreign));
        let mut next_version = packet().encode();
        next_version[4] += 1;
        assert_eq!(Packet::decode(&next_version), Err(Malformed::Foreign));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..300), is_ours: bool) {
            if is_ours && bytes.len() >= 6 {
                bytes[..6].copy_from_slice(&packet().encode()[..6]);
            }
            match Packet::decode(&bytes) {
                Ok(packet) => prop_assert_eq!(&packet.encode()[..56], &bytes[..56]),
                Err(Malformed::Size) => prop_assert_ne!(bytes.len(), PACKET_BYTES),
                Err(Malformed::Foreign) => prop_assert_eq!(bytes.len(), PACKET_BYTES),
            }
        }

        #[test]
        fn what_was_written_is_read(
            (place, prober, seq, epoch, hub_ms) in any::<(u16, u32, u32, u64, i64)>(),
            stamps: [u64; 3],
            is_reply: bool,
        ) {
            let [sent_ns, received_ns, replied_ns] = stamps;
            let kind = if is_reply { Kind::Reply } else { Kind::Request };
            let packet = Packet { kind, place, prober, seq, epoch, hub_ms, sent_ns, received_ns, replied_ns };
            prop_assert_eq!(Packet::decode(&packet.encode()), Ok(packet));
        }

        #[test]
        fn a_round_trip_is_never_longer_than_it_took(stamps: [u64; 4], elapsed_ns in 1_u64..1 << 40) {
            let [sent_ns, received_ns, replied_ns, returned_ns] = stamps;
            let reply = Packet { sent_ns, received_ns, replied_ns, ..packet() };
            prop_assert!((1..=elapsed_ns).contains(&round_trip_ns(&reply, returned_ns, elapsed_ns)));
        }
    }
}
