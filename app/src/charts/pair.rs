//! Lines for what is measured from a source to a destination.

use netloom_core::{
    api::NodeStatus,
    sample::{Labels, SeriesKey},
};

use super::{COLOUR_OTHERS, COLOURS, LINES_MAX, Line};

/// The place of a pair in the lists of targets, all nodes' lists one after the other. It gives a pair the same colour on
/// every chart; pairs that are in no list any more come last.
fn place(nodes: &[NodeStatus], series: &Labels) -> usize {
    let label = |name: &str| series.get(name).map_or("", String::as_str);
    let pairs = nodes.iter().flat_map(|node| {
        let src = node.info.node.as_str();
        node.info.targets.iter().map(move |target| (src, target.name.as_str()))
    });
    let wanted = (label("src"), label("dst"));
    pairs.into_iter().position(|pair| pair == wanted).unwrap_or(usize::MAX)
}

/// What people call a pair: the destination alone as long as one node speaks, and how it was probed.
pub(crate) fn name(nodes: &[NodeStatus], labels: &Labels) -> String {
    let label = |name: &str| labels.get(name).map_or("", String::as_str);
    let mode = label("mode").to_ascii_uppercase();
    let pair = if nodes.len() > 1 { format!("{} → {}", label("src"), label("dst")) } else { label("dst").to_owned() };
    if mode.is_empty() { pair } else { format!("{pair} · {mode}") }
}

/// One line for each of the first pairs, and one for all others. TCP lines are dashed: a pair that is probed in both
/// ways has two lines of one colour.
pub(crate) fn lines(metric: &str, nodes: &[NodeStatus], series: impl Iterator<Item = Labels>) -> Vec<Line> {
    let mut placed: Vec<(usize, Labels)> = series.map(|labels| (place(nodes, &labels), labels)).collect();
    placed.sort();
    let key = |labels: &Labels| SeriesKey { metric: metric.to_owned(), labels: labels.clone() };
    let is_tcp = |labels: &Labels| labels.get("mode").is_some_and(|mode| mode == "tcp");
    // A line is given up for the others.
    let shown = if placed.len() > LINES_MAX { LINES_MAX - 1 } else { placed.len() };
    let mut lines: Vec<Line> = Vec::new();
    let mut colours = 0;
    for (at, (_, labels)) in placed[..shown].iter().enumerate() {
        let is_same_pair = at > 0 && same_pair(labels, &placed[at - 1].1);
        colours += usize::from(!is_same_pair);
        lines.push(Line {
            id: id(labels),
            name: name(nodes, labels),
            colour: COLOURS[(colours - 1) % COLOURS.len()],
            is_dashed: is_tcp(labels) && is_same_pair,
            sources: vec![key(labels)],
        });
    }
    let others: Vec<SeriesKey> = placed[shown..].iter().map(|(_, labels)| key(labels)).collect();
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
    use crate::example::{labels, node};
    use netloom_core::metric;

    #[test]
    fn lines_follow_the_list_of_targets_and_say_how_they_were_probed() {
        let nodes = [node("n1", &["gateway", "dns"])];
        let series = [labels("dns", "icmp"), labels("gone", "icmp"), labels("gateway", "icmp")];
        let lines = lines(metric::RTT_US, &nodes, series.into_iter());
        let names: Vec<_> = lines.iter().map(|line| (line.name.as_str(), line.colour)).collect();
        assert_eq!(names, [("gateway · ICMP", COLOURS[0]), ("dns · ICMP", COLOURS[1]), ("gone · ICMP", COLOURS[2])]);
    }

    #[test]
    fn both_ways_of_probing_share_a_colour_but_not_a_line() {
        let series = [labels("a", "tcp"), labels("a", "icmp"), labels("b", "tcp")];
        let lines = lines(metric::RTT_US, &[node("n1", &["a", "b"])], series.into_iter());
        let strokes: Vec<_> = lines.iter().map(|line| (line.colour, line.is_dashed)).collect();
        assert_eq!(strokes, [(COLOURS[0], false), (COLOURS[0], true), (COLOURS[1], false)]);
    }

    #[test]
    fn what_does_not_fit_is_folded_and_counted() {
        let names: Vec<String> = (0..9).map(|n| format!("t{n}")).collect();
        let targets: Vec<&str> = names.iter().map(String::as_str).collect();
        let series = names.iter().map(|name| labels(name, "icmp"));
        let lines = lines(metric::LOSS_RATIO, &[node("n1", &targets)], series);
        assert_eq!(lines.len(), LINES_MAX);
        let others = lines.last().expect("has lines");
        assert_eq!((others.name.as_str(), others.sources.len()), ("worst of 4 others", 4));
    }

    #[test]
    fn with_several_nodes_the_source_is_named() {
        let nodes = [node("n1", &["n2"]), node("n2", &["n1"])];
        assert_eq!(name(&nodes, &labels("n2", "icmp")), "n1 → n2 · ICMP");
    }
}
