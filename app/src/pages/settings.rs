//! How Netloom should behave. The page is drawn from the description of the settings.

mod agents;
mod deliveries;
pub(crate) mod form;
mod storage;

use leptos::prelude::*;
use leptos_meta::Title;
use netloom_core::settings::{SECTIONS, Section};

use crate::components::{field::SettingField, theme_switch::ThemeChooser};
use agents::AgentsSection;
use deliveries::Deliveries;
use form::{Form, Status};
use storage::StorageSize;

/// The page.
#[component]
pub(crate) fn Settings() -> impl IntoView {
    let form = Form::begin();
    view! {
        <Title text="Settings" />
        <h1 class="page-title">"Settings"</h1>
        <form
            class="settings"
            novalidate
            on:submit=move |event| {
                event.prevent_default();
                form.save();
            }
        >
            {SECTIONS.map(|section| view! { <Fields section form /> })}
            <AgentsSection />
            <Appearance />
            <SaveBar form />
        </form>
    }
    .into_any()
}

#[component]
fn Fields(section: Section, form: Form) -> impl IntoView {
    let is_about = |prefix: &str| section.fields.iter().any(|field| field.path.starts_with(prefix));
    let (is_storage, is_notify) = (is_about("storage."), is_about("notify."));
    view! {
        <fieldset class="card settings-section">
            <legend class="settings-legend">{section.title}</legend>
            <p class="settings-help">{section.help}</p>
            {section.fields.iter().map(|field| view! { <SettingField field form /> }).collect_view()}
            {is_storage.then(|| view! { <StorageSize /> })}
            {is_notify.then(|| view! { <Deliveries /> })}
        </fieldset>
    }
    .into_any()
}

/// What is not the hub's business but this browser's.
#[component]
fn Appearance() -> impl IntoView {
    view! {
        <fieldset class="card settings-section">
            <legend class="settings-legend">"Appearance"</legend>
            <p class="settings-help">"Remembered in this browser; changed at once."</p>
            <div class="field">
                <div class="field-text">
                    <span class="field-label">"Theme"</span>
                    <p class="field-help">"Light, dark, or what the system prefers."</p>
                </div>
                <div class="field-control">
                    <ThemeChooser />
                </div>
            </div>
        </fieldset>
    }
}

/// Says that someone else saved while this form was being changed, and offers both ways out.
#[component]
fn Outdated(form: Form) -> impl IntoView {
    view! {
        <Show when=move || form.is_outdated()>
            <div class="save-outdated" role="alert" data-testid="settings-outdated">
                <span>"The settings were changed elsewhere while you were changing them here."</span>
                <span class="save-choices">
                    <button type="button" class="button" data-testid="load-newer" on:click=move |_| form.discard()>
                        "Load the new values"
                    </button>
                    <button type="button" class="button" data-testid="keep-mine" on:click=move |_| form.rebase()>
                        "Keep my changes on top"
                    </button>
                </span>
            </div>
        </Show>
    }
}

/// How many changes there are, what came of the last save, and the buttons.
#[component]
fn SaveBar(form: Form) -> impl IntoView {
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
                disabled=move || is_idle() || form.errors() != 0
            >
                "Save"
            </button>
        </div>
    }
    .into_any()
}
