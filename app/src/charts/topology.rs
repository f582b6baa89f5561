//! Nodes and what they probe, as a graph.

use charming::{
    Chart,
    element::{Label, LabelPosition, LineStyle, Tooltip, Trigger},
    series::{Graph, GraphData, GraphLayout, GraphLink, GraphNode},
};
use netloom_core::{
    api::{NodeState, NodeStatus},
    health::HealthStatus,
    incident::{Incident, IncidentState},
    rule::Severity,
};
use serde_json::{Value, json};

use super::{colour, overlay::tooltip_text};

/// One way from a node to what it probes, and how it fares.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Way {
    /// The node that probes.
    pub(crate) src: String,
    /// The target.
    pub(crate) dst: String,
    /// The newest median round-trip time, µs.
    pub(crate) rtt_us: Option<f64>,
    /// The newest loss, 0 to 1.
    pub(crate) loss_ratio: Option<f64>,
    /// How it fares.
    pub(crate) status: HealthStatus,
}

/// How a way fares: by what fires there, else by whether anything is known.
pub(crate) fn status(incidents: &[Incident], src: &str, dst: &str, is_known: bool) -> HealthStatus {
    let is_here = |incident: &&Incident| {
        let label = |name: &str| incident.labels.get(name).map(String::as_str);
        incident.state == IncidentState::Firing && label("src") == Some(src) && label("dst") == Some(dst)
    };
    match incidents.iter().filter(is_here).map(|incident| incident.severity).max() {
        Some(Severity::Critical) => HealthStatus::Critical,
        Some(Severity::Warning) => HealthStatus::Warning,
        Some(Severity::Info) | None if is_known => HealthStatus::Ok,
        Some(Severity::Info) | None => HealthStatus::Unknown,
    }
}

/// The style sheet's name for a status.
const fn token(status: HealthStatus) -> &'static str {
    match status {
        HealthStatus::Ok => "--ok",
        HealthStatus::Warning => "--warning",
        HealthStatus::Critical => "--critical",
        HealthStatus::Unknown => "--unknown",
    }
}

/// The shape of a status, so that it is not told by colour alone.
const fn symbol(status: HealthStatus) -> &'static str {
    match status {
        HealthStatus::Ok | HealthStatus::Unknown => "circle",
        HealthStatus::Warning => "triangle",
        HealthStatus::Critical => "rect",
    }
}

/// Filled with the colour of the status; a ring when nothing is known.
fn fill(status: HealthStatus) -> Value {
    let line = colour(token(status));
    if status == HealthStatus::Unknown {
        json!({ "color": colour("--surface"), "borderColor": line, "borderWidth": 2 })
    } else {
        json!({ "color": line })
    }
}

struct Spot {
    name: String,
    is_node: bool,
    status: HealthStatus,
    x: f64,
    y: f64,
}

/// Width of a name before it is cut; the tooltip has all of it.
const LABEL_PX: u32 = 96;
/// Radii of the ellipses on which nodes and their targets lie; cards are wider than high.
const TARGETS_RADIUS: (f64, f64) = (130.0, 80.0);
const NODES_RADIUS: (f64, f64) = (58.0, 36.0);

/// The option of the graph, as JSON.
pub(crate) fn option(nodes: &[NodeStatus], ways: &[Way]) -> String {
    let spots = spots(nodes, ways);
    let node = |spot: &Spot| GraphNode {
        id: spot.name.clone(),
        name: spot.name.clone(),
        x: spot.x,
        y: spot.y,
        value: 0.0,
        category: 0,
        symbol_size: if spot.is_node { 22.0 } else { 14.0 },
        label: None,
    };
    let link =
        |way: &Way| GraphLink { source: way.src.clone(), target: way.dst.clone(), value: way.rtt_us.map(two_digits) };
    let data = GraphData {
        nodes: spots.iter().map(node).collect(),
        links: ways.iter().map(link).collect(),
        categories: Vec::new(),
    };
    let graph = Graph::new()
        .id("topology")
        .layout(GraphLayout::None)
        .label(Label::new().show(true).position(LabelPosition::Bottom).color(colour("--text")).font_size(12))
        .line_style(LineStyle::new().width(2))
        .data(data);
    let tooltip = Tooltip::new()
        .trigger(Trigger::Item)
        .background_color(colour("--surface"))
        .border_color(colour("--line"))
        .border_width(1);
    let chart = Chart::new().animation(false).tooltip(tooltip).series(graph);
    let mut option = serde_json::to_value(&chart).unwrap_or_default();
    patch(&mut option, &spots, ways);
    option.to_string()
}

