//! A message: what one receiver is told at one moment.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{LOGGED_INCIDENTS_MAX, line::Fresh};
use crate::{
    incident::{Incident, IncidentState},
    rule::Severity,
    sample::Labels,
    time::Timestamp,
    unit::Unit,
};

/// Incidents that a message lists; how many there are besides is said. Nobody reads more in a chat or a mail.
pub const LISTED_MAX: usize = 20;
/// Nodes that a message names as those with the most incidents.
const PLACES_MAX: usize = 5;

/// What a message is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Notice {
    /// Something fires that the receiver did not know of.
    Firing,
    /// What it was told of is over.
    Resolved,
    /// What it was told of fires still.
    Reminder,
    /// Somebody tries the receiver out.
    Test,
}

impl Notice {
    /// The word people read.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::Resolved => "resolved",
            Self::Reminder => "reminder",
            Self::Test => "test",
        }
    }
}

/// What one receiver is told at one moment. It stays as it is until it is delivered or given up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Its lasting name: the same in every attempt.
    pub id: String,
    /// What it is about.
    pub notice: Notice,
    /// When it was made.
    pub at: Timestamp,
    /// What fires, the worst first, as far as it is listed; then what is over.
    pub listed: Vec<Incident>,
    /// How many fire.
    pub firing: u32,
    /// How many are over.
    pub resolved: u32,
    /// How bad the worst of those that fire is; of those that are over when none does.
    pub worst: Severity,
    /// The nodes with the most incidents, and how many.
    pub places: Vec<(String, u32)>,
    /// The incidents by id, as far as the log names them.
    pub ids: Vec<u64>,
}

impl Message {
    /// The message of what is news, and of reminders.
    pub(super) fn of(id: String, fresh: &Fresh<'_>, now: Timestamp) -> Self {
        let notice = match (fresh.firing.is_empty(), fresh.resolved.is_empty()) {
            (false, _) => Notice::Firing,
            (true, false) => Notice::Resolved,
            (true, true) => Notice::Reminder,
        };
        let mut firing: Vec<&Incident> = fresh.firing.iter().chain(&fresh.reminders).copied().collect();
        let mut resolved = fresh.resolved.clone();
        for part in [&mut firing, &mut resolved] {
            part.sort_by(|a, b| {
                b.severity.cmp(&a.severity).then_with(|| a.subject.cmp(&b.subject)).then(a.id.cmp(&b.id))
            });
        }
        let all = || firing.iter().chain(&resolved).copied();
        let worst = firing.first().or(resolved.first()).map_or(Severity::Info, |incident| incident.severity);
        Self {
            id,
            notice,
            at: now,
            listed: all().take(LISTED_MAX).cloned().collect(),
            firing: firing.len() as u32,
            resolved: resolved.len() as u32,
            worst,
            places: places(all()),
            ids: all().map(|incident| incident.id).take(LOGGED_INCIDENTS_MAX).collect(),
        }
    }

    /// A message with which somebody tries a receiver out. Its incident is made up, and says so.
    pub fn test(id: String, now: Timestamp) -> Self {
        let incident = Incident {
            id: 0,
            rule: "test".into(),
            title: "Test notification".into(),
            severity: Severity::Info,
            state: IncidentState::Firing,
            subject: "Netloom".into(),
            labels: Labels::new(),
            value: 0.0,
            limit: 0.0,
            unit: Unit::Count,
            message: "This is a test. Nothing is wrong.".into(),
            started_at: now,
            fired_at: Some(now),
            resolved_at: None,
            folded: 0,
            metric: String::new(),
            worst: None,
            runbook: String::new(),
            handling: crate::incident::Handling::default(),
        };
        let fresh = Fresh { firing: vec![&incident], ..Fresh::default() };
        Self { notice: Notice::Test, ids: Vec::new(), ..Self::of(id, &fresh, now) }
    }

    /// How many incidents it tells of.
    pub fn count(&self) -> u32 {
        if self.notice == Notice::Test { 0 } else { self.firing + self.resolved }
    }

    /// How many it tells of without listing them.
    pub fn unlisted(&self) -> u32 {
        (self.firing + self.resolved).saturating_sub(self.listed.len() as u32)
    }
}

/// The nodes with the most incidents, when there are several incidents.
fn places<'a>(incidents: impl Iterator<Item = &'a Incident>) -> Vec<(String, u32)> {
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    let mut all = 0;
    for incident in incidents {
        all += 1;
        for label in ["node", "src", "dst"] {
            if let Some(node) = incident.labels.get(label) {
                *counts.entry(node).or_default() += 1;
            }
        }
    }
    let mut places: Vec<(String, u32)> = counts.into_iter().map(|(node, count)| (node.to_owned(), count)).collect();
    places.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    places.truncate(if all > 1 { PLACES_MAX } else { 0 });
    places
}
