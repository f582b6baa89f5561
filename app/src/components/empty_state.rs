//! What stands where there is nothing to show.

use leptos::prelude::*;

/// Says that there is nothing, and what would change that.
#[component]
pub(crate) fn EmptyState(
    /// What is not there.
    title: &'static str,
    /// Why, and what to do.
    children: Children,
) -> impl IntoView {
    view! {
        <div class="empty">
            <p class="empty-title">{title}</p>
            <p class="empty-text">{children()}</p>
        </div>
    }
}
