//! What the hub has single nodes do once, and what they tell of it: diagnoses, rounds at a step of a training run, the far
//! end of a test of throughput. What they do all the time is in their orders.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::{
    check::{Check, Finding, Progress, path::PathTrace},
    diagnosis::ItemSpec,
    mark::NewMark,
    time::Timestamp,
};

/// Errands that wait for one node at most; more are refused, and whoever asks is told.
pub const WAITING_MAX: usize = 16;
/// An errand that its node has not fetched after this long is given up, ms: longer than an agent takes to come back after
/// a short cut, and people who wait for a diagnosis are told in time.
pub const FETCH_WITHIN_MS: i64 = 10_000;

/// Something to do once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "do")]
pub enum Errand {
    /// Check what is asked for, side by side.
    Diagnose(Plan),
    /// Probe every target once, now, and leave the next rounds of the clock out for a while.
    Round {
        /// For how long the clock's rounds are left out, ms.
        hold_ms: u64,
    },
    /// Be the far end of one test of throughput.
    Serve {
        /// What the near end will show.
        ticket: String,
        /// How long it is waited for, and how long the test may take, ms.
        within_ms: u64,
        /// How much may be sent in each direction, bytes.
        bytes_max: u64,
    },
    /// Check one thing.
    Check {
        /// What.
        check: Check,
    },
    /// Give up an errand that was given before.
    GiveUp {
        /// Its number. Beside the number of this errand, it has another name on the wire.
        #[serde(rename = "given_up")]
        errand: u64,
    },
}

/// What a diagnosis is about, from the hub's knowledge. The node adds its own: gateway, name servers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Plan {
    /// Hosts and nodes, with the name that people know them by.
    pub hosts: Vec<Host>,
    /// Whether these are the usual ones, because nobody named any.
    pub is_usual: bool,
    /// Checks that were asked for by their address, and tests of throughput, which need an agreement with the other end.
    pub checks: Vec<(String, Check)>,
}

/// A host to diagnose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// What people call it.
    pub name: String,
    /// Its name or address in the network.
    pub host: String,
    /// A TCP port that should answer, when one is known.
    #[serde(default)]
    pub port: Option<u16>,
    /// What it is.
    pub kind: HostKind,
}

/// What a host is to whoever diagnoses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HostKind {
    /// The default gateway.
    Gateway,
    /// A name server of this machine.
    NameServer,
    /// A public resolver, which tells whether anything gets out.
    PublicResolver,
    /// The hub.
    Hub,
    /// Another node.
    Peer,
    /// Somebody named it.
    Named,
}

/// An errand under its number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Numbered {
    /// Its number.
    pub errand: u64,
    /// What to do.
    #[serde(flatten)]
    pub what: Errand,
}

/// What a node tells.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "tell")]
pub enum Report {
    /// A diagnosis has begun with these checks.
    Planned {
        /// Which errand.
        errand: u64,
        /// The checks.
        items: Vec<ItemSpec>,
    },
    /// A check goes on, or has ended.
    Item {
        /// Which errand.
        errand: u64,
        /// Which check.
        item: usize,
        /// How far it is.
        #[serde(default)]
        progress: Option<Progress>,
        /// What it found, when it has ended.
        #[serde(default)]
        finding: Option<Box<Finding>>,
    },
    /// The far end of a test waits for the near one.
    Serving {
        /// Which errand.
        errand: u64,
        /// Where. An unspecified address is the one at which the node is known.
        at: SocketAddr,
    },
    /// An errand is done.
    Done {
        /// Which errand.
        errand: u64,
    },
    /// An errand could not be done.
    Failed {
        /// Which errand.
        errand: u64,
        /// Why.
        why: String,
    },
    /// The way to a host, as a look by schedule saw it.
    Path {
        /// The label `dst`.
        dst: String,
        /// When.
        at: Timestamp,
        /// The way.
        trace: PathTrace,
    },
    /// Something that belongs on the time axis.
    Mark(NewMark),
}

impl Report {
    /// The errand that it is about, if it is about one.
    pub fn errand(&self) -> Option<u64> {
        match self {
            Report::Planned { errand, .. }
            | Report::Item { errand, .. }
            | Report::Serving { errand, .. }
            | Report::Done { errand }
            | Report::Failed { errand, .. } => Some(*errand),
            Report::Path { .. } | Report::Mark(_) => None,
        }
    }

    /// Whether the errand is over with it.
    pub fn is_last(&self) -> bool {
        matches!(self, Report::Done { .. } | Report::Failed { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errands_come_back_from_the_wire() {
        let what = [
            Errand::Diagnose(Plan::default()),
            Errand::Round { hold_ms: 1 },
            Errand::Serve { ticket: "t".into(), within_ms: 1, bytes_max: 2 },
            Errand::Check { check: Check::Interfaces },
            Errand::GiveUp { errand: 7 },
        ];
        for what in what {
            let numbered = Numbered { errand: 8, what };
            let text = serde_json::to_string(&numbered).expect("is written");
            assert_eq!(serde_json::from_str::<Numbered>(&text).expect(&text), numbered);
        }
    }
}
