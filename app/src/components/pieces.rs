//! Pieces that several pages draw alike. They are functions of erased views, so that each is in the client once: a view
//! that is written out on every page costs kilobytes on every page.

use leptos::prelude::*;
use netloom_core::rule::Severity;

use super::status_badge::{StatusBadge, Tone};

/// A card with a heading; `id` is that of the heading, `aside` stands beside it.
pub(crate) fn card(
    id: &'static str,
    class: &'static str,
    title: &'static str,
    aside: AnyView,
    body: AnyView,
) -> AnyView {
    view! {
        <section class=format!("card {class}") aria-labelledby=id>
            <header class="card-header">
                <h2 id=id>{title}</h2>
                {aside}
            </header>
            {body}
        </section>
    }
    .into_any()
}

/// A table of texts. A heading that begins with `#` is that of figures.
pub(crate) fn table(testid: &'static str, heads: &'static [&'static str], rows: Vec<Vec<String>>) -> AnyView {
    let class = |at: usize| if heads.get(at).is_some_and(|head| head.starts_with('#')) { "number" } else { "words" };
    let head = |(at, head): (usize, &&'static str)| {
        view! {
            <th scope="col" class=class(at)>
                {head.trim_start_matches('#')}
            </th>
        }
    };
    let cell = |(at, text): (usize, String)| view! { <td class=class(at)>{text}</td> };
    let row = |cells: Vec<String>| view! { <tr>{cells.into_iter().enumerate().map(cell).collect_view()}</tr> };
    view! {
        <div class="table-scroll">
            <table data-testid=testid>
                <thead>
                    <tr>{heads.iter().enumerate().map(head).collect_view()}</tr>
                </thead>
                <tbody>{rows.into_iter().map(row).collect_view()}</tbody>
            </table>
        </div>
    }
    .into_any()
}

/// What went wrong, when something did.
pub(crate) fn trouble_line(testid: &'static str, trouble: RwSignal<Option<String>>) -> AnyView {
    view! {
        <p class="run-trouble" role="alert" data-testid=testid hidden=move || trouble.with(Option::is_none)>
            {trouble}
        </p>
    }
    .into_any()
}

/// A small button; `label` says more than the word on it where that is not enough.
pub(crate) fn action(word: &'static str, testid: &'static str, label: Option<String>, run: Callback<()>) -> AnyView {
    view! {
        <button
            type="button"
            class="button is-small"
            data-testid=testid
            aria-label=label
            on:click=move |_| run.run(())
        >
            {word}
        </button>
    }
    .into_any()
}

/// A small button that leads elsewhere.
pub(crate) fn way(word: &'static str, testid: &'static str, label: String, href: Signal<String>) -> AnyView {
    view! {
        <a class="button is-small" data-testid=testid aria-label=label href=href>
            {word}
        </a>
    }
    .into_any()
}

/// One of several buttons of which some are pressed.
pub(crate) fn segment(content: AnyView, testid: String, is_on: Signal<bool>, run: Callback<()>) -> AnyView {
    view! {
        <button
            type="button"
            class="segment"
            aria-pressed=move || is_on.get().to_string()
            data-testid=testid
            on:click=move |_| run.run(())
        >
            {content}
        </button>
    }
    .into_any()
}

/// A row of a list of things that somebody made: what it is, how it stands, what can be done with it.
pub(crate) struct Row {
    /// What tests call it.
    pub(crate) testid: &'static str,
    /// Its lasting name, for tests.
    pub(crate) id: String,
    /// Whether it has no effect any more, or none now.
    pub(crate) is_over: bool,
    /// What stands in front of it.
    pub(crate) lead: AnyView,
    /// How bad it is, where that means something.
    pub(crate) severity: Option<Severity>,
    /// What people call it.
    pub(crate) title: String,
    /// How it stands.
    pub(crate) state: Signal<String>,
    /// What it does, in words.
    pub(crate) words: String,
    /// What more there is to say.
    pub(crate) more: AnyView,
    /// What can be done with it.
    pub(crate) actions: AnyView,
}

impl Row {
    /// Draws it.
    pub(crate) fn draw(self) -> AnyView {
        let badge =
            self.severity.map(|severity| view! { <StatusBadge tone=Tone::from(severity) word=severity.word() /> });
        view! {
            <li class="rule" class:is-over=self.is_over data-testid=self.testid data-rule=self.id>
                {self.lead}
                <div class="rule-about">
                    <div class="feed-head">
                        {badge} <span class="feed-title">{self.title}</span>
                        <span class="feed-state">{self.state}</span>
                    </div>
                    <p>{self.words}</p>
                    {self.more}
                </div>
                <span class="feed-actions">{self.actions}</span>
            </li>
        }
        .into_any()
    }
}

/// What stands below a form: why it was not saved, and the buttons.
#[derive(Clone, Copy)]
pub(crate) struct Foot {
    /// Why it was not saved.
    pub(crate) trouble: Signal<String>,
    /// What tests call that.
    pub(crate) trouble_testid: &'static str,
    /// The word on the button that saves.
    pub(crate) word: &'static str,
    /// What tests call that button.
    pub(crate) testid: &'static str,
    /// Whether it is being saved.
    pub(crate) is_busy: RwSignal<bool>,
    /// Leaves the form.
    pub(crate) cancel: Callback<()>,
}

/// A form of texts; it saves when somebody presses Enter or its button.
pub(crate) fn form(
    class: &'static str,
    testid: &'static str,
    save: Callback<()>,
    body: AnyView,
    foot: Foot,
) -> AnyView {
    let on_submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        save.run(());
    };
    view! {
        <form class=class novalidate data-testid=testid on:submit=on_submit>
            {body}
            <p class="sheet-foot">
                <span class="save-status tone-critical" role="alert" data-testid=foot.trouble_testid>
                    {foot.trouble}
                </span>
                <button type="button" class="button" data-testid="cancel" on:click=move |_| foot.cancel.run(())>
                    "Cancel"
                </button>
                <button type="submit" class="button is-primary" data-testid=foot.testid disabled=foot.is_busy>
                    {foot.word}
                </button>
            </p>
        </form>
    }
    .into_any()
}
