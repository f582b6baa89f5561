//! Silences: which incidents nobody is told of, until when, by whom and why.
//!
//! A silenced incident is shown like any other; its notifications are kept back. Maintenance windows are silences that
//! come again every week and are part of the settings ([`Maintenance`]).

mod check;
mod maintenance;

pub use maintenance::{DAYS, minute_of, validate_windows};

use serde::{Deserialize, Serialize};

use crate::{
    incident::Incident,
    layout::hostlist,
    rule::{Severity, spec::LinkScope},
    sample::Labels,
    time::Timestamp,
};

/// Silences that hold or will: more than anybody can look after.
pub const SILENCES_MAX: usize = 500;
/// Longest reason, characters.
pub const WHY_MAX_CHARS: usize = 500;
/// Longest name of a person or a maintenance window, characters: it has to fit a line beside others.
pub const NAME_MAX_CHARS: usize = 64;
/// Maintenance windows: one for each rack of a row, and a few for people.
pub const WINDOWS_MAX: usize = 50;
/// Entries in each list of a matcher: names, lists of names, links, rules.
pub const MATCHER_MAX_ENTRIES: usize = 256;
/// Nodes that one matcher may stand for, with its lists written out: several clusters of the largest that one hub serves.
pub const MATCHER_MAX_NODES: usize = 10_000;
/// How far in the past a silence may begin, ms: clocks of browsers differ. It begins now all the same.
pub const PAST_MAX_MS: i64 = 60_000;
/// The longest a silence lasts, ms: a year; what is to be quiet for ever is no rule.
pub const SILENCE_MAX_MS: i64 = 366 * 86_400_000;

/// Which incidents: those that satisfy everything that is said here. Empty lists ask for nothing; a matcher that asks for
/// nothing at all is refused.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Matcher {
    /// Of one of these rules, by id.
    pub rules: Vec<String>,
    /// About, from or to one of these nodes. Slurm's lists are taken: `gpu[1-8]`.
    pub nodes: Vec<String>,
    /// About one of these links.
    pub links: Vec<LinkScope>,
    /// With these labels.
    pub labels: Labels,
    /// Of one of these severities.
    pub severities: Vec<Severity>,
}

/// A silence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Silence {
    /// Its lasting name.
    pub id: String,
    /// Which incidents.
    pub matcher: Matcher,
    /// From when.
    pub starts_at: Timestamp,
    /// Until when.
    pub ends_at: Timestamp,
    /// By whom.
    pub by: String,
    /// Why.
    pub why: String,
}

/// Makes a silence: `POST /api/v1/silences`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SilenceRequest {
    /// Which incidents.
    pub matcher: Matcher,
    /// From when; now when not given.
    #[serde(default)]
    pub starts_at: Option<Timestamp>,
    /// Until when.
    pub ends_at: Timestamp,
    /// By whom.
    #[serde(default)]
    pub by: String,
    /// Why.
    #[serde(default)]
    pub why: String,
}

/// A silence that comes again every week, part of the settings.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Maintenance {
    /// What people call it; no two share a name.
    pub name: String,
    /// Days of the week on which it begins, `mon` to `sun`; every day when empty.
    pub days: Vec<String>,
    /// When it begins, `HH:MM` of the zone.
    pub start: String,
    /// When it ends, `HH:MM` of the zone; not after `start`, that of the next day.
    pub end: String,
    /// The zone, by its name in the IANA database; `UTC` when empty.
    pub zone: String,
    /// Which incidents.
    pub matcher: Matcher,
}

impl Matcher {
    /// Whether it asks for nothing, and so would take everything.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a node is named, by itself or by a list.
    fn names(&self, node: &str) -> bool {
        let is_in_list = |entry: &String| {
            is_list(entry) && hostlist::expand(entry).is_ok_and(|names| names.iter().any(|n| n == node))
        };
        self.nodes.iter().any(|entry| entry == node) || self.nodes.iter().any(is_in_list)
    }

    /// The same with every list of nodes written out, for whoever asks often.
    #[must_use]
    pub fn expanded(mut self) -> Self {
        let lists = self.nodes.iter().filter(|entry| is_list(entry));
        let names: Vec<String> = lists.filter_map(|list| hostlist::expand(list).ok()).flatten().collect();
        self.nodes.retain(|entry| !is_list(entry));
        self.nodes.extend(names);
        self
    }

    /// Whether an incident is one of those.
    pub fn takes(&self, incident: &Incident) -> bool {
        let label = |name: &str| incident.labels.get(name);
        let any = |list: &[String], value: &String| list.is_empty() || list.contains(value);
        let about = ["node", "src", "dst"].into_iter().filter_map(label);
        any(&self.rules, &incident.rule)
            && (self.severities.is_empty() || self.severities.contains(&incident.severity))
            && (self.nodes.is_empty() || about.into_iter().any(|name| self.names(name)))
            && (self.links.is_empty()
                || self.links.iter().any(|link| label("src") == Some(&link.src) && label("dst") == Some(&link.dst)))
            && self.labels.iter().all(|(name, value)| label(name) == Some(value))
    }
}

/// Whether an entry stands for several nodes.
fn is_list(entry: &str) -> bool {
    entry.contains(['[', ','])
}

impl Silence {
    /// Whether it holds at a moment.
    pub fn holds_at(&self, now: Timestamp) -> bool {
        (self.starts_at.ms()..self.ends_at.ms()).contains(&now.ms())
    }

    /// Ends it at a moment, when it has not ended before. One that has not begun never will.
    pub fn end(&mut self, now: Timestamp) {
        self.starts_at = self.starts_at.min(now);
        self.ends_at = self.ends_at.min(now).max(self.starts_at);
    }
}
