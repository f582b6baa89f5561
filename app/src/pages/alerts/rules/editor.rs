//! The form of a rule, with what it does in words and when it would have fired.

use leptos::{prelude::*, task::spawn_local};
use leptos_router::{NavigateOptions, hooks::use_navigate};
use netloom_core::{
    metric,
    rule::spec::RuleSpec,
    settings::{FieldError, alerts::AlertSettings},
};

use super::{
    draft::{self, DIRECTIONS, KINDS, SIDES, fields_of},
    preview::Preview,
    words,
};
use crate::{
    api,
    components::{
        pieces::{self, Foot, action},
        sheet::{Control, Sheet, SheetField, Texts},
    },
    live::Live,
    pages::alerts::save::{NotSaved, save},
    range::TimeRange,
};

/// The list of the names of all metrics.
const METRICS: &str = "rule-metrics";

const SEVERITIES: [(&str, &str); 3] = [("info", "Info"), ("warning", "Warning"), ("critical", "Critical")];
const AGGREGATIONS: [(&str, &str); 8] = [
    ("avg", "Mean"),
    ("p50", "Median"),
    ("p95", "95th percentile"),
    ("p99", "99th percentile"),
    ("min", "Smallest"),
    ("max", "Largest"),
    ("last", "Newest"),
    ("count", "Number of samples"),
];

/// Every field: name, label, help, control.
const FIELDS: [(&str, &str, &str, Control); 27] = [
    ("title", "Name", "What people call it.", Control::Line("Slow rack")),
    ("id", "Id", "Its lasting name; from the name when empty.", Control::Line("slow_rack")),
    ("metric", "Metric", "What is judged.", Control::Named(METRICS)),
    ("kind", "It is bad when", "", Control::Choice(&KINDS)),
    ("side", "Side", "", Control::Choice(&SIDES)),
    ("direction", "Direction", "", Control::Choice(&DIRECTIONS)),
    ("limit", "Limit", "The limit itself is still good.", Control::Line("100")),
    ("recover", "Good again beyond", "Once firing; the limit when empty.", Control::Line("")),
    ("aggregation", "Figure", "How the window becomes one figure.", Control::Choice(&AGGREGATIONS)),
    ("window_s", "Window", "How far back it looks.", Control::Line("10 s")),
    ("after_s", "No data for", "For a series that had data before.", Control::Line("1 min")),
    ("percent", "Percent", "More than this.", Control::Line("50")),
    ("against_s", "Than this long before", "A day holds against daily habits.", Control::Line("1 d")),
    ("sigmas", "Standard deviations", "More than so many of its own.", Control::Line("4")),
    ("learn_s", "Learned from", "How much of its past tells what is usual.", Control::Line("7 d")),
    ("count", "Bad rounds", "So many of the last rounds.", Control::Line("3")),
    ("of", "Of how many", "", Control::Line("5")),
    ("period_s", "Period", "", Control::Line("1 d")),
    ("nodes", "Nodes", "On, from or to one of these; all when empty.", Control::Line("gpu[1-8], login")),
    ("links", "Links", "In their direction; all when empty.", Control::Line("gpu-1 -> gpu-2")),
    ("labels", "Labels", "With all of these.", Control::Line("mode=udp")),
    ("run", "Run", "Only nodes of a run that goes on: its name or id, * for any.", Control::Line("*")),
    ("for_s", "For", "How long it must be bad; until then it is pending.", Control::Line("10 s")),
    ("keep_firing_for_s", "Over after", "How long it must be good again.", Control::Line("0 s")),
    ("severity", "Severity", "", Control::Choice(&SEVERITIES)),
    (
        "message",
        "Message",
        "{subject}, {value}, {limit}, {metric}, {rule} and every label such as {src}; Netloom's own sentence when empty.",
        Control::Area("{subject} has {value}, over {limit}"),
    ),
    ("runbook", "Runbook", "Where it is written what to do.", Control::Line("https://wiki.example/slow-rack")),
];

const SCOPE: [&str; 4] = ["nodes", "links", "labels", "run"];
const OUTCOME: [&str; 5] = ["for_s", "keep_firing_for_s", "severity", "message", "runbook"];

/// The editor while it is open. A handle.
#[derive(Clone, Copy)]
struct Editor {
    live: Live,
    sheet: Sheet,
    /// The rule as it was when editing began; nothing for a new one.
    before: RwSignal<Option<RuleSpec>>,
    is_busy: RwSignal<bool>,
    /// Why it was not saved.
    trouble: RwSignal<String>,
    /// Whether somebody else changed this rule meanwhile.
    is_outdated: RwSignal<bool>,
}

