//! Nodes and the links between them as a scene for the graph: which links are worth a line, and how they look.

use std::collections::{BTreeMap, BTreeSet};

use netloom_core::{
    api::{NodeState, NodeStatus},
    health::HealthStatus,
    incident::Incident,
    verdict::{CulpritKind, MeshVerdict},
};
use serde::Serialize;

use super::{
    arrange::Place,
    matrix::{self, Scale},
    topology,
};
use crate::{components::status_badge::Tone, live::matrix::Grid, order};

/// Up to this many nodes every link is drawn; with more it would be a ball of wool.
pub(crate) const ALL_LINKS_MAX: usize = 40;
/// Of more nodes, the links to so many nearest neighbours of each,
const NEAREST: usize = 2;
/// and so many of the worst of all.
const WORST: usize = 40;

/// What the scene is made from.
pub(crate) struct Facts<'a> {
    /// The nodes as they report; those of the grid may be others.
    pub(crate) nodes: &'a [NodeStatus],
    /// What fires.
    pub(crate) incidents: &'a [Incident],
    /// What is wrong in the mesh.
    pub(crate) verdict: &'a MeshVerdict,
    /// The metric that links are coloured by.
    pub(crate) grid: &'a Grid,
    /// Colours by that metric; by status without it.
    pub(crate) scale: Option<Scale>,
    /// Throughput, where something measures it.
    pub(crate) throughput: Option<&'a Grid>,
}

/// A link, both ways as one; the worse way decides.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Link {
    /// One end.
    pub(crate) a: String,
    /// The other end.
    pub(crate) b: String,
    /// From the one to the other, and back.
    pub(crate) values: (Option<f64>, Option<f64>),
    /// How it fares.
    pub(crate) status: HealthStatus,
}

/// How the nodes fare by what they report and by the verdict: the culprits pulse.
fn node_tone(name: &str, facts: &Facts) -> (Tone, bool) {
    let is_culprit = facts.verdict.culprits.iter().any(|culprit| {
        let is_node = matches!(culprit.kind, CulpritKind::Node | CulpritKind::Host | CulpritKind::Uplink);
        is_node && culprit.names.iter().any(|culprit| culprit == name)
    });
    let state = facts.nodes.iter().find(|node| node.info.node == name).map(|node| node.status);
    let tone = match state {
        Some(NodeState::Silent) => Tone::Critical,
        _ if is_culprit => Tone::Critical,
        Some(NodeState::Degraded) => Tone::Warning,
        Some(NodeState::Up) | None => Tone::Ok,
    };
    (tone, is_culprit)
}

/// The pairs that led to a verdict, without their direction.
fn evidence(verdict: &MeshVerdict) -> BTreeSet<(&str, &str)> {
    let cells = verdict.culprits.iter().flat_map(|culprit| &culprit.evidence);
    let mut pairs = BTreeSet::new();
    cells.for_each(|cell| {
        pairs.insert(ordered(&cell.src, &cell.dst));
    });
    pairs
}

fn ordered<'a>(a: &'a str, b: &'a str) -> (&'a str, &'a str) {
    if a < b { (a, b) } else { (b, a) }
}

/// The links worth a line.
pub(crate) fn links(facts: &Facts) -> Vec<Link> {
    let (grid, size) = (facts.grid, facts.grid.size());
    let bad = evidence(facts.verdict);
    let status = |a: &str, b: &str| {
        let fired = [(a, b), (b, a)].map(|(src, dst)| topology::status(facts.incidents, src, dst, true));
        if bad.contains(&ordered(a, b)) { HealthStatus::Critical } else { fired[0].max(fired[1]) }
    };
    let mut wanted: BTreeSet<(usize, usize)> = BTreeSet::new();
    let mut want = |a: usize, b: usize| {
        wanted.insert((a.min(b), a.max(b)));
    };
    if size <= ALL_LINKS_MAX {
        grid.known().for_each(|(a, b, _)| want(a, b));
    } else {
        let unit = netloom_core::unit::Unit::Microseconds;
        matrix::worst(grid, WORST, unit).into_iter().for_each(|(a, b, _)| want(a, b));
        for node in 0..size {
            let mut near: Vec<(usize, f64)> = grid.line(node, true).collect();
            order::largest_first(&mut near, |peer| -peer.1);
            near.into_iter().take(NEAREST).for_each(|(other, _)| want(node, other));
        }
        let named = bad.iter().filter_map(|(a, b)| Some((grid.place(a)?, grid.place(b)?)));
        named.for_each(|(a, b)| want(a, b));
    }
    let link = |(a, b): (usize, usize)| {
        let names = (grid.nodes[a].clone(), grid.nodes[b].clone());
        let status = status(&names.0, &names.1);
        Link { values: (grid.get(a, b), grid.get(b, a)), status, a: names.0, b: names.1 }
    };
    wanted.into_iter().map(link).collect()
}

#[derive(Serialize)]
struct SceneNode<'a> {
    id: &'a str,
    x: f64,
    y: f64,
    tone: &'static str,
    pulses: bool,
}

#[derive(Serialize)]
struct SceneLink<'a> {
    source: &'a str,
    target: &'a str,
    tone: &'static str,
    /// A colour of the ramp, 1 to 5, in place of the tone.
    step: Option<u8>,
    width: f64,
}

#[derive(Serialize)]
struct Scene<'a> {
    nodes: Vec<SceneNode<'a>>,
    links: Vec<SceneLink<'a>>,
}

