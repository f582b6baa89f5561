//! What the two ends of a test say to each other: frames of JSON on the control connection, and how the other connections
//! begin.
//!
//! Near end: [`Near::Hello`] with the ticket. Far end: [`Far::Welcome`] with the id of the test, or [`Far::Refused`]. Then
//! the near end opens the connections for the data, each beginning with a [`Preamble`]. [`Far::Ready`] when all are there,
//! pings, [`Near::Start`], pings all the time, [`Near::Stop`], [`Far::Result`]. What arrived is counted where it arrives.

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{Direction, Flowed, Protocol, STREAMS_MAX, budget, slices};
use crate::uplink::{hex, unhex};

/// How a frame begins.
const FRAME: [u8; 4] = *b"NLT1";
/// How a connection for data begins.
const DATA: [u8; 4] = *b"NLD1";
/// Bytes in front of what a frame carries.
pub const HEADER_BYTES: usize = 8;
/// Bytes that a frame carries at most: a result with all its slices is a fifth of it.
pub const BODY_MAX_BYTES: usize = 16 * 1_024;
/// Bytes of a preamble.
pub const PREAMBLE_BYTES: usize = 24;
/// The shortest ticket, characters: 16 random bytes are 32 digits; what people choose themselves may be shorter.
pub const TICKET_MIN_CHARS: usize = 16;
/// The longest ticket, characters.
pub const TICKET_MAX_CHARS: usize = 128;

/// The id of a test, chosen at random by the far end; connections that carry it belong to the test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TestId(pub [u8; 16]);

impl TestId {
    /// Its first half, which datagrams carry.
    pub fn half(self) -> [u8; 8] {
        let mut half = [0; 8];
        half.copy_from_slice(&self.0[..8]);
        half
    }

    /// As digits.
    pub fn text(self) -> String {
        hex(&self.0)
    }

    /// From digits.
    pub fn parse(text: &str) -> Option<Self> {
        unhex(text).map(Self)
    }
}

/// Which way the data of a connection goes, seen from the near end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// To the far end.
    Up,
    /// To the near end.
    Down,
}

/// How a connection for data begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preamble {
    /// The test.
    pub test: TestId,
    /// Which way its data goes.
    pub way: Way,
    /// Which stream of that way.
    pub stream: u8,
}

impl Preamble {
    /// As it is sent.
    pub fn encode(&self) -> [u8; PREAMBLE_BYTES] {
        let mut bytes = [0; PREAMBLE_BYTES];
        bytes[..4].copy_from_slice(&DATA);
        bytes[4..20].copy_from_slice(&self.test.0);
        bytes[20] = if self.way == Way::Up { 1 } else { 2 };
        bytes[21] = self.stream;
        bytes
    }

    /// Reads it; `None` when it is none.
    pub fn parse(bytes: &[u8; PREAMBLE_BYTES]) -> Option<Self> {
        let way = match bytes[20] {
            1 => Way::Up,
            2 => Way::Down,
            _ => return None,
        };
        let test = TestId(bytes[4..20].try_into().ok()?);
        (bytes[..4] == DATA && u16::from(bytes[21]) < STREAMS_MAX).then_some(Self { test, way, stream: bytes[21] })
    }
}

/// What a connection is for, as its first bytes tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// Too few bytes to say.
    Unknown,
    /// Frames.
    Control,
    /// Data.
    Data,
    /// Somebody else's.
    Foreign,
}

/// What a connection is for.
pub fn opening(bytes: &[u8]) -> Opening {
    match bytes.get(..4) {
        None if FRAME.starts_with(bytes) || DATA.starts_with(bytes) => Opening::Unknown,
        Some(first) if first == FRAME => Opening::Control,
        Some(first) if first == DATA => Opening::Data,
        _ => Opening::Foreign,
    }
}

/// What is to be tested.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Over what.
    pub protocol: Protocol,
    /// Which way, seen from the near end.
    pub direction: Direction,
    /// Connections in each direction.
    pub streams: u16,
    /// How long is measured, ms.
    pub duration_ms: u64,
    /// What is left out before, ms.
    pub warm_up_ms: u64,
    /// How much is sent at most in each direction, bytes.
    pub bytes_max: u64,
    /// The rate of UDP, bit/s, all streams of a direction together.
    #[serde(default)]
    pub rate_bps: u64,
}

impl Plan {
    /// How long a slice is, ms.
    pub fn slice_ms(&self) -> u64 {
        slices::slice_ms(self.duration_ms)
    }

