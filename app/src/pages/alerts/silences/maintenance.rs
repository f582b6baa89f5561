//! Maintenance windows: silences that come again every week, kept with the settings.

use leptos::{prelude::*, task::spawn_local};
use netloom_core::{
    settings::{self, FieldError, Settings},
    silence::Maintenance,
};
use serde_json::json;

use crate::{
    components::{
        pieces::{self, Foot, Row, action, card, segment, trouble_line},
        sheet::{Control, Sheet, SheetField, Texts, text_of, texts::names},
        silence_form::{MatcherFields, matcher_texts, matcher_words, read_matcher},
    },
    live::Live,
    pages::alerts::save::{Change, NotSaved, save},
};

/// The days of the week as the settings write them.
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

fn texts_of_window(window: &Maintenance) -> Texts {
    let mut texts = matcher_texts(&window.matcher);
    texts.extend([
        ("name", window.name.clone()),
        ("days", window.days.join(", ")),
        ("start", window.start.clone()),
        ("end", window.end.clone()),
        ("zone", window.zone.clone()),
    ]);
    texts
}

fn read(texts: &Texts) -> (Maintenance, Vec<FieldError>) {
    let (matcher, mut errors) = read_matcher(texts);
    let text = |key| text_of(texts, key).trim().to_owned();
    for (key, why) in [("name", "needs a name"), ("start", "say when it begins"), ("end", "say when it ends")] {
        if text(key).is_empty() {
            errors.push(FieldError::new(key, why));
        }
    }
    let window = Maintenance {
        name: text("name"),
        days: names(&text("days")),
        start: text("start"),
        end: text("end"),
        zone: text("zone"),
        matcher,
    };
    (window, errors)
}

/// Everything that is wrong with what was typed: judged where it will stand, in place of the window called `before`.
fn check(texts: &Texts, before: Option<&str>, settings: &Settings) -> Vec<FieldError> {
    let (window, errors) = read(texts);
    if !errors.is_empty() {
        return errors;
    }
    let mut windows = settings.alerts.maintenance.clone();
    let place = windows.iter().position(|known| Some(known.name.as_str()) == before).unwrap_or(windows.len());
    match windows.get_mut(place) {
        Some(known) => *known = window,
        None => windows.push(window),
    }
    let change = json!({ "alerts": { "maintenance": windows } });
    let errors = settings::apply(settings, &change).err().unwrap_or_default();
    errors.into_iter().filter_map(|error| at_field(&error, place)).collect()
}

/// What is wrong with the window at a place of the list, at the field of the form.
fn at_field(error: &FieldError, place: usize) -> Option<FieldError> {
    let path = error.field.strip_prefix(&format!("alerts.maintenance[{place}]"));
    let path = path.or((error.field == "alerts.maintenance").then_some(""))?.trim_start_matches('.');
    let path = path.strip_prefix("matcher.").unwrap_or(path);
    let key = match path.split(['[', '.']).next().unwrap_or_default() {
        "" => "name",
        "matcher" => "nodes",
        key => key,
    };
    Some(FieldError::new(key, error.message.clone()))
}

/// When it is, in words.
fn when_words(window: &Maintenance) -> String {
    let days = if window.days.is_empty() { "every day".to_owned() } else { window.days.join(", ") };
    let zone = if window.zone.is_empty() { "UTC" } else { &window.zone };
    format!("{days} {}–{} {zone}", window.start, window.end)
}

/// Puts a window where it was, or behind all others; or takes it away.
fn put(before: Option<Maintenance>, after: Option<Maintenance>) -> Change {
    Box::new(move |lists| {
        let windows = &mut lists.maintenance;
        let place = before.as_ref().map(|before| windows.iter().position(|known| known == before));
        match (place, &after) {
            (None, Some(after)) => windows.push(after.clone()),
            (Some(Some(place)), Some(after)) => windows[place] = after.clone(),
            (Some(Some(place)), None) => {
                windows.remove(place);
            }
            (Some(None), _) => return Err("Somebody else changed this window meanwhile.".to_owned()),
            (None, None) => {}
        }
        Ok(())
    })
}

