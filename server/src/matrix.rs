//! The matrices that people look at: each is computed once, a few times a second, for all tabs that show it.
//!
//! Nobody looking costs nothing. A change carries the rows that changed and no number in the stream: whoever was away or
//! too slow gets the whole matrix, which is little more.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use netloom_core::{
    matrix::{CurrentFor, LiveMatrix, MatrixChange},
    series::SharedCatalog,
    settings::Settings,
};
use tokio::{
    sync::{broadcast, watch},
    time::{MissedTickBehavior, interval},
};

use crate::{board::Board, clock};

/// How often changes are told: a sample is on the screen well within half a second.
const TELL_EVERY: Duration = Duration::from_millis(250);
/// Metrics whose matrix is computed at once, over all tabs.
const METRICS_MAX: usize = 16;
/// Changes a listener may be behind before it gets the whole matrix: four seconds of two metrics.
const LAG_MAX_CHANGES: usize = 32;
/// A value is current for this many of its intervals, and for this long at least, ms.
const CURRENT_INTERVALS: i64 = 3;
const CURRENT_MIN_MS: i64 = 10_000;

/// A change of one matrix as it goes over the wire.
#[derive(Debug)]
pub struct MatrixFrame {
    /// Which metric.
    pub metric: String,
    /// The lines of `text/event-stream`, the empty one included.
    pub bytes: Bytes,
}

/// The matrices that are looked at.
pub struct MatrixFeed {
    board: Arc<Board>,
    catalog: SharedCatalog,
    settings: watch::Receiver<Settings>,
    watched: Mutex<HashMap<String, Watched>>,
    sender: broadcast::Sender<Arc<MatrixFrame>>,
}

struct Watched {
    matrix: LiveMatrix,
    watchers: usize,
}

/// Somebody who looks at matrices; dropping it is looking away.
pub struct MatrixWatch {
    feed: Arc<MatrixFeed>,
    metrics: Vec<String>,
    /// Changes of all matrices that anybody looks at.
    pub changes: broadcast::Receiver<Arc<MatrixFrame>>,
}

impl MatrixFeed {
    /// A feed that nobody looks at yet.
    pub fn new(board: Arc<Board>, catalog: SharedCatalog, settings: watch::Receiver<Settings>) -> Self {
        let sender = broadcast::channel(LAG_MAX_CHANGES).0;
        Self { board, catalog, settings, watched: Mutex::default(), sender }
    }

    /// Tells changes until the task is dropped.
    pub async fn run(self: Arc<Self>) {
        let mut ticks = interval(TELL_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            ticks.tick().await;
            self.tell();
        }
    }

    fn tell(&self) {
        let mut watched = self.lock();
        for (metric, watched) in watched.iter_mut() {
            if let Some(change) = self.refresh(&mut watched.matrix) {
                // Nobody listening any more is fine.
                let _ = self.sender.send(Arc::new(MatrixFrame { metric: metric.clone(), bytes: written(&change) }));
            }
        }
    }

    fn refresh(&self, matrix: &mut LiveMatrix) -> Option<MatrixChange> {
        let current = self.current_for();
        self.catalog.read(|catalog| matrix.learn(catalog));
        self.board.look(|newest| matrix.refresh(newest, current, clock::now()))
    }

    fn current_for(&self) -> CurrentFor {
        let settings = self.settings.borrow();
        let of = |interval_ms: u64| (interval_ms as i64 * CURRENT_INTERVALS).max(CURRENT_MIN_MS);
        let other_ms = (settings.mesh.other_modes_s * 1_000).max(settings.probe.interval_ms);
        CurrentFor { train_ms: of(settings.mesh.interval_ms), other_ms: of(other_ms) }
    }

