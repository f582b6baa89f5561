//! All training runs: looked up, begun, and chosen for a comparison.

pub(crate) mod compare;
mod details;
mod figures;
pub(crate) mod run;

use leptos::{prelude::*, task::spawn_local};
use leptos_meta::Title;
use leptos_router::{
    NavigateOptions,
    hooks::{use_location, use_navigate, use_query_map},
};
use netloom_core::{
    run::{Run, RunStatus, search::RunSearch},
    time::{Timestamp, duration_words},
};

use crate::{
    api,
    clock::Clock,
    components::{
        empty_state::EmptyState,
        icon::{Drawing, Icon},
        status_badge::{StatusBadge, Tone},
        text_input::TextInput,
        when::When,
    },
    live::{Live, upsert_run},
    range::{TimeRange, Window, segment},
};

/// Runs that a comparison is about.
const COMPARED: usize = 2;
/// Runs that the hub gives at once; fewer mean that there are no more.
const LIST_RUNS: usize = 50;
/// The command that the empty list names.
const FIRST_COMMAND: &str = "netloom run --name my-run -- python train.py";

/// The stretch of time of the run whose page is open. It follows from the path and the runs at hand, so that server and
/// browser draw the same.
pub(crate) fn scope() -> Memo<Option<Window>> {
    let (live, clock, path) = (Live::expect(), Clock::expect(), use_location().pathname);
    Memo::new(move |_| {
        let path = path.get();
        let id = path.strip_prefix("/runs/")?;
        live.runs.with(|runs| {
            let run = runs.iter().find(|run| run.id == id)?;
            let now = clock.now();
            let (from_ms, to_ms) = run.interval(now);
            let is_over = run.status_at(now) != RunStatus::Running;
            Some(Window::of(from_ms, is_over.then_some(to_ms), now.ms()))
        })
    })
}

/// How long a run has lasted, in words.
fn lasted(run: &Run, now: Timestamp) -> String {
    let (from_ms, to_ms) = run.interval(now);
    duration_words(to_ms - from_ms)
}

/// The nodes of a run in a few words.
fn node_words(run: &Run) -> String {
    match run.nodes.as_slice() {
        [] => "all".to_owned(),
        [only] => only.clone(),
        [first, second] => format!("{first}, {second}"),
        nodes => format!("{} nodes", nodes.len()),
    }
}

/// Runs at hand and runs that the hub found, each once, newest first, as far as the search finds them.
fn shown(at_hand: &[Run], found: &[Run], (search, now): (&str, Timestamp)) -> Vec<Run> {
    let search = RunSearch::parse(search);
    let mut all = at_hand.to_vec();
    for run in found {
        if at_hand.iter().all(|known| known.id != run.id) {
            upsert_run(&mut all, run.clone());
        }
    }
    for run in &mut all {
        run.status = run.status_at(now);
    }
    all.retain(|run| search.finds(run));
    all
}

/// What the parts of the page share.
#[derive(Clone, Copy)]
struct List {
    live: Live,
    search: Memo<String>,
    shown: Memo<Vec<Run>>,
    found: RwSignal<Vec<Run>>,
    is_whole: RwSignal<bool>,
    ticked: RwSignal<Vec<String>>,
    trouble: RwSignal<Option<String>>,
}

impl List {
    fn begin() -> Self {
        let (live, clock, query) = (Live::expect(), Clock::expect(), use_query_map());
        let search = Memo::new(move |_| query.with(|query| query.get("q").unwrap_or_default()));
        let found = RwSignal::new(Vec::new());
        let shown = Memo::new(move |_| {
            let (at_hand, found) = (live.runs.read(), found.read());
            search.with(|search| shown(&at_hand, &found, (search, clock.now())))
        });
        let (is_whole, ticked, trouble) = (RwSignal::new(false), RwSignal::new(Vec::new()), RwSignal::new(None));
        let list = Self { live, search, shown, found, is_whole, ticked, trouble };
        // What is at hand is shown at once; the hub knows older ones.
        Effect::new(move |_| {
            list.is_whole.set(false);
            if search.with(|search| !search.is_empty()) {
                list.ask(None);
            }
        });
        list
    }

    /// Asks for what the hub finds, from the newest on or behind a run.
    fn ask(self, behind: Option<String>) {
        let search = self.search.get_untracked();
        spawn_local(async move {
            match api::runs(&search, behind.as_deref()).await {
                Ok(_) if self.search.try_get_untracked().is_none_or(|now| now != search) => {}
                Ok(runs) => {
                    self.trouble.set(None);
                    self.is_whole.set(runs.len() < LIST_RUNS);
                    self.found.update(|found| found.extend(runs));
                }
                Err(problem) => {
                    self.trouble.try_set(Some(problem.detail));
                }
            }
        });
    }

