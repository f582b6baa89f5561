//! Training runs: what they are, what may be said of them, and how they are looked up and held against each other.

pub mod compare;
pub mod request;
pub mod search;
pub mod step;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{sample::Labels, time::Timestamp};

/// A run that promised to give signs of life and gave none for this long is lost: ten of them, so that a hub that was
/// restarted, or a network that was away for a while, loses no run.
pub const LOST_AFTER_MS: i64 = 5 * 60_000;
/// How often a run that promised signs of life gives one, ms.
pub const HEARTBEAT_MS: u64 = 30_000;

/// The letters of ids that the hub chooses: Crockford's base 32 in lower case, which leaves out what looks alike.
const ID_LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstvwxyz0123456789";
/// The length of ids that are chosen: 40 bits, less a little because the first one is a letter.
const ID_CHARS: usize = 8;

/// How a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// It has not ended.
    Running,
    /// It ended well.
    Succeeded,
    /// It ended with an error.
    Failed,
    /// Somebody stopped it.
    Aborted,
    /// It promised signs of life and gives none: its process or its machine is gone.
    Lost,
}

impl RunStatus {
    /// Every status.
    pub const ALL: [RunStatus; 5] =
        [RunStatus::Running, RunStatus::Succeeded, RunStatus::Failed, RunStatus::Aborted, RunStatus::Lost];

    /// The word for it, as the API writes it.
    pub const fn word(self) -> &'static str {
        match self {
            RunStatus::Running => "running",
            RunStatus::Succeeded => "succeeded",
            RunStatus::Failed => "failed",
            RunStatus::Aborted => "aborted",
            RunStatus::Lost => "lost",
        }
    }

    /// The status of that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.word() == word)
    }

    /// Whether a run can end like this.
    pub const fn is_end(self) -> bool {
        matches!(self, RunStatus::Succeeded | RunStatus::Failed | RunStatus::Aborted)
    }

    /// How a program ended that gave this exit code, as shells judge it.
    pub const fn of_exit(code: Option<i32>) -> Self {
        match code {
            None | Some(0) => RunStatus::Succeeded,
            Some(_) => RunStatus::Failed,
        }
    }
}

/// A training run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Run {
    /// Its lasting name in addresses, a letter and seven or more letters and digits.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// What it is looked up and told apart by.
    pub tags: BTreeMap<String, String>,
    /// The nodes that take part; all when there are none.
    pub nodes: Vec<String>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended; a run that was lost has no end.
    pub ended_at: Option<Timestamp>,
    /// How it stands.
    pub status: RunStatus,
    /// What its program returned: 128 and the signal's number when a signal ended it.
    pub exit_code: Option<i32>,
    /// What people wrote about it.
    pub notes: String,
    /// The command line, where it is known.
    pub command: Option<String>,
    /// The machine that it was started on, where it is known.
    pub host: Option<String>,
    /// When it last gave a sign of life; never, where none was promised. Such a run is never lost.
    pub heard_at: Option<Timestamp>,
    /// How many events happened in it.
    pub events: u32,
}

/// Something that happened in a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RunEvent {
    /// When.
    pub at: Timestamp,
    /// Of what kind it is: `note`, `epoch`, `checkpoint`.
    pub kind: String,
    /// What happened, in words.
    pub text: String,
    /// A figure that belongs to it.
    pub value: Option<f64>,
}

impl Run {
    /// How it stands at a moment: one that promised signs of life and gives none is lost.
    pub fn status_at(&self, now: Timestamp) -> RunStatus {
        let is_silent = self.heard_at.is_some_and(|heard_at| now.ms() - heard_at.ms() > LOST_AFTER_MS);
        match self.status {
            RunStatus::Running | RunStatus::Lost if is_silent => RunStatus::Lost,
            RunStatus::Running | RunStatus::Lost => RunStatus::Running,
            ended => ended,
        }
    }

