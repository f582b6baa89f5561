//! How Netloom should behave. The page is drawn from the description of the settings.

mod agents;
mod exchange;
pub(crate) mod find;
pub(crate) mod form;
mod history;
mod review;
mod storage;

use leptos::prelude::*;
use leptos_meta::Title;
use netloom_core::settings::{
    FieldError, SECTIONS, Section,
    change::{FieldChange, full_label},
};

use crate::{
    browser,
    components::{
        dialog::{Overlay, Panel},
        field::SettingField,
        text_input::TextInput,
        theme_switch::ThemeChooser,
    },
};
use agents::AgentsSection;
use exchange::ExchangeSection;
use find::{Contents, Finder, PARTS, anchor, words};
use form::{Form, Status};
use history::HistorySection;
use review::{Review, in_words};
use storage::StorageSize;

/// The page.
#[component]
pub(crate) fn Settings() -> impl IntoView {
    let (form, finder, overlay) = (Form::begin(), Finder::provide(), Overlay::expect());
    // What no search is about is shown when its title is searched for.
    let part = move |index: usize, content: AnyView| {
        let title = PARTS[index].1.to_lowercase();
        view! { <div hidden=move || !finder.finds(&title)>{content}</div> }
    };
    view! {
        <Title text="Settings" />
        <h1 class="page-title">"Settings"</h1>
        <form
            class="settings"
            novalidate
            on:submit=move |event| {
                event.prevent_default();
                if form.is_ready() {
                    overlay.open(Panel::Review);
                }
            }
        >
            <Contents finder />
            <LeftOut form />
            {SECTIONS.map(|section| view! { <Fields section form finder /> })}
            {part(0, view! { <AgentsSection /> }.into_any())}
            {part(1, view! { <Appearance /> }.into_any())}
            {part(2, view! { <ExchangeSection form /> }.into_any())}
            {part(3, view! { <HistorySection /> }.into_any())}
            <SaveBar form />
        </form>
        <Review form />
    }
    .into_any()
}

#[component]
fn Fields(section: Section, form: Form, finder: Finder) -> impl IntoView {
    let is_storage = section.fields.iter().any(|field| field.path.starts_with("storage."));
    let is_hidden = move || !section.fields.iter().any(|field| finder.finds(&words(field)));
    view! {
        <fieldset class="card settings-section" id=format!("settings-{}", anchor(&section)) hidden=is_hidden>
            <legend class="settings-legend">{section.title}</legend>
            <p class="settings-help">{section.help}</p>
            {section.fields.iter().map(|field| view! { <SettingField field form /> }).collect_view()}
            {is_storage.then(|| view! { <StorageSize form /> })}
        </fieldset>
    }
    .into_any()
}

/// What is not the hub's business but this browser's.
#[component]
fn Appearance() -> impl IntoView {
    view! {
        <fieldset class="card settings-section" id="settings-appearance">
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
            <YourName />
        </fieldset>
    }
}

/// Who sits here, for the history of what is changed.
#[component]
fn YourName() -> impl IntoView {
    let name = RwSignal::new(String::new());
    // After hydration: the server does not know.
    Effect::new(move |_| name.set(browser::recall(browser::USER).unwrap_or_default()));
    let on_text = Callback::new(move |text: String| {
        let text = text.trim().to_owned();
        browser::remember(browser::USER, (!text.is_empty()).then_some(text.as_str()));
        name.set(text);
    });
    view! {
        <div class="field">
            <div class="field-text">
                <label class="field-label" for="your-name">"Your name"</label>
                <p class="field-help">"Stands beside what you change, acknowledge or silence. Nobody checks it."</p>
            </div>
            <div class="field-control">
                <TextInput
                    text=name
                    normal=|text| text.trim().to_owned()
                    on_text
                    attr:id="your-name"
                    attr:data-testid="your-name"
                    attr:maxlength="64"
                    attr:placeholder="someone"
                />
            </div>
        </div>
    }
    .into_any()
}

/// Saved values that this version of the hub does not take.
#[component]
fn LeftOut(form: Form) -> impl IntoView {
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
        let value = StoredValue::new(conflict.before);
        view! {
            <li class="conflict" data-testid=format!("conflict-{}", conflict.field)>
                <span class="field-label">{full_label(&conflict.field)}</span>
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
                disabled=move || !form.is_ready()
            >
                "Save …"
            </button>
        </div>
    }
    .into_any()
}
