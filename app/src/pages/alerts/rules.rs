//! What makes an alert fire? The rules that Netloom brings along, and people's own.

mod builtin;
mod draft;
mod editor;
mod preview;
mod words;

use leptos::{prelude::*, task::spawn_local};
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use netloom_core::{
    rule::{spec::RuleSpec, status::RuleStatus},
    settings::alerts::AlertSettings,
};

use super::{
    Tabs,
    save::{Change, NotSaved, save},
};
use crate::{
    api,
    components::{
        empty_state::EmptyState,
        pieces::{Row, card, trouble_line, way},
    },
    live::Live,
    range::{TimeRange, segment},
};
use draft::texts_of_rule;
use editor::{RuleEditor, blame};

/// What the page shows; it follows from the address.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Mode {
    /// All rules.
    List,
    /// One of people's own, by its id.
    Edit(String),
    /// A new one, like another.
    Copy(String),
    /// A new one.
    New,
}

impl Mode {
    fn read<'a>(parameter: impl Fn(&str) -> Option<&'a str>) -> Self {
        if let Some(id) = parameter("edit") {
            return Mode::Edit(id.to_owned());
        }
        match (parameter("copy"), parameter("new")) {
            (Some(id), _) => Mode::Copy(id.to_owned()),
            (None, Some(_)) => Mode::New,
            (None, None) => Mode::List,
        }
    }
}

/// The page.
#[component]
pub(crate) fn Rules() -> impl IntoView {
    let (live, query) = (Live::expect(), use_query_map());
    let mode = Memo::new(move |_| query.with(|query| Mode::read(|name| query.get_str(name))));
    let own = move |id: &str| {
        let rules = live.settings.with_untracked(|reply| reply.settings.alerts.rules.clone());
        rules.into_iter().find(|rule| rule.id == id)
    };
    let body = move || match mode.get() {
        Mode::List => view! { <List /> }.into_any(),
        Mode::New => view! { <RuleEditor texts=texts_of_rule(&RuleSpec::default()) before=None /> }.into_any(),
        Mode::Edit(id) => match own(&id) {
            Some(rule) => view! { <RuleEditor texts=texts_of_rule(&rule) before=Some(rule) /> }.into_any(),
            None => view! { <Unknown /> }.into_any(),
        },
        Mode::Copy(id) => {
            let model = own(&id).or_else(|| live.settings.with_untracked(|reply| builtin::copy(&id, &reply.settings)));
            let texts = texts_of_rule(&copied(model.unwrap_or_default()));
            view! { <RuleEditor texts before=None /> }.into_any()
        }
    };
    view! {
        <Title text="Alert rules" />
        <Tabs open="/alerts/rules" />
        {body}
    }
    .into_any()
}

/// A rule that is to become another one.
fn copied(rule: RuleSpec) -> RuleSpec {
    let title = if rule.title.is_empty() { rule.id.clone() } else { rule.title.clone() };
    let title = if title.is_empty() { title } else { format!("{title}, copy") };
    RuleSpec { id: String::new(), title, enabled: true, ..rule }
}

#[component]
fn Unknown() -> impl IntoView {
    let range = TimeRange::expect();
    view! {
        <section class="card" data-testid="not-found">
            <EmptyState title="There is no such rule">
                "Somebody may have deleted it. See " <a href=move || range.carry("/alerts/rules")>"all rules"</a> "."
            </EmptyState>
        </section>
    }
}

/// What the parts of the list share.
#[derive(Clone, Copy)]
struct Rulebook {
    live: Live,
    statuses: RwSignal<Vec<RuleStatus>>,
    trouble: RwSignal<Option<String>>,
}

