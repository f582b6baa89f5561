//! What is nobody told of, until when, and why?

mod maintenance;

use leptos::{prelude::*, task::spawn_local};
use leptos_meta::Title;
use netloom_core::{
    silence::{Matcher, Silence},
    time::{Timestamp, duration_words},
};

use super::Tabs;
use crate::{
    api,
    clock::Clock,
    components::{
        pieces::{Row, action, card, trouble_line},
        silence_form::{SilenceForm, matcher_texts, matcher_words},
        when::When,
    },
    live::Live,
    order,
};
use maintenance::MaintenanceCard;

/// Where a silence stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Active,
    Coming,
    Ended,
}

const PHASES: [(Phase, &str); 3] = [(Phase::Active, "Active"), (Phase::Coming, "Coming"), (Phase::Ended, "Ended")];

fn phase(silence: &Silence, now: Timestamp) -> Phase {
    if silence.holds_at(now) {
        Phase::Active
    } else if silence.starts_at > now {
        Phase::Coming
    } else {
        Phase::Ended
    }
}

/// The silences of a phase: what changes next comes first.
fn of_phase(all: &[Silence], wanted: Phase, now: Timestamp) -> Vec<Silence> {
    let mut some: Vec<Silence> = all.iter().filter(|silence| phase(silence, now) == wanted).cloned().collect();
    order::sort_by(&mut some, |a, b| match wanted {
        Phase::Active => a.ends_at.cmp(&b.ends_at),
        Phase::Coming => a.starts_at.cmp(&b.starts_at),
        Phase::Ended => b.ends_at.cmp(&a.ends_at),
    });
    some
}

/// The page.
#[component]
pub(crate) fn Silences() -> impl IntoView {
    let live = Live::expect();
    let (is_made, trouble) = (RwSignal::new(false), RwSignal::new(None::<String>));
    Effect::new(move |_| live.refresh_silences());
    let form = move || {
        is_made.get().then(|| {
            let done = Callback::new(move |()| is_made.set(false));
            view! {
                <section class="card" aria-label="New silence">
                    <SilenceForm texts=matcher_texts(&Matcher::default()) done />
                </section>
            }
        })
    };
    let turn = Callback::new(move |()| is_made.update(|is_made| *is_made = !*is_made));
    let new_silence = view! { <span class="card-note">{action("New silence", "new-silence", None, turn)}</span> };
    let body = view! {
        <p class="muted">"Alerts are shown as before; nobody is told of them."</p>
        <Phases trouble />
    };
    view! {
        <Title text="Silences" />
        <Tabs open="/alerts/silences" />
        {trouble_line("silences-trouble", trouble)}
        {form}
        {card("silences-title", "silences", "Silences", new_silence.into_any(), body.into_any())}
        <MaintenanceCard />
    }
    .into_any()
}

#[component]
fn Phases(trouble: RwSignal<Option<String>>) -> impl IntoView {
    let (live, clock) = (Live::expect(), Clock::expect());
    let is_empty = move || live.silences.with(|all| all.as_ref().is_some_and(Vec::is_empty));
    let section = move |(wanted, title): (Phase, &'static str)| {
        let shown = Memo::new(move |_| {
            let now = clock.now();
            live.silences.with(|all| all.as_ref().map(|all| of_phase(all, wanted, now)).unwrap_or_default())
        });
        view! {
            <div hidden=move || shown.with(Vec::is_empty) data-testid=format!("silences-{}", title.to_lowercase())>
                <h3 class="silences-phase">{title}</h3>
                <ul class="rules">
                    {move || shown.get().into_iter().map(|silence| row(silence, wanted, trouble)).collect_view()}
                </ul>
            </div>
        }
    };
    view! {
        {PHASES.map(section)}
        <p class="muted" hidden=move || !is_empty()>"There is none."</p>
    }
    .into_any()
}

fn row(silence: Silence, phase: Phase, trouble: RwSignal<Option<String>>) -> AnyView {
    let (live, clock) = (Live::expect(), Clock::expect());
    let (starts, ends) = (silence.starts_at, silence.ends_at);
    let left = Memo::new(move |_| {
        let now_ms = clock.now().ms();
        match phase {
            Phase::Active => format!("{} left", duration_words(ends.ms() - now_ms)),
            Phase::Coming => format!("in {}", duration_words(starts.ms() - now_ms)),
            Phase::Ended => format!("{} ago", duration_words(now_ms - ends.ms())),
        }
    });
    let words = matcher_words(&silence.matcher);
    let label = format!("End now: {words}");
    let id = silence.id.clone();
    let end = move |()| {
        let id = id.clone();
        spawn_local(async move {
            match api::end_silence(&id).await {
                Ok(()) => live.refresh_silences(),
                Err(problem) => {
                    trouble.try_set(Some(problem.detail));
                }
            }
        });
    };
    let more = view! {
        <p class="feed-moments">
            <span>"from " <When at=starts /></span>
            <span>"until " <When at=ends /></span>
        </p>
    };
    let is_over = phase == Phase::Ended;
    let end = (!is_over).then(|| action("End now", "end-silence", Some(label), Callback::new(end)));
    let said = if silence.why.is_empty() { silence.by } else { format!("{}: {}", silence.by, silence.why) };
    Row {
        testid: "silence-row",
        id: silence.id,
        is_over,
        lead: ().into_any(),
        severity: None,
        title: words,
        state: left.into(),
        words: said,
        more: more.into_any(),
        actions: end.into_any(),
    }
    .draw()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::silence;

    #[test]
    fn silences_are_told_apart_by_the_clock_and_what_changes_next_comes_first() {
        let all = [
            silence("long", 0, 900),
            silence("short", 0, 200),
            silence("later", 500, 900),
            silence("sooner", 300, 900),
            silence("old", 0, 50),
            silence("older", 0, 20),
        ];
        let ids = |phase| -> Vec<String> {
            of_phase(&all, phase, Timestamp(100)).into_iter().map(|silence| silence.id).collect()
        };
        assert_eq!(ids(Phase::Active), ["short", "long"]);
        assert_eq!(ids(Phase::Coming), ["sooner", "later"]);
        assert_eq!(ids(Phase::Ended), ["old", "older"]);
    }
}
