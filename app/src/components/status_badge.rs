//! A status as a shape and a word, never as a colour alone.

use leptos::prelude::*;
use netloom_core::{
    api::{MeasurementState, NodeState},
    health::HealthStatus,
    incident::IncidentState,
    rule::Severity,
    run::RunStatus,
};

/// How something is: decides the shape and the colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// A filled circle.
    Ok,
    /// A triangle.
    Warning,
    /// A square.
    Critical,
    /// An empty circle.
    Unknown,
    /// A triangle that points ahead.
    Active,
}

impl Tone {
    /// The name of the tone in the style sheet.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Tone::Ok => "ok",
            Tone::Warning => "warning",
            Tone::Critical => "critical",
            Tone::Unknown => "unknown",
            Tone::Active => "active",
        }
    }

    const fn path(self) -> &'static str {
        match self {
            Tone::Ok => "M5 1a4 4 0 1 0 .01 0z",
            Tone::Warning => "M5 .8l4.6 8.2h-9.2z",
            Tone::Critical => "M1.2 1.2h7.6v7.6h-7.6z",
            Tone::Active => "M2 .8l7 4.2l-7 4.2z",
            Tone::Unknown => "M5 1a4 4 0 1 0 .01 0zM5 2.6a2.4 2.4 0 1 1 -.01 0z",
        }
    }
}

impl From<HealthStatus> for Tone {
    fn from(status: HealthStatus) -> Self {
        match status {
            HealthStatus::Ok => Tone::Ok,
            HealthStatus::Warning => Tone::Warning,
            HealthStatus::Critical => Tone::Critical,
            HealthStatus::Unknown => Tone::Unknown,
        }
    }
}

impl From<Severity> for Tone {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Info => Tone::Unknown,
            Severity::Warning => Tone::Warning,
            Severity::Critical => Tone::Critical,
        }
    }
}

impl From<NodeState> for Tone {
    fn from(state: NodeState) -> Self {
        match state {
            NodeState::Up => Tone::Ok,
            NodeState::Degraded => Tone::Warning,
            NodeState::Silent => Tone::Critical,
        }
    }
}

impl From<MeasurementState> for Tone {
    fn from(state: MeasurementState) -> Self {
        match state {
            MeasurementState::Working => Tone::Ok,
            MeasurementState::Degraded => Tone::Warning,
            MeasurementState::Failing => Tone::Critical,
            MeasurementState::Off => Tone::Unknown,
        }
    }
}

impl From<RunStatus> for Tone {
    fn from(status: RunStatus) -> Self {
        match status {
            RunStatus::Running => Tone::Active,
            RunStatus::Succeeded => Tone::Ok,
            RunStatus::Failed => Tone::Critical,
            RunStatus::Aborted => Tone::Warning,
            RunStatus::Lost => Tone::Unknown,
        }
    }
}

/// The word for the health of the network or of a way through it.
pub(crate) const fn health_word(status: HealthStatus) -> &'static str {
    match status {
        HealthStatus::Ok => "ok",
        HealthStatus::Warning => "warning",
        HealthStatus::Critical => "critical",
        HealthStatus::Unknown => "unknown",
    }
}

/// The word for the state of a node.
pub(crate) const fn node_word(state: NodeState) -> &'static str {
    match state {
        NodeState::Up => "up",
        NodeState::Degraded => "degraded",
        NodeState::Silent => "silent",
    }
}

/// The word for the state of a measurement.
pub(crate) const fn measurement_word(state: MeasurementState) -> &'static str {
    match state {
        MeasurementState::Working => "working",
        MeasurementState::Degraded => "degraded",
        MeasurementState::Failing => "failing",
        MeasurementState::Off => "off",
    }
}

/// The word for the state of an incident, as the API writes it.
pub(crate) const fn incident_word(state: IncidentState) -> &'static str {
    match state {
        IncidentState::Pending => "pending",
        IncidentState::Firing => "firing",
        IncidentState::Resolved => "resolved",
        IncidentState::Inactive => "withdrawn",
    }
}

/// The shape of a tone.
#[component]
pub(crate) fn Shape(#[prop(into)] tone: Signal<Tone>) -> impl IntoView {
    view! {
        <svg class=move || format!("shape tone-{}", tone.get().name()) viewBox="0 0 10 10" width="10" height="10" aria-hidden="true">
            <path d=move || tone.get().path()></path>
        </svg>
    }
}

/// A shape and a word.
#[component]
pub(crate) fn StatusBadge(#[prop(into)] tone: Signal<Tone>, #[prop(into)] word: Signal<&'static str>) -> impl IntoView {
    view! {
        <span class=move || format!("badge tone-{}", tone.get().name())>
            <Shape tone /> {word}
        </span>
    }
}

/// The shape of a tone where it does not change by itself.
pub(crate) fn shape(tone: Tone) -> impl IntoView {
    view! {
        <svg class=format!("shape tone-{}", tone.name()) viewBox="0 0 10 10" width="10" height="10" aria-hidden="true">
            <path d=tone.path()></path>
        </svg>
    }
}

/// A shape and a word where they do not change by themselves: in lists that are drawn anew.
pub(crate) fn badge(tone: Tone, word: &'static str) -> impl IntoView {
    view! {
        <span class=format!("badge tone-{}", tone.name())>
            {shape(tone)} {word}
        </span>
    }
}