impl Rulebook {
    fn begin() -> Self {
        let live = Live::expect();
        let (statuses, trouble) = (RwSignal::new(Vec::new()), RwSignal::new(None));
        // How rules fare changes with incidents and with the settings.
        let moved = Memo::new(move |_| {
            let states = live.incidents.with(|all| all.iter().map(|one| (one.id, one.state)).collect::<Vec<_>>());
            (states, live.settings.with(|reply| reply.version))
        });
        Effect::new(move |_| {
            // Read, not only tracked: a memo that nobody reads never moves.
            moved.with(|_| ());
            spawn_local(async move {
                match api::rules().await {
                    Ok(all) => {
                        statuses.try_set(all);
                    }
                    Err(problem) => {
                        trouble.try_set(Some(format!("How the rules fare is not known: {}", problem.detail)));
                    }
                }
            });
        });
        Self { live, statuses, trouble }
    }

    /// How many subjects a rule has, and how they fare.
    fn counts(self, id: &str) -> String {
        self.statuses.with(|all| all.iter().find(|status| status.id == id).map(counts).unwrap_or_default())
    }

    fn change(self, change: Change) {
        spawn_local(async move {
            let done = save(self.live, change).await;
            self.trouble.try_set(done.err().map(|why| match &why {
                NotSaved::Refused(problem) if !problem.errors.is_empty() => blame(&problem.errors),
                _ => why.words(),
            }));
        });
    }
}

fn counts(status: &RuleStatus) -> String {
    let subjects = if status.subjects == 1 { "1 subject".to_owned() } else { format!("{} subjects", status.subjects) };
    format!("{subjects} · {} pending · {} firing", status.pending, status.firing)
}

/// Changes one rule of the list.
fn on_rule(id: String, what: fn(&mut AlertSettings, usize)) -> Change {
    Box::new(move |lists| match lists.rules.iter().position(|rule| rule.id == id) {
        Some(place) => {
            what(lists, place);
            Ok(())
        }
        None => Err("Somebody else deleted this rule.".to_owned()),
    })
}

#[component]
fn List() -> impl IntoView {
    let (book, range) = (Rulebook::begin(), TimeRange::expect());
    let own = Memo::new(move |_| book.live.settings.with(|reply| reply.settings.alerts.rules.clone()));
    let built_in = Memo::new(move |_| {
        book.statuses.with(|all| all.iter().filter(|status| status.is_built_in).cloned().collect::<Vec<_>>())
    });
    let new_rule = view! {
        <a class="card-note" href=move || range.carry("/alerts/rules?new=1") data-testid="new-rule">
            "New rule"
        </a>
    };
    let own_rules = view! {
        <ul class="rules" data-testid="own-rules">{move || own.get().iter().map(|rule| own_row(book, rule)).collect_view()}</ul>
        <p class="muted" hidden=move || own.with(|own| !own.is_empty())>
            "None yet. A rule holds any metric against a limit, its own past, or silence, and shows when it would have fired before it is saved."
        </p>
    };
    let built_in_rules = view! {
        <ul class="rules" data-testid="built-in-rules">
            {move || built_in.get().iter().map(|status| built_in_row(status, range)).collect_view()}
        </ul>
    };
    view! {
        {trouble_line("rules-trouble", book.trouble)}
        {card("own-rules", "", "Rules of your own", new_rule.into_any(), own_rules.into_any())}
        {card("built-in", "rules-built-in", "Rules that Netloom brings along", ().into_any(), built_in_rules.into_any())}
    }
    .into_any()
}

