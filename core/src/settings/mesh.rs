//! Settings of the mesh: how nodes probe each other.

use serde::{Deserialize, Serialize};

use super::{Field, FieldError, FieldKind, Section};

/// Trains that may pass until an answer is given up: a loss that is told later is no news any more.
const TIMEOUT_MAX_TRAINS: u64 = 10;

/// Settings of the mesh.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct MeshSettings {
    /// Whether nodes probe each other.
    pub enabled: bool,
    /// Time from one train of packets to the next, ms.
    pub interval_ms: u64,
    /// Packets in a train.
    pub packets: u32,
    /// How long to wait for an answer, ms.
    pub timeout_ms: u64,
    /// Nodes that one node probes at most.
    pub peers_max: u32,
    /// How long a choice of peers holds when there are more nodes than that, s.
    pub rotate_s: u64,
    /// Time from one ICMP echo and TCP handshake with each peer to the next, s; 0 for none.
    pub other_modes_s: u64,
    /// A round that was sent or read later than this is doubtful, ms.
    pub doubtful_after_ms: f64,
}

impl Default for MeshSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            interval_ms: 1_000,
            packets: 5,
            timeout_ms: 1_000,
            peers_max: 64,
            rotate_s: 60,
            other_modes_s: 10,
            doubtful_after_ms: 10.0,
        }
    }
}

pub(super) const SECTION: Section = Section {
    title: "Mesh",
    help: "How nodes probe each other. A packet is 96 bytes of UDP, authenticated, and answered by one of the same size.",
    fields: &[
        Field {
            path: "mesh.enabled",
            label: "Nodes probe each other",
            help: "Every node sends small trains of UDP packets to the others; this fills the matrix.",
            kind: FieldKind::Toggle,
        },
        Field {
            path: "mesh.interval_ms",
            label: "Train every",
            help: "Time from one train to a peer to the next.",
            kind: FieldKind::Number { min: 200.0, max: 60_000.0, unit: "ms" },
        },
        Field {
            path: "mesh.packets",
            label: "Packets in a train",
            help: "Spread over the interval; jitter and reordering need at least two.",
            kind: FieldKind::Number { min: 1.0, max: 20.0, unit: "" },
        },
        Field {
            path: "mesh.timeout_ms",
            label: "Lost after",
            help: "A packet without an answer for this long counts as lost.",
            kind: FieldKind::Number { min: 50.0, max: 10_000.0, unit: "ms" },
        },
        Field {
            path: "mesh.peers_max",
            label: "Peers of a node",
            help: "Up to this many nodes everyone probes everyone. Beyond it each probes this many, and the choice rotates until every pair was covered.",
            kind: FieldKind::Number { min: 1.0, max: 256.0, unit: "" },
        },
        Field {
            path: "mesh.rotate_s",
            label: "Choice holds for",
            help: "How long a choice of peers holds when there are more nodes than that.",
            kind: FieldKind::Number { min: 10.0, max: 86_400.0, unit: "s" },
        },
        Field {
            path: "mesh.other_modes_s",
            label: "ICMP and TCP every",
            help: "Besides UDP, one ICMP echo and one TCP handshake with each peer in this time, in series of their own. 0 leaves them out.",
            kind: FieldKind::Number { min: 0.0, max: 3_600.0, unit: "s" },
        },
        Field {
            path: "mesh.doubtful_after_ms",
            label: "Doubtful after",
            help: "When a node is so busy that packets are sent or read later than this, its figures of that moment are marked and raise no alert.",
            kind: FieldKind::Number { min: 0.1, max: 1_000.0, unit: "ms" },
        },
    ],
};

impl MeshSettings {
    pub(super) fn validate(&self) -> Vec<FieldError> {
        // A train takes the interval, however many packets are spread over it.
        if self.timeout_ms > self.interval_ms.saturating_mul(TIMEOUT_MAX_TRAINS) {
            let message = format!("must not be longer than {TIMEOUT_MAX_TRAINS} trains take");
            return vec![FieldError::new("mesh.timeout_ms", message)];
        }
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_waited_for_as_long_as_some_trains_take_whatever_is_in_them() {
        for packets in [1, 20] {
            let longest = MeshSettings { interval_ms: 200, timeout_ms: 2_000, packets, ..MeshSettings::default() };
            assert_eq!(longest.validate(), []);
            let slower = MeshSettings { timeout_ms: 2_001, ..longest };
            assert_eq!(slower.validate()[0].field, "mesh.timeout_ms");
        }
    }
}
