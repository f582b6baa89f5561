//! The life of an alert: inactive, pending, firing, resolved. A pure state machine of verdicts and moments.

mod about;
pub mod export;
pub mod raise;
pub mod search;

use serde::{Deserialize, Serialize};

use crate::{
    rule::{Severity, Verdict},
    sample::Labels,
    time::Timestamp,
    unit::Unit,
};

pub use about::subject;

/// A firing alert whose data stopped is resolved after this long: the thing it spoke of is gone, or another rule speaks
/// of the silence.
pub const NO_DATA_RESOLVES_AFTER_MS: i64 = 60_000;

/// Where an incident stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum IncidentState {
    /// Bad, but not for long enough to be sure.
    Pending,
    /// Bad for as long as the rule asks.
    Firing,
    /// It was firing and is good again.
    Resolved,
    /// It was pending and went away before it fired.
    Inactive,
}

impl IncidentState {
    /// The states that lists show.
    pub const LISTED: [IncidentState; 3] = [IncidentState::Pending, IncidentState::Firing, IncidentState::Resolved];

    /// The word for it, as the API writes it.
    pub const fn word(self) -> &'static str {
        match self {
            IncidentState::Pending => "pending",
            IncidentState::Firing => "firing",
            IncidentState::Resolved => "resolved",
            IncidentState::Inactive => "inactive",
        }
    }
}

/// Something that is or was wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Incident {
    /// Grows with every incident of a hub.
    pub id: u64,
    /// The rule's lasting name.
    pub rule: String,
    /// What people call the rule.
    pub title: String,
    /// How bad it is.
    pub severity: Severity,
    /// Where it stands.
    pub state: IncidentState,
    /// What it is about, in words: `node-1 → gateway`, `node-1 eth0`.
    pub subject: String,
    /// What it is about, as the series' labels.
    pub labels: Labels,
    /// The newest figure, in `unit`; 0 where a job raised it ([`Incident::is_raised`]), because there is none.
    pub value: f64,
    /// The rule's limit, in `unit`; 0 where a job raised it.
    pub limit: f64,
    /// The unit of `value` and `limit`.
    pub unit: Unit,
    /// One sentence for people.
    pub message: String,
    /// When the figure first broke the rule.
    pub started_at: Timestamp,
    /// When it had held for as long as the rule asks.
    pub fired_at: Option<Timestamp>,
    /// When it was good again.
    pub resolved_at: Option<Timestamp>,
    /// Of a silent node: how many links with it are bad and raise no incident of their own.
    #[serde(default)]
    pub folded: u32,
    /// The metric that was judged; empty where it was no metric, or a job raised it.
    #[serde(default)]
    pub metric: String,
    /// The worst figure so far, in `unit`.
    #[serde(default)]
    pub worst: Option<f64>,
    /// Where it is written what to do; may be empty.
    #[serde(default)]
    pub runbook: String,
    /// What people, and the silences that they made, did about it.
    #[serde(default)]
    pub handling: Handling,
}

/// What people did about an incident. The desk writes it; rules know nothing of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct Handling {
    /// Who has taken it on.
    pub acknowledged: Option<Acknowledgement>,
    /// The silence, by its id, or the maintenance window, as `maintenance <name>`, that keeps its notifications back, if
    /// any does now; of one that is over, that did when it ended.
    pub silenced_by: Option<String>,
    /// When it ends by itself, for one that a job raised and may forget.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// Somebody has taken an incident on: it is shown, and nobody is reminded any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Acknowledgement {
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// What they wrote.
    pub note: String,
}

/// The names of rules under which training jobs raise incidents begin with this, followed by the type they gave.
pub const JOB_RULE_PREFIX: &str = "job_";

/// A step in the life of an incident, as its page tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TimelineEntry {
    /// When.
    pub at: Timestamp,
    /// What kind of step.
    pub kind: TimelineKind,
    /// What happened, one sentence.
    pub text: String,
}

/// The kinds of steps in the life of an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum TimelineKind {
    /// The figure broke the rule.
    Began,
    /// It had for long enough.
    Fired,
    /// Links were counted in it.
    Folded,
    /// Somebody took it on.
    Acknowledged,
    /// Somebody gave it back.
    Unacknowledged,
    /// Its notifications are kept back.
    Silenced,
    /// They are not any more.
    Unsilenced,
    /// Somebody was told, or could not be.
    Notified,
    /// It is over.
    Resolved,
}

