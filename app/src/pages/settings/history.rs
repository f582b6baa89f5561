//! Who changed what of the settings, and undoing it.

use leptos::{prelude::*, task::spawn_local};
use netloom_core::{api::Problem, settings::change::SettingsChange};

use super::review::change_list;
use crate::{api, components::when::When, live::Live};

/// Changes that are shown at first.
const SHOWN: usize = 10;
/// The status of the answer when fields changed again since.
const CHANGED_AGAIN: u16 = 409;

/// What the section knows. A handle: copies speak of the same section.
#[derive(Clone, Copy)]
struct History {
    all: RwSignal<Vec<SettingsChange>>,
    shows_all: RwSignal<bool>,
    /// The version that is about to be undone.
    asking: RwSignal<Option<u64>>,
    failure: RwSignal<Option<Problem>>,
}

impl History {
    fn refresh(self) {
        spawn_local(async move {
            match api::settings_history().await {
                Ok(all) => {
                    self.all.try_set(all);
                }
                Err(problem) => {
                    self.failure.try_set(Some(problem));
                }
            }
        });
    }

    fn undo(self, version: u64, is_forced: bool) {
        self.failure.set(None);
        spawn_local(async move {
            let failure = api::undo_settings(version, is_forced).await.err();
            if failure.as_ref().is_none_or(|problem| problem.status != CHANGED_AGAIN) {
                self.asking.try_set(None);
            }
            self.failure.try_set(failure);
        });
    }

    fn ask(self, version: Option<u64>) {
        self.failure.set(None);
        self.asking.set(version);
    }
}

/// The section.
#[component]
pub(super) fn HistorySection() -> impl IntoView {
    let live = Live::expect();
    let history = History {
        all: RwSignal::new(Vec::new()),
        shows_all: RwSignal::new(false),
        asking: RwSignal::new(None),
        failure: RwSignal::new(None),
    };
    let version = Memo::new(move |_| live.settings.with(|newest| newest.version));
    // An effect runs in browsers only: now, and whenever somebody has saved.
    Effect::new(move |_| {
        version.get();
        history.refresh();
    });
    let rows = move || {
        let shown = if history.shows_all.get() { usize::MAX } else { SHOWN };
        history.all.with(|all| all.iter().take(shown).map(|change| row(change.clone(), history)).collect_view())
    };
    let is_empty = move || history.all.with(Vec::is_empty);
    let has_more = move || history.all.with(Vec::len) > SHOWN && !history.shows_all.get();
    view! {
        <fieldset class="card settings-section" id="settings-history" data-testid="history">
            <legend class="settings-legend">"History"</legend>
            <p class="settings-help">"Who changed what, newest first. Undoing is a change of its own."</p>
            <p class="field-error" role="alert" data-testid="history-failure">
                {move || history.failure.get().map(|problem| problem.detail)}
            </p>
            <p class="muted" hidden=move || !is_empty()>"Nothing was saved yet."</p>
            <ul class="history">{rows}</ul>
            <button type="button" class="button" hidden=move || !has_more() on:click=move |_| history.shows_all.set(true)>
                "Show all"
            </button>
        </fieldset>
    }
    .into_any()
}

fn row(change: SettingsChange, history: History) -> AnyView {
    let version = change.version;
    let note = (!change.note.is_empty()).then(|| format!(" · {}", change.note));
    let buttons = move || {
        if history.asking.get() != Some(version) {
            return view! {
                <button type="button" class="link-button" data-testid="undo" on:click=move |_| history.ask(Some(version))>"Undo"</button>
            }
            .into_any();
        }
        let changed_again =
            history.failure.with(|failure| failure.as_ref().is_some_and(|problem| problem.status == CHANGED_AGAIN));
        let word = if changed_again { "Undo nevertheless" } else { "Put back what was before" };
        view! {
            <button
                type="button"
                class="link-button tone-critical"
                data-testid="undo-sure"
                on:click=move |_| history.undo(version, changed_again)
            >
                {word}
            </button>
            " "
            <button type="button" class="link-button" on:click=move |_| history.ask(None)>"Keep"</button>
        }
        .into_any()
    };
    view! {
        <li class="history-row" data-testid=format!("history-{version}")>
            <p>
                <span class="field-label">{change.by}</span> " · " <When at=change.at />
                <span class="muted">{format!(" · version {version}")} {note}</span>
            </p>
            {change_list(&change.changes)}
            <p>{buttons}</p>
        </li>
    }
    .into_any()
}
