//! What does the cluster look like, and where is it hurt?

mod racks;
mod table;

use std::collections::BTreeMap;

use leptos::{html, prelude::*};
use leptos_meta::Title;
use leptos_router::{NavigateOptions, hooks::use_navigate};
use netloom_core::{api::NodeStatus, metric, unit::Unit};

use super::matrix::{Choice, title, use_racks};
use crate::{
    charts::{
        arrange::{self, Layout, Place},
        matrix::{Scale, THROUGHPUT},
        mesh::{self, Facts, Link},
        racks::Racks,
    },
    components::{
        chart_card::TableButton,
        dialog::{Overlay, Panel},
        empty_state::EmptyState,
        heat_map::{MapFigures, link_path},
        mesh_verdict::MeshVerdictCard,
    },
    live::{Live, matrix::Grid, use_matrix},
    parameter::use_parameter,
    range::{TimeRange, segment},
};
use racks::RacksDialog;
use table::Table;

/// Links are coloured by how they fare unless a metric is chosen.
const STATUS: &str = "status";
/// The metrics that links can be coloured by.
const COLOURS: [&str; 3] = [metric::RTT_US, metric::LOSS_RATIO, metric::JITTER_US];

/// What the graph is drawn from. A handle: copies speak of the same graph.
#[derive(Clone, Copy)]
struct Graph {
    live: Live,
    /// The metric that decides who is near, and by which links are coloured unless another is chosen.
    figures: MapFigures,
    by_status: Memo<bool>,
    links: Memo<Vec<Link>>,
    places: Memo<BTreeMap<String, Place>>,
}

/// Nodes that the mesh does not know: those that report, and probe nobody.
fn beside<'a>(nodes: &'a [NodeStatus], grid: &Grid) -> impl Iterator<Item = &'a str> {
    let names = nodes.iter().map(|node| node.info.node.as_str());
    names.filter(|name| grid.place(name).is_none()).collect::<Vec<_>>().into_iter()
}

/// Where each node stands.
fn places(layout: Layout, grid: &Grid, beside: &[&str], racks: &Racks) -> BTreeMap<String, Place> {
    let mut names: Vec<&str> = grid.nodes.iter().map(String::as_str).collect();
    names.extend(beside);
    let places = match layout {
        Layout::Ring => arrange::ring(names.len()),
        Layout::Star => {
            // The node that is nearest to all others stands in the middle.
            let mean = |node: usize| {
                let (sum, count) =
                    grid.line(node, true).fold((0.0, 0_u32), |(sum, n), (_, value)| (sum + value, n + 1));
                if count == 0 { f64::INFINITY } else { sum / f64::from(count) }
            };
            let middle = (0..grid.size()).min_by(|a, b| mean(*a).total_cmp(&mean(*b))).unwrap_or(0);
            arrange::star(names.len(), middle)
        }
        Layout::Racks => arrange::by_rack(&names, racks),
        Layout::Latency => {
            // The root brings what is far and what is near onto one screen.
            arrange::by_distance(names.len(), |a, b| {
                let ways = [grid.get(a, b), grid.get(b, a)].into_iter().flatten();
                ways.reduce(f64::min).map(f64::sqrt)
            })
        }
    };
    let mut by_name = BTreeMap::new();
    for (name, place) in names.into_iter().zip(places) {
        by_name.insert(name.to_owned(), place);
    }
    by_name
}