/// An incident with everything that its page shows: `GET /api/v1/alerts/{id}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct IncidentDetails {
    /// As it is now.
    pub incident: Incident,
    /// What happened to it, in order of time.
    pub timeline: Vec<TimelineEntry>,
    /// Others of about the same time and the same nodes, newest first.
    pub related: Vec<Incident>,
}

/// What a training job, or anybody else, raises: `POST /api/v1/alerts`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RaiseRequest {
    /// What kind of trouble, `[a-z][a-z0-9_]{0,63}`. The same type with the same labels is the same incident, as long as
    /// it is open.
    #[serde(rename = "type")]
    pub kind: String,
    /// What happened, one sentence.
    pub message: String,
    /// How bad it is.
    pub severity: Severity,
    /// What it is about; `node` for example.
    #[serde(default)]
    pub labels: Labels,
    /// `false` ends the incident of that type and these labels.
    #[serde(default = "yes")]
    pub firing: bool,
    /// It ends by itself when it is not raised again for this long, s; never when not given.
    #[serde(default)]
    pub ttl_s: Option<f64>,
}

const fn yes() -> bool {
    true
}

/// Takes an incident on, or gives it back: `PUT` and `DELETE /api/v1/alerts/{id}/acknowledgement`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct AcknowledgeRequest {
    /// Who.
    pub by: String,
    /// Why, or what is being done.
    pub note: String,
}

/// Where one rule stands with one subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Life {
    /// Nothing is wrong.
    #[default]
    Inactive,
    /// Bad since then.
    Pending {
        /// When it first was bad, ms.
        since_ms: i64,
    },
    /// Firing; last judged by real figures, and last bad, then.
    Firing {
        /// When a figure was last seen, ms.
        judged_ms: i64,
        /// When it was last bad, ms.
        bad_ms: i64,
    },
}

/// For how long something must be so before an alert follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Hold {
    /// Bad, before it fires, ms.
    pub for_ms: i64,
    /// Good again, before it is over, ms.
    pub keep_firing_for_ms: i64,
}

/// What changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transition {
    /// It became bad.
    Begins,
    /// It has been bad for long enough.
    Fires,
    /// It became good before it fired.
    Withdrawn,
    /// It was firing and is good, or its data stopped.
    Resolves,
}

impl Life {
    /// The life of what was firing before the hub knew anything: as if it had been bad just now.
    pub const fn restored(now_ms: i64) -> Self {
        Life::Firing { judged_ms: now_ms, bad_ms: now_ms }
    }

    /// Whether it fires.
    pub const fn is_firing(self) -> bool {
        matches!(self, Life::Firing { .. })
    }

