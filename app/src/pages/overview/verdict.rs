//! The sentence at the top: whether the network holds training back, where, since when. As a colleague would say it.

use netloom_core::{
    api::{NodeState, NodeStatus},
    health::HealthStatus,
    incident::{Incident, IncidentState},
    time::{Timestamp, duration_words},
    unit::Unit,
    verdict::MeshVerdict,
};

use crate::{
    charts::topology::Way,
    components::{heat_map::link_path, mesh_verdict, status_badge::Tone},
    range::segment,
};

/// Cells of the matrix that a sentence leads to.
const EVIDENCE_MAX: usize = 2;

/// What the sentence is made from.
pub(super) struct Facts<'a> {
    pub(super) nodes: &'a [NodeStatus],
    pub(super) incidents: &'a [Incident],
    pub(super) ways: &'a [Way],
    /// What is wrong in the mesh.
    pub(super) mesh: &'a MeshVerdict,
    /// Pairs of the mesh, where they are too many to be ways.
    pub(super) pairs: usize,
    pub(super) typical: Option<Typical>,
}

/// What is usual.
#[derive(Debug, Clone, Copy)]
pub(super) struct Typical {
    /// Median latency, µs.
    pub(super) rtt_us: f64,
    /// Mean loss, 0 to 1.
    pub(super) loss_ratio: f64,
    /// Over how long it was measured, ms.
    pub(super) span_ms: i64,
}

/// A piece of the sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    Text(String),
    Moment(Timestamp),
    /// A text that leads to its evidence, and the path there.
    Link(String, String),
}

/// The sentence and its tone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) tone: Tone,
    pub(super) parts: Vec<Part>,
}

fn text(text: impl Into<String>) -> Part {
    Part::Text(text.into())
}

fn node_link(name: &str) -> Part {
    Part::Link(name.to_owned(), format!("/nodes/{}", segment(name)))
}

impl Verdict {
    /// Judges the facts: what hurts most is said first.
    pub(super) fn of(facts: &Facts) -> Self {
        if facts.nodes.is_empty() {
            let parts =
                vec![text("No node has reported yet. Figures appear within seconds of the first agent's start.")];
            return Self { tone: Tone::Unknown, parts };
        }
        mesh(facts)
            .or_else(|| silent(facts))
            .or_else(|| firing(facts))
            .or_else(|| pending(facts))
            .unwrap_or_else(|| healthy(facts))
    }
}

/// What explains many bad pairs at once says more than each of them, and than a node's silence alone.
fn mesh(facts: &Facts) -> Option<Verdict> {
    let (first, others) = facts.mesh.culprits.split_first()?;
    let mut parts = vec![text(format!("{} Since ", first.message)), Part::Moment(first.since)];
    for (at, cell) in first.evidence.iter().take(EVIDENCE_MAX).enumerate() {
        let name = format!("{} → {}", cell.src, cell.dst);
        parts.push(text(if at == 0 { ": " } else { ", " }));
        parts.push(Part::Link(name, link_path(&cell.src, &cell.dst)));
        parts.push(text(format!(" ({})", mesh_verdict::figure(cell))));
    }
    let left = (first.cells as usize).saturating_sub(first.evidence.len().min(EVIDENCE_MAX));
    if left > 0 && !first.evidence.is_empty() {
        parts.extend([text(", "), Part::Link(format!("{left} more"), "/matrix".into())]);
    }
    parts.push(text("."));
    if !others.is_empty() {
        let words = if others.len() == 1 { "1 more cause".to_owned() } else { format!("{} more causes", others.len()) };
        parts.extend([text(" "), Part::Link(words, "/matrix".into()), text(".")]);
    }
    Some(Verdict { tone: mesh_verdict::tone(first.fault), parts })
}

fn silent(facts: &Facts) -> Option<Verdict> {
    let mut silent = facts.nodes.iter().filter(|node| node.status == NodeState::Silent);
    let first = silent.next()?;
    let mut parts = vec![node_link(&first.info.node), text(" has not reported since "), Part::Moment(first.last_seen)];
    let more = silent.count();
    parts.push(text(match more {
        0 => ". Its machine, its agent or its network is down.".to_owned(),
        1 => ", and neither has 1 other node.".to_owned(),
        more => format!(", and neither have {more} other nodes."),
    }));
    Some(Verdict { tone: Tone::Critical, parts })
}

