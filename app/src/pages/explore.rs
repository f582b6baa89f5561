//! Any metric on a chart, those that jobs and Prometheus push included.

use leptos::{prelude::*, task::spawn_local};
use leptos_meta::Title;
use leptos_router::{
    NavigateOptions,
    hooks::{use_navigate, use_query_map},
};
use netloom_core::metric;

use crate::{
    api, charts,
    components::{chart_card::ChartCard, empty_state::EmptyState},
    live::{Live, feed::Interest, use_feed},
    range::{TimeRange, segment},
};

/// The page of the metric that the address names.
#[component]
pub(crate) fn Explore() -> impl IntoView {
    let query = use_query_map();
    let chosen = Memo::new(move |_| query.with(|query| query.get("metric").unwrap_or_default()));
    view! {
        <Title text="Explore" />
        <h1 class="page-title">"Explore"</h1>
        <Chooser chosen />
        // Another metric is another chart: its feed begins anew.
        {move || match chosen.get() {
            name if name.is_empty() => view! {
                <section class="card">
                    <EmptyState title="Choose a metric">
                        "Netloom's own are here, and what jobs push to " <code>"/api/v1/samples"</code> " and Prometheus to "
                        <code>"/api/v1/write"</code> "."
                    </EmptyState>
                </section>
            }
            .into_any(),
            name => view! { <Drawn name /> }.into_any(),
        }}
    }
}

/// The field for a name, which knows all names.
#[component]
fn Chooser(chosen: Memo<String>) -> impl IntoView {
    let range = TimeRange::expect();
    let names = RwSignal::new(Vec::new());
    // An effect runs in the browser only.
    Effect::new(move |_| {
        spawn_local(async move {
            if let Ok(all) = api::metrics().await {
                names.set(all);
            }
        });
    });
    let navigate = use_navigate();
    let choose = move |event| {
        let path = format!("/explore?metric={}", segment(event_target_value(&event).trim()));
        navigate(&untrack(|| range.carry(&path)), NavigateOptions::default());
    };
    let option = |name: String| view! { <option value=name></option> };
    view! {
        <input
            type="search"
            class="text-input metric-chooser"
            list="metrics"
            placeholder="Name of a metric"
            aria-label="Metric"
            data-testid="metric"
            prop:value=chosen
            on:change=choose
        />
        <datalist id="metrics">{move || names.get().into_iter().map(option).collect_view()}</datalist>
    }
}

#[component]
fn Drawn(name: String) -> impl IntoView {
    let live = Live::expect();
    let feed = use_feed(Interest::all(name.clone()).extremes());
    let title = metric::find(&name).map_or_else(|| name.clone(), |metric| metric.title.to_owned());
    let chart = Memo::new(move |_| charts::any::chart(&name, &feed.labels(live)));
    view! { <ChartCard id="chart-metric" title feeds=vec![feed] chart /> }
}
