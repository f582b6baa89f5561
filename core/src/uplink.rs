//! What agents and the hub say to each other, and the code with which an agent joins.
//!
//! Names of series are told once, and from then on a sample is a number, a time and a value. The numbers are those of one
//! life of the hub (its session), so that a hub that was restored from a backup never takes samples for the wrong series.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::sample::SeriesKey;

/// Grows when the two sides could misunderstand each other. Sides with different versions and the same protocol work
/// together.
pub const PROTOCOL: u32 = 1;
/// The header that carries [`PROTOCOL`] in both directions; an answer without it does not come from a Netloom hub.
pub const PROTOCOL_HEADER: &str = "netloom-protocol";
/// The header of answers with the hub's clock, µs since the epoch: when the request came and when the answer went.
pub const TIMES_HEADER: &str = "netloom-times";
/// The port on which the hub listens for agents.
pub const UPLINK_PORT: u16 = 6387;
/// The largest body that the hub takes from an agent: two batches of the most samples there may be, at about twelve bytes
/// each, or the names of four thousand series.
pub const BODY_MAX_BYTES: usize = 1_024 * 1_024;
/// Series that are named in one request.
pub const NAMED_MAX_SERIES: usize = 2_000;
/// Reports of errands in one request.
pub const REPORTS_MAX: usize = 64;
/// Batches of one request.
pub const DELIVERY_MAX_BATCHES: usize = 64;

/// Bytes of the secret in a code: more than anybody can try in the ten minutes that it is good for.
pub const SECRET_BYTES: usize = 16;
/// Bytes of a fingerprint (SHA-256).
pub const FINGERPRINT_BYTES: usize = 32;
/// What a code begins with, so that people recognise one.
const CODE_PREFIX: &str = "nl-";

/// The SHA-256 of a hub's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub [u8; FINGERPRINT_BYTES]);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl Fingerprint {
    /// Reads what [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        unhex(text).map(Self)
    }
}

/// A code with which one agent joins, once: a secret, and what the agent recognises the hub by.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct JoinCode {
    /// The secret.
    pub secret: [u8; SECRET_BYTES],
    /// The certificate that the hub must show.
    pub fingerprint: Fingerprint,
}

/// Codes are secrets: never written to a log.
impl fmt::Debug for JoinCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JoinCode(hidden)")
    }
}

impl JoinCode {
    /// The code as people copy it.
    pub fn text(&self) -> String {
        format!("{CODE_PREFIX}{}-{}", hex(&self.secret), self.fingerprint)
    }

    /// Reads a code.
    ///
    /// # Errors
    /// One sentence that says what a code looks like.
    pub fn parse(text: &str) -> Result<Self, String> {
        let parsed = || {
            let (secret, fingerprint) = text.trim().strip_prefix(CODE_PREFIX)?.split_once('-')?;
            Some(Self { secret: unhex(secret)?, fingerprint: Fingerprint::parse(fingerprint)? })
        };
        parsed().ok_or_else(|| {
            let digits = (SECRET_BYTES * 2, FINGERPRINT_BYTES * 2);
            format!("this is no code: it begins with {CODE_PREFIX} and has {} and {} digits", digits.0, digits.1)
        })
    }
}

/// Bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| char::from(DIGITS[digit as usize])).collect()
}

/// Hexadecimal digits as bytes; `None` when they are not as many, or none.
pub fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != N * 2 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; N];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[at * 2..at * 2 + 2], 16).ok()?;
    }
    Some(bytes)
}

/// An agent wants to join.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrol {
    /// The secret of the code, as hexadecimal digits.
    pub secret: String,
    /// The name of its node.
    pub node: String,
    /// Its version.
    pub version: String,
}

/// Codes are secrets: never written to a log.
impl fmt::Debug for Enrol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Enrol(hidden, {:?}, {:?})", self.node, self.version)
    }
}

/// An agent has joined.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrolled {
    /// What it shows from now on.
    pub token: String,
    /// Its number.
    pub number: u32,
}

/// What the hub wants to know the numbers of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NameSeries {
    /// The series.
    pub series: Vec<SeriesKey>,
}

/// Stands for the number of a series for which the hub has no room: its samples stay with the agent, and everything else
/// of the node is delivered as ever.
pub const NO_ROOM: u32 = u32::MAX;

/// The numbers of series, in the order in which they were named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeriesNumbers {
    /// The life of the hub in which the numbers hold.
    pub session: u64,
    /// One for each, or [`NO_ROOM`].
    pub numbers: Vec<u32>,
}

/// Batches on their way to the hub, encoded with postcard.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    /// The life of the hub from which the numbers of series are.
    pub session: u64,
    /// The batches.
    pub batches: Vec<WireBatch>,
    /// The node's [`crate::api::NodeInfo`] as JSON, when it changed.
    pub info: Option<String>,
}

/// One batch of a delivery.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WireBatch {
    /// The start of the agent, ms.
    pub epoch: i64,
    /// The number of the batch since then.
    pub seq: u64,
    /// The moment from which those of the samples count, ms.
    pub base_ms: i64,
    /// The number of the series, ms after the base, and the value.
    pub rows: Vec<(u32, i64, f64)>,
}

/// What became of a delivery: everything that is not named here is durable.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivered {
    /// Batches that the hub will never take: which of the delivery, and why.
    pub refused: Vec<(usize, String)>,
    /// The revision of what this agent is told to do.
    pub revision: u64,
    /// The newest errand that waits for this agent; 0 when none does.
    #[serde(default)]
    pub errands: u64,
}

/// What an agent is told to do, and its revision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Orders {
    /// Changes when the orders do.
    pub revision: u64,
    /// The orders. Their address of the hub is the one that the hub knows; the agent puts in the one that it uses.
    pub config: crate::api::AgentConfig,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_reads_back_and_anything_else_is_refused() {
        let code = JoinCode { secret: [0x1f; SECRET_BYTES], fingerprint: Fingerprint([0xa0; FINGERPRINT_BYTES]) };
        let text = code.text();
        assert_eq!(JoinCode::parse(&format!(" {text}\n")), Ok(code));
        assert!(!format!("{code:?}").contains("1f1f"));
        let wish = Enrol { secret: hex(&code.secret), node: "n1".into(), version: "1".into() };
        assert_eq!(format!("{wish:?}"), r#"Enrol(hidden, "n1", "1")"#);
        let too_short = &text[..text.len() - 1];
        for bad in ["", "nl-", "nl-12-34", too_short, &text.replace('a', "g"), &format!("{text}0"), &"é".repeat(50)] {
            assert!(JoinCode::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_sample_is_a_dozen_bytes_on_the_wire() {
        let rows: Vec<_> = (0..64 * 6).map(|series| (1_000 + series, i64::from(series), 123.456)).collect();
        let batch = WireBatch { epoch: 1, seq: 2, base_ms: 3, rows };
        let delivery = Delivery { session: 7, batches: vec![batch], info: None };
        let bytes = postcard::to_stdvec(&delivery).expect("encodes");
        assert!(bytes.len() <= 12 * 64 * 6 + 64, "{}", bytes.len());
        assert_eq!(postcard::from_bytes::<Delivery>(&bytes).expect("decodes"), delivery);
    }
}
