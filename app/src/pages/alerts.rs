//! What fired, and what did people do about it?

mod filter;
pub(crate) mod incident;
pub(crate) mod rules;
mod save;
pub(crate) mod silences;
mod tell;

use leptos::{prelude::*, task::spawn_local};
use leptos_meta::Title;
use netloom_core::incident::Incident;

use crate::{
    api,
    components::{
        alert_feed::{
            AlertFeed,
            desk::{Desk, DeskParts},
            folded,
        },
        empty_state::EmptyState,
        icon::{Drawing, Icon},
        pieces::segment,
        text_input::TextInput,
    },
    live::Live,
    order,
    range::TimeRange,
};
use filter::{Chosen, Filter, STATES};
use tell::Tell;

/// Rows that are drawn at first, and by which more are: a screenful or two, so that a storm of alerts stays quick.
const ROWS_FEW: usize = 50;
/// Incidents that the hub gives at once; fewer mean that there are no more.
const OLDER: usize = 100;

/// The pages about alerts, beside each other.
#[component]
pub(super) fn Tabs(
    /// The address of the one that is open.
    open: &'static str,
) -> impl IntoView {
    let range = TimeRange::expect();
    let tab = move |(path, word, testid): (&'static str, &'static str, &'static str)| {
        view! {
            <a
                class="segment"
                href=move || range.carry(path)
                aria-current=(path == open).then_some("page")
                data-testid=testid
            >
                {word}
            </a>
        }
    };
    let tabs = [
        ("/alerts", "Feed", "tab-feed"),
        ("/alerts/rules", "Rules", "tab-rules"),
        ("/alerts/silences", "Silences", "tab-silences"),
    ];
    view! {
        <div class="page-head">
            <h1 class="page-title">"Alerts"</h1>
            <nav class="segments" aria-label="Pages about alerts">
                {tabs.map(tab)}
            </nav>
        </div>
    }
    .into_any()
}

/// What the parts of the page share.
#[derive(Clone, Copy)]
struct Feed {
    live: Live,
    chosen: Chosen,
    filter: Memo<Filter>,
    /// Older ones that the hub told.
    found: RwSignal<Vec<Incident>>,
    /// Whether there are no older ones.
    is_whole: RwSignal<bool>,
    rows: RwSignal<usize>,
    shown: Memo<Vec<Incident>>,
    desk: Desk,
}

impl Feed {
    fn begin() -> Self {
        let (live, chosen) = (Live::expect(), Chosen::begin());
        let filter = Memo::new(move |_| chosen.filter());
        let found = RwSignal::new(Vec::<Incident>::new());
        let (is_whole, rows) = (RwSignal::new(false), RwSignal::new(ROWS_FEW));
        let shown = Memo::new(move |_| {
            let (filter, at_hand, found) = (filter.read(), live.incidents.read(), found.read());
            let older = found.iter().filter(|older| at_hand.iter().all(|known| known.id != older.id));
            at_hand.iter().chain(older).filter(|incident| filter.shows(incident)).cloned().collect::<Vec<_>>()
        });
        // Another choice finds others.
        Effect::new(move |_| {
            filter.track();
            found.set(Vec::new());
            is_whole.set(false);
            rows.set(ROWS_FEW);
        });
        Self { live, chosen, filter, found, is_whole, rows, shown, desk: Desk::begin() }
    }

    /// Shows more: first of those at hand, then of those that the hub knows.
    fn older(self) {
        let count = self.shown.with_untracked(Vec::len);
        self.rows.update(|rows| *rows += ROWS_FEW);
        if self.rows.get_untracked() <= count {
            return;
        }
        let oldest = |all: &Vec<Incident>| all.iter().map(|incident| incident.id).min();
        let Some(before) = self.found.with_untracked(oldest).or_else(|| self.live.incidents.with_untracked(oldest))
        else {
            return self.is_whole.set(true);
        };
        let filter = self.filter.get_untracked();
        spawn_local(async move {
            let query = filter.query(&[("before", before.to_string()), ("limit", OLDER.to_string())]);
            match api::incidents(&query).await {
                Ok(_) if self.filter.try_get_untracked().is_none_or(|now| now != filter) => {}
                Ok(older) => {
                    self.is_whole.set(older.len() < OLDER);
                    self.found.update(|found| found.extend(older));
                }
                Err(problem) => {
                    self.desk.trouble.try_set(Some(problem.detail));
                }
            }
        });
    }
}

/// The page.
#[component]
pub(crate) fn Alerts() -> impl IntoView {
    let feed = Feed::begin();
    let entries = Signal::derive(move || {
        let mut entries = feed.shown.with(|shown| folded(shown));
        entries.truncate(feed.rows.get());
        entries
    });
    view! {
        <Title text="Alerts" />
        <Tabs open="/alerts" />
        <Filters feed />
        <DeskParts desk=feed.desk />
        <section class="card">
            <AlertFeed entries desk=feed.desk />
            <Show when=move || feed.shown.with(Vec::is_empty)>
                <Nothing filter=feed.filter />
            </Show>
            <Older feed />
        </section>
    }
    .into_any()
}

