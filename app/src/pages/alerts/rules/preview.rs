//! When the rule that is typed would have fired, before it is saved.

use std::time::Duration;

use leptos::{leptos_dom::helpers::TimeoutHandle, prelude::*, task::spawn_local};
use netloom_core::{
    metric,
    rule::{
        preview::{Firing, Preview as Answer, PreviewSubject},
        spec::RuleSpec,
    },
    time::{Timestamp, duration_words},
};

use super::draft;
use crate::{
    api::{self, Stop},
    components::{
        pieces::{card, segment},
        when::When,
    },
};

/// Typing goes on until nothing was typed for this long.
const PAUSE: Duration = Duration::from_millis(400);
/// The width of a strip in units of its drawing.
const WIDTH: f64 = 1_000.0;
/// A stretch is at least as wide, so that a short one can be seen.
const WIDTH_MIN: f64 = 3.0;
/// The stretches of time that can be tried: as the API takes them, and as people read them.
const SPANS: [(&str, &str); 2] = [("now-24h", "24 h"), ("now-7d", "7 d")];

/// Where a question stands.
#[derive(Clone)]
enum State {
    /// What is typed is not right yet.
    Waiting,
    /// The answer is awaited.
    Asking,
    /// It came.
    Known(Answer),
    /// It did not; why.
    Failed(String),
}

/// The question under way, and what is to ask the next.
#[derive(Default)]
struct Asking {
    number: u64,
    stop: Option<Stop>,
    timer: Option<TimeoutHandle>,
}

impl Asking {
    /// Gives up what is under way, and says which question is next.
    fn next(&mut self) -> u64 {
        self.timer.take().iter().for_each(TimeoutHandle::clear);
        self.stop.take().iter().for_each(Stop::now);
        self.number += 1;
        self.number
    }
}

