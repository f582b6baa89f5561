//! Checks: one look at one thing, on demand or by schedule, and what was found.
//!
//! A check is written as an address (`tcp://host:443`, `dns://10.0.0.53/example.org`), runs on any node, and always ends
//! with a [`Finding`]: a failure is one, with the phase that failed, the cause and a cure.

pub mod address;
pub mod connection;
pub mod dns;
pub mod echo;
pub mod http;
pub mod interface;
pub mod limit;
pub mod path;
pub mod redis;
pub mod round;
pub mod series;
pub mod spec;
pub mod throughput;

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use self::{connection::RemoteQuality, interface::InterfaceDepth, path::PathTrace, throughput::ThroughputResult};

pub use self::spec::Check;

/// A step of a check, in the order in which they happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// What is needed for it on this machine: a socket, a permission, a program.
    Prepare,
    /// From the name to an address.
    Resolve,
    /// The handshake of TCP.
    Connect,
    /// The handshake of TLS.
    Tls,
    /// Showing a password or a ticket.
    Authenticate,
    /// Sending the request or the probes.
    Send,
    /// From the request to the first byte of the answer.
    Wait,
    /// The rest of the answer, or the test itself.
    Transfer,
}

impl Phase {
    /// The phase in a word, for people.
    pub const fn word(self) -> &'static str {
        match self {
            Phase::Prepare => "prepare",
            Phase::Resolve => "resolve",
            Phase::Connect => "connect",
            Phase::Tls => "TLS",
            Phase::Authenticate => "authenticate",
            Phase::Send => "send",
            Phase::Wait => "wait",
            Phase::Transfer => "transfer",
        }
    }
}

/// How a check ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum Outcome {
    /// An answer came in time; what it says is in the figures. A refusal is an answer where one was asked for.
    Reply,
    /// Everything was sent and nothing came back in time.
    Lost,
    /// It could not be done, or what came back is no good.
    Failed {
        /// Where it ended.
        phase: Phase,
        /// Why, in words for people.
        cause: String,
        /// What would help, one sentence; empty when nobody can tell.
        #[serde(default)]
        cure: String,
    },
    /// It was not tried.
    Skipped {
        /// Why.
        why: String,
    },
}

/// How long a phase took.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PhaseTime {
    /// Which.
    pub phase: Phase,
    /// Its duration, µs.
    pub us: f64,
}

/// A figure of a finding: a name as in the catalogue of metrics, whose last word is the unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Figure {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: f64,
}

/// What there is to tell beside figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Detail {
    /// The round-trip times of single probes in the order in which they were sent, µs; `null` for a lost one.
    Round {
        /// One for each probe.
        rtts_us: Vec<Option<f64>>,
    },
    /// What a name server answered.
    Answers {
        /// The response code (RFC 1035 section 4.1.1), as `dig` writes it: `NOERROR`, `NXDOMAIN`.
        status: String,
        /// The records: data as text, and their time to live in seconds.
        records: Vec<(String, u32)>,
    },
    /// What a web server answered.
    Response {
        /// The status code.
        status: u16,
        /// `HTTP/1.1`.
        version: String,
        /// Bytes of the body that were read.
        body_bytes: u64,
    },
    /// The way of the packets.
    Path(PathTrace),
    /// A test of throughput.
    Throughput(Box<ThroughputResult>),
    /// The interfaces of the node.
    Interfaces {
        /// Each of them.
        interfaces: Vec<InterfaceDepth>,
    },
    /// The TCP connections of the node, by where they go.
    Connections {
        /// The busiest first.
        remotes: Vec<RemoteQuality>,
    },
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Finding {
    /// How it ended.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// The address that was checked, when there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub address: Option<IpAddr>,
    /// The phases that were gone through, the one that failed included.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub phases: Vec<PhaseTime>,
    /// The figures.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub figures: Vec<Figure>,
    /// What else is worth knowing, a sentence each: a retransmitted SYN, a reset that was the answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What there is to tell beside figures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<Detail>,
    /// How long the whole check took, µs.
    pub took_us: f64,
}

/// Notes of a finding at most: what is worth knowing fits on a screen.
pub const NOTES_MAX: usize = 16;
/// How the cause begins of a check that was ended before it came to an end.
const CUT_OFF: &str = "no end after ";

impl Finding {
    /// A finding with nothing but its outcome.
    pub fn new(outcome: Outcome) -> Self {
        Self {
            outcome,
            address: None,
            phases: Vec::new(),
            figures: Vec::new(),
            notes: Vec::new(),
            detail: None,
            took_us: 0.0,
        }
    }

    /// A failure.
    pub fn failed(phase: Phase, cause: impl Into<String>, cure: impl Into<String>) -> Self {
        Self::new(Outcome::Failed { phase, cause: cause.into(), cure: cure.into() })
    }

    /// What there is to say of a check that was ended from outside after so long, in seconds.
    pub fn cut_off(after_s: f64) -> Self {
        Self::failed(Phase::Transfer, format!("{CUT_OFF}{after_s:.1} s"), "")
    }

    /// Whether the check was ended from outside: it says nothing of the host then.
    pub fn is_cut_off(&self) -> bool {
        matches!(&self.outcome, Outcome::Failed { phase: Phase::Transfer, cause, .. } if cause.starts_with(CUT_OFF))
    }

    /// Notes how long a phase took, µs.
    pub fn phase(&mut self, phase: Phase, us: f64) {
        self.phases.push(PhaseTime { phase, us });
    }

    /// Adds a figure.
    pub fn figure(&mut self, name: &str, value: f64) {
        self.figures.push(Figure { name: name.to_owned(), value });
    }

    /// The value of a figure.
    pub fn value(&self, name: &str) -> Option<f64> {
        self.figures.iter().find(|figure| figure.name == name).map(|figure| figure.value)
    }

    /// Adds a note, unless there are too many.
    pub fn note(&mut self, note: impl Into<String>) {
        if self.notes.len() < NOTES_MAX {
            self.notes.push(note.into());
        }
    }
}

/// How far a check is, while it runs.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Progress {
    /// The part that is done, 0 to 1.
    pub done_ratio: f64,
    /// The newest figures.
    #[serde(default)]
    pub figures: Vec<Figure>,
}
