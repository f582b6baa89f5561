//! Moments.

use leptos::prelude::*;
use netloom_core::time::Timestamp;

use crate::clock::Clock;

/// A moment as the clock of the page writes it; the machine-readable form and the full one are beside it.
#[component]
pub(crate) fn When(#[prop(into)] at: Signal<Timestamp>) -> impl IntoView {
    let clock = Clock::expect();
    view! {
        <time datetime=move || at.get().to_string() title=move || clock.write_full(at.get())>
            {move || clock.write(at.get())}
        </time>
    }
}