/// The windows, and the form of the one that is made or changed.
#[component]
pub(super) fn MaintenanceCard() -> impl IntoView {
    let live = Live::expect();
    // What is changed: nothing, one that is there, or a new one, which has no name yet.
    let edited = RwSignal::new(None::<Maintenance>);
    let trouble = RwSignal::new(None::<String>);
    let windows = Memo::new(move |_| live.settings.with(|reply| reply.settings.alerts.maintenance.clone()));
    let form = move || {
        edited.get().map(|window| {
            let before = (!window.name.is_empty()).then_some(window);
            let done = Callback::new(move |()| edited.set(None));
            view! { <WindowForm before done /> }
        })
    };
    let row = move |window| row(&window, edited, trouble);
    let start = Callback::new(move |()| edited.set(Some(Maintenance::default())));
    let new_window = view! { <span class="card-note">{action("New window", "new-maintenance", None, start)}</span> };
    let body = view! {
        <p class="muted">"Silences that come again every week."</p>
        {trouble_line("maintenance-trouble", trouble)}
        {form}
        <ul class="rules" data-testid="maintenance">{move || windows.get().into_iter().map(row).collect_view()}</ul>
    };
    card("maintenance-title", "", "Maintenance windows", new_window.into_any(), body.into_any())
}

fn row(window: &Maintenance, edited: RwSignal<Option<Maintenance>>, trouble: RwSignal<Option<String>>) -> AnyView {
    let live = Live::expect();
    let (change, gone) = (window.clone(), window.clone());
    let change = Callback::new(move |()| edited.set(Some(change.clone())));
    let delete = Callback::new(move |()| {
        let gone = gone.clone();
        spawn_local(async move {
            let done = save(live, put(Some(gone), None)).await;
            trouble.try_set(done.err().map(|why| why.words()));
        });
    });
    let name = &window.name;
    let actions = view! {
        {action("Edit", "edit-maintenance", Some(format!("Edit {name}")), change)}
        {action("Delete", "delete-maintenance", Some(format!("Delete {name}")), delete)}
    };
    Row {
        testid: "maintenance-row",
        id: name.clone(),
        is_over: false,
        lead: ().into_any(),
        severity: None,
        title: name.clone(),
        state: Signal::stored(when_words(window)),
        words: matcher_words(&window.matcher),
        more: ().into_any(),
        actions: actions.into_any(),
    }
    .draw()
}

#[component]
fn WindowForm(before: Option<Maintenance>, done: Callback<()>) -> impl IntoView {
    let live = Live::expect();
    let texts = RwSignal::new(texts_of_window(&before.clone().unwrap_or_default()));
    let before = StoredValue::new(before);
    let name = move || before.with_value(|before| before.as_ref().map(|before| before.name.clone()));
    let found = Memo::new(move |_| {
        texts.with(|texts| live.settings.with(|reply| check(texts, name().as_deref(), &reply.settings)))
    });
    let sheet = Sheet::checked("maintenance", texts, found.into());
    let (trouble, is_busy) = (RwSignal::new(String::new()), RwSignal::new(false));
    let keep = move || {
        if is_busy.get_untracked() || !sheet.is_right() {
            return;
        }
        let (window, _) = untrack(|| read(&sheet.texts()));
        is_busy.set(true);
        spawn_local(async move {
            let saved = save(live, put(before.get_value(), Some(window))).await;
            is_busy.try_set(false);
            match saved {
                Ok(()) => done.run(()),
                Err(why) => {
                    trouble.try_set(why.words());
                    if let NotSaved::Refused(problem) = why {
                        let place = live.settings.with_untracked(|reply| {
                            let windows = &reply.settings.alerts.maintenance;
                            windows
                                .iter()
                                .position(|known| Some(&known.name) == name().as_ref())
                                .unwrap_or(windows.len())
                        });
                        sheet.refuse(problem.errors.iter().filter_map(|error| at_field(error, place)).collect());
                    }
                }
            }
        });
    };
    let body = view! {
        <SheetField sheet key="name" label="Name" help="No two share one." control=Control::Line("Nightly backup") />
        <Days sheet />
        <SheetField sheet key="start" label="From" help="In the zone below." control=Control::TimeOfDay />
        <SheetField sheet key="end" label="Until" help="Before the start: on the next day." control=Control::TimeOfDay />
        <SheetField sheet key="zone" label="Zone" help="By its IANA name; UTC when empty." control=Control::Line("Europe/Berlin") />
        <MatcherFields sheet />
    };
    let foot = Foot {
        trouble: trouble.into(),
        trouble_testid: "window-trouble",
        word: "Save",
        testid: "save-maintenance",
        is_busy,
        cancel: done,
    };
    pieces::form("sheet", "maintenance-form", Callback::new(move |()| keep()), body.into_any(), foot)
}

