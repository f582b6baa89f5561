//! Settings to a file and from one.

use leptos::{prelude::*, task::spawn_local};

use super::form::Form;
use crate::{
    api, browser,
    components::dialog::{Overlay, Panel},
};

/// The section.
#[component]
pub(super) fn ExchangeSection(form: Form) -> impl IntoView {
    view! {
        <fieldset class="card settings-section" id="settings-exchange">
            <legend class="settings-legend">"Export and import"</legend>
            <p class="settings-help">
                "What differs from the defaults, as a configuration file. "
                <a href="/api/v1/settings/export" download="netloom-settings.toml" rel="external" data-testid="export-settings">
                    "Export as TOML"
                </a>
            </p>
            <Import form />
        </fieldset>
    }
    .into_any()
}

/// What an import would change becomes the draft of the form, and is reviewed and saved like anything that was typed.
#[component]
fn Import(form: Form) -> impl IntoView {
    let overlay = Overlay::expect();
    let (text, told) = (RwSignal::new(String::new()), RwSignal::new(String::new()));
    let resets_others = RwSignal::new(false);
    let load = move |event: leptos::ev::Event| {
        spawn_local(async move {
            if let Some(content) = browser::chosen_file(&event).await {
                text.try_set(content);
            }
        });
    };
    let review = move |_| {
        told.set(String::new());
        let (text, resets_others) = (text.get_untracked(), resets_others.get_untracked());
        spawn_local(async move {
            match api::try_import(text, resets_others).await {
                Ok(import) if import.changes.is_empty() => {
                    told.try_set("Everything in it is in force already.".to_owned());
                }
                Ok(import) => {
                    form.take(import.changes);
                    overlay.open(Panel::Review);
                }
                Err(problem) => {
                    told.try_set(problem.detail);
                }
            }
        });
    };
    view! {
            <div class="exchange">
                <label class="field-label" for="import-text">"Paste an export or a whole netloom.toml"</label>
                <textarea
                    id="import-text"
                    class="text-input racks-text"
                    data-testid="import-text"
                    rows="4"
                    spellcheck="false"
                    placeholder="[settings.alerts.latency]\nlimit_ms = 50.0"
                    aria-describedby="import-told"
                    prop:value=text
                    on:input=move |event| text.set(event_target_value(&event))
                ></textarea>
                <label>
                    "or choose a file " <input type="file" accept=".toml,text/plain" data-testid="import-file" on:change=load />
                </label>
                <label>
                    <input
                        type="checkbox"
                        data-testid="import-resets"
                        on:change=move |event| resets_others.set(event_target_checked(&event))
                    />
                    " Reset what it leaves out"
                </label>
                <p id="import-told" role="status" data-testid="import-told">{told}</p>
                <button
                    type="button"
                    class="button"
                    data-testid="import-review"
                    disabled=move || text.with(|text| text.trim().is_empty())
                    on:click=review
                >
                    "Review the import"
                </button>
            </div>
    }
    .into_any()
}
