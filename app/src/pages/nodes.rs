//! All nodes in a table.

use leptos::prelude::*;
use leptos_meta::Title;
use netloom_core::{
    api::{NodeRole, NodeState, NodeStatus},
    metric,
    sample::SeriesKey,
    unit::Unit,
};

use crate::{
    charts::matrix::{self, Sum},
    clock::Clock,
    components::{
        empty_state::EmptyState,
        figure::Figure,
        heat_map::link_path,
        status_badge::{StatusBadge, Tone, node_word},
    },
    live::{Live, feed::Interest, use_matrix, use_newest},
    order,
    range::{TimeRange, segment},
};

/// The metrics of nodes in the table.
const METRICS: [&str; 5] =
    [metric::NET_RX_BPS, metric::NET_TX_BPS, metric::CLOCK_OFFSET_US, metric::SPOOL_BATCHES, metric::ECHO_LAG_US];

/// What people call a role.
pub(super) const fn role_word(role: NodeRole) -> &'static str {
    match role {
        NodeRole::Hub => "hub",
        NodeRole::Agent => "agent",
    }
}

/// What the table is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Name,
    State,
    Version,
    Latency,
    Clock,
    Waiting,
    In,
    Out,
}

/// The median time from a node to its peers and from them to it, and its worst peer.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct MeshSummary {
    pub(super) there_us: Option<f64>,
    pub(super) back_us: Option<f64>,
    pub(super) worst: Option<(String, f64)>,
}

impl MeshSummary {
    /// The summary of a node as it is now; read again whenever the matrix changes.
    pub(super) fn of(live: Live, node: &str) -> Self {
        live.grid(metric::RTT_US, |grid| {
            let Some((grid, place)) = grid.and_then(|grid| Some((grid, grid.place(node)?))) else {
                return Self::default();
            };
            let median = |is_row| {
                let mut values: Vec<f64> = grid.line(place, is_row).map(|(_, value)| value).collect();
                matrix::sum(&mut values, Sum::Median, Unit::Microseconds)
            };
            let worst = grid.line(place, true).max_by(|a, b| a.1.total_cmp(&b.1));
            let worst = worst.map(|(peer, value)| (grid.nodes[peer].clone(), value));
            Self { there_us: median(true), back_us: median(false), worst }
        })
    }
}

/// The nodes in the order of the table. Figures are read once: rows that jump while they are read are of no use.
fn sorted(live: Live, by: By, now_ms: i64) -> Vec<NodeStatus> {
    let mut nodes = live.nodes.get();
    let figure = |metric: &'static str, node: &NodeStatus| {
        live.newest(&SeriesKey::new(metric, [("node", &node.info.node)]), now_ms).unwrap_or(f64::NEG_INFINITY)
    };
    let mut by_figure = |read: &dyn Fn(&NodeStatus) -> f64| {
        untrack(|| order::largest_first(&mut nodes, read));
    };
    match by {
        By::Name => {}
        By::Latency => by_figure(&|node| MeshSummary::of(live, &node.info.node).there_us.unwrap_or(f64::NEG_INFINITY)),
        By::Clock => by_figure(&|node| figure(metric::CLOCK_OFFSET_US, node).abs()),
        By::Waiting => by_figure(&|node| figure(metric::SPOOL_BATCHES, node)),
        By::In => by_figure(&|node| figure(metric::NET_RX_BPS, node)),
        By::Out => by_figure(&|node| figure(metric::NET_TX_BPS, node)),
        By::Version => order::sort_by(&mut nodes, |a, b| a.info.version.cmp(&b.info.version)),
        By::State => order::largest_first(&mut nodes, |node| match node.status {
            NodeState::Silent => 2.0,
            NodeState::Degraded => 1.0,
            NodeState::Up => 0.0,
        }),
    }
    nodes
}

