//! The chooser of the stretch of time that the page shows.

use leptos::prelude::*;

use super::when::When;
use crate::{
    clock::Clock,
    range::{PRESETS, Preset, TimeRange},
};
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
    // A page about a run or an incident shows all of it, or what was zoomed to.
    let whole = move || {
        view! {
            <button
                type="button"
                class="segment"
                aria-pressed=move || range.selection().zoom.is_none().to_string()
                data-testid="range-whole"
                on:click=move |_| range.resume()
            >
                "All of it"
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
            <FromTo />
        </div>
    }
}

/// Any stretch of time, by its beginning and end.
#[component]
fn FromTo() -> impl IntoView {
    let (range, clock) = (TimeRange::expect(), Clock::expect());
    let (from, to) = (RwSignal::new(String::new()), RwSignal::new(String::new()));
    let details = NodeRef::<leptos::html::Details>::new();
    // Filled in when it opens: what is shown is where people start from.
    let open = move |_| {
        let (from_ms, to_ms) = untrack(|| range.window()).bounds(clock.now_exact().ms());
        from.set(clock.to_input(Timestamp(from_ms)));
        to.set(clock.to_input(Timestamp(to_ms)));
    };
    let chosen = move || from.with(|text| clock.read_input(text)).zip(to.with(|text| clock.read_input(text)));
    let is_wrong = move || chosen().is_none_or(|(from, to)| from >= to);
    let apply = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        if let Some((from, to)) = chosen().filter(|(from, to)| from < to) {
            range.zoom(from.ms() as f64, to.ms() as f64);
            if let Some(details) = details.get_untracked() {
                details.set_open(false);
            }
        }
    };
    let field = move |id: &'static str, label: &'static str, text: RwSignal<String>| {
        view! {
            <label for=id>{label}</label>
            <input
                id=id
                class="text-input"
                type="datetime-local"
                step="1"
                data-testid=id
                prop:value=text
                on:input=move |event| text.set(event_target_value(&event))
            />
        }
    };
    view! {
        <details class="from-to" node_ref=details>
            <summary class="segment" data-testid="range-from-to" on:click=open>
                "From – to"
            </summary>
            <form class="card" on:submit=apply>
                {field("range-from", "From", from)} {field("range-to", "To", to)}
                <button type="submit" class="button" data-testid="range-apply" disabled=is_wrong>
                    "Show"
                </button>
            </form>
        </details>
    }
}
