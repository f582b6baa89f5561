//! When a rule would have fired: `POST /api/v1/rules/preview`.

use serde::{Deserialize, Serialize};

use super::spec::RuleSpec;
use crate::{sample::Labels, time::Timestamp};

/// Subjects of a preview that are listed, those with the most firing time first.
pub const SUBJECTS_MAX: usize = 50;

/// A rule, and over what time it is to be tried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PreviewRequest {
    /// The rule, saved or not.
    pub rule: RuleSpec,
    /// From when: RFC 3339, epoch milliseconds, `now-24h`.
    pub from: String,
    /// Until when; now when empty.
    #[serde(default)]
    pub to: String,
}

/// When a rule would have fired, by the same code that judges live samples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Preview {
    /// The beginning of what was tried.
    pub from: Timestamp,
    /// Its end.
    pub to: Timestamp,
    /// The time between two figures that were judged, ms: that of the samples, or of the summaries where samples are gone
    /// or too many.
    pub step_ms: i64,
    /// Series that the rule would have judged.
    pub judged: usize,
    /// How often it would have fired, over all subjects.
    pub firings: usize,
    /// The subjects that it would have fired for, those with the most firing time first.
    pub subjects: Vec<PreviewSubject>,
    /// What keeps this from being the whole truth, one sentence each; empty when nothing does.
    pub notes: Vec<String>,
}

/// One subject of a preview.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PreviewSubject {
    /// In words: `a → b`.
    pub subject: String,
    /// Its labels.
    pub labels: Labels,
    /// When it would have fired, in order of time.
    pub firings: Vec<Firing>,
}

/// A stretch of time in which a rule would have fired.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Firing {
    /// When it would have fired.
    pub from: Timestamp,
    /// When it would have been over; `None` when it still would fire.
    pub to: Option<Timestamp>,
    /// The worst figure meanwhile, in the metric's unit.
    pub worst: f64,
}
