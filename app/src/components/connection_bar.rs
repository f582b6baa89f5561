//! What is said when the page and the hub are apart.

use leptos::prelude::*;

use super::when::When;
use crate::live::{Link, Live};

/// A thin bar: the connection is lost since when, the hub cannot store anything, or it is of another version now. It lies over the page, so that
/// nothing moves.
#[component]
pub(crate) fn ConnectionBar() -> impl IntoView {
    let live = Live::expect();
    let lost = move || match live.link.get() {
        Link::Lost { since } => Some(view! {
            <div class="connection-bar tone-warning" data-testid="connection-bar" role="status">
                "Connection to the hub lost at " <When at=since /> ". Trying again; what was missed is filled in."
            </div>
        }),
        Link::Opening | Link::Open => None,
    };
    let other = move || {
        live.other_version.get().map(|version| {
            view! {
                <div class="connection-bar" data-testid="version-bar" role="status">
                    {format!("The hub runs version {version} now. ")} <a href="" rel="external">
                        "Load the page anew"
                    </a>
                </div>
            }
        })
    };
    let storage = move || {
        live.storage_problem.get().map(|problem| {
            view! {
                <div class="connection-bar tone-critical" data-testid="storage-bar" role="alert">
                    {format!("■ Nothing is stored: {problem}. What is stored can still be looked at.")}
                </div>
            }
        })
    };
    view! { <div class="connection-bars">{lost} {storage} {other}</div> }
}
