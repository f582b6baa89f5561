//! The chooser of the stretch of time that the page shows.

use leptos::prelude::*;

use super::when::When;
use crate::range::{PRESETS, Preset, TimeRange};
use netloom_core::time::Timestamp;

/// Buttons for the live windows; beside them what was zoomed to.
#[component]
pub(crate) fn TimeRangeChooser() -> impl IntoView {
    let range = TimeRange::expect();
    let button = move |preset: Preset| {
        let is_chosen = move || range.selection().preset == preset && range.is_live();
        view! {
            <button
                type="button"
                class="segment"
                aria-pressed=move || is_chosen().to_string()
                data-testid=format!("range-{}", preset.key)
                on:click=move |_| range.choose(preset)
            >
                {preset.label}
            </button>
        }
    };
    // A page about a run shows all of it, or what was zoomed to.
    let whole = move || {
        view! {
            <button
                type="button"
                class="segment"
                aria-pressed=move || range.selection().zoom.is_none().to_string()
                data-testid="range-whole"
                on:click=move |_| range.resume()
            >
                "Whole run"
            </button>
        }
    };
    let zoom = move || {
        range.selection().zoom.map(|(from_ms, to_ms)| {
            view! {
                <span class="zoomed" data-testid="zoomed">
                    <When at=Timestamp(from_ms) /> " – " <When at=Timestamp(to_ms) />
                </span>
            }
        })
    };
    view! {
        <div class="time-range">
            {zoom} <div class="segments" role="group" aria-label="Time range">
                {move || if range.has_scope() { whole().into_any() } else { PRESETS.map(button).into_any() }}
            </div>
        </div>
    }
}