    fn is_ticked(self, id: &str) -> bool {
        self.ticked.with(|ticked| ticked.iter().any(|ticked| ticked == id))
    }

    fn tick(self, id: &str, is_on: bool) {
        self.ticked.update(|ticked| {
            ticked.retain(|ticked| ticked != id);
            if is_on {
                ticked.push(id.to_owned());
            }
        });
    }

    /// The address of the comparison: the older of the two comes first.
    fn comparison(self) -> Option<String> {
        let mut chosen: Vec<String> = self
            .shown
            .with(|shown| shown.iter().filter(|run| self.is_ticked(&run.id)).map(|run| run.id.clone()).collect());
        let (newer, older) = (chosen.first().cloned()?, chosen.pop()?);
        (newer != older).then(|| format!("/runs/compare?a={older}&b={newer}"))
    }
}

/// The page.
#[component]
pub(crate) fn Runs() -> impl IntoView {
    let list = List::begin();
    view! {
        <Title text="Runs" />
        <div class="page-head">
            <h1 class="page-title">"Runs"</h1>
            <Search list />
            <Compare list />
            <Start list />
        </div>
        <p class="run-trouble" role="alert" hidden=move || list.trouble.with(Option::is_none)>
            {list.trouble}
        </p>
        <section class="card">
            <Table list />
            <Show when=move || list.shown.with(Vec::is_empty)>
                <Nothing list />
            </Show>
            <Older list />
        </section>
    }
    .into_any()
}

/// The search lives in the URL.
#[component]
fn Search(list: List) -> impl IntoView {
    let (range, navigate) = (TimeRange::expect(), use_navigate());
    let on_text = Callback::new(move |text: String| {
        let path = match text.trim() {
            "" => "/runs".to_owned(),
            text => format!("/runs?q={}", segment(text)),
        };
        let options = NavigateOptions { replace: true, scroll: false, ..NavigateOptions::default() };
        navigate(&untrack(|| range.carry(&path)), options);
    });
    view! {
        <search class="run-search">
            <TextInput
                text=list.search
                normal=|text| text.trim().to_owned()
                on_text
                attr:aria-label="Search runs by name, notes and tags"
                attr:placeholder="Search: words, lr:3e-4, status:failed"
                attr:data-testid="run-search"
            />
        </search>
    }
}

#[component]
fn Compare(list: List) -> impl IntoView {
    let (range, navigate) = (TimeRange::expect(), use_navigate());
    let go = move |_| {
        if let Some(path) = untrack(|| list.comparison().map(|path| range.carry(&path))) {
            navigate(&path, NavigateOptions::default());
        }
    };
    view! {
        <button
            type="button"
            class="button"
            data-testid="compare-runs"
            title="Tick two runs to compare them"
            disabled=move || list.comparison().is_none()
            on:click=go
        >
            "Compare"
        </button>
    }
}

/// Begins a run that somebody ends by hand.
#[component]
fn Start(list: List) -> impl IntoView {
    let (range, navigate) = (TimeRange::expect(), use_navigate());
    let (name, is_busy) = (RwSignal::new(String::new()), RwSignal::new(false));
    let start = move || {
        if name.with_untracked(|name| name.trim().is_empty()) || is_busy.get_untracked() {
            return;
        }
        let (name, navigate) = (name.get_untracked(), navigate.clone());
        is_busy.set(true);
        spawn_local(async move {
            let begun = api::start_run(&name).await;
            is_busy.try_set(false);
            match begun {
                Ok(run) => {
                    let path = format!("/runs/{}", segment(&run.id));
                    list.live.take_runs([run]);
                    navigate(&untrack(|| range.carry(&path)), NavigateOptions::default());
                }
                Err(problem) => {
                    list.trouble.try_set(Some(problem.detail));
                }
            }
        });
    };
    view! {
        <form
            class="run-start"
            on:submit=move |event| {
                event.prevent_default();
                start();
            }
        >
            <TextInput
                text=name
                normal=str::to_owned
                on_text=Callback::new(move |text| name.set(text))
                attr:aria-label="Name of a new run"
                attr:placeholder="Name of a new run"
                attr:data-testid="run-name"
            />
            <button
                type="submit"
                class="button is-primary"
                data-testid="start-run"
                disabled=move || is_busy.get() || name.with(|name| name.trim().is_empty())
            >
                "Start a run"
            </button>
        </form>
    }
}