    /// The run as it is at a moment.
    #[must_use]
    pub fn at(mut self, now: Timestamp) -> Self {
        self.status = self.status_at(now);
        self
    }

    /// Its beginning and its end, ms; one that runs reaches to `now`, a lost one to its last sign of life.
    pub fn interval(&self, now: Timestamp) -> (i64, i64) {
        let last = match self.status_at(now) {
            RunStatus::Lost => self.heard_at,
            _ => self.ended_at,
        };
        (self.started_at.ms(), last.unwrap_or(now).ms().max(self.started_at.ms()))
    }

    /// Whether a node takes part.
    pub fn has_node(&self, node: &str) -> bool {
        self.nodes.is_empty() || self.nodes.iter().any(|own| own == node)
    }

    /// Whether a series belongs to it: measured on, or from, a node that takes part.
    pub fn covers(&self, labels: &Labels) -> bool {
        self.has_node(labels.get("node").or_else(|| labels.get("src")).map_or("", String::as_str))
    }
}

/// An id out of a random number. It begins with a letter, so that nothing takes it for a number.
pub fn id_from(random: u64) -> String {
    let letters = ID_LETTERS.iter().position(u8::is_ascii_digit).unwrap_or(ID_LETTERS.len()) as u64;
    let first = ID_LETTERS[(random % letters) as usize] as char;
    let rest = (1..ID_CHARS).map(|at| ID_LETTERS[(random >> (8 + 5 * at)) as usize % ID_LETTERS.len()] as char);
    std::iter::once(first).chain(rest).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A run from second 100 to second 200.
    pub(crate) fn run(id: &str) -> Run {
        Run {
            id: id.into(),
            name: "bert large".into(),
            tags: [("lr".to_owned(), "3e-4".to_owned())].into(),
            nodes: Vec::new(),
            started_at: Timestamp(100_000),
            ended_at: Some(Timestamp(200_000)),
            status: RunStatus::Succeeded,
            exit_code: Some(0),
            notes: "With the new switch".into(),
            command: None,
            host: None,
            heard_at: None,
            events: 0,
        }
    }

    #[test]
    fn only_a_run_that_promised_signs_of_life_is_lost() {
        let going = Run { ended_at: None, status: RunStatus::Running, ..run("a") };
        let later = Timestamp(100_000 + LOST_AFTER_MS + 1);
        assert_eq!(going.status_at(later), RunStatus::Running);
        let heard = Run { heard_at: Some(Timestamp(100_000)), ..going };
        assert_eq!(heard.status_at(later), RunStatus::Lost);
        assert_eq!(heard.interval(later), (100_000, 100_000));
        let again = Run { heard_at: Some(later), ..heard.at(later) };
        assert_eq!(again.status_at(later), RunStatus::Running, "it was heard of again");
        let ended = Run { heard_at: Some(Timestamp(100_000)), ..run("a") };
        assert_eq!(ended.status_at(later), RunStatus::Succeeded);
    }

    #[test]
    fn a_run_covers_the_series_of_its_nodes() {
        let labels = |name: &str, node: &str| Labels::from([(name.to_owned(), node.to_owned())]);
        let all = run("a");
        let some = Run { nodes: vec!["n1".into()], ..run("a") };
        assert!(all.covers(&labels("node", "n2")) && some.covers(&labels("src", "n1")));
        assert!(!some.covers(&labels("node", "n2")) && !some.covers(&labels("dst", "n1")));
    }

    #[test]
    fn the_words_of_a_status_read_back() {
        for status in RunStatus::ALL {
            assert_eq!(RunStatus::parse(status.word()), Some(status));
            assert_eq!(serde_json::to_value(status).expect("serialises"), status.word());
        }
    }

    proptest! {
        #[test]
        fn chosen_ids_may_be_used(random in any::<u64>()) {
            let id = id_from(random);
            prop_assert_eq!(id.len(), ID_CHARS);
            prop_assert!(request::check_id(&id).is_ok(), "{}", id);
        }
    }
}
