//! Nodes and their targets as a graph, and as a table.

use leptos::prelude::*;
use leptos_router::{NavigateOptions, hooks::use_navigate};
use netloom_core::{metric, unit::Unit};

use super::{Panels, mesh::MANY_NODES, ways};
use crate::{
    charts::topology::{self, Way},
    components::{
        canvas::{Canvas, Hooks},
        chart_card::TableButton,
        empty_state::EmptyState,
        figure::Figure,
        status_badge::{StatusBadge, Tone, health_word},
    },
    range::{TimeRange, segment},
};

/// The card.
#[component]
pub(super) fn Topology(panels: Panels) -> impl IntoView {
    let (live, range, navigate) = (panels.live, TimeRange::expect(), use_navigate());
    let is_table = RwSignal::new(false);
    // The map of all pairs beside it brings the figures.
    let links = Memo::new(move |_| {
        let incidents = live.incidents.read();
        live.grid(metric::RTT_US, |grid| grid.map(|grid| ways::links(grid, &incidents, MANY_NODES)).unwrap_or_default())
    });
    let option = Memo::new(move |_| {
        let shown: Vec<Way> = panels.ways.read().iter().chain(links.read().iter()).cloned().collect();
        live.nodes.with(|nodes| topology::option(nodes, &shown))
    });
    let on_pick = Callback::new(move |(name, kind): (String, String)| {
        let is_node = live.nodes.with_untracked(|nodes| nodes.iter().any(|node| node.info.node == name));
        if kind == "node" && is_node {
            navigate(&untrack(|| range.carry(&format!("/nodes/{}", segment(&name)))), NavigateOptions::default());
        }
    });
    view! {
        <section class="card topology-card" data-testid="topology" aria-labelledby="topology-title">
            <header class="card-header">
                <h2 id="topology-title">"Topology"</h2>
                <Links panels />
                <TableButton is_table />
            </header>
            <div class="chart-area">
                <Canvas id="topology" option frame=Callback::new(|()| None) hooks=Hooks { on_pick, ..Hooks::default() } />
                <Show when=move || live.nodes.with(Vec::is_empty)>
                    <div class="chart-cover">
                        <EmptyState title="No node yet">"Nodes appear as soon as they report."</EmptyState>
                    </div>
                </Show>
                <Show when=move || is_table.get()>
                    <Table panels />
                </Show>
            </div>
        </section>
    }
    .into_any()
}

/// The nodes by name: what can be clicked in the graph can be reached by the keyboard here.
#[component]
fn Links(panels: Panels) -> impl IntoView {
    let range = TimeRange::expect();
    let names = Memo::new(move |_| {
        panels.live.nodes.with(|nodes| nodes.iter().map(|node| node.info.node.clone()).collect::<Vec<_>>())
    });
    let link = move |name: String| {
        let path = format!("/nodes/{}", segment(&name));
        view! {
            <a href=move || range.carry(&path) data-testid=format!("node-link-{name}")>
                {name.clone()}
            </a>
        }
    };
    view! { <span class="card-note card-links">{move || names.get().into_iter().map(link).collect_view()}</span> }
}

/// Every way with its newest figures.
#[component]
fn Table(panels: Panels) -> impl IntoView {
    let row = |way: Way| {
        view! {
            <tr>
                <th scope="row">{format!("{} → {}", way.src, way.dst)}</th>
                <td class="number"><Figure unit=Unit::Microseconds value=Signal::stored(way.rtt_us) /></td>
                <td class="number"><Figure unit=Unit::Ratio value=Signal::stored(way.loss_ratio) /></td>
                <td><StatusBadge tone=Tone::from(way.status) word=health_word(way.status) /></td>
            </tr>
        }
    };
    view! {
        <div class="chart-table" tabindex="0">
            <table>
                <thead>
                    <tr>
                        <th scope="col">"Way"</th>
                        <th scope="col" class="number">"Latency"</th>
                        <th scope="col" class="number">"Loss"</th>
                        <th scope="col">"State"</th>
                    </tr>
                </thead>
                <tbody>{move || panels.ways.get().into_iter().map(row).collect_view()}</tbody>
            </table>
        </div>
    }
}
