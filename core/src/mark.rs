//! Marks on the time axis: what happened to the network or was done to it, beside the figures.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// The longest text of a mark, characters: a line.
pub const TEXT_MAX_CHARS: usize = 200;

/// What a mark is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum MarkKind {
    /// A test of throughput, which disturbs everything else.
    Throughput,
    /// Packets take another way than before.
    PathChange,
    /// A diagnosis.
    Diagnosis,
    /// A command around which latency and loss were measured.
    Around,
}

impl MarkKind {
    /// The kind as the API writes it.
    pub const fn word(self) -> &'static str {
        match self {
            MarkKind::Throughput => "throughput",
            MarkKind::PathChange => "path_change",
            MarkKind::Diagnosis => "diagnosis",
            MarkKind::Around => "around",
        }
    }

    /// The kind of that word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Throughput, Self::PathChange, Self::Diagnosis, Self::Around].into_iter().find(|kind| kind.word() == word)
    }
}

/// A mark as somebody sets it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewMark {
    /// When it began.
    pub at: Timestamp,
    /// When it ended, when it took a while and is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// What it is about.
    pub kind: MarkKind,
    /// The node that it is about, or the source of a pair.
    #[serde(default)]
    pub src: String,
    /// The destination of a pair; empty when it is about one node.
    #[serde(default)]
    pub dst: String,
    /// One line for people.
    pub text: String,
    /// Figures, by their names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub figures: BTreeMap<String, f64>,
}

/// A mark as the hub keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Mark {
    /// Its number.
    pub id: u64,
    /// The rest.
    #[serde(flatten)]
    pub mark: NewMark,
}
