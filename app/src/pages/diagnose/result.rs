//! One diagnosis: while it goes on, and what it says.

mod rows;

use super::{
    draft::Draft,
    told::{Diagnosis, Look, what},
};
use crate::{
    api, browser,
    clock::Clock,
    components::status_badge::badge,
    live::{Live, frame::Frame},
    range::segment,
};
use std::time::Duration;

use leptos::{prelude::*, task::spawn_local};

/// The hub is asked for the diagnosis at most this often, ms.
const ASK_MIN_MS: i64 = 500;
/// The status of an answer that there is no such diagnosis.
const NOT_FOUND: u16 = 404;

/// A diagnosis that is followed. A handle: copies speak of the same one.
#[derive(Clone, Copy)]
struct Follow {
    live: Live,
    clock: Clock,
    id: StoredValue<String>,
    told: RwSignal<Option<Diagnosis>>,
    trouble: RwSignal<Option<String>>,
    /// The details of all checks, as the hub draws them, and how many had ended then.
    drawn: RwSignal<String>,
    drawn_of: StoredValue<usize>,
    /// The checks whose details are open.
    opened: RwSignal<Vec<usize>>,
    frame: StoredValue<Frame>,
}

impl Follow {
    /// Follows a diagnosis from now on.
    fn begin(id: String) -> Self {
        let (live, clock) = (Live::expect(), Clock::expect());
        let follow = Self {
            live,
            clock,
            id: StoredValue::new(id),
            told: RwSignal::new(None),
            trouble: RwSignal::new(None),
            drawn: RwSignal::new(String::new()),
            drawn_of: StoredValue::new(0),
            opened: RwSignal::new(Vec::new()),
            frame: StoredValue::new(Frame::default()),
        };
        // Again and again as long as it goes on, and whenever the hub tells something or is back. An effect runs in the
        // browser only.
        Effect::new(move |_| {
            live.diagnoses.track();
            live.link.track();
            match follow.told.with(|told| told.as_ref().filter(|one| one.is_over()).map(Diagnosis::ended)) {
                None => follow.ask(),
                // What was drawn before the end is drawn anew.
                Some(ended) if follow.drawn.with_untracked(|drawn| !drawn.is_empty()) => {
                    if follow.drawn_of.get_value() != ended {
                        follow.draw();
                    }
                }
                Some(_) => {}
            }
        });
        follow
    }

    /// Asks how far it is, not earlier than the shortest time after the last.
    fn ask(self) {
        let now_ms = self.clock.now_exact().ms();
        let wait = self.frame.try_update_value(|frame| frame.request(now_ms, ASK_MIN_MS)).flatten();
        let Some(wait_ms) = wait else { return };
        // Not in a frame: a page that nobody looks at has none, and should be there when somebody comes back.
        let ask = move || {
            let now_ms = self.clock.now_exact().ms();
            if self.frame.try_update_value(|frame| frame.ran(now_ms)).is_none() {
                return;
            }
            let id = self.id.get_value();
            spawn_local(async move {
                match api::diagnosis(&id).await {
                    Ok(told) => self.take(told),
                    Err(problem) if problem.status == NOT_FOUND => {
                        let why = "No diagnosis has this id: it was deleted, or is older than what is kept.";
                        self.trouble.try_set(Some(why.to_owned()));
                    }
                    Err(problem) => {
                        self.trouble.try_set(Some(problem.detail));
                    }
                }
            });
        };
        set_timeout(ask, Duration::from_millis(wait_ms.unsigned_abs()));
    }

    /// Takes an answer, unless a newer one came before it.
    fn take(self, told: Diagnosis) {
        // A hub that was started anew may have kept fewer checks than were seen, and it is over all the same.
        let follows = |known: &Diagnosis| told.is_over() || !known.is_over() && known.ended() <= told.ended();
        let is_newer = |known: &Option<Diagnosis>| known.as_ref().is_none_or(follows);
        if self.told.try_with_untracked(is_newer) == Some(true) {
            self.trouble.set(None);
            self.told.set(Some(told));
        }
    }

    /// Opens the details of a check, or closes them.
    fn turn(self, at: usize) {
        let is_open = self.opened.with_untracked(|opened| opened.contains(&at));
        if is_open {
            self.opened.update(|opened| opened.retain(|open| *open != at));
        } else {
            self.open(at);
        }
    }

    fn open(self, at: usize) {
        self.opened.update(|opened| {
            opened.retain(|open| *open != at);
            opened.push(at);
        });
        let ended = self.told.with_untracked(|told| told.as_ref().map_or(0, Diagnosis::ended));
        if self.drawn_of.get_value() != ended {
            self.draw();
        }
    }

