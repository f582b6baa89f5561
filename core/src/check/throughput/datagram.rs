//! The datagrams of a test over UDP: how they begin, and what their numbers and times tell.

use super::wire::TestId;

/// Bytes of payload: with the headers of IP and UDP it passes every usual tunnel whole.
pub const DATAGRAM_BYTES: usize = 1_400;
/// Bytes of the head, in front of filling.
pub const HEAD_BYTES: usize = 32;

const MAGIC: [u8; 4] = *b"NLU1";

/// What a datagram is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatagramKind {
    /// Shows the other end where a stream is; goes out until it is answered.
    Hello,
    /// Answers it.
    Welcome,
    /// Carries data.
    Data,
}

/// The head of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Which test: the first half of its id.
    pub test: [u8; 8],
    /// What it is for.
    pub kind: DatagramKind,
    /// Which stream.
    pub stream: u8,
    /// Its number in the stream, from 0.
    pub seq: u64,
    /// When it was sent, µs of the sender's clock.
    pub sent_us: u64,
}

impl Head {
    /// A head without number and time.
    pub fn new(test: TestId, kind: DatagramKind, stream: u8) -> Self {
        Self { test: test.half(), kind, stream, seq: 0, sent_us: 0 }
    }

    /// The head as it is sent.
    pub fn encode(&self) -> [u8; HEAD_BYTES] {
        let mut bytes = [0; HEAD_BYTES];
        bytes[..4].copy_from_slice(&MAGIC);
        bytes[4..12].copy_from_slice(&self.test);
        bytes[12] = match self.kind {
            DatagramKind::Hello => 1,
            DatagramKind::Welcome => 2,
            DatagramKind::Data => 3,
        };
        bytes[13] = self.stream;
        bytes[16..24].copy_from_slice(&self.seq.to_be_bytes());
        bytes[24..].copy_from_slice(&self.sent_us.to_be_bytes());
        bytes
    }

    /// Reads a head; `None` when it is none.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; HEAD_BYTES] = bytes.get(..HEAD_BYTES)?.try_into().ok()?;
        let kind = match bytes[12] {
            1 => DatagramKind::Hello,
            2 => DatagramKind::Welcome,
            3 => DatagramKind::Data,
            _ => return None,
        };
        let eight = |at: usize| bytes[at..at + 8].try_into().map(u64::from_be_bytes).ok();
        (bytes[..4] == MAGIC).then_some(())?;
        let test = bytes[4..12].try_into().ok()?;
        Some(Self { test, kind, stream: bytes[13], seq: eight(16)?, sent_us: eight(24)? })
    }
}

/// What a receiver knows of one stream.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct StreamCount {
    /// Datagrams that came. One that came twice counts twice: the network is to blame for that, too rarely to matter.
    pub datagrams: u64,
    /// Bytes that came.
    pub bytes: u64,
    /// Datagrams that were sent, as the highest number tells.
    pub sent: u64,
    /// The jitter, µs (RFC 3550 section 6.4.1).
    pub jitter_us: f64,
    transit_us: Option<i64>,
}

impl StreamCount {
    /// Notes a datagram that came at a moment, µs of the receiver's clock.
    pub fn note(&mut self, head: &Head, bytes: usize, came_us: u64) {
        self.datagrams += 1;
        self.bytes += bytes as u64;
        self.sent = self.sent.max(head.seq.saturating_add(1));
        // The clocks have nothing in common; what they are apart cancels out in the difference.
        let transit_us = came_us.wrapping_sub(head.sent_us) as i64;
        if let Some(before) = self.transit_us.replace(transit_us) {
            let difference = transit_us.wrapping_sub(before).unsigned_abs() as f64;
            self.jitter_us += (difference - self.jitter_us) / 16.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn jitter_is_that_of_rfc_3550() {
        let mut count = StreamCount::default();
        let head = |seq, sent_us| Head { seq, sent_us, ..Head::new(TestId([1; 16]), DatagramKind::Data, 0) };
        // 16 µs later than the one before.
        count.note(&head(0, 100), 1_400, 5_000);
        count.note(&head(1, 200), 1_400, 5_116);
        assert!((count.jitter_us - 1.0).abs() < 1e-9);
        // As late as the one before: it fades.
        count.note(&head(4, 300), 1_400, 5_216);
        assert!((count.jitter_us - 0.9375).abs() < 1e-9);
        assert_eq!((count.datagrams, count.sent), (3, 5));
    }

    proptest! {
        #[test]
        fn heads_come_back_and_rubbish_does_no_harm(
            bytes in proptest::collection::vec(any::<u8>(), 0..64), seq in any::<u64>(), sent_us in any::<u64>(), came_us in any::<u64>(),
        ) {
            let head = Head { seq, sent_us, ..Head::new(TestId([7; 16]), DatagramKind::Data, 3) };
            prop_assert_eq!(Head::parse(&head.encode()), Some(head));
            let mut count = StreamCount::default();
            count.note(&head, 1, came_us);
            if let Some(other) = Head::parse(&bytes) {
                count.note(&other, bytes.len(), came_us);
            }
            prop_assert!(count.jitter_us.is_finite());
        }
    }
}