    /// Looks at the matrices of some metrics: how they are now, and what will change. Metrics beyond the limit of all
    /// tabs together are left out.
    pub fn watch(self: &Arc<Self>, mut metrics: Vec<String>) -> (Vec<Bytes>, MatrixWatch) {
        let mut watched = self.lock();
        let mut whole = Vec::new();
        metrics.retain(|metric| watched.contains_key(metric) || watched.len() < METRICS_MAX);
        for metric in &metrics {
            let entry = watched.entry(metric.clone()).or_insert_with(|| {
                let mut matrix = LiveMatrix::new(metric);
                self.refresh(&mut matrix);
                Watched { matrix, watchers: 0 }
            });
            entry.watchers += 1;
            whole.push(written(&entry.matrix.whole(clock::now())));
        }
        // Under the same lock as changes are told, so that nothing falls between.
        let changes = self.sender.subscribe();
        (whole, MatrixWatch { feed: self.clone(), metrics, changes })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Watched>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MatrixWatch {
    /// Whether a change is of a matrix that is looked at here.
    pub fn wants(&self, frame: &MatrixFrame) -> bool {
        self.metrics.contains(&frame.metric)
    }

    /// The matrices as they are now, for one that was too slow, and changes from then on.
    pub fn again(&mut self) -> Vec<Bytes> {
        let watched = self.feed.lock();
        self.changes = self.feed.sender.subscribe();
        let known = self.metrics.iter().filter_map(|metric| watched.get(metric));
        known.map(|watched| written(&watched.matrix.whole(clock::now()))).collect()
    }
}

impl Drop for MatrixWatch {
    fn drop(&mut self) {
        let mut watched = self.feed.lock();
        for metric in &self.metrics {
            if let Some(entry) = watched.get_mut(metric) {
                entry.watchers -= 1;
                if entry.watchers == 0 {
                    watched.remove(metric);
                }
            }
        }
    }
}

fn written(change: &MatrixChange) -> Bytes {
    let data = serde_json::to_string(change).unwrap_or_default();
    Bytes::from(format!("event: matrix\ndata: {data}\n\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use netloom_core::{
        sample::SeriesKey,
        series::{Row, SeriesId},
    };

    fn feed() -> Arc<MatrixFeed> {
        let catalog = SharedCatalog::default();
        let board = Arc::new(Board::new(Vec::new(), catalog.clone()));
        catalog.write(|catalog| {
            for (id, (src, dst)) in [("a", "b"), ("b", "a")].into_iter().enumerate() {
                let labels = [("src", src), ("dst", dst), ("mode", "udp")];
                catalog.insert(SeriesId(id as u32), SeriesKey::new("rtt_us", labels));
            }
        });
        let settings = watch::channel(Settings::default()).1;
        Arc::new(MatrixFeed::new(board, catalog, settings))
    }

    fn take(feed: &MatrixFeed, values: [f64; 2]) {
        let ts_ms = clock::now().ms();
        let row = |(id, value)| Row { series: SeriesId(id), ts_ms, value };
        feed.board.take_rows(&(0..).zip(values).map(row).collect::<Vec<_>>());
    }

    fn text(bytes: &Bytes) -> &str {
        std::str::from_utf8(bytes).expect("is text")
    }

    #[test]
    fn a_watcher_gets_the_whole_first_and_then_what_changes() {
        let feed = feed();
        take(&feed, [1.0, 2.0]);
        let (whole, mut watch) = feed.watch(vec!["rtt_us".into()]);
        assert!(text(&whole[0]).contains(r#""nodes":["a","b"],"rows":[[0,[null,1.0]],[1,[2.0,null]]]"#), "{whole:?}");
        feed.tell();
        assert!(watch.changes.try_recv().is_err(), "nothing changed");
        take(&feed, [1.0, 3.0]);
        feed.tell();
        let change = watch.changes.try_recv().expect("a change");
        assert!(watch.wants(&change) && text(&change.bytes).contains(r#""rows":[[1,[3.0,null]]]"#), "{change:?}");
    }

    #[test]
    fn what_nobody_looks_at_is_not_computed() {
        let feed = feed();
        let (_, first) = feed.watch(vec!["rtt_us".into()]);
        let (_, second) = feed.watch(vec!["rtt_us".into(), "jitter_us".into()]);
        assert_eq!(feed.lock().len(), 2);
        drop(second);
        assert_eq!(feed.lock().len(), 1);
        drop(first);
        assert!(feed.lock().is_empty());
    }

    #[test]
    fn a_slow_watcher_gets_the_whole_again() {
        let feed = feed();
        let (_, mut watch) = feed.watch(vec!["rtt_us".into()]);
        for value in 0..=LAG_MAX_CHANGES {
            take(&feed, [value as f64, 1.0]);
            feed.tell();
        }
        assert!(matches!(watch.changes.try_recv(), Err(broadcast::error::TryRecvError::Lagged(_))));
        assert!(text(&watch.again()[0]).contains("[[0,[null,32.0]],[1,[1.0,null]]]"));
    }
}