/// The page.
#[component]
pub(crate) fn Topology() -> impl IntoView {
    let (live, overlay) = (Live::expect(), Overlay::expect());
    let [layout, colour] = ["layout", "colour"].map(use_parameter);
    let chosen = Memo::new(move |_| colour.get().filter(|name| COLOURS.contains(&name.as_str())));
    let by_status = Memo::new(move |_| chosen.with(Option::is_none));
    let figures = MapFigures::begin(Memo::new(move |_| chosen.get().unwrap_or_else(|| metric::RTT_US.to_owned())));
    // Distances are always times.
    use_matrix(Signal::stored(metric::RTT_US.to_owned()));
    let racks = use_racks();
    let anew = RwSignal::new(0_u32);
    let names = Memo::new(move |_| live.grid(metric::RTT_US, |grid| grid.map(|grid| grid.nodes.clone())));
    let reporting = Memo::new(move |_| {
        live.nodes.with(|nodes| nodes.iter().map(|node| node.info.node.clone()).collect::<Vec<_>>())
    });
    // Nodes stay where they are until there are others, or somebody asks: a picture that moves cannot be remembered.
    let places = Memo::new(move |_| {
        // Read, not only tracked: a memo that nobody has read follows nothing.
        names.with(|_| ());
        reporting.with(|_| ());
        anew.track();
        let (layout, racks) = (Layout::parse(&layout.get().unwrap_or_default()), racks.get());
        untrack(|| {
            let nodes = live.nodes.read();
            live.grid(metric::RTT_US, |grid| {
                let empty = Grid::default();
                let grid = grid.unwrap_or(&empty);
                places(layout, grid, &beside(&nodes, grid).collect::<Vec<_>>(), &racks)
            })
        })
    });
    let links = Memo::new(move |_| {
        let (nodes, incidents, verdict) = (live.nodes.read(), live.incidents.read(), live.verdict.read());
        let links = figures.read(|grid| {
            let (scale, throughput) = (None, None);
            mesh::links(&Facts { nodes: &nodes, incidents: &incidents, verdict: &verdict, grid, scale, throughput })
        });
        links.unwrap_or_default()
    });
    let graph = Graph { live, figures, by_status, links, places };
    let is_table = RwSignal::new(false);
    view! {
        <Title text="Topology" />
        <div class="page-head">
            <h1 class="page-title">"Topology"</h1>
            <span class="muted" data-testid="topology-summary">{move || summary(graph)}</span>
        </div>
        <MeshVerdictCard />
        <section class="card" aria-labelledby="graph-title">
            <header class="matrix-controls">
                <h2 class="visually-hidden" id="graph-title">"Nodes and links"</h2>
                <Choice label="Layout" parameter=layout default="latency" options=layouts() id="topology-layout" />
                <Choice label="Links show" parameter=colour default=STATUS options=colours() id="topology-colour" />
                <button type="button" class="button" on:click=move |_| anew.update(|n| *n += 1)>"Arrange anew"</button>
                <button type="button" class="button" data-testid="open-racks" on:click=move |_| overlay.open(Panel::Racks)>
                    "Racks"
                </button>
                <TableButton is_table />
            </header>
            <div class="graph-area">
                <Canvas graph />
                <Show when=move || places.with(BTreeMap::is_empty)>
                    <div class="chart-cover">
                        <EmptyState title="No node yet">"Nodes appear as soon as they report."</EmptyState>
                    </div>
                </Show>
                <Show when=move || is_table.get()>
                    <Table links=links figures />
                </Show>
            </div>
            <Key graph />
        </section>
        <RacksDialog racks />
    }
    .into_any()
}

/// What the layouts are called.
fn layouts() -> Vec<(&'static str, String)> {
    Layout::ALL.into_iter().map(|(_, name, title)| (name, title.to_owned())).collect()
}

/// What links can be coloured by.
fn colours() -> Vec<(&'static str, String)> {
    std::iter::once((STATUS, "Status".to_owned())).chain(COLOURS.map(|name| (name, title(name)))).collect()
}

/// How many nodes and links there are, and whether some are left out.
fn summary(graph: Graph) -> String {
    let nodes = graph.places.with(BTreeMap::len);
    let links = graph.links.with(Vec::len);
    let size = graph.figures.read(Grid::size).unwrap_or_default();
    if size > mesh::ALL_LINKS_MAX {
        return format!(
            "{nodes} nodes; of their {} links the worst, and those to the nearest neighbours",
            size * (size - 1) / 2
        );
    }
    let plural = |count: usize, word: &str| if count == 1 { format!("1 {word}") } else { format!("{count} {word}s") };
    format!("{}, {}", plural(nodes, "node"), plural(links, "link"))
}

/// The scale of the colours, when links are coloured by a metric.
fn scale(graph: Graph) -> Option<Scale> {
    let unit = graph.figures.unit();
    (!graph.by_status.get()).then(|| graph.figures.read(|grid| crate::charts::matrix::scale(grid, unit, None)))?
}

