//! Lines for what is measured from a source to a destination.

use std::collections::BTreeMap;

use netloom_core::{
    api::NodeStatus,
    incident::{Incident, IncidentState},
    sample::{Labels, SeriesKey},
};

use super::{COLOUR_OTHERS, COLOURS, LINES_MAX, Line};
use crate::order;

/// What is known beside the series.
#[derive(Clone, Copy)]
pub(crate) struct Scene<'a> {
    /// The nodes, with their lists of targets.
    pub(crate) nodes: &'a [NodeStatus],
    /// What fires and what did.
    pub(crate) incidents: &'a [Incident],
}

impl Scene<'_> {
    /// Whether an alert fires on a pair, however it is probed.
    fn is_alarming(&self, wanted: &Pair) -> bool {
        let mut firing = self.incidents.iter().filter(|incident| incident.state == IncidentState::Firing);
        firing.any(|incident| pair(&incident.labels) == *wanted)
    }
}

/// A source and a destination.
type Pair = (String, String);

fn pair(labels: &Labels) -> Pair {
    let label = |name: &str| labels.get(name).cloned().unwrap_or_default();
    (label("src"), label("dst"))
}

/// Every pair in the order of the nodes' lists of targets, and behind them those that are in no list any more.
fn places(nodes: &[NodeStatus], seen: &BTreeMap<Pair, Vec<Labels>>) -> Vec<Pair> {
    let listed = nodes.iter().flat_map(|node| {
        let src = &node.info.node;
        node.info.targets.iter().map(move |target| (src.clone(), target.name.clone()))
    });
    let mut places: Vec<Pair> = listed.collect();
    let gone: Vec<Pair> = seen.keys().filter(|pair| !places.contains(pair)).cloned().collect();
    places.extend(gone);
    places
}

/// What people call a pair: the destination alone as long as one node speaks, and how it was probed.
pub(crate) fn name(nodes: &[NodeStatus], labels: &Labels) -> String {
    let label = |name: &str| labels.get(name).map_or("", String::as_str);
    let mode = label("mode").to_ascii_uppercase();
    let pair = if nodes.len() > 1 { format!("{} → {}", label("src"), label("dst")) } else { label("dst").to_owned() };
    if mode.is_empty() { pair } else { format!("{pair} · {mode}") }
}

/// One line for each series as far as there is room, and one for all others. Pairs on which an alert fires come before
/// those earlier in the list: what is bad must not hide among the others.
pub(crate) fn lines(metric: &str, scene: &Scene, series: impl Iterator<Item = Labels>) -> Vec<Line> {
    let mut seen: BTreeMap<Pair, Vec<Labels>> = BTreeMap::new();
    series.for_each(|labels| seen.entry(pair(&labels)).or_default().push(labels));
    let drawn = drawn(scene, &seen);
    let key = |labels: &Labels| SeriesKey { metric: metric.to_owned(), labels: labels.clone() };
    let mut lines: Vec<Line> = Vec::new();
    for (pair, colour) in &drawn {
        for (at, labels) in seen.get(pair).into_iter().flatten().enumerate() {
            lines.push(Line {
                id: id(labels),
                name: name(scene.nodes, labels),
                colour: COLOURS[*colour],
                // A pair that is probed in two ways has two lines of one colour.
                is_dashed: at > 0,
                sources: vec![key(labels)],
            });
        }
    }
    let is_drawn = |pair: &Pair| drawn.iter().any(|(drawn, _)| drawn == pair);
    let others: Vec<SeriesKey> =
        seen.iter().filter(|(pair, _)| !is_drawn(pair)).flat_map(|(_, series)| series.iter().map(key)).collect();
    if !others.is_empty() {
        lines.push(Line {
            id: "others".into(),
            name: format!("worst of {} others", others.len()),
            colour: COLOUR_OTHERS,
            is_dashed: true,
            sources: others,
        });
    }
    lines
}

