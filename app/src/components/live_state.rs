//! Whether the page moves on with time, and how fresh it is.

use leptos::prelude::*;
use netloom_core::time::{Timestamp, duration_words};

use super::icon::{Drawing, Icon};
use crate::{
    clock::Clock,
    live::{Link, Live},
    range::{TimeRange, Window},
};

/// Samples older than this are worth saying, ms; before, the page is simply live.
const FRESH_MS: i64 = 5_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Live,
    Paused,
    Past,
    Reconnecting,
}

impl State {
    /// The value of `data-state`.
    const fn name(self) -> &'static str {
        match self {
            State::Live => "live",
            State::Paused => "paused",
            State::Past => "past",
            State::Reconnecting => "reconnecting",
        }
    }

    const fn word(self) -> &'static str {
        match self {
            State::Live => "Live",
            State::Paused => "Paused",
            State::Past => "Over",
            State::Reconnecting => "Offline",
        }
    }

    /// What a click does.
    const fn action(self) -> &'static str {
        match self {
            State::Live | State::Reconnecting => "Pause: hold the charts at this moment",
            State::Paused => "Go on live",
            State::Past => "This is over: nothing new will come",
        }
    }
}

/// A button that pauses and resumes, with the age of the newest sample.
#[component]
pub(crate) fn LiveState() -> impl IntoView {
    let (live, range, clock) = (Live::expect(), TimeRange::expect(), Clock::expect());
    let state = Memo::new(move |_| match live.link.get() {
        Link::Lost { .. } => State::Reconnecting,
        Link::Opening | Link::Open if range.is_live() => State::Live,
        Link::Opening | Link::Open if range.selection().zoom.is_none() => State::Past,
        Link::Opening | Link::Open => State::Paused,
    });
    let toggle = move |_| match range.window() {
        window @ (Window::Live { .. } | Window::Growing { .. }) => {
            let (from_ms, to_ms) = window.bounds(clock.now_exact().ms());
            range.zoom(from_ms as f64, to_ms as f64);
        }
        Window::Fixed { .. } => range.resume(),
    };
    let age = Memo::new(move |_| match (range.window(), live.newest_age_ms()) {
        (Window::Fixed { to_ms, .. }, _) => format!("{} ago", clock.ago(Timestamp(to_ms))),
        (_, Some(age_ms)) if age_ms > FRESH_MS => format!("{} old", duration_words(age_ms)),
        (_, Some(_)) => "now".to_owned(),
        (_, None) => "no data".to_owned(),
    });
    let icon = move || if range.is_live() { Icon::Pause } else { Icon::Play };
    view! {
        <button
            type="button"
            class="live-state"
            data-testid="live-state"
            data-state=move || state.get().name()
            title=move || state.get().action()
            on:click=toggle
        >
            <span class="live-dot" aria-hidden="true"></span>
            <span class="live-word">{move || state.get().word()}</span>
            <span class="live-age">{age}</span>
            <Drawing icon=Signal::derive(icon) />
        </button>
    }
}
