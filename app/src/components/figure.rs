//! Figures with their units.

use leptos::prelude::*;
use netloom_core::unit::{self, Unit};

/// A value of a unit as people read it; a dash when there is none.
#[component]
pub(crate) fn Figure(unit: Unit, #[prop(into)] value: Signal<Option<f64>>) -> impl IntoView {
    let figure = Memo::new(move |_| unit.figure(value.get().unwrap_or(f64::NAN)));
    view! { <Written figure /> }
}

/// A figure that is written already.
#[component]
pub(crate) fn Written(#[prop(into)] figure: Signal<unit::Figure>) -> impl IntoView {
    view! {
        <span class="figure">
            {move || figure.get().number} " " <span class="figure-unit">{move || figure.get().unit}</span>
        </span>
    }
}