/// The page.
#[component]
pub(crate) fn Nodes() -> impl IntoView {
    let (live, clock) = (Live::expect(), Clock::expect());
    METRICS.into_iter().for_each(|metric| use_newest(&Interest::all(metric)));
    use_matrix(Signal::stored(metric::RTT_US.to_owned()));
    let by = RwSignal::new(By::Name);
    let key = |node: &NodeStatus| (node.info.node.clone(), node_word(node.status), node.info.version.clone());
    let head = move |order: By, name: &'static str, is_number: bool| {
        let sort = move || match by.get() == order {
            false => "none",
            true if matches!(order, By::Name | By::State | By::Version) => "ascending",
            true => "descending",
        };
        view! {
            <th scope="col" class:number=is_number aria-sort=sort>
                <button type="button" class="sort-button" on:click=move |_| by.set(order)>{name}</button>
            </th>
        }
    };
    view! {
        <Title text="Nodes" />
        <h1 class="page-title">"Nodes"</h1>
        <section class="card">
            <div class="table-scroll">
                <table data-testid="nodes">
                    <thead>
                        <tr>
                            {head(By::Name, "Node", false)} {head(By::State, "State", false)}
                            <th scope="col">"Role"</th>
                            {head(By::Version, "Version", false)} {head(By::Latency, "Latency there", true)}
                            <th scope="col" class="number">"Latency back"</th>
                            <th scope="col">"Slowest peer"</th>
                            {head(By::Clock, "Clock", true)} {head(By::Waiting, "Waiting", true)}
                            {head(By::In, "In", true)} {head(By::Out, "Out", true)}
                            <th scope="col" class="number">"Targets"</th>
                            <th scope="col">"Address"</th>
                            <th scope="col">"System"</th>
                        </tr>
                    </thead>
                    <tbody>
                        <For each=move || sorted(live, by.get(), clock.now_untracked().ms()) key let:node>
                            <Row node />
                        </For>
                    </tbody>
                </table>
            </div>
            <Show when=move || live.nodes.with(Vec::is_empty)>
                <EmptyState title="No node has reported yet">
                    "The hub measures its own machine as soon as it runs; it shows up here within seconds."
                </EmptyState>
            </Show>
        </section>
    }
    .into_any()
}

/// Marks a node whose figures of this moment may be its own slowness.
#[component]
pub(super) fn DoubtfulMark(node: String) -> impl IntoView {
    let (live, clock) = (Live::expect(), Clock::expect());
    let is_doubtful = Memo::new(move |_| live.is_doubtful(&node, clock.now().ms()));
    view! {
        <Show when=move || is_doubtful.get()>
            <span class="mark tone-warning" title="Its packets are sent or read late: its figures may be its own slowness">
                "doubtful"
            </span>
        </Show>
    }
}

/// The version, marked when it is not the hub's.
#[component]
pub(crate) fn Version(version: String) -> impl IntoView {
    let is_other = !Live::expect().is_hub_version(&version);
    view! {
        {version}
        {is_other.then(|| view! {
            " "
            <span class="mark tone-warning" title="The hub is of another version">"not the hub's"</span>
        })}
    }
}

#[component]
fn Row(node: NodeStatus) -> impl IntoView {
    let (live, range, clock) = (Live::expect(), TimeRange::expect(), Clock::expect());
    let name = node.info.node.clone();
    let path = format!("/nodes/{}", segment(&name));
    let figure = |metric: &str| {
        let series = SeriesKey::new(metric, [("node", &name)]);
        let unit = metric::unit_of(metric);
        let value = Signal::derive(move || live.newest(&series, clock.now().ms()));
        view! { <td class="number"><Figure unit value /></td> }
    };
    let mesh = {
        let name = name.clone();
        Memo::new(move |_| MeshSummary::of(live, &name))
    };
    let us = move |read: fn(&MeshSummary) -> Option<f64>| {
        let value = Signal::derive(move || mesh.with(read));
        view! { <td class="number"><Figure unit=Unit::Microseconds value /></td> }
    };
    let peer = {
        let name = name.clone();
        move || {
            mesh.with(|mesh| mesh.worst.clone()).map(|(peer, value)| {
                let path = link_path(&name, &peer);
                view! {
                    <a href=move || range.carry(&path)>{peer}</a>
                    " "
                    <span class="muted">{Unit::Microseconds.figure(value).to_string()}</span>
                }
            })
        }
    };
    view! {
        <tr>
            <th scope="row">
                <a href=move || range.carry(&path) data-testid=format!("node-link-{}", node.info.node)>
                    {node.info.node.clone()}
                </a>
            </th>
            <td>
                <StatusBadge tone=Tone::from(node.status) word=node_word(node.status) />
                " "
                <DoubtfulMark node=name.clone() />
            </td>
            <td>{role_word(node.role)}</td>
            <td><Version version=node.info.version.clone() /></td>
            {us(|mesh| mesh.there_us)}
            {us(|mesh| mesh.back_us)}
            <td class="slowest-peer">{peer}</td>
            {figure(metric::CLOCK_OFFSET_US)}
            {figure(metric::SPOOL_BATCHES)}
            {figure(metric::NET_RX_BPS)}
            {figure(metric::NET_TX_BPS)}
            <td class="number">{node.info.targets.len()}</td>
            <td><code>{node.address}</code></td>
            <td>{node.info.os}</td>
        </tr>
    }
    .into_any()
}