impl Editor {
    fn begin(texts: Texts, before: Option<RuleSpec>) -> Self {
        let live = Live::expect();
        let before = RwSignal::new(before);
        let texts = RwSignal::new(texts);
        let found = Memo::new(move |_| {
            let (texts, before) = (texts.read(), before.read());
            let id = before.as_ref().map(|before| before.id.as_str());
            live.settings.with(|reply| draft::check(&texts, id, &reply.settings))
        });
        let sheet = Sheet::checked("rule", texts, found.into());
        let (is_busy, trouble) = (RwSignal::new(false), RwSignal::new(String::new()));
        Self { live, sheet, before, is_busy, trouble, is_outdated: RwSignal::new(false) }
    }

    /// The rule as it is in force now.
    fn newest(self) -> Option<RuleSpec> {
        let id = self.before.with_untracked(|before| before.as_ref().map(|before| before.id.clone()))?;
        self.live
            .settings
            .with_untracked(|reply| reply.settings.alerts.rules.iter().find(|rule| rule.id == id).cloned())
    }

    /// Takes over what somebody else saved.
    fn load_newest(self) {
        if let Some(newest) = self.newest() {
            self.sheet.reset(draft::texts_of_rule(&newest));
            self.before.set(Some(newest));
        }
        self.settle();
    }

    /// Puts what is typed in the place of what somebody else saved.
    fn keep_mine(self) {
        self.before.set(self.newest());
        self.settle();
    }

    fn settle(self) {
        self.is_outdated.set(false);
        self.trouble.set(String::new());
    }

    /// What is wrong besides what stands at the fields.
    fn others(self) -> String {
        let shown: Vec<&str> = FIELDS.iter().map(|(key, ..)| *key).collect();
        self.sheet.other_errors(&shown).join("; ")
    }

    fn save(self, done: Callback<()>) {
        if self.is_busy.get_untracked() || !self.sheet.is_right() {
            return;
        }
        let (rule, before) = (untrack(|| draft::read(&self.sheet.texts()).0), self.before.get_untracked());
        self.is_busy.set(true);
        spawn_local(async move {
            let saved = save(self.live, Box::new(move |lists| put(lists, before.as_ref(), &rule))).await;
            self.is_busy.try_set(false);
            match saved {
                Ok(()) => done.run(()),
                Err(why) => {
                    self.trouble.try_set(why.words());
                    self.not_saved(why);
                }
            }
        });
    }

    fn not_saved(self, why: NotSaved) {
        match why {
            NotSaved::Changed(_) => self.is_outdated.set(true),
            NotSaved::Refused(problem) => {
                let id = self.before.get_untracked().map(|before| before.id);
                let place = self.live.settings.with_untracked(|reply| {
                    let rules = &reply.settings.alerts.rules;
                    rules.iter().position(|rule| Some(&rule.id) == id.as_ref()).unwrap_or(rules.len())
                });
                self.sheet.refuse(problem.errors.iter().filter_map(|error| draft::at_field(error, place)).collect());
            }
        }
    }
}

/// Puts a rule where it was, or behind all others.
fn put(lists: &mut AlertSettings, before: Option<&RuleSpec>, rule: &RuleSpec) -> Result<(), String> {
    let Some(before) = before else {
        lists.rules.push(rule.clone());
        return Ok(());
    };
    match lists.rules.iter_mut().find(|known| known.id == before.id) {
        Some(known) if known == before => {
            *known = rule.clone();
            Ok(())
        }
        Some(_) => Err("Somebody else changed this rule while you were changing it.".to_owned()),
        None => Err("Somebody else deleted this rule while you were changing it.".to_owned()),
    }
}

/// The form, what the rule does in words, and the preview.
#[component]
pub(super) fn RuleEditor(
    /// What the form begins with.
    texts: Texts,
    /// The rule that is changed; nothing for a new one.
    before: Option<RuleSpec>,
) -> impl IntoView {
    let (range, navigate) = (TimeRange::expect(), use_navigate());
    let is_new = before.is_none();
    let editor = Editor::begin(texts, before);
    let done = Callback::new(move |()| navigate(&untrack(|| range.carry("/alerts/rules")), NavigateOptions::default()));
    let typed = Memo::new(move |_| draft::read(&editor.sheet.texts()));
    let sentence = move || typed.with(|(rule, _)| words::sentence(rule));
    let right = Memo::new(move |_| typed.with(|(rule, errors)| errors.is_empty().then(|| rule.clone())));
    let names: &[&str] = if is_new { &["title", "id"] } else { &["title"] };
    let body = view! {
        <MetricNames />
        {fields(editor.sheet, names)}
        {fields(editor.sheet, &["metric", "kind"])}
        <ConditionFields sheet=editor.sheet />
        {fields(editor.sheet, &SCOPE)}
        {fields(editor.sheet, &OUTCOME)}
        <Outdated editor />
    };
    let trouble = Signal::derive(move || format!("{} {}", editor.trouble.get(), editor.others()));
    let foot = Foot {
        trouble,
        trouble_testid: "rule-trouble",
        word: "Save",
        testid: "save-rule",
        is_busy: editor.is_busy,
        cancel: done,
    };
    let save = Callback::new(move |()| editor.save(done));
    view! {
        <p class="rule-sentence" role="status" data-testid="rule-sentence">{sentence}</p>
        <div class="editor">
            {pieces::form("card sheet", "rule-form", save, body.into_any(), foot)}
            <Preview rule=right />
        </div>
    }
    .into_any()
}