/// Lays over the option what charming has no words for: shapes and colours of single nodes and links.
fn patch(option: &mut Value, spots: &[Spot], ways: &[Way]) {
    option["tooltip"]["textStyle"] = tooltip_text();
    let Some(graph) = option["series"].get_mut(0) else { return };
    for (key, value) in [("left", 48), ("right", 48), ("top", 16), ("bottom", 32)] {
        graph[key] = json!(value);
    }
    // Without it circles become ellipses.
    graph["preserveAspect"] = json!("contain");
    graph["emphasis"] = json!({ "disabled": true });
    graph["label"]["overflow"] = json!("truncate");
    graph["label"]["width"] = json!(LABEL_PX);
    graph["tooltip"] = json!({ "formatter": "@pair:microseconds" });
    for (at, spot) in spots.iter().enumerate() {
        graph["data"][at]["symbol"] = json!(symbol(spot.status));
        graph["data"][at]["itemStyle"] = fill(spot.status);
        if spot.is_node {
            graph["data"][at]["label"] = json!({ "fontWeight": 600 });
        } else {
            graph["data"][at]["cursor"] = json!("default");
        }
    }
    for (at, way) in ways.iter().enumerate() {
        let stroke = if way.status == HealthStatus::Unknown { "dashed" } else { "solid" };
        graph["links"][at]["lineStyle"] = json!({ "color": colour(token(way.status)), "type": stroke });
    }
}

/// Nodes inside, what they probe around them; a single node is the centre.
fn spots(nodes: &[NodeStatus], ways: &[Way]) -> Vec<Spot> {
    let radius = if nodes.len() > 1 { NODES_RADIUS } else { (0.0, 0.0) };
    let mut spots: Vec<Spot> = nodes
        .iter()
        .enumerate()
        .map(|(at, node)| {
            let (x, y) = on_ellipse(radius, at, nodes.len());
            let status = match node.status {
                NodeState::Up | NodeState::Degraded => HealthStatus::Ok,
                NodeState::Silent => HealthStatus::Critical,
            };
            Spot { name: node.info.node.clone(), is_node: true, status, x, y }
        })
        .collect();
    let mut targets: Vec<&str> = Vec::new();
    for way in ways {
        let is_node = nodes.iter().any(|node| node.info.node == way.dst);
        if !is_node && !targets.contains(&way.dst.as_str()) {
            targets.push(&way.dst);
        }
    }
    for (at, name) in targets.iter().enumerate() {
        let (x, y) = on_ellipse(TARGETS_RADIUS, at, targets.len());
        let known = ways.iter().filter(|way| way.dst == *name).map(|way| way.status);
        let status = known.max().unwrap_or(HealthStatus::Unknown);
        spots.push(Spot { name: (*name).to_owned(), is_node: false, status, x, y });
    }
    spots
}

/// Evenly spread, the first one at the left: names stand beside each other there, not above.
fn on_ellipse((a, b): (f64, f64), at: usize, count: usize) -> (f64, f64) {
    let angle = std::f64::consts::PI + std::f64::consts::TAU * at as f64 / count.max(1) as f64;
    (a * angle.cos(), b * angle.sin())
}

/// Two significant digits: the graph need not be drawn anew for every microsecond.
fn two_digits(value: f64) -> f64 {
    if value <= 0.0 {
        return 0.0;
    }
    let unit = 10_f64.powf(value.log10().floor() - 1.0);
    (value / unit).round() * unit
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::node;

    fn way(dst: &str, status: HealthStatus) -> Way {
        Way { src: "n1".into(), dst: dst.into(), rtt_us: Some(123.4), loss_ratio: None, status }
    }

    fn graph(nodes: &[NodeStatus], ways: &[Way]) -> Value {
        let option: Value = serde_json::from_str(&option(nodes, ways)).expect("is JSON");
        option["series"][0].clone()
    }

    #[test]
    fn a_single_node_is_the_centre_of_its_targets() {
        let ways = [way("a", HealthStatus::Ok), way("b", HealthStatus::Critical)];
        let graph = graph(&[node("n1", &["a", "b"])], &ways);
        let names: Vec<_> = graph["data"].as_array().expect("a list").iter().map(|n| n["id"].clone()).collect();
        assert_eq!(names, ["n1", "a", "b"]);
        assert!(graph["data"][0]["x"].as_f64().expect("a number").abs() < 1e-9);
    }

    #[test]
    fn a_status_has_a_colour_and_a_shape() {
        let graph = graph(&[node("n1", &["a"])], &[way("a", HealthStatus::Critical)]);
        assert_eq!(graph["data"][1]["symbol"], "rect");
        assert_eq!(graph["data"][1]["itemStyle"]["color"], "@var:--critical");
        assert_eq!(graph["links"][0]["lineStyle"]["color"], "@var:--critical");
    }

    #[test]
    fn nodes_that_probe_each_other_appear_once() {
        let nodes = [node("n1", &["n2"]), node("n2", &[])];
        let graph = graph(&nodes, &[way("n2", HealthStatus::Ok)]);
        assert_eq!(graph["data"].as_array().expect("a list").len(), 2);
    }

    #[test]
    fn digits_that_nobody_reads_do_not_redraw() {
        assert!((two_digits(123.4) - 120.0).abs() < 1e-9);
        assert!((two_digits(0.0567) - 0.057).abs() < 1e-9);
        assert!(two_digits(0.0).abs() < 1e-9);
    }
}
