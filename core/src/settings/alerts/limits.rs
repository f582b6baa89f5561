//! The settings of each rule that came with Netloom.

use serde::{Deserialize, Serialize};

/// When latency is too high.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct LatencySettings {
    /// Whether the rule is in force.
    pub enabled: bool,
    /// The limit, ms.
    pub limit_ms: f64,
    /// How long it must hold, s.
    pub for_s: f64,
}

/// When loss is too high.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct LossSettings {
    /// Whether the rule is in force.
    pub enabled: bool,
    /// The limit, percent.
    pub limit_percent: f64,
    /// How long it must hold, s.
    pub for_s: f64,
}

/// When a link is too slow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct BandwidthSettings {
    /// Whether the rule is in force.
    pub enabled: bool,
    /// Below this a link in use is slow, Mbit/s.
    pub limit_mbps: f64,
    /// Above this a link is in use, Mbit/s.
    pub in_use_mbps: f64,
    /// How long it must hold, s.
    pub for_s: f64,
}

/// When a node is silent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct SilenceSettings {
    /// Whether the rule is in force.
    pub enabled: bool,
    /// How long it must hold, s.
    pub for_s: f64,
}

/// When the clock of a node is off.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct ClockOffsetSettings {
    /// Whether the rule is in force.
    pub enabled: bool,
    /// The limit on either side, ms.
    pub limit_ms: f64,
    /// How long it must hold, s.
    pub for_s: f64,
}

/// When too much waits at an agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct SpoolSettings {
    /// Whether the rule is in force.
    pub enabled: bool,
    /// The limit, batches; a node makes one a second.
    pub limit_batches: f64,
    /// How long it must hold, s.
    pub for_s: f64,
}

/// When the disk of the hub is too full.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct DiskSettings {
    /// Whether the rule is in force.
    pub enabled: bool,
    /// The limit, percent of the disk that the data folder is on.
    pub limit_percent: f64,
    /// How long it must hold, s.
    pub for_s: f64,
}

impl Default for LatencySettings {
    fn default() -> Self {
        Self { enabled: true, limit_ms: 100.0, for_s: 10.0 }
    }
}

impl Default for LossSettings {
    fn default() -> Self {
        Self { enabled: true, limit_percent: 5.0, for_s: 10.0 }
    }
}

impl Default for BandwidthSettings {
    fn default() -> Self {
        Self { enabled: true, limit_mbps: 10.0, in_use_mbps: 1.0, for_s: 30.0 }
    }
}

impl Default for SilenceSettings {
    fn default() -> Self {
        Self { enabled: true, for_s: 0.0 }
    }
}

impl Default for ClockOffsetSettings {
    fn default() -> Self {
        Self { enabled: true, limit_ms: 100.0, for_s: 60.0 }
    }
}

impl Default for SpoolSettings {
    fn default() -> Self {
        Self { enabled: true, limit_batches: 10.0, for_s: 30.0 }
    }
}

impl Default for DiskSettings {
    fn default() -> Self {
        Self { enabled: true, limit_percent: 90.0, for_s: 60.0 }
    }
}
