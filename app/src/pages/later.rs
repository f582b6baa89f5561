//! Pages that are loaded when they are opened.

use leptos::{prelude::*, wasm_split::SplitLoaderError};
use leptos_meta::Title;
use leptos_router::{Lazy, LazyRoute, hooks::use_location};

use crate::components::empty_state::EmptyState;

/// A group of pages did not come.
pub(super) struct NotLoaded;

impl From<SplitLoaderError> for NotLoaded {
    fn from(_: SplitLoaderError) -> Self {
        Self
    }
}

/// The view of a page that belongs to a group.
pub(super) fn later<T: LazyRoute + Sync>() -> Lazy<T> {
    Lazy::new()
}

/// What came, or words about that it did not.
pub(super) fn shown(loaded: Result<AnyView, NotLoaded>) -> AnyView {
    loaded.unwrap_or_else(|NotLoaded| view! { <Missing /> }.into_any())
}

/// Says that the page did not come, and how to get it. The hub that is there by then hands out what fits it.
#[component]
fn Missing() -> impl IntoView {
    let location = use_location();
    let again = move || format!("{}{}", location.pathname.get(), location.search.with(|search| query(search)));
    view! {
        <Title text="Not loaded" />
        <h1 class="page-title">"This page was not loaded"</h1>
        <section class="card" data-testid="not-loaded">
            <EmptyState title="The hub did not send the page">
                "It is away, or was started anew with another version since this tab was opened. "
                <a href=again rel="external" data-testid="load-again">
                    "Load again"
                </a>
            </EmptyState>
        </section>
    }
}

fn query(search: &str) -> String {
    if search.is_empty() { String::new() } else { format!("?{search}") }
}
