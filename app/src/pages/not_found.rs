//! What stands at addresses where no page is.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_location;

use crate::{components::empty_state::EmptyState, range::TimeRange};

/// Says that there is no such page, and where to go.
#[component]
pub(crate) fn NotFound() -> impl IntoView {
    let (range, path) = (TimeRange::expect(), use_location().pathname);
    view! {
        <Title text="Not found" />
        <h1 class="page-title">"There is no such page"</h1>
        <section class="card" data-testid="not-found">
            <EmptyState title="Nothing is at this address">
                <code>{path}</code>
                " leads nowhere. Go to the "
                <a href=move || range.carry("/")>"overview"</a>
                ", or search with Ctrl K."
            </EmptyState>
        </section>
    }
}