/// The width of a link: by what it was measured to carry, else thin.
fn width(facts: &Facts, link: &Link) -> f64 {
    let bps =
        facts.throughput.and_then(|grid| grid.between(&link.a, &link.b).or_else(|| grid.between(&link.b, &link.a)));
    // 100 Mbit/s is a hair, 100 Gbit/s a cable.
    bps.map_or(1.5, |bps| (bps.max(1e8).log10() - 7.0).clamp(1.0, 5.0))
}

/// The scene as the graph takes it. Links that fare badly come last, over the others.
pub(crate) fn scene(facts: &Facts, places: &BTreeMap<String, Place>, links: &[Link]) -> String {
    let node = |(id, (x, y)): (&'_ String, &Place)| {
        let (tone, pulses) = node_tone(id, facts);
        (id.clone(), *x, *y, tone, pulses)
    };
    let nodes: Vec<_> = places.iter().map(node).collect();
    let nodes =
        nodes.iter().map(|(id, x, y, tone, pulses)| SceneNode { id, x: *x, y: *y, tone: tone.name(), pulses: *pulses });
    let mut links: Vec<&Link> = links.iter().collect();
    order::sort_by(&mut links, |a, b| a.status.cmp(&b.status));
    let drawn = links.iter().map(|link| {
        let worse = link.values.0.into_iter().chain(link.values.1).reduce(f64::max);
        let step = facts.scale.zip(worse).map(|(scale, value)| 1 + (scale.share(value) * 4.0).round() as u8);
        SceneLink {
            source: &link.a,
            target: &link.b,
            tone: Tone::from(link.status).name(),
            step,
            width: width(facts, link),
        }
    });
    let scene = Scene { nodes: nodes.collect(), links: drawn.collect() };
    serde_json::to_string(&scene).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        example::{incident, node},
        live::matrix::tests::grid,
    };
    use netloom_core::{
        incident::IncidentState,
        time::Timestamp,
        verdict::{Culprit, Evidence, Fault},
    };
    use serde_json::Value;

    fn blamed(name: &str, dst: &str) -> MeshVerdict {
        let evidence =
            Evidence { src: name.into(), dst: dst.into(), loss_ratio: None, rtt_us: None, usual_rtt_us: None };
        let culprit = Culprit {
            kind: CulpritKind::Node,
            fault: Fault::Loss,
            names: vec![name.into()],
            confidence: 0.9,
            since: Timestamp(0),
            message: String::new(),
            evidence: vec![evidence],
            cells: 1,
        };
        MeshVerdict { culprits: vec![culprit], judged: 2, bad: 1 }
    }

    fn facts<'a>(
        nodes: &'a [NodeStatus],
        incidents: &'a [Incident],
        verdict: &'a MeshVerdict,
        grid: &'a Grid,
    ) -> Facts<'a> {
        Facts { nodes, incidents, verdict, grid, scale: None, throughput: None }
    }

    #[test]
    fn both_ways_are_one_link_and_the_worse_decides() {
        let grid = grid(&["n1", "n2"], &[&[f64::NAN, 10.0], &[30.0, f64::NAN]]);
        let (fires, verdict) = ([incident("loss_high", IncidentState::Firing, "n2")], MeshVerdict::default());
        let links = links(&facts(&[], &fires, &verdict, &grid));
        assert_eq!(
            (links.len(), links[0].values, links[0].status),
            (1, (Some(10.0), Some(30.0)), HealthStatus::Critical)
        );
    }

    #[test]
    fn a_large_mesh_shows_neighbours_and_what_is_bad() {
        let names: Vec<String> = (0..60).map(|n| format!("n{n}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let rows: Vec<Vec<f64>> =
            (0..60_i32).map(|a| (0..60_i32).map(|b| f64::from((a - b).abs())).collect()).collect();
        let rows: Vec<&[f64]> = rows.iter().map(Vec::as_slice).collect();
        let (grid, verdict) = (grid(&names, &rows), blamed("n7", "n40"));
        let links = links(&facts(&[], &[], &verdict, &grid));
        assert!(links.len() < 60 * NEAREST + WORST + 2, "{}", links.len());
        let bad = links.iter().find(|link| (link.a.as_str(), link.b.as_str()) == ("n7", "n40"));
        assert_eq!(bad.map(|link| link.status), Some(HealthStatus::Critical));
    }

    #[test]
    fn the_culprit_pulses_and_links_take_the_colour_of_their_value() {
        let grid = grid(&["n1", "n2"], &[&[f64::NAN, 10.0], &[1_000.0, f64::NAN]]);
        let (nodes, verdict) = ([node("n1", &[]), node("n2", &[])], blamed("n2", "n1"));
        let facts = Facts {
            scale: Some(Scale { low: 10.0, high: 1_000.0, is_log: true }),
            ..facts(&nodes, &[], &verdict, &grid)
        };
        let places = BTreeMap::from([("n1".to_owned(), (0.0, 0.5)), ("n2".to_owned(), (1.0, 0.5))]);
        let scene: Value = serde_json::from_str(&scene(&facts, &places, &links(&facts))).expect("is JSON");
        assert_eq!((&scene["nodes"][1]["tone"], &scene["nodes"][1]["pulses"]), (&"critical".into(), &true.into()));
        assert_eq!((&scene["links"][0]["step"], &scene["links"][0]["width"]), (&5.into(), &1.5.into()));
    }
}
