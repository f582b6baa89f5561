//! Check this now.

mod draft;
mod earlier;
mod result;
pub(crate) mod told;

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

use crate::range::segment;
use draft::{Draft, form};
use earlier::earlier;
use result::outcome;

/// Where a diagnosis from a node is asked for; of a host, when one is named.
pub(crate) fn path(node: &str, host: Option<&str>) -> String {
    let host = host.map(|host| format!("&host={}", segment(host))).unwrap_or_default();
    format!("/diagnose?node={}{host}", segment(node))
}

/// The page: what to check, the diagnosis that the address names, and those before.
#[component]
pub(crate) fn Diagnose() -> impl IntoView {
    let query = use_query_map();
    let id = Memo::new(move |_| query.with(|query| query.get("id")).filter(|id| !id.is_empty()));
    let draft = Draft::begin(id);
    view! {
        <Title text="Diagnose" />
        <div class="page-head">
            <h1 class="page-title">"Diagnose"</h1>
            <p class="muted">"Check this now."</p>
        </div>
        {form(draft)}
        // Another diagnosis begins anew.
        {move || id.get().map(|id| outcome(id, draft))}
        {earlier(id)}
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_addresses_are_written_so_that_they_come_back() {
        assert_eq!(path("n 1", None), "/diagnose?node=n%201");
        assert_eq!(path("n1", Some("a/b")), "/diagnose?node=n1&host=a%2Fb");
    }
}
