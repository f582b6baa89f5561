//! The description of the alert settings.

use crate::settings::{Field, FieldKind, Section};

const HOLD: FieldKind = FieldKind::Number { min: 0.0, max: 3_600.0, unit: "s" };
const HOLD_HELP: &str = "How long it must last before the alert fires; until then it is pending.";

const fn hold(path: &'static str) -> Field {
    Field { path, label: "for", help: HOLD_HELP, kind: HOLD }
}

const fn toggle(path: &'static str, label: &'static str, help: &'static str) -> Field {
    Field { path, label, help, kind: FieldKind::Toggle }
}

pub(crate) const SECTION: Section = Section {
    title: "Alerts",
    help: "When something counts as wrong.",
    fields: &[
        toggle("alerts.latency.enabled", "Alert on latency", "Median round-trip time to a target, over the last 5 s."),
        Field {
            path: "alerts.latency.limit_ms",
            label: "Latency above",
            help: "Fires when the latency to a target stays above this.",
            kind: FieldKind::Number { min: 0.001, max: 60_000.0, unit: "ms" },
        },
        hold("alerts.latency.for_s"),
        toggle("alerts.loss.enabled", "Alert on loss", "Share of probes without an answer, over the last 20 s."),
        Field {
            path: "alerts.loss.limit_percent",
            label: "Loss above",
            help: "Fires when more of the probes to a target stay without an answer.",
            kind: FieldKind::Number { min: 0.0, max: 100.0, unit: "%" },
        },
        hold("alerts.loss.for_s"),
        toggle("alerts.bandwidth.enabled", "Alert on bandwidth", "The busier direction of a link, over the last 10 s."),
        Field {
            path: "alerts.bandwidth.limit_mbps",
            label: "Bandwidth below",
            help: "Fires when a link that is in use stays below this.",
            kind: FieldKind::Number { min: 0.001, max: 1_000_000.0, unit: "Mbit/s" },
        },
        Field {
            path: "alerts.bandwidth.in_use_mbps",
            label: "In use above",
            help: "A link that carries less than this is idle, and idle links raise no alert.",
            kind: FieldKind::Number { min: 0.0, max: 1_000_000.0, unit: "Mbit/s" },
        },
        hold("alerts.bandwidth.for_s"),
        toggle(
            "alerts.silence.enabled",
            "Alert on silence",
            "A node that has not reported for 2.5 s. Links with it are counted there and raise no alert of their own.",
        ),
        hold("alerts.silence.for_s"),
        toggle(
            "alerts.clock_offset.enabled",
            "Alert on clocks",
            "A node's clock beside the hub's, median of 30 s. Figures carry the hub's time whatever it says; logs do not.",
        ),
        Field {
            path: "alerts.clock_offset.limit_ms",
            label: "Clock off by more than",
            help: "Fires when the clock of a node is fast or slow by more than this.",
            kind: FieldKind::Number { min: 0.1, max: 86_400_000.0, unit: "ms" },
        },
        hold("alerts.clock_offset.for_s"),
        toggle(
            "alerts.spool.enabled",
            "Alert on growing spools",
            "Batches that wait at an agent because the hub does not take them, the fewest of 30 s.",
        ),
        Field {
            path: "alerts.spool.limit_batches",
            label: "More waiting than",
            help: "Fires when more batches than this keep waiting at an agent, which makes one a second.",
            kind: FieldKind::Number { min: 0.0, max: 1_000_000.0, unit: "batches" },
        },
        hold("alerts.spool.for_s"),
        toggle("alerts.disk.enabled", "Alert on the hub's disk", "The disk that the hub's data folder is on."),
        Field {
            path: "alerts.disk.limit_percent",
            label: "Disk fuller than",
            help: "Fires when more of the disk is used. A full one takes no samples.",
            kind: FieldKind::Number { min: 1.0, max: 100.0, unit: "%" },
        },
        hold("alerts.disk.for_s"),
        Field {
            path: "alerts.rules",
            label: "More rules",
            help: "Rules of your own, for any metric.",
            kind: FieldKind::Rules,
        },
        Field {
            path: "alerts.maintenance",
            label: "Maintenance windows",
            help: "Times of the week in which nobody is told.",
            kind: FieldKind::Maintenance,
        },
    ],
};