/// The graph, and what the pointer is on.
#[component]
fn Canvas(graph: Graph) -> impl IntoView {
    let (live, range, navigate) = (graph.live, TimeRange::expect(), use_navigate());
    let element = NodeRef::<html::Div>::new();
    let pointed = RwSignal::new((String::new(), String::new(), 0.0, 0.0));
    let scene = Memo::new(move |_| {
        let (nodes, incidents, verdict) = (live.nodes.read(), live.incidents.read(), live.verdict.read());
        let scale = scale(graph);
        let empty = Grid::default();
        live.grid(THROUGHPUT, |throughput| {
            let facts =
                Facts { nodes: &nodes, incidents: &incidents, verdict: &verdict, grid: &empty, scale, throughput };
            graph.places.with(|places| graph.links.with(|links| mesh::scene(&facts, places, links)))
        })
    });
    let on_pick = Callback::new(move |(id, kind, _, _): (String, String, f64, f64)| {
        let path = match (kind.as_str(), id.split_once(" > ")) {
            ("node", _) => format!("/nodes/{}", segment(&id)),
            ("link", Some((a, b))) => link_path(a, b),
            _ => return,
        };
        navigate(&untrack(|| range.carry(&path)), NavigateOptions::default());
    });
    #[cfg(feature = "hydrate")]
    crate::components::canvas::map::drive_graph(
        element,
        scene.into(),
        Callback::new(move |at| pointed.set(at)),
        on_pick,
    );
    #[cfg(not(feature = "hydrate"))]
    let _ = (scene, on_pick);
    view! {
        <div class="graph-canvas" data-testid="graph" node_ref=element></div>
        {move || tip(graph, &pointed.get())}
    }
    .into_any()
}

/// What is said about the node or the link under the pointer.
fn tip(graph: Graph, (id, kind, x, y): &(String, String, f64, f64)) -> Option<AnyView> {
    let style = format!("left: {x}px; top: {y}px");
    let unit: Unit = graph.figures.unit();
    let write = |value: Option<f64>| unit.figure(value.unwrap_or(f64::NAN)).to_string();
    let (name, lines) = match (kind.as_str(), id.split_once(" > ")) {
        ("node", _) => (id.clone(), Vec::new()),
        ("link", Some((a, b))) => {
            let (there, back) = graph.figures.read(|grid| (grid.between(a, b), grid.between(b, a)))?;
            (format!("{a} – {b}"), vec![format!("{a} → {b}: {}", write(there)), format!("{b} → {a}: {}", write(back))])
        }
        _ => return None,
    };
    let lines = lines.into_iter().map(|line| view! { <p class="muted">{line}</p> }).collect_view();
    let view = view! {
        <div class="matrix-tip" style=style data-testid="graph-tip">
            <p class="matrix-tip-pair">{name}</p>
            {lines}
        </div>
    };
    Some(view.into_any())
}

/// What colours, shapes and widths mean.
#[component]
fn Key(graph: Graph) -> impl IntoView {
    let ramp = move || {
        let unit = graph.figures.unit();
        scale(graph).map(|scale| {
            let ticks = scale.ticks().map(|tick| view! { <span>{unit.figure(tick).to_string()}</span> });
            view! {
                <div class="matrix-ramp">
                    <div class="matrix-colours" aria-hidden="true"></div>
                    <div class="matrix-ticks">{ticks}</div>
                </div>
            }
        })
    };
    view! {
        <div class="matrix-legend">
            {ramp}
            <p class="muted">
                "A line is both ways, the worse one decides. Circles are fine, triangles degraded, squares silent or at fault. "
                "Lines are wider where throughput was measured."
            </p>
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{example::node, live::matrix::tests::grid};

    #[test]
    fn every_node_has_a_place_in_every_layout() {
        let grid = grid(&["a", "b"], &[&[0.0, 10.0], &[12.0, 0.0]]);
        let nodes = [node("b", &[]), node("hub", &[])];
        let beside: Vec<&str> = beside(&nodes, &grid).collect();
        assert_eq!(beside, ["hub"]);
        for (layout, name, _) in Layout::ALL {
            assert_eq!(Layout::parse(name), layout);
            assert_eq!(places(layout, &grid, &beside, &Racks::default()).len(), 3, "{name}");
        }
    }
}
