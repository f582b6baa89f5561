//! Settings of the counters that are read on this machine.

use serde::{Deserialize, Serialize};

use super::{Field, FieldKind, Section};

/// Settings of the collectors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct CollectSettings {
    /// Time from one reading of the counters to the next, ms.
    pub interval_ms: u64,
}

impl Default for CollectSettings {
    fn default() -> Self {
        Self { interval_ms: 1_000 }
    }
}

pub(super) const SECTION: Section = Section {
    title: "Interfaces and sockets",
    help: "Counters of this machine: bytes, packets, errors, drops, sockets.",
    fields: &[Field {
        path: "collect.interval_ms",
        label: "Read every",
        help: "Time from one reading of the counters to the next; rates are over the time that really passed.",
        kind: FieldKind::Number { min: 200.0, max: 60_000.0, unit: "ms" },
    }],
};
