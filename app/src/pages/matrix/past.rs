//! The slider under the map: any moment of the page's stretch of time, one after the other if wanted.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use leptos::{prelude::*, task::spawn_local};
use netloom_core::time::Timestamp;

use super::Choice;
use crate::{
    api,
    clock::Clock,
    components::{
        heat_map::MapFigures,
        icon::{Drawing, Icon},
        when::When,
    },
    live::matrix::Grid,
    parameter::{Parameter, use_parameter},
    range::TimeRange,
};

/// Moments that the slider stops at: as many as a screen has room for under the map.
const STOPS: i64 = 120;
/// The shortest stretch that one picture is about, ms: a few rounds of probes.
const WINDOW_MIN_MS: i64 = 10_000;
/// Pictures that are kept: 256 nodes take 262 kB each, and playing back and forth asks for few others.
const KEPT_MAX: usize = 32;
/// A hand on the slider passes many stops; only where it rests is asked for.
const REST: Duration = Duration::from_millis(120);
/// From one picture to the next while playing.
const PLAY_EVERY: Duration = Duration::from_millis(500);

/// How the rounds of a stretch become one value.
pub(super) const AGGREGATIONS: [(&str, &str); 5] =
    [("p50", "Median"), ("max", "Largest"), ("p99", "99th percentile"), ("avg", "Mean"), ("last", "Last")];

/// What one picture is about.
type Key = (String, i64, i64, String);

/// The moment that is shown in place of the present.
#[derive(Clone, Copy)]
pub(super) struct Past {
    figures: MapFigures,
    range: TimeRange,
    clock: Clock,
    at: Parameter,
    is_playing: RwSignal<bool>,
    failure: RwSignal<Option<String>>,
}

/// The distance between two stops in a stretch of this length, and the stretch that one picture is about.
fn stride(span_ms: i64) -> (i64, i64) {
    let step_ms = (span_ms / STOPS).max(1_000);
    (step_ms, step_ms.max(WINDOW_MIN_MS))
}

impl Past {
    /// Follows the address: with `at` the map shows that moment.
    pub(super) fn begin(figures: MapFigures, agg: Parameter) -> Self {
        let this = Self {
            figures,
            range: TimeRange::expect(),
            clock: Clock::expect(),
            at: use_parameter("at"),
            is_playing: RwSignal::new(false),
            failure: RwSignal::new(None),
        };
        let kept = StoredValue::new(VecDeque::<(Key, Arc<Grid>)>::new());
        let wanted = Memo::new(move |_| {
            let (from_ms, to_ms) = this.range.window().bounds(0);
            let agg = agg.get().unwrap_or_else(|| AGGREGATIONS[0].0.to_owned());
            Some((figures.metric.get(), this.at()?, stride(to_ms - from_ms).1, agg))
        });
        let waiting = StoredValue::new(None::<TimeoutHandle>);
        Effect::new(move |_| {
            if let Some(waiting) = waiting.try_update_value(Option::take).flatten() {
                waiting.clear();
            }
            let Some(key) = wanted.get() else { return figures.past.set(None) };
            let known =
                kept.with_value(|kept| kept.iter().find(|(known, _)| *known == key).map(|known| known.1.clone()));
            if known.is_some() {
                return figures.past.set(known);
            }
            let ask = move || spawn_local(this.ask(key, wanted, kept));
            waiting.set_value(set_timeout_with_handle(ask, REST).ok());
        });
        this.play();
        this
    }

    async fn ask(self, key: Key, wanted: Memo<Option<Key>>, kept: StoredValue<VecDeque<(Key, Arc<Grid>)>>) {
        let answer = api::matrix(&key.0, key.1, key.2, &key.3).await;
        // Another moment may be wanted by now, or the page be another.
        if wanted.try_get_untracked().flatten().as_ref() != Some(&key) {
            return;
        }
        self.failure.set(answer.as_ref().err().map(|problem| problem.detail.clone()));
        let Ok(matrix) = answer else { return };
        let grid = Arc::new(Grid::of(matrix));
        kept.update_value(|kept| {
            kept.truncate(KEPT_MAX - 1);
            kept.push_front((key, grid.clone()));
        });
        self.figures.past.set(Some(grid));
    }

    /// The moment, ms.
    pub(super) fn at(self) -> Option<i64> {
        self.at.get()?.parse().ok()
    }