#[component]
fn Table(list: List) -> impl IntoView {
    // A row is drawn anew when something in it changed; signs of life are nothing to be seen.
    let key = |run: &Run| (run.id.clone(), run.name.clone(), run.status.word(), run.tags.clone(), run.nodes.clone());
    view! {
        <div class="table-scroll" hidden=move || list.shown.with(Vec::is_empty)>
            <table class="runs" data-testid="runs">
                <thead>
                    <tr>
                        <th scope="col"><span class="visually-hidden">"Compare"</span></th>
                        <th scope="col">"Name"</th>
                        <th scope="col">"Status"</th>
                        <th scope="col">"Started"</th>
                        <th scope="col">"Duration"</th>
                        <th scope="col">"Nodes"</th>
                        <th scope="col">"Tags"</th>
                    </tr>
                </thead>
                <tbody>
                    <For each=move || list.shown.get() key let:run>
                        <Row list run />
                    </For>
                </tbody>
            </table>
        </div>
    }
    .into_any()
}

#[component]
fn Row(list: List, run: Run) -> impl IntoView {
    let (clock, range) = (Clock::expect(), TimeRange::expect());
    let id = StoredValue::new(run.id.clone());
    let is_ticked = move || id.with_value(|id| list.is_ticked(id));
    let is_full = move || list.ticked.with(Vec::len) >= COMPARED && !is_ticked();
    let path = format!("/runs/{}", segment(&run.id));
    let lasting = run.clone();
    let lasted = Memo::new(move |_| lasted(&lasting, clock.now()));
    let tag = |(key, value): (&String, &String)| view! { <span class="tag">{key.clone()} "=" {value.clone()}</span> };
    view! {
        <tr data-testid="run-row" data-status=run.status.word()>
            <td>
                <input
                    type="checkbox"
                    class="tick"
                    aria-label=format!("Compare {}", run.name)
                    prop:checked=is_ticked
                    disabled=is_full
                    on:change=move |event| id.with_value(|id| list.tick(id, event_target_checked(&event)))
                />
            </td>
            <th scope="row" class="run-name">
                <a href=move || range.carry(&path)>{run.name.clone()}</a>
            </th>
            <td><StatusBadge tone=Tone::from(run.status) word=run.status.word() /></td>
            <td><When at=run.started_at /></td>
            <td class="run-lasted">{lasted}</td>
            <td>{node_words(&run)}</td>
            <td class="tags">{run.tags.iter().map(tag).collect_view()}</td>
        </tr>
    }
    .into_any()
}

/// Says how the first run comes here, or that the search finds none.
#[component]
fn Nothing(list: List) -> impl IntoView {
    move || {
        if list.search.with(String::is_empty) {
            view! {
                <EmptyState title="No run has been recorded yet">
                    "Start your training with " <code data-testid="first-run">{FIRST_COMMAND}</code>
                    " and it shows up here, with how the network fared meanwhile. Or start one by hand above."
                </EmptyState>
            }
        } else {
            view! {
                <EmptyState title="No run is found">
                    "Every word must be in its name, notes or tags. "<code>"lr:3e-4"</code>" asks for a tag, "
                    <code>"status:failed"</code>" for a status."
                </EmptyState>
            }
        }
    }
}

#[component]
fn Older(list: List) -> impl IntoView {
    let is_there = Memo::new(move |_| list.shown.with(Vec::len) >= LIST_RUNS && !list.is_whole.get());
    let last = move || list.shown.with_untracked(|shown| shown.last().map(|run| run.id.clone()));
    view! {
        <Show when=move || is_there.get()>
            <p class="runs-older">
                <button type="button" class="button" on:click=move |_| list.ask(last())>
                    <Drawing icon=Icon::Add />
                    "Older runs"
                </button>
            </p>
        </Show>
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    #[test]
    fn a_run_is_listed_once_and_as_it_is_now() {
        let run = |id: &str, start_ms| Run { started_at: Timestamp(start_ms), ..example::run(id) };
        let at_hand = [Run { name: "renamed".into(), ..run("a", 3) }, run("b", 1)];
        let found = [run("a", 3), run("c", 2)];
        let ids = |search| -> Vec<String> {
            shown(&at_hand, &found, (search, Timestamp(9))).into_iter().map(|run| run.id).collect()
        };
        assert_eq!(ids(""), ["a", "c", "b"]);
        assert_eq!(ids("bert"), ["c", "b"], "it is not called that any more");
    }

    #[test]
    fn nodes_are_named_as_long_as_they_are_few() {
        let words = |nodes: &[&str]| {
            node_words(&Run { nodes: nodes.iter().map(|node| (*node).to_owned()).collect(), ..example::run("a") })
        };
        assert_eq!([words(&[]), words(&["a"]), words(&["a", "b", "c"])], ["all", "a", "3 nodes"]);
    }
}
