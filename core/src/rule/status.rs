//! How rules fare: `GET /api/v1/rules`.

use serde::{Deserialize, Serialize};

use super::Severity;

/// A rule, and of how many subjects it says what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RuleStatus {
    /// Its lasting name.
    pub id: String,
    /// What people call it.
    pub title: String,
    /// The metric that it judges; empty where it is none.
    pub metric: String,
    /// How bad it is when it fires.
    pub severity: Severity,
    /// Whether it came with Netloom; others are in `alerts.rules` of the settings.
    pub is_built_in: bool,
    /// Whether it is in force.
    pub enabled: bool,
    /// How many subjects it watches.
    pub subjects: usize,
    /// Of how many of them it is about to fire.
    pub pending: usize,
    /// For how many it fires.
    pub firing: usize,
    /// When it fires, in words.
    pub condition: String,
}
