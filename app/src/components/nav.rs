//! The navigation between pages.

use leptos::prelude::*;
use leptos_router::hooks::use_location;

use super::{
    dialog::{Overlay, Panel},
    icon::Drawing,
};
use crate::{
    live::Live,
    pages::{self, Page},
    range::TimeRange,
};

/// A rail at the left, a bar at the bottom of narrow screens.
#[component]
pub(crate) fn Nav() -> impl IntoView {
    let overlay = Overlay::expect();
    view! {
        <nav class="rail" aria-label="Pages">
            {pages::in_navigation().map(|page| view! { <Entry page /> }).collect_view()}
            <button
                type="button"
                class="rail-entry rail-help"
                title="Keyboard shortcuts (?)"
                on:click=move |_| overlay.open(Panel::Shortcuts)
            >
                <span class="rail-glyph" aria-hidden="true">
                    "?"
                </span>
                "Keys"
            </button>
        </nav>
    }
    .into_any()
}

#[component]
fn Entry(page: &'static Page) -> impl IntoView {
    let (range, live) = (TimeRange::expect(), Live::expect());
    let path = use_location().pathname;
    let is_current = move || path.with(|path| page.is_around(path));
    let firing = move || if page.counts_alerts { live.firing() } else { 0 };
    view! {
        <a
            class="rail-entry"
            href=move || range.carry(page.path)
            aria-current=move || is_current().then_some("page")
        >
            <Drawing icon=page.icon />
            {page.title}
            <Show when=move || firing() != 0>
                <span class="rail-count tone-critical">{firing}</span>
            </Show>
        </a>
    }
}
