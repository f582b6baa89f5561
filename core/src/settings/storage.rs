//! Settings of what is kept.

use serde::{Deserialize, Serialize};

use super::{Field, FieldKind, Section};

/// Settings of the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct StorageSettings {
    /// Samples older than this are deleted, hours.
    pub retention_hours: u32,
}

impl Default for StorageSettings {
    fn default() -> Self {
        Self { retention_hours: 24 }
    }
}

pub(super) const SECTION: Section = Section {
    title: "Storage",
    help: "What is kept, and for how long.",
    fields: &[Field {
        path: "storage.retention_hours",
        label: "Keep samples for",
        help: "Older samples are deleted; incidents are kept ten times as long.",
        kind: FieldKind::Number { min: 1.0, max: 720.0, unit: "h" },
    }],
};
