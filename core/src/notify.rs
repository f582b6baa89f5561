//! Notifications: who is told of which incident, when, and what came of it. Pure: time comes in as an argument, and the
//! hub does the sending.
//!
//! [`dispatch`] decides, with one [`line`](mod@line) for each receiver: what is news to it waits a little for more, becomes one
//! [`Message`], and is sent until it is delivered or given up ([`retry`]). [`words`] says it to people, [`target`] knows
//! which addresses are of the public internet.

pub mod dispatch;
pub mod line;
pub mod message;
pub mod retry;
pub mod target;
pub mod words;

use serde::{Deserialize, Serialize};

pub use message::{LISTED_MAX, Message, Notice};

use crate::{settings::notify::ReceiverKind, time::Timestamp};

/// Entries of the delivery log that are kept: weeks of a bad time, and a few MB.
pub const LOG_MAX: u32 = 5_000;
/// Entries that one answer has at most.
pub const LOG_ANSWER_MAX: u32 = 500;
/// Incidents that an entry of the log names; the rest are counted.
pub const LOGGED_INCIDENTS_MAX: usize = 100;
/// Longest cause in the log, characters: a sentence and the beginning of what a server said.
pub const CAUSE_MAX_CHARS: usize = 300;

/// What came of an attempt to deliver a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The receiver took it.
    Delivered,
    /// It came to nothing, and is tried again.
    Retrying,
    /// It came to nothing, and is given up.
    Failed,
    /// The hub would not send it there: the address is not allowed, or led elsewhere.
    Refused,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 4] = [Self::Delivered, Self::Retrying, Self::Failed, Self::Refused];

    /// The word people read.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Retrying => "retrying",
            Self::Failed => "failed",
            Self::Refused => "refused",
        }
    }
}

/// An attempt to deliver a message: an entry of the delivery log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Delivery {
    /// The lasting name of the message, the same in every attempt; receivers that see it twice may drop the second.
    pub message: String,
    /// The receiver's name.
    pub receiver: String,
    /// How it is reached.
    pub kind: ReceiverKind,
    /// What the message is about.
    pub notice: Notice,
    /// The incidents it tells of, by id, as far as the log names them.
    pub incidents: Vec<u64>,
    /// How many it tells of.
    pub count: u32,
    /// Which attempt this was, from 1.
    pub attempt: u32,
    /// What came of it.
    pub outcome: Outcome,
    /// The status that the server answered with, of HTTP or SMTP, if it did.
    pub status: Option<u16>,
    /// What happened, in words; empty when it was delivered.
    pub cause: String,
    /// When the attempt began.
    pub at: Timestamp,
    /// How long it took, ms.
    pub took_ms: u64,
    /// When it is tried again, if it is.
    pub next_at: Option<Timestamp>,
}

/// Why an attempt came to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What happened, in words.
    pub cause: String,
    /// The status that the server answered with, if it did.
    pub status: Option<u16>,
    /// Whether another attempt may do.
    pub may_retry: bool,
    /// Whether the hub would not send it there.
    pub is_refusal: bool,
    /// How long the server asked to wait, ms, if it did.
    pub wait_ms: Option<i64>,
}

impl Failure {
    /// A failure that may pass.
    pub fn passing(cause: impl Into<String>) -> Self {
        Self { cause: cause.into(), status: None, may_retry: true, is_refusal: false, wait_ms: None }
    }

    /// A failure that another attempt does not mend.
    pub fn lasting(cause: impl Into<String>) -> Self {
        Self { may_retry: false, ..Self::passing(cause) }
    }

    /// A target that the hub does not send to.
    pub fn refusal(cause: impl Into<String>) -> Self {
        Self { is_refusal: true, ..Self::lasting(cause) }
    }

    /// What the server answered with.
    #[must_use]
    pub fn with_status(self, status: u16) -> Self {
        Self { status: Some(status), ..self }
    }
}

/// An attempt as the sender saw it: when it began, how long it took, and the status of a success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// When it began.
    pub at: Timestamp,
    /// How long it took, ms.
    pub took_ms: u64,
    /// The server's status, or why it came to nothing.
    pub result: Result<Option<u16>, Failure>,
}
