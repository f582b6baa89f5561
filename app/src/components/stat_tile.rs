//! A figure with its name, what belongs to it, and how it went.

use leptos::prelude::*;
use netloom_core::unit;

use super::{
    figure::Written,
    sparkline::{Sparkline, Trend},
};

/// What a tile shows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stat {
    /// The figure.
    pub(crate) figure: unit::Figure,
    /// What belongs to it, in a few words.
    pub(crate) note: String,
    /// The tone of the figure in the style sheet, when it means something.
    pub(crate) tone: Option<&'static str>,
    /// Points for the line beside it, and their window.
    pub(crate) trend: Option<Trend>,
}

/// A tile; `id` names it in tests.
#[component]
pub(crate) fn StatTile(id: &'static str, title: &'static str, #[prop(into)] stat: Signal<Stat>) -> impl IntoView {
    let trend = Signal::derive(move || stat.with(|stat| stat.trend.clone().unwrap_or_default()));
    let class = move || stat.with(|stat| stat.tone.map_or("tile".to_owned(), |tone| format!("tile tone-{tone}")));
    view! {
        <section class=class data-testid=id>
            <h2 class="tile-title">{title}</h2>
            <p class="tile-value">
                <Written figure=Signal::derive(move || stat.with(|stat| stat.figure.clone())) />
            </p>
            <p class="tile-note">{move || stat.with(|stat| stat.note.clone())}</p>
            <Sparkline points=trend />
        </section>
    }
    .into_any()
}
