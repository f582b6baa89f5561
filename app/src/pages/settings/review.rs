//! What is about to change, field by field, before it does.

use leptos::prelude::*;
use netloom_core::settings::change::{EntryChange, FieldChange, entries, field, full_label, written};
use serde_json::Value;

use super::form::Form;
use crate::components::dialog::{Dialog, Overlay, Panel};

/// Changes as people read them: label, before and after, and of lists the entries.
pub(super) fn change_list(changes: &[FieldChange]) -> AnyView {
    view! { <ul class="changes">{changes.iter().map(row).collect_view()}</ul> }.into_any()
}

/// A value of a field in words.
pub(super) fn in_words(path: &str, value: &Value) -> String {
    field(path).map_or_else(|| value.to_string(), |field| written(field, value))
}

fn row(change: &FieldChange) -> AnyView {
    let entry = |(what, name): (EntryChange, String)| {
        let word = match what {
            EntryChange::Added => "added",
            EntryChange::Removed => "removed",
            EntryChange::Changed => "changed",
        };
        view! { <li>{format!("{word}: {name}")}</li> }
    };
    let entries = entries(&change.before, &change.after).into_iter().map(entry).collect_view();
    let (before, after) = (in_words(&change.field, &change.before), in_words(&change.field, &change.after));
    view! {
        <li class="change" data-testid=format!("change-{}", change.field)>
            <span class="field-label">{full_label(&change.field)}</span>
            <span>{format!("{before} → {after}")}</span>
            <ul class="change-entries">{entries}</ul>
        </li>
    }
    .into_any()
}

/// The panel in which changes are looked over and saved.
#[component]
pub(super) fn Review(form: Form) -> impl IntoView {
    let overlay = Overlay::expect();
    let save = move |_| {
        overlay.close();
        form.save();
    };
    view! {
        <Dialog panel=Panel::Review label="Review changes">
            <div class="review" data-testid="review">
                <h2>"Save these changes?"</h2>
                {move || change_list(&form.pending())}
                <div class="review-buttons">
                    <button type="button" class="button" data-testid="review-back" on:click=move |_| overlay.close()>
                        "Back"
                    </button>
                    <button type="button" class="button is-primary" data-testid="review-save" autofocus on:click=save>
                        "Save"
                    </button>
                </div>
            </div>
        </Dialog>
    }
    .into_any()
}
