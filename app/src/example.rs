//! Things that tests speak of.

use netloom_core::{
    api::{NodeInfo, NodeRole, NodeState, NodeStatus, TargetInfo},
    incident::{Handling, Incident, IncidentState},
    probe::ProbeMode,
    rule::Severity,
    run::{Run, RunStatus},
    sample::{Labels, SeriesKey},
    silence::{Matcher, Silence},
    time::Timestamp,
    unit::Unit,
};

/// A node that is up and probes the given targets by ICMP.
pub(crate) fn node(name: &str, targets: &[&str]) -> NodeStatus {
    let target = |name: &&str| TargetInfo { name: (*name).into(), address: "127.0.0.1".into(), mode: ProbeMode::Icmp };
    let info = NodeInfo {
        node: name.into(),
        version: "0.1.0".into(),
        os: String::new(),
        started_at: Timestamp(0),
        interfaces: Vec::new(),
        targets: targets.iter().map(target).collect(),
        measurements: Vec::new(),
        echo: None,
        depth: Vec::new(),
    };
    NodeStatus { role: NodeRole::Hub, address: String::new(), last_seen: Timestamp(0), status: NodeState::Up, info }
}

/// The labels of a series from `n1` to a destination.
pub(crate) fn labels(dst: &str, mode: &str) -> Labels {
    SeriesKey::new("", [("src", "n1"), ("dst", dst), ("mode", mode)]).labels
}

/// An incident about the way from `n1` to a destination: critical if it is about loss.
pub(crate) fn incident(rule: &str, state: IncidentState, dst: &str) -> Incident {
    Incident {
        id: 1,
        rule: rule.into(),
        title: "Packet loss".into(),
        severity: if rule == "loss_high" { Severity::Critical } else { Severity::Warning },
        state,
        subject: format!("n1 → {dst}"),
        labels: labels(dst, "icmp"),
        value: 0.25,
        limit: 0.05,
        unit: Unit::Ratio,
        message: format!("Loss n1 → {dst} is 25 %, over the limit of 5 %"),
        started_at: Timestamp(60_000),
        fired_at: Some(Timestamp(70_000)),
        resolved_at: (state == IncidentState::Resolved).then_some(Timestamp(100_000)),
        folded: 0,
        metric: String::new(),
        worst: None,
        runbook: String::new(),
        handling: Handling::default(),
    }
}

/// A run that is over.
pub(crate) fn run(id: &str) -> Run {
    Run {
        id: id.into(),
        name: "bert".into(),
        tags: [("lr".to_owned(), "3e-4".to_owned())].into(),
        nodes: Vec::new(),
        started_at: Timestamp(60_000),
        ended_at: Some(Timestamp(120_000)),
        status: RunStatus::Succeeded,
        exit_code: Some(0),
        notes: String::new(),
        command: None,
        host: None,
        heard_at: None,
        events: 0,
    }
}

/// A silence of a node.
pub(crate) fn silence(id: &str, starts_ms: i64, ends_ms: i64) -> Silence {
    Silence {
        id: id.into(),
        matcher: Matcher { nodes: vec!["n1".into()], ..Matcher::default() },
        starts_at: Timestamp(starts_ms),
        ends_at: Timestamp(ends_ms),
        by: "ada".into(),
        why: "a new switch".into(),
    }
}