    /// From, to and the distance of two stops, ms.
    fn stretch(self) -> (i64, i64, i64) {
        let (from_ms, to_ms) = self.range.window().bounds(self.clock.now().ms());
        (from_ms, to_ms, stride(to_ms - from_ms).0)
    }

    /// Shows a moment; the end of a live stretch is the present.
    fn show(self, at_ms: i64) {
        let (from_ms, to_ms, step_ms) = untrack(|| self.stretch());
        let is_present = at_ms > to_ms - step_ms && untrack(|| self.range.is_live());
        let at_ms = at_ms.clamp(from_ms, to_ms);
        self.at.set((!is_present).then(|| at_ms.to_string()));
        if is_present {
            self.is_playing.set(false);
        }
    }

    /// Goes from stop to stop as long as it plays.
    fn play(self) {
        Effect::new(move |before: Option<Option<IntervalHandle>>| {
            before.flatten().inspect(IntervalHandle::clear);
            if !self.is_playing.get() {
                return None;
            }
            let step = move || {
                let (from_ms, to_ms, step_ms) = untrack(|| self.stretch());
                let at_ms = untrack(|| self.at()).unwrap_or(from_ms);
                if at_ms + step_ms > to_ms {
                    self.is_playing.set(false);
                }
                self.show(at_ms + step_ms);
            };
            let handle = set_interval_with_handle(step, PLAY_EVERY).ok();
            on_cleanup(move || {
                handle.inspect(IntervalHandle::clear);
            });
            handle
        });
    }

    fn toggle(self) {
        let plays = !self.is_playing.get_untracked();
        // From the present there is nothing to go on to: begin at the beginning.
        if plays && untrack(|| self.at()).is_none() {
            self.show(untrack(|| self.stretch()).0);
        }
        self.is_playing.set(plays);
    }
}

/// Slider, play, aggregation, and the way back.
#[component]
pub(super) fn PastControls(
    past: Past,
    agg: Parameter,
    aggregations: [(&'static str, &'static str); 5],
) -> impl IntoView {
    let is_past = Memo::new(move |_| past.at().is_some());
    let position = move || {
        let (from_ms, to_ms, step_ms) = past.stretch();
        // To the nearest stop: a slider that is rounded down walks away under the hand.
        let stop = |at_ms: i64| ((at_ms - from_ms).clamp(0, to_ms - from_ms) + step_ms / 2) / step_ms;
        past.at().map_or(STOPS, |at_ms| stop(at_ms).min(STOPS))
    };
    let slide = move |event| {
        past.is_playing.set(false);
        let (from_ms, _, step_ms) = untrack(|| past.stretch());
        if let Ok(stop) = event_target_value(&event).parse::<i64>() {
            past.show(from_ms + stop * step_ms);
        }
    };
    let play_word = move || if past.is_playing.get() { "Pause" } else { "Play this stretch of time" };
    let moment = move || match past.at() {
        Some(at_ms) => view! { <When at=Timestamp(at_ms) /> }.into_any(),
        None => "now".into_any(),
    };
    let options = aggregations.map(|(name, title)| (name, title.to_owned())).to_vec();
    view! {
        <div class="matrix-past" class:is-past=is_past>
            <button
                type="button"
                class="icon-button"
                aria-label=play_word
                title=play_word
                data-testid="matrix-play"
                on:click=move |_| past.toggle()
            >
                <Drawing icon=Signal::derive(move || if past.is_playing.get() { Icon::Pause } else { Icon::Play }) />
            </button>
            <input
                type="range"
                class="slider"
                min="0"
                max=STOPS
                aria-label="Moment that the map shows"
                data-testid="matrix-slider"
                prop:value=position
                on:input=slide
            />
            <span class="matrix-moment" data-testid="matrix-moment">{moment}</span>
            <button
                type="button"
                class="button"
                data-testid="matrix-live"
                disabled=move || !is_past.get()
                on:click=move |_| {
                    past.is_playing.set(false);
                    past.at.set(None);
                }
            >
                "Back to live"
            </button>
            <Choice label="Past shows" parameter=agg default=AGGREGATIONS[0].0 options id="matrix-agg" />
            <span class="matrix-failure" role="status">{move || past.failure.get()}</span>
        </div>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_covers_the_way_to_the_next_stop() {
        assert_eq!(stride(300_000), (2_500, WINDOW_MIN_MS));
        assert_eq!(stride(86_400_000), (720_000, 720_000));
        assert_eq!(stride(5_000), (1_000, WINDOW_MIN_MS));
    }
}