/// The days on which it begins.
#[component]
fn Days(sheet: Sheet) -> impl IntoView {
    let day = move |day: &'static str| {
        let is_on = Signal::derive(move || names(&sheet.get("days")).iter().any(|known| known == day));
        let turn = Callback::new(move |()| {
            let days = names(&untrack(|| sheet.get("days")));
            let wanted = |name: &&str| days.iter().any(|known| known == name) != (*name == day);
            let days: Vec<&str> = DAYS.into_iter().filter(wanted).collect();
            sheet.set("days", days.join(", "));
        });
        segment(day.into_any(), format!("day-{day}"), is_on, turn)
    };
    view! {
        <div class="sheet-field">
            <span class="field-label">"Days"</span>
            <span class="segments" role="group" aria-label="Days">{DAYS.map(day)}</span>
            <p class="field-help">"On which it begins; every day when none is chosen."</p>
        </div>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;
    use netloom_core::{settings::alerts::AlertSettings, silence::Matcher};

    fn window(name: &str) -> Maintenance {
        Maintenance {
            name: name.into(),
            days: vec!["mon".into(), "fri".into()],
            start: "22:00".into(),
            end: "02:00".into(),
            zone: "Europe/Berlin".into(),
            matcher: Matcher { nodes: vec!["gpu-1".into()], ..Matcher::default() },
        }
    }

    #[test]
    fn a_window_reads_back_and_says_when_it_is() {
        assert_eq!(read(&texts_of_window(&window("nightly"))), (window("nightly"), Vec::new()));
        assert_eq!(when_words(&window("nightly")), "mon, fri 22:00–02:00 Europe/Berlin");
        let daily = Maintenance { days: Vec::new(), zone: String::new(), ..window("daily") };
        assert_eq!(when_words(&daily), "every day 22:00–02:00 UTC");
    }

    #[test]
    fn what_is_missing_is_found_at_its_field() {
        let blamed = |window: &Maintenance| -> Vec<String> {
            check(&texts_of_window(window), None, &Settings::default()).into_iter().map(|error| error.field).collect()
        };
        assert_eq!(blamed(&Maintenance::default()), ["nodes", "name", "start", "end"]);
        let at = |field: &str| at_field(&FieldError::new(field, ""), 0).map(|error| error.field);
        assert_eq!(at("alerts.maintenance[0].matcher.links[0]").as_deref(), Some("links"));
        assert_eq!(at("alerts.maintenance[0].zone").as_deref(), Some("zone"));
        assert_eq!(at("alerts.maintenance[1].zone"), None);
    }

    #[test]
    fn a_window_that_somebody_else_changed_is_left_alone() {
        let mut lists = AlertSettings { maintenance: vec![window("a"), window("b")], ..AlertSettings::default() };
        assert_eq!(put(Some(window("a")), Some(window("c")))(&mut lists), Ok(()));
        assert_eq!(put(Some(window("b")), None)(&mut lists), Ok(()));
        assert_eq!(put(None, Some(window("d")))(&mut lists), Ok(()));
        assert_eq!(lists.maintenance, [window("c"), window("d")]);
        assert!(put(Some(window("a")), None)(&mut lists).is_err());
    }
}
