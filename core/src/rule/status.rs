//! How the rules in force fare: `GET /api/v1/rules`.

use serde::{Deserialize, Serialize};

use super::Severity;

/// A rule, and how many of its subjects are in which state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RuleStatus {
    /// Its lasting name.
    pub id: String,
    /// What people call it.
    pub title: String,
    /// The metric that it judges; empty where it is none.
    pub metric: String,
    /// How bad it is.
    pub severity: Severity,
    /// Whether Netloom brings it along; people's own are in the settings.
    pub is_built_in: bool,
    /// Whether it is in force.
    pub enabled: bool,
    /// Subjects that it judges.
    pub subjects: usize,
    /// Of these, those that are bad but not for long enough.
    pub pending: usize,
    /// Of these, those that it fires for.
    pub firing: usize,
    /// When it fires, in words.
    pub condition: String,
}
