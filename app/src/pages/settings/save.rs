//! Saving: what stands in the way of it, what is to be saved, and what came of it.

use leptos::prelude::*;
use netloom_core::settings::{
    FieldError,
    change::{FieldChange, full_label},
};

use super::{
    form::{Form, Status},
    review::{change_list, in_words},
};

/// Saved values that this version of the hub does not take.
#[component]
pub(super) fn LeftOut(form: Form) -> impl IntoView {
    let row = |error: FieldError| {
        let (label, message) = (full_label(&error.field), error.message);
        view! { <li>{format!("{label}: {message}")}</li> }
    };
    view! {
        <Show when=move || !form.left_out().is_empty()>
            <div class="card left-out" role="alert" data-testid="left-out">
                <p>"These saved values do not fit this version. They are not in force; the others are."</p>
                <ul>{move || form.left_out().into_iter().map(row).collect_view()}</ul>
                <button type="button" class="button" on:click=move |_| form.forget_left_out()>
                    "Forget them; the history keeps them"
                </button>
            </div>
        </Show>
    }
    .into_any()
}

/// Says that someone else saved the same fields while this form was being changed, shows both values, and asks.
#[component]
fn Outdated(form: Form) -> impl IntoView {
    let row = move |conflict: FieldChange| {
        let path = StoredValue::new(conflict.field.clone());
        let (theirs, mine) = (in_words(&conflict.field, &conflict.before), in_words(&conflict.field, &conflict.after));
        let by = form.newest_by(&conflict.field).unwrap_or_else(|| "someone else".to_owned());
        let theirs_to_mine = change_list(std::slice::from_ref(&conflict));
        let value = StoredValue::new(conflict.before);
        view! {
            <li class="conflict" data-testid=format!("conflict-{}", conflict.field)>
                {theirs_to_mine}
                <button
                    type="button"
                    class="button"
                    data-testid="take-theirs"
                    on:click=move |_| path.with_value(|path| form.set(path, value.get_value()))
                >
                    {format!("Take {theirs} from {by}")}
                </button>
                <button
                    type="button"
                    class="button"
                    data-testid="keep-mine"
                    on:click=move |_| form.keep_mine(path.get_value())
                >
                    {format!("Keep my {mine}")}
                </button>
            </li>
        }
        .into_any()
    };
    view! {
        <Show when=move || !form.conflicts().is_empty()>
            <div class="save-outdated" role="alert" data-testid="settings-outdated">
                <p>"The same was changed elsewhere while you were changing it here."</p>
                <ul>{move || form.conflicts().into_iter().map(row).collect_view()}</ul>
            </div>
        </Show>
    }
    .into_any()
}

/// How many changes there are, what came of the last save, and the buttons.
#[component]
pub(super) fn SaveBar(form: Form) -> impl IntoView {
    let summary = move || match (form.status(), form.changes(), form.errors()) {
        (Status::Saving, ..) => "Saving …".to_owned(),
        (Status::Refused(why), ..) => format!("Not saved: {why}"),
        (Status::Saved, 0, _) => "Saved. In force from now on.".to_owned(),
        (_, 0, _) => "No changes".to_owned(),
        (_, changes, errors) => {
            let changes = if changes == 1 { "1 change".to_owned() } else { format!("{changes} changes") };
            match errors {
                0 => format!("{changes}, not saved yet"),
                1 => format!("{changes}; 1 value is not right yet"),
                errors => format!("{changes}; {errors} values are not right yet"),
            }
        }
    };
    let tone = move || match form.status() {
        Status::Refused(_) => "critical",
        Status::Saved if form.changes() == 0 => "ok",
        _ => "none",
    };
    let is_idle = move || form.changes() == 0 || form.status() == Status::Saving;
    view! {
        <div class="save-bar" class:has-changes=move || form.changes() != 0>
            <Outdated form />
            <p class=move || format!("save-status tone-{}", tone()) role="status" data-testid="settings-status">
                {summary}
            </p>
            <button
                type="button"
                class="button"
                data-testid="discard-settings"
                disabled=is_idle
                on:click=move |_| form.discard()
            >
                "Discard"
            </button>
            <button
                type="submit"
                class="button is-primary"
                data-testid="save-settings"
                disabled=move || !form.is_ready()
            >
                "Save …"
            </button>
        </div>
    }
    .into_any()
}