    /// Checks a plan that came over the network, against what this end allows.
    ///
    /// # Errors
    /// What is too much, in words.
    pub fn check(&self, time_max_ms: u64, bytes_max: u64) -> Result<(), String> {
        if !(1..=STREAMS_MAX).contains(&self.streams) {
            return Err(format!("{} streams, where 1 to {STREAMS_MAX} are possible", self.streams));
        }
        let time_ms = self.duration_ms.saturating_add(self.warm_up_ms);
        if self.duration_ms == 0 || time_ms > time_max_ms.min(budget::DURATION_MAX_MS + budget::WARM_UP_MAX_MS) {
            return Err(format!("{time_ms} ms, where at most {time_max_ms} are allowed"));
        }
        if self.bytes_max == 0 || self.bytes_max > bytes_max {
            return Err(format!("{} bytes, where at most {bytes_max} are allowed", self.bytes_max));
        }
        let paced = budget::UDP_RATE_MIN_BPS * u64::from(self.streams)..=budget::UDP_RATE_MAX_BPS;
        if self.protocol == Protocol::Udp && !paced.contains(&self.rate_bps) {
            return Err(format!("a rate of {} bit/s, which nothing can be paced at", self.rate_bps));
        }
        Ok(())
    }
}

/// What the near end says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "say")]
pub enum Near {
    /// It wants a test.
    Hello {
        /// What lets it in.
        ticket: String,
        /// The test.
        plan: Plan,
    },
    /// A round-trip time is measured.
    Ping {
        /// Which ping.
        seq: u64,
    },
    /// The data begins.
    Start,
    /// What came down is counted; nothing more is needed.
    Stop,
}

/// What the far end says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "say")]
pub enum Far {
    /// The test may be made.
    Welcome {
        /// Its id.
        test: String,
        /// Where datagrams go.
        #[serde(default)]
        udp_port: Option<u16>,
    },
    /// It may not.
    Refused {
        /// Why.
        why: Refused,
    },
    /// All connections are there.
    Ready,
    /// The answer to a ping.
    Pong {
        /// Which ping.
        seq: u64,
        /// What has come up so far, bytes.
        received: u64,
    },
    /// What this end knows in the end.
    Result {
        /// What came up.
        #[serde(default)]
        up: Option<Flowed>,
        /// Whether the warm-up was over before the data was.
        #[serde(default)]
        is_whole: bool,
        /// What TCP sent again on the way down.
        #[serde(default)]
        down_retransmits: Option<u64>,
    },
    /// The test broke.
    Broke {
        /// Why.
        why: String,
    },
}

/// Why there is no test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "because")]
pub enum Refused {
    /// Another test runs there.
    Busy,
    /// The ticket is wrong, used, or too old.
    Ticket,
    /// The test is larger than that end allows.
    TooMuch {
        /// What of it, in words.
        what: String,
    },
}

/// Why a frame is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Somebody else speaks there.
    #[error("what came is not of this protocol: {0}")]
    Foreign(String),
    /// It is longer than any frame.
    #[error("a message of {0} bytes is announced, at most {BODY_MAX_BYTES} are taken")]
    TooLarge(usize),
    /// It carries no message that is known.
    #[error("a message is not understood: {0}")]
    Garbled(String),
}

/// A message as a frame.
pub fn frame(message: &impl Serialize) -> Vec<u8> {
    let body = serde_json::to_vec(message).unwrap_or_default();
    let mut bytes = Vec::with_capacity(HEADER_BYTES + body.len());
    bytes.extend(FRAME);
    bytes.extend((body.len() as u32).to_be_bytes());
    bytes.extend(body);
    bytes
}

/// Puts frames together from what comes in pieces.
#[derive(Debug, Default)]
pub struct Frames {
    buffer: Vec<u8>,
}

impl Frames {
    /// Takes what came. What is behind a frame that is too large is of no use; whoever reads stops there.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// What came and is no whole frame yet.
    pub fn rest(&self) -> &[u8] {
        &self.buffer
    }

    /// The next message, when all of it is there.
    ///
    /// # Errors
    /// When it is none.
    pub fn next_message<T: DeserializeOwned>(&mut self) -> Result<Option<T>, FrameError> {
        let Some(header) = self.buffer.get(..HEADER_BYTES) else {
            let begins_well = FRAME.starts_with(&self.buffer[..self.buffer.len().min(4)]);
            return if begins_well { Ok(None) } else { Err(self.foreign()) };
        };
        if header[..4] != FRAME {
            return Err(self.foreign());
        }
        let len = u32::from_be_bytes([header[4], header[5], header[6], header[7]]) as usize;
        if len > BODY_MAX_BYTES {
            return Err(FrameError::TooLarge(len));
        }
        let Some(body) = self.buffer.get(HEADER_BYTES..HEADER_BYTES + len) else { return Ok(None) };
        let message = serde_json::from_slice(body).map_err(|error| FrameError::Garbled(error.to_string()));
        self.buffer.drain(..HEADER_BYTES + len);
        message.map(Some)
    }

