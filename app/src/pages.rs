//! The route and navigation table: the one place that lists the pages.

use leptos::prelude::*;
use leptos_router::{
    SsrMode,
    components::{FlatRoutes, Route},
    path,
};

/// The routes of all pages.
pub(crate) fn routes() -> impl IntoView {
    view! {
        <FlatRoutes fallback=|| view! { <h1>"Page not found"</h1> }>
            <Route path=path!("/") view=|| view! { <h1>"Overview"</h1> } ssr=SsrMode::Async />
        </FlatRoutes>
    }
}
