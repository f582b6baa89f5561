//! Whether the network is holding training back, in one word, one number and one sentence.

use serde::{Deserialize, Serialize};

use crate::{
    api::{NodeState, NodeStatus},
    incident::{Incident, IncidentState},
    rule::{Severity, silence::NODE_SILENT},
};

/// The word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum HealthStatus {
    /// Nothing is known yet.
    Unknown,
    /// Nothing is wrong.
    Ok,
    /// Training may suffer.
    Warning,
    /// Training suffers.
    Critical,
}

/// How the network fares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Health {
    /// In a word.
    pub status: HealthStatus,
    /// 0 to 100: each firing alert and each silent node takes its part away. 0 when nothing is known.
    pub score: u8,
    /// What takes the score down, worst first; with nothing wrong, empty.
    pub reasons: Vec<String>,
}

/// What one firing alert takes from the score, by severity; a silent node counts as critical.
const fn penalty(severity: Severity) -> u32 {
    match severity {
        Severity::Info => 2,
        Severity::Warning => 15,
        Severity::Critical => 40,
    }
}

impl Health {
    /// Judges the nodes (their `status` as it is now) and the incidents.
    pub fn judge(nodes: &[NodeStatus], incidents: &[Incident]) -> Self {
        if nodes.is_empty() {
            let reasons = vec!["no node has reported yet".to_owned()];
            return Self { status: HealthStatus::Unknown, score: 0, reasons };
        }
        let firing = || incidents.iter().filter(|incident| incident.state == IncidentState::Firing);
        // A silent node that has an incident is one fault, not two.
        let is_told = |node: &NodeStatus| {
            firing()
                .any(|incident| incident.rule == NODE_SILENT && incident.labels.get("node") == Some(&node.info.node))
        };
        let silent = nodes.iter().filter(|node| node.status == NodeState::Silent && !is_told(node));
        let mut faults: Vec<(Severity, String)> = silent
            .map(|node| (Severity::Critical, format!("{} has not reported since {}", node.info.node, node.last_seen)))
            .collect();
        faults.extend(firing().map(|incident| (incident.severity, incident.message.clone())));
        faults.sort_by_key(|(severity, _)| std::cmp::Reverse(*severity));
        let lost: u32 = faults.iter().map(|(severity, _)| penalty(*severity)).sum();
        let status = match faults.first().map(|(severity, _)| *severity) {
            Some(Severity::Critical) => HealthStatus::Critical,
            Some(Severity::Warning) => HealthStatus::Warning,
            Some(Severity::Info) | None => HealthStatus::Ok,
        };
        Self {
            status,
            score: 100_u32.saturating_sub(lost) as u8,
            reasons: faults.into_iter().map(|(_, why)| why).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        api::{NodeInfo, NodeRole},
        time::Timestamp,
        unit::Unit,
    };

    fn node(status: NodeState) -> NodeStatus {
        let info = NodeInfo {
            node: "n1".into(),
            version: String::new(),
            os: String::new(),
            started_at: Timestamp(0),
            interfaces: Vec::new(),
            targets: Vec::new(),
            measurements: Vec::new(),
            echo: None,
            depth: Vec::new(),
        };
        NodeStatus { role: NodeRole::Hub, address: String::new(), last_seen: Timestamp(0), status, info }
    }

    fn incident(severity: Severity, state: IncidentState) -> Incident {
        Incident {
            id: 1,
            rule: "r".into(),
            title: "R".into(),
            severity,
            state,
            subject: "s".into(),
            labels: crate::sample::Labels::default(),
            value: 1.0,
            limit: 0.5,
            unit: Unit::Ratio,
            message: format!("{} is bad", severity.word()),
            started_at: Timestamp(0),
            fired_at: None,
            resolved_at: None,
            folded: 0,
            metric: String::new(),
            worst: None,
            runbook: String::new(),
            handling: crate::incident::Handling::default(),
        }
    }

    #[test]
    fn nothing_known_is_unknown_and_nothing_wrong_is_ok() {
        assert_eq!(Health::judge(&[], &[]).status, HealthStatus::Unknown);
        let health = Health::judge(&[node(NodeState::Up)], &[incident(Severity::Critical, IncidentState::Resolved)]);
        assert_eq!((health.status, health.score), (HealthStatus::Ok, 100));
    }

    #[test]
    fn the_worst_gives_the_word_and_comes_first() {
        let firing = [Severity::Warning, Severity::Critical].map(|s| incident(s, IncidentState::Firing));
        let health = Health::judge(&[node(NodeState::Up)], &firing);
        assert_eq!((health.status, health.score), (HealthStatus::Critical, 45));
        assert_eq!(health.reasons[0], "critical is bad");
    }

    #[test]
    fn a_silent_node_with_an_incident_counts_once() {
        let mut told = incident(Severity::Critical, IncidentState::Firing);
        told.rule = NODE_SILENT.into();
        told.labels.insert("node".into(), "n1".into());
        let health = Health::judge(&[node(NodeState::Silent)], &[told]);
        assert_eq!((health.score, health.reasons.as_slice()), (60, ["critical is bad".to_owned()].as_slice()));
    }

    #[test]
    fn a_silent_node_is_critical_and_the_score_stops_at_zero() {
        let health =
            Health::judge(&[node(NodeState::Silent)], &vec![incident(Severity::Critical, IncidentState::Firing); 3]);
        assert_eq!((health.status, health.score), (HealthStatus::Critical, 0));
    }
}