    fn foreign(&self) -> FrameError {
        /// What of it is shown: enough to recognise `HTTP/1.1 400 Bad Request` and `SSH-2.0-OpenSSH_9.2`.
        const SHOWN: usize = 40;
        let shown = String::from_utf8_lossy(&self.buffer[..self.buffer.len().min(SHOWN)]).into_owned();
        let shown = shown.lines().next().unwrap_or_default().escape_default().to_string();
        FrameError::Foreign(format!("\"{shown}\""))
    }
}

/// Whether a text can be a ticket.
pub fn is_ticket(text: &str) -> bool {
    (TICKET_MIN_CHARS..=TICKET_MAX_CHARS).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plan() -> Plan {
        Plan {
            protocol: Protocol::Tcp,
            direction: Direction::Both,
            streams: 4,
            duration_ms: 5_000,
            warm_up_ms: 500,
            bytes_max: 1_000,
            rate_bps: 0,
        }
    }

    #[test]
    fn messages_come_back_however_they_are_cut() {
        let said =
            [Near::Hello { ticket: "t".repeat(32), plan: plan() }, Near::Ping { seq: 7 }, Near::Start, Near::Stop];
        let bytes: Vec<u8> = said.iter().flat_map(frame).collect();
        for size in [1, 3, 8, 100, bytes.len()] {
            let (mut frames, mut heard) = (Frames::default(), Vec::new());
            for piece in bytes.chunks(size) {
                frames.push(piece);
                while let Some(message) = frames.next_message::<Near>().expect("is right") {
                    heard.push(message);
                }
            }
            assert_eq!(heard, said, "in pieces of {size}");
        }
    }

    #[test]
    fn another_program_is_recognised_by_its_first_bytes() {
        let first = |text: &[u8]| {
            let mut frames = Frames::default();
            frames.push(text);
            frames.next_message::<Far>().expect_err("is foreign").to_string()
        };
        assert!(first(b"HTTP/1.1 400 Bad Request\r\nX: y").contains("\"HTTP/1.1 400 Bad Request\""));
        assert!(first(b"S").contains("\"S\""));
        assert!(first(b"NLT1\xff\xff\xff\xff").contains("4294967295"));
        assert!(first(b"NLT1\x00\x00\x00\x02{}").contains("not understood"));
        assert_eq!(opening(b"GET / HT"), Opening::Foreign);
        assert_eq!(
            (opening(b""), opening(b"NL"), opening(b"NLD1x")),
            (Opening::Unknown, Opening::Unknown, Opening::Data)
        );
    }

    #[test]
    fn a_plan_beyond_the_budget_is_refused_in_words() {
        assert_eq!(plan().check(10_000, 1_000), Ok(()));
        assert!(plan().check(5_000, 1_000).expect_err("too long").contains("5500 ms"));
        assert!(plan().check(10_000, 999).expect_err("too much").contains("999"));
        assert!(Plan { streams: 17, ..plan() }.check(10_000, 1_000).is_err());
        assert!(Plan { duration_ms: u64::MAX, ..plan() }.check(u64::MAX, 1_000).is_err());
        assert!(Plan { protocol: Protocol::Udp, ..plan() }.check(10_000, 1_000).is_err());
    }

    #[test]
    fn the_largest_result_fits_into_a_frame() {
        let slices_bps = vec![123_456_789_012.345_67; slices::SLICES_MAX as usize + 8];
        let up = Some(Flowed { slices_bps, bps: 1.0 / 3.0, retransmits: Some(u64::MAX), ..Flowed::default() });
        let bytes = frame(&Far::Result { up, is_whole: true, down_retransmits: Some(u64::MAX) });
        assert!(bytes.len() < BODY_MAX_BYTES / 2, "{}", bytes.len());
    }

    proptest! {
        #[test]
        fn reading_frames_never_panics(pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..64), 0..16)) {
            let mut frames = Frames::default();
            for piece in pieces {
                frames.push(&piece);
                let _ = opening(&piece);
                while let Ok(Some(_)) = frames.next_message::<Near>() {}
                let _ = frames.next_message::<Far>();
            }
        }

        #[test]
        fn rubbish_in_a_right_frame_never_panics(body in proptest::collection::vec(any::<u8>(), 0..256)) {
            let mut bytes = b"NLT1".to_vec();
            bytes.extend((body.len() as u32).to_be_bytes());
            bytes.extend(&body);
            let mut frames = Frames::default();
            frames.push(&bytes);
            let _ = frames.next_message::<Near>();
            prop_assert!(frames.rest().is_empty());
        }

        #[test]
        fn preambles_come_back_and_rubbish_does_no_harm(bytes in proptest::array::uniform24(any::<u8>()), id in any::<[u8; 16]>(), stream in 0..16_u8) {
            let _ = Preamble::parse(&bytes);
            let preamble = Preamble { test: TestId(id), way: Way::Down, stream };
            prop_assert_eq!(Preamble::parse(&preamble.encode()), Some(preamble));
        }
    }
}
