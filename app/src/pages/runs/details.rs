//! What a run is, and the ways to change what people say of it.

use leptos::prelude::*;
use netloom_core::{
    run::{Run, RunStatus},
    time::Timestamp,
};
use serde_json::json;

use super::{lasted, node_words, run::Subject};
use crate::{
    api,
    clock::Clock,
    components::{
        icon::{Drawing, Icon},
        status_badge::{StatusBadge, Tone},
        text_input::TextInput,
    },
};

/// Name, status, and the button that ends a run which nothing else ends.
#[component]
pub(super) fn Head(subject: Subject) -> impl IntoView {
    let is_edited = RwSignal::new(false);
    let name = Memo::new(move |_| subject.run.with(|run| run.name.clone()));
    // A command that gives signs of life ends its run itself.
    let is_by_hand = Memo::new(move |_| match subject.status.get() {
        RunStatus::Running => subject.run.with(|run| run.heard_at.is_none()),
        RunStatus::Lost => true,
        _ => false,
    });
    let end = move |_| {
        let id = subject.run.with_untracked(|run| run.id.clone());
        subject.settle(async move { api::end_run(&id).await });
    };
    view! {
        <div class="page-head">
            <Show when=move || is_edited.get() fallback=move || view! { <h1 class="page-title">{name}</h1> }>
                <Rename subject is_edited />
            </Show>
            <button
                type="button"
                class="icon-button quiet"
                aria-label="Rename this run"
                title="Rename"
                data-testid="rename-run"
                hidden=is_edited
                on:click=move |_| is_edited.set(true)
            >
                <Drawing icon=Icon::Edit />
            </button>
            <span data-testid="run-status">
                <StatusBadge
                    tone=Signal::derive(move || Tone::from(subject.status.get()))
                    word=Signal::derive(move || subject.status.get().word())
                />
            </span>
            <button type="button" class="button" data-testid="end-run" hidden=move || !is_by_hand.get() on:click=end>
                "End run"
            </button>
        </div>
    }
    .into_any()
}

#[component]
fn Rename(subject: Subject, is_edited: RwSignal<bool>) -> impl IntoView {
    let name = RwSignal::new(subject.run.with_untracked(|run| run.name.clone()));
    let save = move || {
        let (id, name) = (subject.run.with_untracked(|run| run.id.clone()), name.get_untracked());
        is_edited.set(false);
        subject.settle(async move { api::change_run(&id, &json!({ "name": name })).await });
    };
    view! {
        <form
            class="run-rename"
            on:submit=move |event| {
                event.prevent_default();
                save();
            }
            on:keydown=move |event| {
                if event.key() == "Escape" {
                    is_edited.set(false);
                }
            }
        >
            <TextInput
                text=name
                normal=str::to_owned
                on_text=Callback::new(move |text| name.set(text))
                attr:aria-label="Name of the run"
                attr:autofocus="true"
                attr:data-testid="run-new-name"
            />
            <button type="submit" class="button is-primary" data-testid="save-run-name">
                "Save"
            </button>
            <button type="button" class="button" on:click=move |_| is_edited.set(false)>
                "Cancel"
            </button>
        </form>
    }
}