/// The choices, which live in the address, and what can be done with what they choose.
#[component]
fn Filters(feed: Feed) -> impl IntoView {
    let (live, chosen) = (feed.live, feed.chosen);
    let state = move |(key, word): (&'static str, &'static str)| {
        let count = move || {
            let all = Filter { state: key.to_owned(), ..feed.filter.get() };
            live.incidents.with(|incidents| incidents.iter().filter(|incident| all.shows(incident)).count())
        };
        let content = view! { {word} " " <span class="segment-count">{count}</span> };
        let is_on = Signal::derive(move || feed.filter.with(|filter| filter.has_state(key)));
        let choose = Callback::new(move |()| chosen.state.choose(key, STATES[0].0));
        segment(content.into_any(), format!("filter-{key}"), is_on, choose)
    };
    let rules = Memo::new(move |_| {
        let all = live.incidents.with(|all| all.iter().map(|one| (one.rule.clone(), one.title.clone())).collect());
        distinct(all)
    });
    let nodes = Memo::new(move |_| {
        let name = |node: &netloom_core::api::NodeStatus| (node.info.node.clone(), node.info.node.clone());
        distinct(live.nodes.with(|all| all.iter().map(name).collect()))
    });
    let severities = ["critical", "warning", "info"].map(|word| (word.to_owned(), word.to_owned())).to_vec();
    let export = move |format: &'static str| {
        let href = move || {
            let query = feed.filter.with(|filter| filter.query(&[("format", format.to_owned())]));
            format!("/api/v1/alerts/export{query}")
        };
        let testid = format!("export-{format}");
        view! { <a href=href download=format!("netloom-alerts.{format}") rel="external" data-testid=testid>{format.to_uppercase()}</a> }
    };
    view! {
        <div class="feed-filters">
            <div class="segments" role="group" aria-label="State">
                {STATES.map(state)}
            </div>
            <Chooser name="severity" all="Any severity" parameter=chosen.severity options=Signal::stored(severities) />
            <Chooser name="rule" all="Any rule" parameter=chosen.rule options=rules />
            <Chooser name="node" all="Any node" parameter=chosen.node options=nodes />
            <search class="feed-search">
                <TextInput
                    text=Signal::derive(move || chosen.q.get().unwrap_or_default())
                    normal=|text| text.trim().to_owned()
                    on_text=Callback::new(move |text: String| chosen.q.choose(text.trim(), ""))
                    attr:aria-label="Search alerts"
                    attr:placeholder="Search"
                    attr:data-testid="alert-search"
                />
            </search>
            <span class="feed-export">"Export " {export("csv")} " " {export("jsonl")}</span>
            <Tell alarm=live.alarm />
        </div>
    }
    .into_any()
}

/// Names with what people call them, each once, in order.
fn distinct(mut all: Vec<(String, String)>) -> Vec<(String, String)> {
    order::sort_by(&mut all, |a, b| (&a.1, &a.0).cmp(&(&b.1, &b.0)));
    all.dedup_by(|a, b| a.0 == b.0);
    all
}

/// One of many, or any.
#[component]
fn Chooser(
    name: &'static str,
    all: &'static str,
    parameter: crate::parameter::Parameter,
    #[prop(into)] options: Signal<Vec<(String, String)>>,
) -> impl IntoView {
    let option = move |(value, word): (String, String)| {
        let known = value.clone();
        let is_chosen = move || parameter.get().as_deref() == Some(known.as_str());
        let at_first = untrack(&is_chosen);
        view! { <option value=value selected=at_first prop:selected=is_chosen>{word}</option> }
    };
    // What the address names stays a choice, even when nothing at hand has it.
    let known = move || {
        let mut options = options.get();
        let missing = parameter.get().filter(|value| options.iter().all(|(known, _)| known != value));
        options.extend(missing.map(|value| (value.clone(), value)));
        options.into_iter().map(option).collect_view()
    };
    view! {
        <select
            class="text-input"
            aria-label=name
            data-testid=format!("filter-{name}")
            on:change=move |event| parameter.choose(&event_target_value(&event), "")
        >
            <option value="" prop:selected=move || parameter.get().is_none()>{all}</option>
            {known}
        </select>
    }
    .into_any()
}

#[component]
fn Older(feed: Feed) -> impl IntoView {
    let is_there = Memo::new(move |_| {
        let has_more = feed.shown.with(Vec::len) > feed.rows.get();
        has_more || (!feed.is_whole.get() && feed.live.incidents.with(|all| !all.is_empty()))
    });
    view! {
        <p class="runs-older" hidden=move || !is_there.get()>
            <button type="button" class="button" data-testid="older-alerts" on:click=move |_| feed.older()>
                <Drawing icon=Icon::Add />
                "Older alerts"
            </button>
        </p>
    }
}

/// Says why there is nothing, and what would make something appear.
#[component]
fn Nothing(filter: Memo<Filter>) -> impl IntoView {
    let range = TimeRange::expect();
    let title = move || {
        filter.with(|filter| match filter.state.as_str() {
            _ if filter.is_narrow() => "No alert is found",
            "firing" => "No alert fires",
            "pending" => "Nothing is about to fire",
            "resolved" => "No alert has ended",
            _ => "There has been no alert",
        })
    };
    move || {
        view! {
            <EmptyState title=title()>
                "What would make one appear is told by the "
                <a href=move || range.carry("/alerts/rules")>"rules"</a> "."
            </EmptyState>
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_offered_once_by_its_title() {
        let pairs = |list: &[(&str, &str)]| -> Vec<(String, String)> {
            list.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
        };
        let all =
            pairs(&[("loss_high", "Packet loss"), ("latency_high", "High latency"), ("loss_high", "Packet loss")]);
        assert_eq!(distinct(all), pairs(&[("latency_high", "High latency"), ("loss_high", "Packet loss")]));
    }
}