    /// Has the hub draw the details.
    fn draw(self) {
        let id = self.id.get_value();
        self.drawn_of.set_value(self.told.with_untracked(|told| told.as_ref().map_or(0, Diagnosis::ended)));
        spawn_local(async move {
            match api::diagnosis_items(&id).await {
                Ok(drawn) => {
                    self.drawn.try_set(drawn);
                }
                Err(problem) => {
                    // Whoever opens another one asks again.
                    self.drawn_of.try_set_value(0);
                    self.trouble.try_set(Some(format!("The details could not be loaded: {}", problem.detail)));
                }
            }
        });
    }
}

/// The diagnosis.
pub(super) fn outcome(id: String, draft: Draft) -> AnyView {
    let actions = actions(&id);
    let follow = Follow::begin(id);
    // Drawn anew with every answer; what is the same stays as it is.
    let head = move || follow.told.with(|told| head(told.as_ref(), follow.trouble.get(), follow.clock));
    let body = move || follow.told.with(|told| told.as_ref().map(|told| rows::body(follow, told)));
    view! {
        <section class="card diagnosis" aria-labelledby="diagnosis-title">
            {head}
            <p class="diagnosis-actions">{actions} {buttons(follow, draft)}</p>
            <div class="diagnosis-body">{body}</div>
        </section>
    }
    .into_any()
}

/// What it is about, how it stands, and how far it is.
fn head(told: Option<&Diagnosis>, trouble: Option<String>, clock: Clock) -> AnyView {
    let waiting = Diagnosis::default();
    let one = told.unwrap_or(&waiting);
    let look = one.whole();
    let (title, sentence, spoken) = if let Some(one) = told {
        let asked = clock.write(one.started_at);
        (format!("{} → {}, {asked}", one.node, what(&one.hosts)), one.sentence(), one.spoken())
    } else {
        let why = trouble.clone().unwrap_or_else(|| "It is being looked up.".to_owned());
        ("Diagnosis".to_owned(), why, String::new())
    };
    view! {
        <h2 id="diagnosis-title">{title}</h2>
        <p class="diagnosis-sentence" data-testid="diagnosis" data-state=one.state.clone()>
            {told.map(|_| badge(look.tone, look.word))}
            <span data-testid="diagnosis-sentence">{sentence}</span>
        </p>
        <p class="visually-hidden" role="status">
            {spoken}
        </p>
        {bar(look)}
        <p class="run-trouble" role="alert">
            {trouble.filter(|_| told.is_some())}
        </p>
    }
    .into_any()
}

/// A thin bar that fills.
fn bar(look: Look) -> impl IntoView {
    view! {
        <div class="check-bar">
            <span class:is-over=look.is_over style=format!("width: {:.0}%", look.ratio * 100.0)></span>
        </div>
    }
}

/// The ways to its report.
fn actions(id: &str) -> AnyView {
    let report = format!("/api/v1/diagnoses/{}/report", segment(id));
    view! {
        <a class="button is-small" href=report.clone() target="_blank" rel="external" data-testid="report">
            "Report"
        </a>
        <a
            class="button is-small"
            href=format!("{report}?download=true")
            download=""
            rel="external"
            data-testid="download-report"
        >
            "Download report"
        </a>
    }
    .into_any()
}

/// What can be done with it.
fn buttons(follow: Follow, draft: Draft) -> AnyView {
    let (is_copied, is_asking) = (RwSignal::new(false), RwSignal::new(false));
    let button = |testid: &'static str, word: Signal<&'static str>, run: Callback<()>| {
        view! {
            <button type="button" class="button is-small" data-testid=testid on:click=move |_| run.run(())>
                {word}
            </button>
        }
    };
    let copy = Callback::new(move |()| {
        spawn_local(async move {
            is_copied.try_set(browser::copy(&browser::address()).await);
        });
    });
    let again = Callback::new(move |()| {
        if let Some(told) = follow.told.get_untracked() {
            draft.again(told.node.clone(), &told.hosts, told.has_throughput());
        }
    });
    let delete = Callback::new(move |()| {
        if !is_asking.get_untracked() {
            return is_asking.set(true);
        }
        let id = follow.id.get_value();
        spawn_local(async move {
            match api::delete_diagnosis(&id).await {
                Ok(()) => {
                    follow.live.diagnoses.update(|all| all.retain(|one| one.id != id));
                    draft.leave();
                }
                Err(problem) => {
                    follow.trouble.try_set(Some(problem.detail));
                }
            }
        });
    });
    let copied = Signal::derive(move || if is_copied.get() { "Copied" } else { "Copy link" });
    let deleted = Signal::derive(move || if is_asking.get() { "Delete for good?" } else { "Delete" });
    [
        button("copy-link", copied, copy),
        button("run-again", Signal::stored("Run again"), again),
        button("delete", deleted, delete),
    ]
    .into_any()
}
