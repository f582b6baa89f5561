//! All nodes in a table.

use leptos::prelude::*;
use leptos_meta::Title;
use netloom_core::{
    api::{NodeRole, NodeStatus},
    metric,
    sample::SeriesKey,
    unit::Unit,
};

use crate::{
    components::{
        empty_state::EmptyState,
        figure::Figure,
        status_badge::{StatusBadge, Tone, node_word},
    },
    live::Live,
    range::{TimeRange, segment},
};

/// What people call a role.
pub(super) const fn role_word(role: NodeRole) -> &'static str {
    match role {
        NodeRole::Hub => "hub",
        NodeRole::Agent => "agent",
    }
}

/// The page.
#[component]
pub(crate) fn Nodes() -> impl IntoView {
    let live = Live::expect();
    let key = |node: &NodeStatus| (node.info.node.clone(), node_word(node.status), node.info.targets.len());
    view! {
        <Title text="Nodes" />
        <h1 class="page-title">"Nodes"</h1>
        <section class="card">
            <div class="table-scroll">
                <table data-testid="nodes">
                    <thead>
                        <tr>
                            <th scope="col">"Node"</th>
                            <th scope="col">"State"</th>
                            <th scope="col">"Role"</th>
                            <th scope="col" class="number">"In"</th>
                            <th scope="col" class="number">"Out"</th>
                            <th scope="col" class="number">"Targets"</th>
                            <th scope="col">"Address"</th>
                            <th scope="col">"System"</th>
                        </tr>
                    </thead>
                    <tbody>
                        <For each=move || live.nodes.get() key let:node>
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

#[component]
fn Row(node: NodeStatus) -> impl IntoView {
    let (live, range) = (Live::expect(), TimeRange::expect());
    let name = node.info.node.clone();
    let path = format!("/nodes/{}", segment(&name));
    let rate = move |metric: &str| {
        let series = SeriesKey::new(metric, [("node", &name)]);
        let value = move || live.samples(|store| store.newest_of(&series)).map(|newest| newest.value);
        view! { <td class="number"><Figure unit=Unit::BitsPerSecond value=Signal::derive(value) /></td> }
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
            </td>
            <td>{role_word(node.role)}</td>
            {rate(metric::NET_RX_BPS)}
            {rate(metric::NET_TX_BPS)}
            <td class="number">{node.info.targets.len()}</td>
            <td><code>{node.address}</code></td>
            <td>{node.info.os}</td>
        </tr>
    }
    .into_any()
}
