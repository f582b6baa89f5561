//! What happened in the window of the page, for the charts of the component that is being built.

use leptos::{prelude::*, task::spawn_local};
use netloom_core::mark::Mark;

use super::Live;
use crate::{
    api,
    charts::{TimeChart, marks},
    clock::Clock,
    range::TimeRange,
};

/// What happened. A handle: copies speak of the same.
#[derive(Clone, Copy)]
pub(crate) struct Happenings {
    all: Memo<Vec<Mark>>,
    clock: Clock,
}

/// Looks up what happened in the window, and follows what happens; `is_about` chooses.
pub(crate) fn use_happenings(is_about: Box<dyn Fn(&Mark) -> bool + Send + Sync>) -> Happenings {
    let (live, range, clock) = (Live::expect(), TimeRange::expect(), Clock::expect());
    // An effect runs in the browser only.
    Effect::new(move |_| {
        let (from_ms, to_ms) = range.window().bounds(clock.now_untracked().ms());
        spawn_local(async move {
            // Without an answer the charts are there without them.
            if let Ok(marks) = api::marks(from_ms, to_ms).await {
                live.take_marks(marks);
            }
        });
    });
    let all = Memo::new(move |_| {
        live.marks.with(|all| all.iter().filter(|mark| is_about(mark)).cloned().collect::<Vec<_>>())
    });
    Happenings { all, clock }
}

impl Happenings {
    /// When it is, ms, as far as something goes on that is shaded up to now: only then a chart is made anew for it.
    fn now_ms(self) -> i64 {
        let goes_on = self.all.with(|all| all.iter().any(|mark| mark.mark.until.is_none()));
        if goes_on { self.clock.now().ms() / 5_000 * 5_000 } else { 0 }
    }

    /// A chart with what happened laid over it.
    pub(crate) fn on(self, mut chart: TimeChart) -> TimeChart {
        self.all.with(|all| marks::lay(&mut chart, all, self.now_ms()));
        chart
    }
}
