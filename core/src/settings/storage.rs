//! Settings of what is kept.

use serde::{Deserialize, Serialize};

use super::{Field, FieldError, FieldKind, Section};

/// Settings of the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct StorageSettings {
    /// Samples are kept as they were taken for this long, hours.
    pub raw_hours: u32,
    /// Summaries of a minute are kept for this long, days.
    pub minute_days: u32,
    /// Summaries of an hour are kept for this long, days.
    pub hour_days: u32,
    /// Whether a commit waits for the disk itself.
    pub survive_power_loss: bool,
}

impl Default for StorageSettings {
    fn default() -> Self {
        Self { raw_hours: 72, minute_days: 30, hour_days: 400, survive_power_loss: false }
    }
}

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

impl StorageSettings {
    /// How long samples are kept as they were taken, ms.
    pub fn raw_ms(&self) -> i64 {
        i64::from(self.raw_hours) * HOUR_MS
    }

    /// How long summaries of a minute are kept, ms.
    pub fn minute_ms(&self) -> i64 {
        i64::from(self.minute_days) * DAY_MS
    }

    /// How long summaries of an hour are kept, ms.
    pub fn hour_ms(&self) -> i64 {
        i64::from(self.hour_days) * DAY_MS
    }

    /// Checks how the fields go together.
    pub(super) fn validate(&self) -> Vec<FieldError> {
        let mut errors = Vec::new();
        if self.minute_ms() < self.raw_ms() {
            let message = "must not be shorter than samples are kept as they were taken";
            errors.push(FieldError::new("storage.minute_days", message));
        }
        if self.hour_days < self.minute_days {
            let message = "must not be shorter than summaries of a minute are kept";
            errors.push(FieldError::new("storage.hour_days", message));
        }
        errors
    }
}

pub(super) const SECTION: Section = Section {
    title: "Storage",
    help: "What is kept, and for how long. A mesh of 64 nodes takes about 0.7 GB a day as it was taken, and a tenth of that \
           summed up by the minute.",
    fields: &[
        Field {
            path: "storage.raw_hours",
            label: "Keep every sample for",
            help: "Older samples are there summed up only; nothing older than this can be delivered late or imported.",
            kind: FieldKind::Number { min: 1.0, max: 8_760.0, unit: "h" },
        },
        Field {
            path: "storage.minute_days",
            label: "Keep minutes for",
            help: "Per minute: count, mean, extremes, the last value, and percentiles within 2 %.",
            kind: FieldKind::Number { min: 1.0, max: 3_650.0, unit: "days" },
        },
        Field {
            path: "storage.hour_days",
            label: "Keep hours for",
            help: "The same per hour. Incidents are kept as long as hours, runs until the database goes.",
            kind: FieldKind::Number { min: 1.0, max: 36_500.0, unit: "days" },
        },
        Field {
            path: "storage.survive_power_loss",
            label: "Survive a loss of power",
            help: "Waits for the disk with every commit. Without it the last moments may be lost with the power, but never \
                   when only Netloom ends.",
            kind: FieldKind::Toggle,
        },
    ],
};