fn own_row(book: Rulebook, rule: &RuleSpec) -> AnyView {
    let range = TimeRange::expect();
    let is_asked = RwSignal::new(false);
    let title = if rule.title.is_empty() { rule.id.clone() } else { rule.title.clone() };
    let words = words::sentence(rule);
    let id = StoredValue::new(rule.id.clone());
    let switch = move |event| {
        let set: fn(&mut AlertSettings, usize) = if event_target_checked(&event) {
            |lists, at| lists.rules[at].enabled = true
        } else {
            |lists, at| lists.rules[at].enabled = false
        };
        book.change(on_rule(id.get_value(), set));
    };
    let delete = move |_| {
        if is_asked.get_untracked() {
            book.change(on_rule(id.get_value(), |lists, at| {
                lists.rules.remove(at);
            }));
        }
        is_asked.set(true);
    };
    let there = |word: &'static str, testid: &'static str, what: &str| {
        let path = format!("/alerts/rules?{what}={}", segment(&rule.id));
        way(word, testid, format!("{word} {title}"), Signal::derive(move || range.carry(&path)))
    };
    let lead = view! {
        <input
            type="checkbox"
            role="switch"
            class="switch"
            aria-label=format!("{title} is in force")
            data-testid="rule-enabled"
            checked=rule.enabled
            prop:checked=rule.enabled
            on:change=switch
        />
    };
    let actions = view! {
        {there("Edit", "edit-rule", "edit")}
        {there("Duplicate", "duplicate-rule", "copy")}
        <button
            type="button"
            class="button is-small"
            data-testid="delete-rule"
            aria-label=format!("Delete {title}")
            on:click=delete
            on:blur=move |_| is_asked.set(false)
        >
            {move || if is_asked.get() { "Really delete" } else { "Delete" }}
        </button>
    };
    Row {
        testid: "own-rule",
        id: rule.id.clone(),
        is_over: !rule.enabled,
        lead: lead.into_any(),
        severity: Some(rule.severity),
        title,
        state: Signal::derive(move || id.with_value(|id| book.counts(id))),
        words,
        more: ().into_any(),
        actions: actions.into_any(),
    }
    .draw()
}

fn built_in_row(status: &RuleStatus, range: TimeRange) -> AnyView {
    let place = builtin::place(&status.id);
    let settings = Signal::derive(move || format!("{}{place}", range.carry("/settings")));
    let copy = format!("/alerts/rules?copy={}", segment(&status.id));
    let copy = Signal::derive(move || range.carry(&copy));
    let title = status.title.clone();
    let actions = view! {
        {way("Change in settings", "rule-settings", format!("Change {title} in the settings"), settings)}
        {way("Copy as your own", "copy-rule", format!("Copy {title} as a rule of your own"), copy)}
    };
    Row {
        testid: "built-in-rule",
        id: status.id.clone(),
        is_over: !status.enabled,
        lead: ().into_any(),
        severity: Some(status.severity),
        title,
        state: Signal::stored(counts(status)),
        words: status.condition.clone(),
        more: ().into_any(),
        actions: actions.into_any(),
    }
    .draw()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_says_what_is_shown() {
        let read = |query: &[(&str, &'static str)]| {
            Mode::read(|wanted| query.iter().find(|(name, _)| *name == wanted).map(|(_, value)| *value))
        };
        assert_eq!(read(&[]), Mode::List);
        assert_eq!(read(&[("new", "1")]), Mode::New);
        assert_eq!(read(&[("edit", "mine"), ("new", "1")]), Mode::Edit("mine".into()));
        assert_eq!(read(&[("copy", "loss_high")]), Mode::Copy("loss_high".into()));
    }

    #[test]
    fn a_copy_gets_an_id_of_its_own() {
        let rule = RuleSpec { id: "mine".into(), enabled: false, ..RuleSpec::default() };
        let copy = copied(rule);
        assert_eq!((copy.id.as_str(), copy.title.as_str(), copy.enabled), ("", "mine, copy", true));
    }

    #[test]
    fn only_the_rule_that_is_meant_changes() {
        let named = |id: &str| RuleSpec { id: id.into(), ..RuleSpec::default() };
        let mut lists = AlertSettings { rules: vec![named("a"), named("b")], ..AlertSettings::default() };
        let off = |id: &str| on_rule(id.into(), |lists, at| lists.rules[at].enabled = false);
        assert_eq!(off("b")(&mut lists), Ok(()));
        assert_eq!(lists.rules.iter().map(|rule| rule.enabled).collect::<Vec<_>>(), [true, false]);
        assert!(off("z")(&mut lists).is_err());
    }
}