/// Asks whenever the question changed, and shows what came of it.
fn follow(question: Memo<(Option<RuleSpec>, &'static str)>, state: RwSignal<State>) {
    // A server asks nothing, and what belongs to one of its threads must not be left behind.
    if cfg!(not(feature = "hydrate")) {
        return;
    }
    let asking = StoredValue::new_local(Asking::default());
    Effect::new(move |_| {
        let (rule, from) = question.get();
        let Some(number) = asking.try_update_value(Asking::next) else { return };
        let Some(rule) = rule else { return state.set(State::Waiting) };
        let ask = move || {
            state.set(State::Asking);
            let (answer, stop) = api::preview(&draft::document(&rule), from);
            asking.update_value(|asking| asking.stop = Some(stop));
            spawn_local(async move {
                let answer = answer.await;
                if asking.try_with_value(|asking| asking.number == number) != Some(true) {
                    return;
                }
                state.try_set(answer.map_or_else(|problem| State::Failed(problem.detail), State::Known));
            });
        };
        let timer = set_timeout_with_handle(ask, PAUSE).ok();
        asking.update_value(|asking| asking.timer = timer);
    });
    on_cleanup(move || {
        asking.try_update_value(Asking::next);
    });
}

/// The rule as far as it decides when it fires: a change of anything else asks nothing anew.
fn judged(rule: RuleSpec) -> RuleSpec {
    RuleSpec { title: String::new(), message: String::new(), runbook: String::new(), enabled: true, ..rule }
}

/// When the rule would have fired. `rule` is what is typed, as soon as it is right.
#[component]
pub(super) fn Preview(rule: Memo<Option<RuleSpec>>) -> impl IntoView {
    let span = RwSignal::new(SPANS[0].0);
    let state = RwSignal::new(State::Waiting);
    follow(Memo::new(move |_| (rule.get().map(judged), span.get())), state);
    let button = move |(key, word): (&'static str, &'static str)| {
        let is_on = Signal::derive(move || span.get() == key);
        segment(word.into_any(), format!("preview-{key}"), is_on, Callback::new(move |()| span.set(key)))
    };
    let words = move || match state.get() {
        State::Waiting => "Complete the rule to see when it would have fired.".to_owned(),
        State::Asking => "Looking …".to_owned(),
        State::Known(answer) => summary(&answer),
        State::Failed(why) => format!("Not to be told: {why}"),
    };
    let details = move || match state.get() {
        State::Known(answer) => drawn(&answer, &rule.get_untracked().unwrap_or_default()),
        _ => ().into_any(),
    };
    let spans = view! {
        <span class="segments" role="group" aria-label="Over the last">
            {SPANS.map(button)}
        </span>
    };
    let body = view! {
        <p role="status" data-testid="preview-words">{words}</p>
        {details}
    };
    card("preview-title", "preview", "Would have fired", spans.into_any(), body.into_any())
}

/// How often, for how many.
fn summary(answer: &Answer) -> String {
    let span = duration_words(answer.to.ms() - answer.from.ms());
    let of = match answer.judged {
        0 => {
            return format!("It would have judged nothing: no series of that metric in this scope in the last {span}.");
        }
        1 => "1 series".to_owned(),
        count => format!("{count} series"),
    };
    let times = match answer.firings {
        0 => return format!("It would not have fired in the last {span}; {of} would have been judged."),
        1 => "once".to_owned(),
        count => format!("{count} times"),
    };
    format!("It would have fired {times}, for {} of {of}, in the last {span}.", answer.subjects.len())
}

fn drawn(answer: &Answer, rule: &RuleSpec) -> AnyView {
    let (from_ms, to_ms) = (answer.from.ms(), answer.to.ms());
    let unit = metric::unit_of(&rule.metric);
    let further = if draft::is_below(rule) { f64::min } else { f64::max };
    let strip = move |subject: &PreviewSubject| {
        let worst = subject.firings.iter().map(|firing| firing.worst).reduce(further).unwrap_or(f64::NAN);
        let lasted = duration_words(firing_ms(&subject.firings, to_ms));
        let words = format!("{} × in all {lasted}, worst {}", subject.firings.len(), unit.figure(worst));
        view! {
            <li class="preview-row" data-testid="preview-subject">
                <span class="preview-name">{subject.subject.clone()}</span>
                <span class="muted">{words}</span>
                <svg class="strip" viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true">
                    <path d=path(&subject.firings, from_ms, to_ms)></path>
                </svg>
            </li>
        }
    };
    let note = |note: &String| view! { <li>{note.clone()}</li> };
    let step = duration_words(answer.step_ms.max(1_000));
    view! {
        <ul class="preview-rows" tabindex="0" aria-label="Subjects it would have fired for">
            {answer.subjects.iter().map(strip).collect_view()}
        </ul>
        <p class="preview-axis">
            <When at=answer.from /> <span>{format!("a figure every {step}")}</span> <When at=answer.to />
        </p>
        <ul class="preview-notes muted">{answer.notes.iter().map(note).collect_view()}</ul>
    }
    .into_any()
}

/// How long it would have fired in all, ms.
fn firing_ms(firings: &[Firing], to_ms: i64) -> i64 {
    firings.iter().map(|firing| firing.to.map_or(to_ms, Timestamp::ms) - firing.from.ms()).sum()
}

/// The stretches of a strip as one path, each a rectangle of full height.
fn path(firings: &[Firing], from_ms: i64, to_ms: i64) -> String {
    let span = (to_ms - from_ms).max(1) as f64;
    let place = |ms: i64| ((ms - from_ms) as f64 / span * WIDTH).clamp(0.0, WIDTH);
    let rectangle = |firing: &Firing| {
        let (start, end) = (place(firing.from.ms()), place(firing.to.map_or(to_ms, Timestamp::ms)));
        let width = (end - start).max(WIDTH_MIN);
        let start = start.min(WIDTH - width);
        format!("M{start:.1} 0h{width:.1}v10h-{width:.1}z")
    };
    firings.iter().map(rectangle).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use netloom_core::sample::Labels;

    fn firing(from_ms: i64, to_ms: Option<i64>) -> Firing {
        Firing { from: Timestamp(from_ms), to: to_ms.map(Timestamp), worst: 2.0 }
    }

    #[test]
    fn a_strip_has_its_stretches_where_they_were() {
        let firings = [firing(1_000, Some(2_000)), firing(9_000, None)];
        assert_eq!(path(&firings, 0, 10_000), "M100.0 0h100.0v10h-100.0zM900.0 0h100.0v10h-100.0z");
        assert_eq!(firing_ms(&firings, 10_000), 2_000);
    }

    #[test]
    fn what_is_short_is_seen_and_what_began_before_is_cut() {
        assert_eq!(path(&[firing(9_999, Some(10_000))], 0, 10_000), "M997.0 0h3.0v10h-3.0z");
        assert_eq!(path(&[firing(-5_000, Some(5_000))], 0, 10_000), "M0.0 0h500.0v10h-500.0z");
        assert_eq!(path(&[], 0, 0), "");
    }

    #[test]
    fn the_summary_counts() {
        let subject = PreviewSubject { subject: "a".into(), labels: Labels::new(), firings: vec![firing(0, None)] };
        let answer = |judged, firings, subjects| Answer {
            from: Timestamp(0),
            to: Timestamp(86_400_000),
            step_ms: 1_000,
            judged,
            firings,
            subjects,
            notes: Vec::new(),
        };
        let some = answer(14, 3, vec![subject.clone(), subject]);
        assert_eq!(summary(&some), "It would have fired 3 times, for 2 of 14 series, in the last 24 h.");
        assert!(summary(&answer(14, 0, Vec::new())).starts_with("It would not have fired"));
        assert!(summary(&answer(0, 0, Vec::new())).starts_with("It would have judged nothing"));
    }
}
