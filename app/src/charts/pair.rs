//! Lines for what is measured from a source to a destination.

use netloom_core::{
    api::NodeStatus,
    incident::{Incident, IncidentState},
    sample::{Labels, SeriesKey},
};

use super::{COLOUR_OTHERS, COLOURS, LINES_MAX, Line};

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
    fn is_alarming(&self, series: &Labels) -> bool {
        let mut firing = self.incidents.iter().filter(|incident| incident.state == IncidentState::Firing);
        firing.any(|incident| same_pair(&incident.labels, series))
    }
}

/// The place of a pair in the lists of targets, all nodes' lists one after the other. It gives a pair the same colour on
/// every chart; pairs that are in no list any more come last.
fn place(nodes: &[NodeStatus], series: &Labels) -> usize {
    let label = |name: &str| series.get(name).map_or("", String::as_str);
    let mut pairs = nodes.iter().flat_map(|node| {
        let src = node.info.node.as_str();
        node.info.targets.iter().map(move |target| (src, target.name.as_str()))
    });
    let wanted = (label("src"), label("dst"));
    let listed = pairs.clone().count();
    pairs.position(|pair| pair == wanted).unwrap_or(listed)
}

/// What people call a pair: the destination alone as long as one node speaks, and how it was probed.
pub(crate) fn name(nodes: &[NodeStatus], labels: &Labels) -> String {
    let label = |name: &str| labels.get(name).map_or("", String::as_str);
    let mode = label("mode").to_ascii_uppercase();
    let pair = if nodes.len() > 1 { format!("{} → {}", label("src"), label("dst")) } else { label("dst").to_owned() };
    if mode.is_empty() { pair } else { format!("{pair} · {mode}") }
}

/// One line for each pair as far as there is room, and one for all others. Pairs on which an alert fires come before
/// those earlier in the list: what is bad must not hide among the others.
pub(crate) fn lines(metric: &str, scene: &Scene, series: impl Iterator<Item = Labels>) -> Vec<Line> {
    let mut placed: Vec<(usize, Labels)> = series.map(|labels| (place(scene.nodes, &labels), labels)).collect();
    placed.sort();
    // A line is given up for the others.
    let room = if placed.len() > LINES_MAX { LINES_MAX - 1 } else { placed.len() };
    placed.sort_by_key(|(_, labels)| !scene.is_alarming(labels));
    let others = placed.split_off(room);
    placed.sort();
    let colours = colours(&placed);
    let key = |labels: &Labels| SeriesKey { metric: metric.to_owned(), labels: labels.clone() };
    let mut lines: Vec<Line> = Vec::new();
    for (at, (_, labels)) in placed.iter().enumerate() {
        lines.push(Line {
            id: id(labels),
            name: name(scene.nodes, labels),
            colour: COLOURS[colours[at]],
            // A pair that is probed in two ways has two lines of one colour.
            is_dashed: at > 0 && same_pair(labels, &placed[at - 1].1),
            sources: vec![key(labels)],
        });
    }
    if !others.is_empty() {
        lines.push(Line {
            id: "others".into(),
            name: format!("worst of {} others", others.len()),
            colour: COLOUR_OTHERS,
            is_dashed: true,
            sources: others.iter().map(|(_, labels)| key(labels)).collect(),
        });
    }
    lines
}

/// The colours of pairs in the order of their places: that of the place, so that a pair looks alike on every chart, or
/// the next that is free when another pair has it already.
fn colours(placed: &[(usize, Labels)]) -> Vec<usize> {
    let mut colours: Vec<usize> = Vec::new();
    for (at, (place, labels)) in placed.iter().enumerate() {
        let is_second = at > 0 && same_pair(labels, &placed[at - 1].1);
        let wanted = place % COLOURS.len();
        let free = (0..COLOURS.len()).map(|step| (wanted + step) % COLOURS.len()).find(|c| !colours.contains(c));
        colours.push(if is_second { colours[at - 1] } else { free.unwrap_or(wanted) });
    }
    colours
}

fn same_pair(a: &Labels, b: &Labels) -> bool {
    ["src", "dst"].iter().all(|name| a.get(*name) == b.get(*name))
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
        let series = [labels("a", "tcp"), labels("a", "icmp"), labels("b", "tcp")];
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
    fn with_several_nodes_the_source_is_named() {
        let nodes = [node("n1", &["n2"]), node("n2", &["n1"])];
        assert_eq!(name(&nodes, &labels("n2", "icmp")), "n1 → n2 · ICMP");
    }
}