/// A fact: what it is called, what it says, and that in full.
type Fact = (&'static str, String, String);

/// Times, nodes, and how it was started.
fn facts(run: &Run, clock: Clock) -> Vec<Fact> {
    let plain = |name, text: String| (name, text.clone(), text);
    let moment = |name, at: Timestamp| (name, clock.write(at), clock.write_full(at));
    let mut facts = vec![moment("Started", run.started_at)];
    facts.extend(run.ended_at.map(|at| moment("Ended", at)));
    facts.push(plain("Duration", lasted(run, clock.now())));
    facts.push(("Nodes", node_words(run), run.nodes.join(", ")));
    facts.extend(run.exit_code.map(|code| plain("Exit code", code.to_string())));
    facts.extend(run.host.clone().map(|host| plain("Started on", host)));
    facts.push(plain("Id", run.id.clone()));
    facts.extend(run.command.clone().map(|line| plain("Command", line)));
    facts
}

/// What there is to know about the run beside its figures.
#[component]
pub(super) fn Facts(subject: Subject) -> impl IntoView {
    let facts = Memo::new(move |_| subject.run.with(|run| facts(run, subject.clock)));
    let fact = |(name, text, full): Fact| {
        view! {
            <div class="fact" data-testid=format!("run-fact-{name}")>
                <dt>{name}</dt>
                <dd class="fact-text" title=full>{text}</dd>
            </div>
        }
    };
    view! { <dl class="facts" data-testid="run-facts">{move || facts.get().into_iter().map(fact).collect_view()}</dl> }
        .into_any()
}

/// The tags, each with a way to take it away, and a field for another.
#[component]
pub(super) fn Tags(subject: Subject) -> impl IntoView {
    let tags = Memo::new(move |_| subject.run.with(|run| run.tags.clone()));
    let text = RwSignal::new(String::new());
    let change = move |key: String, value: Option<String>| {
        let id = subject.run.with_untracked(|run| run.id.clone());
        let change = json!({ "tags": { key: value } });
        subject.settle(async move { api::change_run(&id, &change).await });
    };
    let chip = move |(key, value): (String, String)| {
        let (name, gone) = (format!("Remove the tag {key}"), key.clone());
        view! {
            <li class="tag is-editable">
                {key} "=" {value}
                <button
                    type="button"
                    class="tag-remove"
                    aria-label=name.clone()
                    title=name
                    on:click=move |_| change(gone.clone(), None)
                >
                    <Drawing icon=Icon::Remove />
                </button>
            </li>
        }
    };
    let add = move || {
        let typed = text.get_untracked();
        let (key, value) = typed.split_once('=').unwrap_or((&typed, ""));
        if !key.trim().is_empty() {
            change(key.trim().to_owned(), Some(value.trim().to_owned()));
            text.set(String::new());
        }
    };
    view! {
        <section class="card" aria-labelledby="run-tags-title">
            <header class="card-header">
                <h2 id="run-tags-title">"Tags"</h2>
            </header>
            <ul class="tags" data-testid="run-tags">
                {move || tags.get().into_iter().map(chip).collect_view()}
            </ul>
            <form
                class="run-line"
                on:submit=move |event| {
                    event.prevent_default();
                    add();
                }
            >
                <TextInput
                    text
                    normal=str::to_owned
                    on_text=Callback::new(move |typed| text.set(typed))
                    attr:aria-label="A tag, key=value"
                    attr:placeholder="lr=3e-4"
                    attr:data-testid="run-new-tag"
                />
                <button type="submit" class="button" data-testid="add-run-tag">
                    "Add"
                </button>
            </form>
        </section>
    }
    .into_any()
}

/// What people wrote about the run.
#[component]
pub(super) fn Notes(subject: Subject) -> impl IntoView {
    let kept = Memo::new(move |_| subject.run.with(|run| run.notes.clone()));
    let draft = RwSignal::new(None::<String>);
    let is_changed = Memo::new(move |_| draft.with(|draft| draft.as_ref().is_some_and(|draft| *draft != kept.get())));
    let save = move |_| {
        let Some(notes) = draft.get_untracked() else { return };
        let id = subject.run.with_untracked(|run| run.id.clone());
        subject.settle(async move { api::change_run(&id, &json!({ "notes": notes })).await });
    };
    let first = kept.get_untracked();
    view! {
        <section class="card" aria-labelledby="run-notes-title">
            <header class="card-header">
                <h2 id="run-notes-title">"Notes"</h2>
            </header>
            <textarea
                class="text-input run-notes"
                rows="4"
                aria-labelledby="run-notes-title"
                placeholder="What was tried, what came of it"
                data-testid="run-notes"
                prop:value=move || draft.get().unwrap_or_else(|| kept.get())
                on:input=move |event| draft.set(Some(event_target_value(&event)))
            >
                {first}
            </textarea>
            <button
                type="button"
                class="button"
                data-testid="save-run-notes"
                disabled=move || !is_changed.get()
                on:click=save
            >
                "Save notes"
            </button>
        </section>
    }
    .into_any()
}
