//! Who has taken the incident on, and the ways to do so.

use leptos::prelude::*;
use netloom_core::incident::Incident;

use super::is_open;
use crate::{
    components::{
        alert_feed::{
            Entry,
            desk::{self, Desk},
        },
        pieces::action,
        text_input::TextInput,
        when::When,
    },
    range::TimeRange,
};

/// Acknowledge with a note, give back, silence.
#[component]
pub(super) fn HandlingCard(incident: Memo<Incident>, desk: Desk) -> impl IntoView {
    let range = TimeRange::expect();
    let note = RwSignal::new(String::new());
    let is_taken = Memo::new(move |_| incident.with(|one| one.handling.acknowledged.is_some()));
    let is_over = Memo::new(move |_| incident.with(|one| !is_open(one.state)));
    let silenced = Memo::new(move |_| incident.with(|one| one.handling.silenced_by.clone()));
    let id = move || incident.with_untracked(|one| one.id);
    let silence = move |()| desk.silence(desk::matcher(&Entry::single(incident.get_untracked())));
    let acknowledge = move || {
        desk.acknowledge(vec![id()], note.get_untracked().trim().to_owned());
        note.set(String::new());
    };
    let who = move || {
        match incident.with(|one| one.handling.acknowledged.clone()) {
        None => view! { <span>"Nobody has taken it on."</span> }.into_any(),
        Some(by) => view! {
            <span>"Acknowledged by " <b>{by.by}</b> ", " <When at=by.at /> {(!by.note.is_empty()).then(|| format!(": {}", by.note))}</span>
        }
        .into_any(),
    }
    };
    view! {
        <section class="card handling" aria-label="What people do about it">
            <p data-testid="handled-by">
                {who} " "
                <span hidden=move || silenced.with(Option::is_none) data-testid="silenced-by">
                    "Silenced by " {silenced} ". "
                    <a href=move || range.carry("/alerts/silences")>"All silences"</a>
                </span>
            </p>
            <form
                class="run-line"
                hidden=move || is_over.get() || is_taken.get()
                on:submit=move |event| {
                    event.prevent_default();
                    acknowledge();
                }
            >
                <TextInput
                    text=note
                    normal=str::to_owned
                    on_text=Callback::new(move |text| note.set(text))
                    attr:aria-label="Note"
                    attr:placeholder="Note, if you like"
                    attr:data-testid="acknowledge-note"
                />
                <button type="submit" class="button is-primary" data-testid="acknowledge">
                    "Acknowledge"
                </button>
            </form>
            <span hidden=move || is_over.get() || !is_taken.get()>
                {action("Give back", "give-back", None, Callback::new(move |()| desk.give_back(id())))}
            </span>
            <span hidden=move || is_over.get() || silenced.with(Option::is_some)>
                {action("Silence this", "silence", None, Callback::new(silence))}
            </span>
        </section>
    }
    .into_any()
}
