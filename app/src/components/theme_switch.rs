//! The switch between light, dark, and what the system prefers.

use leptos::prelude::*;

use super::icon::{Drawing, Icon};
use crate::theme::{Theme, ThemeChoice};

/// The drawing of a theme.
pub(crate) const fn icon(theme: Theme) -> Icon {
    match theme {
        Theme::System => Icon::System,
        Theme::Light => Icon::Light,
        Theme::Dark => Icon::Dark,
    }
}

/// A button that goes on to the next theme.
#[component]
pub(crate) fn ThemeButton() -> impl IntoView {
    let choice = ThemeChoice::expect();
    let name = move || format!("Theme: {}. Change it", choice.get().word());
    view! {
        <button class="icon-button theme-button" type="button" aria-label=name title=name on:click=move |_| choice.next()>
            <Drawing icon=Signal::derive(move || icon(choice.get())) />
        </button>
    }
}

/// All themes beside each other.
#[component]
pub(crate) fn ThemeChooser() -> impl IntoView {
    let choice = ThemeChoice::expect();
    let option = move |theme: Theme| {
        view! {
            <button
                type="button"
                class="segment"
                aria-pressed=move || (choice.get() == theme).to_string()
                on:click=move |_| choice.set(theme)
            >
                <Drawing icon=icon(theme) />
                {theme.word()}
            </button>
        }
    };
    view! {
        <div class="segments" role="group" aria-label="Theme" data-testid="theme">
            {Theme::ALL.map(option)}
        </div>
    }
}
