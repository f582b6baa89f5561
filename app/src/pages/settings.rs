//! How Netloom should behave. The page is drawn from the description of the settings.

mod agents;
mod deliveries;
mod exchange;
pub(crate) mod find;
pub(crate) mod form;
mod history;
mod review;
mod save;
mod storage;

use leptos::prelude::*;
use leptos_meta::Title;
use netloom_core::settings::{SECTIONS, Section};

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
use deliveries::Deliveries;
use exchange::ExchangeSection;
use find::{Contents, Finder, PARTS, anchor, words};
use form::Form;
use history::HistorySection;
use review::Review;
use save::{LeftOut, SaveBar};
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
    let is_about = |prefix: &str| section.fields.iter().any(|field| field.path.starts_with(prefix));
    let (is_storage, is_notify) = (is_about("storage."), is_about("notify."));
    let is_hidden = move || !section.fields.iter().any(|field| finder.finds(&words(field)));
    view! {
        <fieldset class="card settings-section" id=format!("settings-{}", anchor(&section)) hidden=is_hidden>
            <legend class="settings-legend">{section.title}</legend>
            <p class="settings-help">{section.help}</p>
            {section.fields.iter().map(|field| view! { <SettingField field form /> }).collect_view()}
            {is_storage.then(|| view! { <StorageSize form /> })}
            {is_notify.then(|| view! { <Deliveries /> })}
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
