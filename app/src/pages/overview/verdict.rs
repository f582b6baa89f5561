//! The sentence at the top: whether the network holds training back, where, since when. As a colleague would say it.

use netloom_core::{
    api::{NodeState, NodeStatus},
    health::HealthStatus,
    incident::{Incident, IncidentState},
    time::{Timestamp, duration_words},
    unit::Unit,
};

use crate::{charts::topology::Way, components::status_badge::Tone, range::segment};

/// What the sentence is made from.
pub(super) struct Facts<'a> {
    pub(super) nodes: &'a [NodeStatus],
    pub(super) incidents: &'a [Incident],
    pub(super) ways: &'a [Way],
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
        silent(facts).or_else(|| firing(facts)).or_else(|| pending(facts)).unwrap_or_else(|| healthy(facts))
    }
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
    // The worst first, of equal ones the oldest.
    let worst = firing.iter().max_by_key(|incident| (incident.severity, std::cmp::Reverse(incident.started_at)))?;
    let same: Vec<&Incident> = firing
        .iter()
        .copied()
        .filter(|other| other.rule == worst.rule && other.labels.get("src") == worst.labels.get("src"))
        .collect();
    let mut parts = sentence(worst, &same, facts);
    let more = firing.len() - if explains_all(&same, facts) { same.len() } else { 1 };
    if more > 0 {
        let words = if more == 1 { "1 more alert fires".to_owned() } else { format!("{more} more alerts fire") };
        parts.extend([text(" "), Part::Link(words, "/alerts?state=firing".into()), text(".")]);
    }
    Some(Verdict { tone: worst.severity.into(), parts })
}

/// Whether incidents of one rule cover everything that a node probes: then the node itself is the suspect.
fn explains_all(same: &[&Incident], facts: &Facts) -> bool {
    let Some(src) = same.first().and_then(|incident| incident.labels.get("src")) else { return false };
    let from_here = facts.ways.iter().filter(|way| way.src == *src);
    let is_hit = |way: &Way| same.iter().any(|incident| incident.labels.get("dst") == Some(&way.dst));
    from_here.clone().count() > 1 && from_here.into_iter().all(is_hit)
}

fn sentence(worst: &Incident, same: &[&Incident], facts: &Facts) -> Vec<Part> {
    let label = |name: &str| worst.labels.get(name).map_or("", String::as_str);
    let (src, dst, since) = (label("src"), label("dst"), Part::Moment(worst.started_at));
    let value = worst.unit.figure(worst.value).to_string();
    let evidence = || Part::Link(value.clone(), "/alerts?state=firing".into());
    let all = explains_all(same, facts);
    let mut parts = match worst.rule.as_str() {
        "loss_high" if all => {
            vec![node_link(src), text(format!(" loses probes to all {} targets since ", same.len())), since, text(".")]
        }
        "loss_high" => vec![
            node_link(src),
            text(" loses "),
            evidence(),
            text(format!(" of its probes to {dst} since ")),
            since,
            text("."),
        ],
        "latency_high" if all => {
            vec![
                text(format!("All {} targets answer ", same.len())),
                node_link(src),
                text(" slowly since "),
                since,
                text("."),
            ]
        }
        "latency_high" => vec![
            text(format!("{dst} takes ")),
            evidence(),
            text(" to answer "),
            node_link(src),
            text(" since "),
            since,
            text("."),
        ],
        "bandwidth_low" => vec![
            node_link(label("node")),
            text(format!(" moves data over {} at only ", label("interface"))),
            evidence(),
            text(" since "),
            since,
            text("."),
        ],
        _ => vec![text(format!("{}, since ", worst.message)), since, text(".")],
    };
    parts.extend(suspect(src, dst, all, facts));
    parts
}

/// Where the fault most likely lies, judged by what else the node sees.
fn suspect(src: &str, dst: &str, all: bool, facts: &Facts) -> Option<Part> {
    if src.is_empty() {
        return None;
    }
    if all {
        return Some(text(" Likely its own network."));
    }
    let others = facts.ways.iter().filter(|way| way.src == src && way.dst != dst);
    let fine = others.clone().filter(|way| way.status == HealthStatus::Ok).count();
    let is_only_one = fine > 0 && fine == others.count();
    is_only_one.then(|| {
        let others = if fine == 1 { "The other target is".to_owned() } else { format!("The other {fine} targets are") };
        text(format!(" {others} fine: likely {dst} itself or the way to it."))
    })
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
        Some(Typical { rtt_us, loss_ratio, span_ms }) if known > 0 => {
            let (targets, answer) = if known == 1 { ("target", "answers") } else { ("targets", "answer") };
            let latency = Unit::Microseconds.figure(rtt_us);
            let span = duration_words(span_ms);
            let loss = if loss_ratio > 0.0 {
                format!("{} of the probes got lost", Unit::Ratio.figure(loss_ratio))
            } else {
                "no probe got lost".to_owned()
            };
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

    fn way(dst: &str, status: HealthStatus) -> Way {
        Way { src: "n1".into(), dst: dst.into(), rtt_us: Some(100.0), loss_ratio: Some(0.0), status }
    }

    fn said(nodes: &[NodeStatus], incidents: &[Incident], ways: &[Way]) -> (Tone, String) {
        let typical = Some(Typical { rtt_us: 120.0, loss_ratio: 0.0, span_ms: 300_000 });
        let facts = Facts { nodes, incidents, ways, typical };
        let verdict = Verdict::of(&facts);
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
            "n1 loses 25 % of its probes to a since <60000>. The other 2 targets are fine: likely a itself or the way to it."
        );
    }

    #[test]
    fn all_bad_targets_point_at_the_node() {
        let ways = [way("a", HealthStatus::Critical), way("b", HealthStatus::Critical)];
        let incidents = ["a", "b"].map(|dst| incident("loss_high", IncidentState::Firing, dst));
        let (_, said) = said(&[node("n1", &[])], &incidents, &ways);
        assert_eq!(said, "n1 loses probes to all 2 targets since <60000>. Likely its own network.");
    }

    #[test]
    fn the_worst_is_said_and_the_rest_counted() {
        let incidents = [
            incident("latency_high", IncidentState::Firing, "a"),
            incident("loss_high", IncidentState::Firing, "b"),
            incident("loss_high", IncidentState::Resolved, "c"),
        ];
        let (_, said) = said(&[node("n1", &[])], &incidents, &[]);
        assert_eq!(said, "n1 loses 25 % of its probes to b since <60000>. 1 more alert fires.");
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
    fn without_nodes_nothing_is_claimed() {
        assert_eq!(said(&[], &[], &[]).0, Tone::Unknown);
    }
}
