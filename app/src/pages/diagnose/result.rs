//! One diagnosis: while it goes on, and what it says.

mod rows;

use leptos::{prelude::*, task::spawn_local};
use netloom_core::diagnosis::Point;

use super::{
    draft::Draft,
    told::{Diagnosis, graded, what},
};
use crate::{
    api, browser,
    clock::Clock,
    components::{
        pieces::action,
        status_badge::{Shape, StatusBadge},
        when::When,
    },
    live::{
        Link, Live,
        frame::{self, Frame},
    },
    range::segment,
};
use rows::Rows;

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
        let is_running = Memo::new(move |_| follow.told.with(|told| told.as_ref().is_some_and(|one| !one.is_over())));
        // Whenever the hub tells that a check ended, after a gap, and every second as long as one goes on.
        let moved = Memo::new(move |_| {
            let find = |all: &Vec<_>| follow.id.with_value(|id| rows::progress_of(all, id));
            let tick = is_running.get().then(|| clock.now());
            (live.diagnoses.with(find), live.link.get() == Link::Open, tick)
        });
        Effect::new(move |_| {
            moved.track();
            follow.ask();
        });
        // What was drawn before the end is drawn anew then.
        Effect::new(move |_| {
            if !is_running.get() && follow.drawn.with_untracked(|drawn| !drawn.is_empty()) {
                follow.draw();
            }
        });
        follow
    }

    /// Asks how far it is, not earlier than the shortest time after the last.
    fn ask(self) {
        let now_ms = self.clock.now_exact().ms();
        let wait = self.frame.try_update_value(|frame| frame.request(now_ms, ASK_MIN_MS)).flatten();
        let Some(wait_ms) = wait else { return };
        frame::schedule(wait_ms, move || {
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
        });
    }

    /// Takes an answer, unless a newer one came before it.
    fn take(self, told: Diagnosis) {
        let is_newer = |known: &Option<Diagnosis>| known.as_ref().is_none_or(|known| known.ended() <= told.ended());
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

    /// Reads something of it, once it is at hand.
    fn read<T: Default>(self, read: impl FnOnce(&Diagnosis) -> T) -> T {
        self.told.with(|told| told.as_ref().map(read).unwrap_or_default())
    }
}

/// The diagnosis.
#[component]
pub(super) fn Outcome(id: String, draft: Draft) -> impl IntoView {
    let follow = Follow::begin(id.clone());
    let whole = Memo::new(move |_| follow.told.with(|told| told.as_ref().map(Diagnosis::whole)));
    let is_known = Memo::new(move |_| whole.get().is_some());
    let spoken = Memo::new(move |_| follow.read(Diagnosis::spoken));
    let sentence = Memo::new(move |_| match follow.trouble.get().filter(|_| !is_known.get()) {
        Some(trouble) => trouble,
        None if is_known.get() => follow.read(Diagnosis::sentence),
        None => "It is being looked up.".to_owned(),
    });
    let title = move || match follow.read(|told| Some(format!("{} → {}", told.node, what(&told.hosts)))) {
        Some(title) => title,
        None => "Diagnosis".to_owned(),
    };
    let at = move || follow.told.with(|told| told.as_ref().map(|told| view! { <When at=told.started_at /> }));
    let badge = move || whole.get().map(|look| view! { <StatusBadge tone=look.tone word=look.word /> });
    let width = move || format!("width: {:.1}%", whole.get().map_or(0.0, |look| look.ratio) * 100.0);
    let state = move || follow.read(|told| told.state.clone());
    view! {
        <section class="card diagnosis" aria-labelledby="diagnosis-title" data-testid="diagnosis" data-state=state>
            <header class="card-header">
                <h2 id="diagnosis-title">{title}</h2>
                <span class="muted">{at}</span>
                <span class="feed-actions">{actions(follow, draft, &id)}</span>
            </header>
            <p class="diagnosis-sentence" data-testid="diagnosis-sentence">{badge} " " {sentence}</p>
            <p class="visually-hidden" role="status" aria-live="polite">{spoken}</p>
            <div class="check-bar"><span class:is-over=move || whole.get().is_some_and(|look| look.is_over) style=width></span></div>
            <p class="run-trouble" role="alert" hidden=move || follow.trouble.with(Option::is_none) || !is_known.get()>
                {follow.trouble}
            </p>
            <div class="diagnosis-body">
                <Rows follow />
                <Points follow />
            </div>
        </section>
    }
    .into_any()
}

/// What can be done with it.
fn actions(follow: Follow, draft: Draft, id: &str) -> AnyView {
    let report = format!("/api/v1/diagnoses/{}/report", segment(id));
    let (is_copied, is_asking) = (RwSignal::new(false), RwSignal::new(false));
    let copy = move |_| {
        spawn_local(async move {
            is_copied.try_set(browser::copy(&browser::address()).await);
        });
    };
    let again = Callback::new(move |()| {
        if let Some(told) = follow.told.get_untracked() {
            draft.again(told.node.clone(), &told.hosts, told.has_throughput());
        }
    });
    let delete = move |_| {
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
    };
    view! {
        <a class="button is-small" href=report.clone() target="_blank" rel="external" data-testid="report">
            "Report"
        </a>
        <a class="button is-small" href=format!("{report}?download=true") download rel="external" data-testid="download-report">
            "Download report"
        </a>
        <button type="button" class="button is-small" data-testid="copy-link" on:click=copy>
            {move || if is_copied.get() { "Copied" } else { "Copy link" }}
        </button>
        {action("Run again", "run-again", None, again)}
        <button type="button" class="button is-small" data-testid="delete" on:click=delete>
            {move || if is_asking.get() { "Delete for good?" } else { "Delete" }}
        </button>
    }
    .into_any()
}

/// The verdict, sentence by sentence, each with what would help and what it stands on.
#[component]
fn Points(follow: Follow) -> impl IntoView {
    let points = Memo::new(move |_| {
        follow.read(|told| told.verdict.as_ref().map(|verdict| verdict.points.clone()).unwrap_or_default())
    });
    let evidence = move |at: usize| {
        let name = follow.read(|told| told.items.get(at).map(|item| format!("{}, {}", item.subject, item.title)));
        let show = move |_| {
            follow.open(at);
            browser::focus(&format!("check-{at}"));
        };
        name.map(|name| {
            view! {
                <li>
                    <button type="button" class="link-button" data-testid="evidence" on:click=show>
                        {name}
                    </button>
                </li>
            }
        })
    };
    let point = move |point: Point| {
        let evidence = untrack(|| point.evidence.into_iter().map(evidence).collect_view());
        view! {
            <li class="diagnosis-point" data-testid="point">
                <Shape tone=graded(point.grade).0 />
                <div>
                    <p>{point.text}</p>
                    <p class="muted" hidden=point.cure.is_empty()>{point.cure.clone()}</p>
                    <ul class="diagnosis-evidence">{evidence}</ul>
                </div>
            </li>
        }
    };
    view! {
        <ul class="diagnosis-points" aria-label="Verdict" data-testid="points">
            {move || points.get().into_iter().map(point).collect_view()}
        </ul>
    }
    .into_any()
}