fn fields(sheet: Sheet, keys: &[&str]) -> AnyView {
    let described = |key: &&str| FIELDS.iter().find(|(known, ..)| known == key);
    let draw = |&(key, label, help, control): &(&'static str, &'static str, &'static str, Control)| {
        let unit = Signal::derive(move || unit(sheet, key));
        view! { <SheetField sheet key label help control unit /> }
    };
    keys.iter().filter_map(described).map(draw).collect_view().into_any()
}

/// What stands behind a field.
fn unit(sheet: Sheet, key: &str) -> &'static str {
    match key {
        "limit" | "recover" => metric::unit_of(sheet.get("metric").trim()).typed_unit(),
        "percent" => "%",
        _ => "",
    }
}

/// The fields of the kind that is chosen.
#[component]
fn ConditionFields(sheet: Sheet) -> impl IntoView {
    let kind = Memo::new(move |_| sheet.get("kind"));
    move || fields(sheet, fields_of(&kind.get()))
}

/// The names of all metrics, for the field that takes one.
#[component]
fn MetricNames() -> impl IntoView {
    let names = RwSignal::new(metric::CATALOGUE.iter().map(|metric| metric.name.to_owned()).collect::<Vec<_>>());
    // An effect runs in the browser only.
    Effect::new(move |_| {
        spawn_local(async move {
            if let Ok(all) = api::metrics().await {
                names.try_set(all);
            }
        });
    });
    let option = |name: String| view! { <option value=name></option> };
    view! { <datalist id=METRICS>{move || names.get().into_iter().map(option).collect_view()}</datalist> }.into_any()
}

/// The ways out when somebody else changed the rule.
#[component]
fn Outdated(editor: Editor) -> impl IntoView {
    view! {
        <div class="save-outdated" role="alert" data-testid="rule-outdated" hidden=move || !editor.is_outdated.get()>
            {action("Load their version", "load-newer", None, Callback::new(move |()| editor.load_newest()))}
            {action("Keep mine, save again", "keep-mine", None, Callback::new(move |()| editor.keep_mine()))}
        </div>
    }
    .into_any()
}

/// What is wrong with a rule that is only switched or deleted, without a form.
pub(super) fn blame(errors: &[FieldError]) -> String {
    errors.iter().map(|error| format!("{}: {}", error.field, error.message)).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(id: &str, for_s: f64) -> RuleSpec {
        RuleSpec { id: id.into(), for_s, ..RuleSpec::default() }
    }

    #[test]
    fn a_rule_goes_where_it_was_and_others_stay_as_they_are() {
        let mut lists = AlertSettings { rules: vec![named("a", 1.0), named("b", 2.0)], ..AlertSettings::default() };
        assert_eq!(put(&mut lists, Some(&named("a", 1.0)), &named("a", 5.0)), Ok(()));
        assert_eq!(put(&mut lists, None, &named("c", 3.0)), Ok(()));
        assert_eq!(lists.rules, [named("a", 5.0), named("b", 2.0), named("c", 3.0)]);
    }

    #[test]
    fn a_rule_that_somebody_else_changed_is_left_alone() {
        let mut lists = AlertSettings { rules: vec![named("a", 7.0)], ..AlertSettings::default() };
        assert!(put(&mut lists, Some(&named("a", 1.0)), &named("a", 5.0)).expect_err("changed").contains("changed"));
        assert!(put(&mut lists, Some(&named("z", 1.0)), &named("z", 5.0)).expect_err("gone").contains("deleted"));
        assert_eq!(lists.rules, [named("a", 7.0)]);
    }

    #[test]
    fn every_field_of_every_kind_is_described() {
        let known = |key: &&str| FIELDS.iter().any(|(known, ..)| known == key);
        let of_kinds = KINDS.iter().flat_map(|(kind, _)| fields_of(kind));
        let missing: Vec<_> = of_kinds.chain(&SCOPE).chain(&OUTCOME).filter(|key| !known(key)).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