fn firing(facts: &Facts) -> Option<Verdict> {
    let firing: Vec<&Incident> =
        facts.incidents.iter().filter(|incident| incident.state == IncidentState::Firing).collect();
    let case = Case::worst_of(&firing, facts)?;
    let mut parts = case.sentence();
    parts.extend(case.suspect());
    let more = firing.len() - case.same.len();
    if more > 0 {
        let words = if more == 1 { "1 more alert fires".to_owned() } else { format!("{more} more alerts fire") };
        parts.extend([text(" "), Part::Link(words, FIRING.into()), text(".")]);
    }
    Some(Verdict { tone: case.worst.severity.into(), parts })
}

/// Where the figures of a sentence about alerts come from.
const FIRING: &str = "/alerts?state=firing";

/// What fires for one reason: alerts of one rule from one source.
struct Case<'a> {
    worst: &'a Incident,
    same: Vec<&'a Incident>,
    src: &'a str,
    dst: &'a str,
    /// Ways from this source, and how many of those without such an alert are fine.
    ways: usize,
    fine: usize,
}

impl<'a> Case<'a> {
    /// The case of the worst alert; of equally bad ones that with the figure furthest over its limit.
    fn worst_of(firing: &[&'a Incident], facts: &Facts) -> Option<Self> {
        let excess = |incident: &Incident| incident.value / incident.limit.max(f64::MIN_POSITIVE);
        let worst = firing
            .iter()
            .copied()
            .max_by(|a, b| a.severity.cmp(&b.severity).then_with(|| excess(a).total_cmp(&excess(b))))?;
        let label = |name: &str| worst.labels.get(name).map_or("", String::as_str);
        let (src, dst) = (label("src"), label("dst"));
        let is_same =
            |other: &&Incident| other.rule == worst.rule && other.labels.get("src") == worst.labels.get("src");
        // Alerts of one source and rule speak of one thing only where there is a source.
        let same: Vec<&Incident> = firing
            .iter()
            .copied()
            .filter(|other| if src.is_empty() { other.id == worst.id } else { is_same(other) })
            .collect();
        let from_here = || facts.ways.iter().filter(|way| way.src == src);
        let is_hit = |way: &Way| same.iter().any(|incident| incident.labels.get("dst") == Some(&way.dst));
        let fine = from_here().filter(|way| way.status == HealthStatus::Ok && !is_hit(way)).count();
        let ways = from_here().count();
        Some(Self { worst, same, src, dst, ways, fine })
    }

    /// Whether everything that the source probes is hit.
    fn hits_all(&self) -> bool {
        self.ways > 1 && self.same.len() >= self.ways
    }

    fn sentence(&self) -> Vec<Part> {
        let (count, ways, dst) = (self.same.len(), self.ways, self.dst);
        let first = self.same.iter().map(|incident| incident.started_at).min().unwrap_or(self.worst.started_at);
        let value = self.worst.unit.figure(self.worst.value).to_string();
        let evidence = || Part::Link(value.clone(), FIRING.into());
        let mut parts = match (self.worst.rule.as_str(), count) {
            ("loss_high", _) if self.hits_all() => {
                vec![
                    node_link(self.src),
                    text(format!(" loses probes to all {count} targets, most to {dst} (")),
                    evidence(),
                    text(")"),
                ]
            }
            ("loss_high", 1) => {
                vec![node_link(self.src), text(" loses "), evidence(), text(format!(" of its probes to {dst}"))]
            }
            ("loss_high", _) => {
                vec![
                    node_link(self.src),
                    text(format!(" loses probes to {count} of {ways} targets, most to {dst} (")),
                    evidence(),
                    text(")"),
                ]
            }
            ("latency_high", 1) => {
                vec![text(format!("{dst} takes ")), evidence(), text(" to answer "), node_link(self.src)]
            }
            ("latency_high", _) => {
                let all =
                    if self.hits_all() { format!("All {count} targets") } else { format!("{count} of {ways} targets") };
                vec![
                    text(format!("{all} are slow to answer ")),
                    node_link(self.src),
                    text(format!(", {dst} most (")),
                    evidence(),
                    text(")"),
                ]
            }
            ("bandwidth_low", _) => {
                let label = |name: &str| self.worst.labels.get(name).map_or("", String::as_str);
                vec![
                    node_link(label("node")),
                    text(format!(" moves data over {} at only ", label("interface"))),
                    evidence(),
                ]
            }
            _ => vec![text(self.worst.message.clone())],
        };
        parts.extend([text(", since "), Part::Moment(first), text(".")]);
        parts
    }

    /// Where the fault most likely lies, judged by what else the source sees.
    fn suspect(&self) -> Option<Part> {
        if self.hits_all() {
            return Some(text(" Likely its own network."));
        }
        let others = self.ways.saturating_sub(self.same.len());
        if self.fine == 0 || self.fine < others {
            return None;
        }
        let fine = if others == 1 {
            " The other target is fine".to_owned()
        } else {
            format!(" The other {others} targets are fine")
        };
        let who = if self.same.len() == 1 {
            format!(": likely {} itself or the way to it.", self.dst)
        } else {
            ".".to_owned()
        };
        Some(text(fine + &who))
    }
}

fn pending(facts: &Facts) -> Option<Verdict> {
    let pending = facts.incidents.iter().find(|incident| incident.state == IncidentState::Pending)?;
    let parts = vec![
        text(format!("{}, since ", pending.message)),
        Part::Moment(pending.started_at),
        text(". "),
        Part::Link("An alert fires".into(), "/alerts?state=pending".into()),
        text(" if it lasts."),
    ];
    Some(Verdict { tone: Tone::Warning, parts })
}

fn healthy(facts: &Facts) -> Verdict {
    let mut parts = vec![text("The network is not holding training back.")];
    let known = facts.ways.iter().filter(|way| way.status != HealthStatus::Unknown).count();
    match facts.typical {
        Some(Typical { rtt_us, loss_ratio, span_ms }) if known > 0 || facts.pairs > 0 => {
            let (targets, answer) = if known == 1 { ("target", "answers") } else { ("targets", "answer") };
            let latency = Unit::Microseconds.figure(rtt_us);
            let span = duration_words(span_ms);
            let loss = if loss_ratio > 0.0 {
                format!("{} of the probes got lost", Unit::Ratio.figure(loss_ratio))
            } else {
                "no probe got lost".to_owned()
            };
            let (known, targets) = if facts.pairs > 0 { (facts.pairs, "pairs of nodes") } else { (known, targets) };
            parts.push(text(format!(" {known} {targets} {answer} in {latency} at the median; {loss} in {span}.")));
        }
        _ if facts.ways.is_empty() => parts.push(text(" No target is probed: add some in the settings.")),
        _ => parts.push(text(" No alert fires.")),
    }
    Verdict { tone: Tone::Ok, parts }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::{incident, node};
    use netloom_core::verdict::{Culprit, CulpritKind, Evidence, Fault};

    fn way(dst: &str, status: HealthStatus) -> Way {
        Way { src: "n1".into(), dst: dst.into(), rtt_us: Some(100.0), loss_ratio: Some(0.0), status }
    }

    fn said(nodes: &[NodeStatus], incidents: &[Incident], ways: &[Way]) -> (Tone, String) {
        let typical = Some(Typical { rtt_us: 120.0, loss_ratio: 0.0, span_ms: 300_000 });
        let facts = Facts { nodes, incidents, ways, mesh: &MeshVerdict::default(), pairs: 0, typical };
        written(&facts)
    }

    fn written(facts: &Facts) -> (Tone, String) {
        let verdict = Verdict::of(facts);
        let part = |part: &Part| match part {
            Part::Text(text) | Part::Link(text, _) => text.clone(),
            Part::Moment(at) => format!("<{}>", at.ms()),
        };
        (verdict.tone, verdict.parts.iter().map(part).collect())
    }

    #[test]
    fn a_fine_network_is_said_with_figures() {
        let (tone, said) = said(&[node("n1", &["a"])], &[], &[way("a", HealthStatus::Ok)]);
        assert_eq!(tone, Tone::Ok);
        assert_eq!(
            said,
            "The network is not holding training back. 1 target answers in 120 µs at the median; no probe got lost in 5 min."
        );
    }

    #[test]
    fn one_bad_target_among_good_ones_is_the_suspect() {
        let ways = [way("a", HealthStatus::Critical), way("b", HealthStatus::Ok), way("c", HealthStatus::Ok)];
        let (tone, said) = said(&[node("n1", &[])], &[incident("loss_high", IncidentState::Firing, "a")], &ways);
        assert_eq!(tone, Tone::Critical);
        assert_eq!(
            said,
            "n1 loses 25 % of its probes to a, since <60000>. The other 2 targets are fine: likely a itself or the way to it."
        );
    }

    #[test]
    fn all_bad_targets_point_at_the_node() {
        let ways = [way("a", HealthStatus::Critical), way("b", HealthStatus::Critical)];
        let incidents = ["a", "b"].map(|dst| incident("loss_high", IncidentState::Firing, dst));
        let (_, said) = said(&[node("n1", &[])], &incidents, &ways);
        assert_eq!(said, "n1 loses probes to all 2 targets, most to b (25 %), since <60000>. Likely its own network.");
    }

    #[test]
    fn some_bad_targets_are_counted_and_the_worst_named() {
        let ways = ["a", "b", "c"].map(|dst| way(dst, HealthStatus::Ok));
        let mut incidents = ["a", "b"].map(|dst| incident("loss_high", IncidentState::Firing, dst));
        incidents[1].value = 0.5;
        let (_, said) = said(&[node("n1", &[])], &incidents, &ways);
        assert_eq!(
            said,
            "n1 loses probes to 2 of 3 targets, most to b (50 %), since <60000>. The other target is fine."
        );
    }

    #[test]
    fn the_worst_is_said_and_the_rest_counted() {
        let incidents = [
            incident("latency_high", IncidentState::Firing, "a"),
            incident("loss_high", IncidentState::Firing, "b"),
            incident("loss_high", IncidentState::Resolved, "c"),
        ];
        let (_, said) = said(&[node("n1", &[])], &incidents, &[]);
        assert_eq!(said, "n1 loses 25 % of its probes to b, since <60000>. 1 more alert fires.");
    }

    #[test]
    fn a_silent_node_comes_before_everything_else() {
        let mut gone = node("n2", &[]);
        (gone.status, gone.last_seen) = (NodeState::Silent, Timestamp(5));
        let (tone, said) = said(&[node("n1", &[]), gone], &[incident("loss_high", IncidentState::Firing, "a")], &[]);
        assert_eq!(tone, Tone::Critical);
        assert_eq!(said, "n2 has not reported since <5>. Its machine, its agent or its network is down.");
    }

    #[test]
    fn what_is_pending_is_said_before_it_fires() {
        let (tone, said) = said(&[node("n1", &[])], &[incident("loss_high", IncidentState::Pending, "a")], &[]);
        assert_eq!(tone, Tone::Warning);
        assert!(said.ends_with("since <60000>. An alert fires if it lasts."), "{said}");
    }

    #[test]
    fn what_explains_many_pairs_is_said_first_and_leads_to_them() {
        let cell = |dst: &str| Evidence {
            src: "n1".into(),
            dst: dst.into(),
            loss_ratio: Some(0.2),
            rtt_us: None,
            usual_rtt_us: None,
        };
        let culprit = Culprit {
            kind: CulpritKind::Node,
            fault: Fault::Loss,
            names: vec!["n1".into()],
            confidence: 0.9,
            since: Timestamp(5),
            message: "n1 loses packets both ways.".into(),
            evidence: ["a", "b", "c"].map(cell).to_vec(),
            cells: 6,
        };
        let mesh = MeshVerdict { culprits: vec![culprit.clone(), culprit], judged: 12, bad: 6 };
        let mut silent = node("n2", &[]);
        silent.status = NodeState::Silent;
        let facts = Facts { nodes: &[silent], incidents: &[], ways: &[], mesh: &mesh, pairs: 12, typical: None };
        let (tone, said) = written(&facts);
        assert_eq!(tone, Tone::Critical);
        assert_eq!(
            said,
            "n1 loses packets both ways. Since <5>: n1 → a (20 % lost), n1 → b (20 % lost), 4 more. 1 more cause."
        );
    }

    #[test]
    fn many_pairs_are_counted_as_pairs() {
        let typical = Some(Typical { rtt_us: 120.0, loss_ratio: 0.0, span_ms: 300_000 });
        let (nodes, mesh) = ([node("n1", &[])], MeshVerdict::default());
        let facts = Facts { nodes: &nodes, incidents: &[], ways: &[], mesh: &mesh, pairs: 4_032, typical };
        assert!(written(&facts).1.contains("4032 pairs of nodes answer in 120 µs"));
    }

    #[test]
    fn without_nodes_nothing_is_claimed() {
        assert_eq!(said(&[], &[], &[]).0, Tone::Unknown);
    }
}
