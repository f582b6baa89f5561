//! What stands above every page.

use leptos::prelude::*;

use super::{
    dialog::{Overlay, Panel},
    icon::{Drawing, Icon},
    live_state::LiveState,
    theme_switch::ThemeButton,
    time_range::TimeRangeChooser,
};
use crate::{
    boot::{Cluster, IsDemo},
    live::Live,
    range::TimeRange,
};

/// What the badge of a demo stands for.
const DEMO: &str = "Real packets in a made-up network: nodes, links and faults are a demonstration.";

/// Cluster, time, freshness, alerts, search and theme.
#[component]
pub(crate) fn Topbar() -> impl IntoView {
    let range = TimeRange::expect();
    let Cluster(cluster) = Cluster::expect();
    let IsDemo(is_demo) = expect_context();
    view! {
        <header class="topbar">
            <a class="brand" href=move || range.carry("/")>
                <span class="brand-mark" aria-hidden="true"></span>
                <span class="brand-name">{cluster}</span>
                {is_demo.then(|| view! { <span class="demo-badge" title=DEMO data-testid="demo">"demo"</span> })}
            </a>
            <TimeRangeChooser />
            <LiveState />
            <div class="topbar-tools">
                <SearchButton />
                <Bell />
                <ThemeButton />
            </div>
        </header>
    }
    .into_any()
}

#[component]
fn SearchButton() -> impl IntoView {
    let overlay = Overlay::expect();
    view! {
        <button
            type="button"
            class="icon-button"
            aria-label="Search pages and nodes"
            title="Search pages and nodes (Ctrl+K)"
            data-testid="open-palette"
            on:click=move |_| overlay.open(Panel::Palette)
        >
            <Drawing icon=Icon::Search />
        </button>
    }
}

#[component]
fn Bell() -> impl IntoView {
    let (range, live) = (TimeRange::expect(), Live::expect());
    let firing = Memo::new(move |_| live.firing());
    let name = move || match firing.get() {
        0 => "No alert fires".to_owned(),
        1 => "1 alert fires".to_owned(),
        count => format!("{count} alerts fire"),
    };
    view! {
        <a class="icon-button bell" href=move || range.carry("/alerts") aria-label=name title=name data-testid="bell">
            <Drawing icon=Icon::Alert />
            <span class="bell-count" hidden=move || firing.get() == 0>
                {firing}
            </span>
        </a>
    }
}
