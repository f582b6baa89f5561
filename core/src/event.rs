//! What the live stream carries, and in what order it may be trusted.
//!
//! Events are numbered `<epoch>:<seq>` per start of the hub. A client that was away names the last one it saw: it gets
//! what it missed, or a `resync` when that is no longer at hand, and then asks for everything anew.

mod wanted;

use serde::{Deserialize, Serialize};

pub use wanted::{Interest, Wanted};

use crate::{
    api::NodeStatus, diagnosis::DiagnosisBrief, health::Health, incident::Incident, mark::Mark, matrix::MatrixChange,
    run::Run, sample::Readings, silence::Silence, time::Timestamp, verdict::MeshVerdict,
};

/// A place in the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// Which start of the hub, ms since the epoch.
    pub epoch: i64,
    /// The event's number in it.
    pub seq: u64,
}

impl Cursor {
    /// Reads `<epoch>:<seq>`.
    pub fn parse(text: &str) -> Option<Self> {
        let (epoch, seq) = text.split_once(':')?;
        Some(Self { epoch: epoch.parse().ok()?, seq: seq.parse().ok()? })
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.epoch, self.seq)
    }
}

/// What a client may subscribe to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    /// Samples as they are stored.
    Samples,
    /// Nodes and how their measurements fare.
    Nodes,
    /// Incidents and the health that follows from them.
    Alerts,
    /// Changes of the settings.
    Settings,
    /// Training runs.
    Runs,
    /// What is wrong in the mesh.
    Verdict,
    /// Diagnoses and how far they are.
    Diagnoses,
    /// Marks on the time axis.
    Marks,
}

impl Topic {
    /// Every topic by the name in `?topics=`.
    pub const ALL: [(&'static str, Topic); 8] = [
        ("samples", Topic::Samples),
        ("nodes", Topic::Nodes),
        ("alerts", Topic::Alerts),
        ("settings", Topic::Settings),
        ("runs", Topic::Runs),
        ("verdict", Topic::Verdict),
        ("diagnoses", Topic::Diagnoses),
        ("marks", Topic::Marks),
    ];

    /// The topic of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, topic)| *topic)
    }
}

/// One event of the stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event", content = "data")]
pub enum LiveEvent {
    /// The first event of a connection.
    Hello(Hello),
    /// What was missed cannot be told any more: ask for everything anew.
    Resync,
    /// Samples that were just stored; right after `hello`, the newest one of every series.
    Samples(Readings),
    /// A node is new or changed.
    Node(Box<NodeStatus>),
    /// A node is not one any more: its token was revoked.
    NodeLeft {
        /// Its name.
        node: String,
    },
    /// An incident began, fired, or ended.
    Incident(Box<Incident>),
    /// The silences, when one was made or ended.
    Silences(Vec<Silence>),
    /// How the network fares, when that changed.
    Health(Health),
    /// The settings changed.
    Settings {
        /// Their new version.
        version: u64,
    },
    /// Samples cannot be stored, or can be again.
    Storage {
        /// Why they cannot; `None` when they can.
        problem: Option<String>,
    },
    /// A training run is new or changed, or something happened in it.
    Run(Box<Run>),
    /// What is wrong in the mesh, when that changed.
    Verdict(Box<MeshVerdict>),
    /// Rows of a matrix that changed; for those who asked for that metric (`?matrix=`), and never replayed: after a gap
    /// the whole matrix comes anew.
    Matrix(Box<MatrixChange>),
    /// A diagnosis is new, a check of it ended, or all did.
    Diagnosis(Box<DiagnosisBrief>),
    /// A mark on the time axis is new or changed.
    Mark(Box<Mark>),
}

/// Who speaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The hub's version; a page of another version should be loaded anew.
    pub version: String,
    /// The hub's clock.
    pub now: Timestamp,
    /// The name of this connection, under which what it gets can be changed (`PUT /api/v1/stream/{stream}`).
    #[serde(default)]
    pub stream: String,
    /// Whether this is a demo: real packets, in a made-up network.
    #[serde(default)]
    pub demo: bool,
}

impl LiveEvent {
    /// The event's name on the wire.
    pub const fn name(&self) -> &'static str {
        match self {
            LiveEvent::Hello(_) => "hello",
            LiveEvent::Resync => "resync",
            LiveEvent::Samples(_) => "samples",
            LiveEvent::Node(_) => "node",
            LiveEvent::NodeLeft { .. } => "node_left",
            LiveEvent::Incident(_) => "incident",
            LiveEvent::Silences(_) => "silences",
            LiveEvent::Health(_) => "health",
            LiveEvent::Settings { .. } => "settings",
            LiveEvent::Storage { .. } => "storage",
            LiveEvent::Run(_) => "run",
            LiveEvent::Verdict(_) => "verdict",
            LiveEvent::Matrix(_) => "matrix",
            LiveEvent::Diagnosis(_) => "diagnosis",
            LiveEvent::Mark(_) => "mark",
        }
    }

    /// The names of all events, in the order of the variants.
    pub const NAMES: [&'static str; 15] = [
        "hello",
        "resync",
        "samples",
        "node",
        "node_left",
        "incident",
        "silences",
        "health",
        "settings",
        "storage",
        "run",
        "verdict",
        "matrix",
        "diagnosis",
        "mark",
    ];

    /// The topic it belongs to; `None` for what every client gets.
    pub const fn topic(&self) -> Option<Topic> {
        match self {
            LiveEvent::Hello(_) | LiveEvent::Resync | LiveEvent::Storage { .. } | LiveEvent::Matrix(_) => None,
            LiveEvent::Samples(_) => Some(Topic::Samples),
            LiveEvent::Node(_) | LiveEvent::NodeLeft { .. } => Some(Topic::Nodes),
            LiveEvent::Incident(_) | LiveEvent::Silences(_) | LiveEvent::Health(_) => Some(Topic::Alerts),
            LiveEvent::Settings { .. } => Some(Topic::Settings),
            LiveEvent::Run(_) => Some(Topic::Runs),
            LiveEvent::Verdict(_) => Some(Topic::Verdict),
            LiveEvent::Diagnosis(_) => Some(Topic::Diagnoses),
            LiveEvent::Mark(_) => Some(Topic::Marks),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back() {
        let cursor = Cursor { epoch: 1_700_000_000_000, seq: 42 };
        assert_eq!(Cursor::parse(&cursor.to_string()), Some(cursor));
        for bad in ["", "1", "1:", "a:1", "1:-1"] {
            assert_eq!(Cursor::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_name_is_the_tag() {
        let events = [
            LiveEvent::Resync,
            LiveEvent::Samples(Readings::default()),
            LiveEvent::Settings { version: 1 },
            LiveEvent::Run(Box::new(crate::run::tests::run("a"))),
        ];
        for event in events {
            let json = serde_json::to_value(&event).expect("serialises");
            assert_eq!(json["event"], event.name());
            assert!(LiveEvent::NAMES.contains(&event.name()));
        }
    }
}