    /// The next state, and what changed. With a `for_ms` of 0 a rule fires at the first bad figure. A clock that was set
    /// back makes nothing last longer.
    pub fn step(self, verdict: Verdict, now_ms: i64, hold: Hold) -> (Self, Option<Transition>) {
        let bad = matches!(verdict, Verdict::Bad { .. });
        let fires = Life::Firing { judged_ms: now_ms, bad_ms: now_ms };
        match self {
            Life::Inactive if bad && hold.for_ms <= 0 => (fires, Some(Transition::Fires)),
            Life::Inactive if bad => (Life::Pending { since_ms: now_ms }, Some(Transition::Begins)),
            Life::Pending { since_ms } if bad && now_ms - since_ms >= hold.for_ms => (fires, Some(Transition::Fires)),
            Life::Pending { since_ms } if bad => (Life::Pending { since_ms: since_ms.min(now_ms) }, None),
            Life::Pending { .. } => (Life::Inactive, Some(Transition::Withdrawn)),
            Life::Firing { .. } if bad => (fires, None),
            Life::Firing { judged_ms, bad_ms } => {
                let (judged_ms, bad_ms) = (judged_ms.min(now_ms), bad_ms.min(now_ms));
                let waits = match verdict {
                    Verdict::Unknown => {
                        now_ms - judged_ms < NO_DATA_RESOLVES_AFTER_MS || now_ms - bad_ms < hold.keep_firing_for_ms
                    }
                    _ => now_ms - bad_ms < hold.keep_firing_for_ms,
                };
                let judged_ms = if verdict == Verdict::Unknown { judged_ms } else { now_ms };
                let waiting = Life::Firing { judged_ms, bad_ms };
                if waits { (waiting, None) } else { (Life::Inactive, Some(Transition::Resolves)) }
            }
            Life::Inactive => (Life::Inactive, None),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A firing incident with these labels that began at the epoch.
    pub(crate) fn incident(id: u64, labels: &[(&str, &str)]) -> Incident {
        let labels: Labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Incident {
            id,
            rule: "rule".into(),
            title: "Rule".into(),
            severity: Severity::Warning,
            state: IncidentState::Firing,
            subject: subject(&labels),
            labels,
            value: 1.0,
            limit: 0.5,
            unit: Unit::Ratio,
            message: "m".into(),
            started_at: Timestamp(0),
            fired_at: None,
            resolved_at: None,
            folded: 0,
            metric: String::new(),
            worst: None,
            runbook: String::new(),
            handling: Handling::default(),
        }
    }

    const BAD: Verdict = Verdict::Bad { value: 2.0 };
    const GOOD: Verdict = Verdict::Good { value: 1.0 };

    /// Runs verdicts one second apart and returns what changed when.
    fn run(for_ms: i64, verdicts: &[Verdict]) -> Vec<(usize, Transition)> {
        run_with(Hold { for_ms, keep_firing_for_ms: 0 }, verdicts)
    }

    fn run_with(hold: Hold, verdicts: &[Verdict]) -> Vec<(usize, Transition)> {
        let mut life = Life::default();
        let mut changes = Vec::new();
        for (second, verdict) in verdicts.iter().enumerate() {
            let (next, change) = life.step(*verdict, second as i64 * 1_000, hold);
            life = next;
            changes.extend(change.map(|change| (second, change)));
        }
        changes
    }

    #[test]
    fn it_fires_after_the_hold_time_and_resolves_when_good() {
        let changes = run(2_000, &[GOOD, BAD, BAD, BAD, BAD, GOOD]);
        assert_eq!(changes, [(1, Transition::Begins), (3, Transition::Fires), (5, Transition::Resolves)]);
    }

    #[test]
    fn a_short_spike_is_withdrawn() {
        assert_eq!(run(2_000, &[BAD, GOOD]), [(0, Transition::Begins), (1, Transition::Withdrawn)]);
    }

    #[test]
    fn without_a_hold_time_the_first_bad_figure_fires() {
        assert_eq!(run(0, &[BAD, GOOD]), [(0, Transition::Fires), (1, Transition::Resolves)]);
    }

    #[test]
    fn silence_withdraws_what_is_pending_and_resolves_what_fires_after_a_minute() {
        assert_eq!(run(5_000, &[BAD, Verdict::Unknown])[1], (1, Transition::Withdrawn));
        let mut verdicts = vec![BAD];
        verdicts.extend([Verdict::Unknown; 70]);
        assert_eq!(run(0, &verdicts), [(0, Transition::Fires), (60, Transition::Resolves)]);
    }
    #[test]
    fn what_is_good_for_a_moment_only_keeps_firing() {
        let hold = Hold { for_ms: 0, keep_firing_for_ms: 3_000 };
        let changes = run_with(hold, &[BAD, GOOD, GOOD, BAD, GOOD, GOOD, Verdict::Unknown, GOOD]);
        // Without a figure, at 6, it is not over.
        assert_eq!(changes, [(0, Transition::Fires), (7, Transition::Resolves)]);
    }

    #[test]
    fn without_data_it_keeps_firing_for_as_long_as_was_asked() {
        let mut verdicts = vec![BAD];
        verdicts.extend([Verdict::Unknown; 100]);
        let hold = Hold { for_ms: 0, keep_firing_for_ms: 90_000 };
        assert_eq!(run_with(hold, &verdicts), [(0, Transition::Fires), (90, Transition::Resolves)]);
    }

    #[test]
    fn a_clock_that_is_set_back_holds_nothing_up() {
        let hold = Hold { for_ms: 2_000, keep_firing_for_ms: 2_000 };
        let (life, _) = Life::default().step(BAD, 1_000_000, hold);
        let (life, change) = life.step(BAD, 1_000, hold);
        assert_eq!((life, change), (Life::Pending { since_ms: 1_000 }, None));
        let (life, _) = Life::restored(1_000_000).step(GOOD, 1_000, hold);
        assert_eq!(life.step(GOOD, 3_000, hold), (Life::Inactive, Some(Transition::Resolves)));
    }
}