/// The pairs that get lines of their own, in the order of the lists, with their colours. A pair without points counts as
/// well, so that the charts of two metrics show the same pairs in the same colours.
fn drawn(scene: &Scene, seen: &BTreeMap<Pair, Vec<Labels>>) -> Vec<(Pair, usize)> {
    let places = places(scene.nodes, seen);
    let lines = |pair: &Pair| seen.get(pair).map_or(1, Vec::len);
    let all: usize = places.iter().map(lines).sum();
    // A line is given up for the others.
    let room = if all > LINES_MAX { LINES_MAX - 1 } else { all };
    let mut by_need: Vec<usize> = (0..places.len()).collect();
    order::sort_by(&mut by_need, |a, b| {
        let [a, b] = [a, b].map(|at| !scene.is_alarming(&places[*at]));
        a.cmp(&b)
    });
    let mut taken = 0;
    by_need.retain(|at| {
        taken += lines(&places[*at]);
        taken <= room
    });
    order::sort_by(&mut by_need, usize::cmp);
    let mut drawn: Vec<(Pair, usize)> = Vec::new();
    for at in by_need {
        // The colour of the place, or the next that is free when another pair has it already.
        let wanted = at % COLOURS.len();
        let is_free = |colour: &usize| drawn.iter().all(|(_, taken)| taken != colour);
        let colour = (0..COLOURS.len()).map(|step| (wanted + step) % COLOURS.len()).find(is_free).unwrap_or(wanted);
        drawn.push((places[at].clone(), colour));
    }
    drawn
}

/// A lasting name of a series, unique within its metric.
fn id(labels: &Labels) -> String {
    labels.values().map(String::as_str).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::{incident, labels, node};
    use netloom_core::metric;

    fn scene(nodes: &[NodeStatus]) -> Scene<'_> {
        Scene { nodes, incidents: &[] }
    }

    #[test]
    fn lines_follow_the_list_of_targets_and_say_how_they_were_probed() {
        let nodes = [node("n1", &["gateway", "dns"])];
        let series = [labels("dns", "icmp"), labels("gone", "icmp"), labels("gateway", "icmp")];
        let lines = lines(metric::RTT_US, &scene(&nodes), series.into_iter());
        let names: Vec<_> = lines.iter().map(|line| (line.name.as_str(), line.colour)).collect();
        assert_eq!(names, [("gateway · ICMP", COLOURS[0]), ("dns · ICMP", COLOURS[1]), ("gone · ICMP", COLOURS[2])]);
    }

    #[test]
    fn both_ways_of_probing_share_a_colour_but_not_a_line() {
        let series = [labels("a", "icmp"), labels("a", "tcp"), labels("b", "tcp")];
        let lines = lines(metric::RTT_US, &scene(&[node("n1", &["a", "b"])]), series.into_iter());
        let strokes: Vec<_> = lines.iter().map(|line| (line.colour, line.is_dashed)).collect();
        assert_eq!(strokes, [(COLOURS[0], false), (COLOURS[0], true), (COLOURS[1], false)]);
    }

    #[test]
    fn what_does_not_fit_is_folded_and_counted() {
        let names: Vec<String> = (0..9).map(|n| format!("t{n}")).collect();
        let targets: Vec<&str> = names.iter().map(String::as_str).collect();
        let series = names.iter().map(|name| labels(name, "icmp"));
        let lines = lines(metric::LOSS_RATIO, &scene(&[node("n1", &targets)]), series);
        assert_eq!(lines.len(), LINES_MAX);
        let others = lines.last().expect("has lines");
        assert_eq!((others.name.as_str(), others.sources.len()), ("worst of 4 others", 4));
    }

    #[test]
    fn what_is_bad_does_not_hide_among_the_others_nor_change_their_colours() {
        let names: Vec<String> = (0..9).map(|n| format!("t{n}")).collect();
        let targets: Vec<&str> = names.iter().map(String::as_str).collect();
        let nodes = [node("n1", &targets)];
        let incidents = [incident("loss_high", IncidentState::Firing, "t7")];
        let series = names.iter().map(|name| labels(name, "icmp"));
        let lines = lines(metric::LOSS_RATIO, &Scene { nodes: &nodes, incidents: &incidents }, series);
        let drawn: Vec<_> = lines.iter().map(|line| (line.name.as_str(), line.colour)).collect();
        assert_eq!(drawn[..3], [("t0 · ICMP", COLOURS[0]), ("t1 · ICMP", COLOURS[1]), ("t2 · ICMP", COLOURS[2])]);
        assert_eq!(drawn[4], ("t7 · ICMP", COLOURS[4]), "its own colour is taken by t1");
    }

    #[test]
    fn a_pair_without_points_keeps_its_colour_and_its_place() {
        let series = [labels("a", "icmp"), labels("c", "icmp")];
        let lines = lines(metric::RTT_US, &scene(&[node("n1", &["a", "b", "c"])]), series.into_iter());
        let drawn: Vec<_> = lines.iter().map(|line| line.colour).collect();
        assert_eq!(drawn, [COLOURS[0], COLOURS[2]]);
    }

    #[test]
    fn with_several_nodes_the_source_is_named() {
        let nodes = [node("n1", &["n2"]), node("n2", &["n1"])];
        assert_eq!(name(&nodes, &labels("n2", "icmp")), "n1 → n2 · ICMP");
    }
}
