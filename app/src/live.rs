//! What the page knows, kept current: one event stream feeds signals (nodes, incidents, health, settings, runs) and the
//! store of samples, whose readers run at most once per [`FRAME_MIN_MS`].
//!
//! On the server the same signals hold the boot data and nothing moves.

mod address;
pub(crate) mod alarm;
mod event;
pub(crate) mod feed;
mod frame;
pub(crate) mod matrix;
mod refresh;
pub(crate) mod store;
#[cfg(feature = "hydrate")]
mod stream;
mod upsert;
mod uses;

use leptos::{prelude::*, task::spawn_local};
use netloom_core::{
    api::{NodeRole, NodeStatus, SettingsReply},
    event::{Interest as Wish, LiveEvent, Wanted},
    health::Health,
    incident::Incident,
    metric::{self, Scope},
    network::CURRENT_FOR_MS,
    run::Run,
    sample::{Readings, SeriesKey},
    silence::Silence,
    time::Timestamp,
    unit::us_from_ms,
    verdict::MeshVerdict,
};

use crate::{api, boot::Boot, clock::Clock, range::Window};
use alarm::{Alarm, needs_somebody};
use feed::{ACROSS_LABEL, Feed, FeedState, aggregation_name};
use frame::Frame;
use matrix::{Grid, Grids};
use store::Store;
pub(crate) use upsert::upsert_run;
use upsert::{upsert_incident, upsert_node};
pub(crate) use uses::{FeedHandle, use_feed, use_matrix, use_newest};

/// Readers of samples run at most this often, ms: every sample is on the screen well within 300 ms of its event, and
/// the main thread stays free.
const FRAME_MIN_MS: i64 = 150;

/// Runs a page keeps: more than one screen lists. The oldest go first; the hub finds them again.
const RUNS_MAX: usize = 500;

/// A value older than this, ms, and than this many of its intervals, is not current any more.
const STALE_MIN_MS: i64 = 10_000;
const STALE_INTERVALS: i64 = 3;

/// How the page is connected to the hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
    /// Not yet.
    Opening,
    /// Events arrive.
    Open,
    /// Nothing arrives, and the page tries again and again.
    Lost {
        /// Since when.
        since: Timestamp,
    },
}

/// Everything live. A handle: copies speak of the same page.
#[derive(Clone, Copy)]
pub(crate) struct Live {
    /// The nodes, in the order of their names.
    pub(crate) nodes: RwSignal<Vec<NodeStatus>>,
    /// Incidents, newest first.
    pub(crate) incidents: RwSignal<Vec<Incident>>,
    /// The silences, once somebody asked for them.
    pub(crate) silences: RwSignal<Option<Vec<Silence>>>,
    /// What rings when an alert fires.
    pub(crate) alarm: Alarm,
    /// How the network fares.
    pub(crate) health: RwSignal<Health>,
    /// The settings in force.
    pub(crate) settings: RwSignal<SettingsReply>,
    /// The training runs at hand, newest first.
    pub(crate) runs: RwSignal<Vec<Run>>,
    /// What is wrong in the mesh.
    pub(crate) verdict: RwSignal<MeshVerdict>,
    /// How the page is connected.
    pub(crate) link: RwSignal<Link>,
    /// The hub's version when it is not the one that this page came from.
    pub(crate) other_version: RwSignal<Option<String>>,
    /// Why the hub cannot store samples, when it cannot.
    pub(crate) storage_problem: RwSignal<Option<String>>,
    clock: Clock,
    version: StoredValue<String>,
    window: RwSignal<Option<Window>>,
    store: StoredValue<Store>,
    grids: StoredValue<Grids>,
    samples: Trigger,
    matrices: Trigger,
    wishes: Trigger,
    frame: StoredValue<Frame>,
}

impl Live {
    /// Begins with what the server told and hands it to all components below.
    pub(crate) fn provide(boot: Boot, clock: Clock) -> Self {
        let live = Self {
            nodes: RwSignal::new(boot.nodes),
            incidents: RwSignal::new(boot.incidents),
            silences: RwSignal::new(None),
            alarm: Alarm::default(),
            health: RwSignal::new(boot.health),
            settings: RwSignal::new(boot.settings),
            runs: RwSignal::new(boot.runs),
            verdict: RwSignal::new(boot.verdict),
            link: RwSignal::new(Link::Opening),
            other_version: RwSignal::new(None),
            storage_problem: RwSignal::new(boot.storage_problem),
            clock,
            version: StoredValue::new(boot.version),
            window: RwSignal::new(None),
            store: StoredValue::new(Store::default()),
            grids: StoredValue::new(Grids::default()),
            samples: Trigger::new(),
            matrices: Trigger::new(),
            wishes: Trigger::new(),
            frame: StoredValue::new(Frame::default()),
        };
        provide_context(live);
        live
    }

    /// The live data of the page around the caller.
    pub(crate) fn expect() -> Self {
        expect_context()
    }

    /// Opens the stream and keeps it open; for the browser, after hydration.
    #[cfg(feature = "hydrate")]
    pub(crate) fn connect(self) {
        self.alarm.recall();
        stream::open(self);
    }

    /// Reads the samples, and again whenever there are new ones.
    pub(crate) fn samples<T>(self, read: impl FnOnce(&Store) -> T) -> T {
        self.samples.track();
        self.store.with_value(read)
    }

    /// Reads the matrix of a metric that the component uses, and again whenever it changed.
    pub(crate) fn grid<T>(self, metric: &str, read: impl FnOnce(Option<&Grid>) -> T) -> T {
        self.matrices.track();
        self.grids.with_value(|grids| read(grids.of(metric)))
    }

    /// Whether a version is that of the hub.
    pub(crate) fn is_hub_version(self, version: &str) -> bool {
        self.version.with_value(|hub| hub == version)
    }

    /// Whether what a node measures now may be its own slowness: its packets were sent or read too late.
    pub(crate) fn is_doubtful(self, node: &str, now_ms: i64) -> bool {
        let limit_us = self.settings.with(|reply| us_from_ms(reply.settings.mesh.doubtful_after_ms));
        let lag = self.newest(&SeriesKey::new(metric::ECHO_LAG_US, [("node", node)]), now_ms);
        lag.is_some_and(|lag_us| lag_us > limit_us)
    }

    /// The newest value of a series, as long as it is current.
    pub(crate) fn newest(self, series: &SeriesKey, now_ms: i64) -> Option<f64> {
        let newest = self.samples(|store| store.newest_of(series))?;
        (now_ms - newest.ts_ms <= CURRENT_FOR_MS).then_some(newest.value)
    }

    /// What the stream has to carry for what is on the page. One series is always there, so that the page knows whether
    /// it shows the present.
    pub(crate) fn wanted(self) -> Wanted {
        let pulse = self.nodes.with_untracked(|nodes| {
            let hub = nodes.iter().find(|node| node.role == NodeRole::Hub);
            let series = match hub {
                Some(hub) => SeriesKey::new(metric::NET_RX_BPS, [("node", &hub.info.node)]),
                None => SeriesKey::new(metric::NET_RX_BPS, []),
            };
            Wish { metric: series.metric, labels: series.labels }
        });
        let mut wishes = self.store.with_value(Store::wishes);
        wishes.insert(pulse);
        let matrix = self.grids.with_value(|grids| grids.metrics().cloned().collect());
        Wanted { samples: Some(wishes.into_iter().collect()), matrix }
    }

    /// How many alerts fire that nobody has taken on or silenced.
    pub(crate) fn firing(self) -> usize {
        self.incidents.with(|all| all.iter().filter(|incident| needs_somebody(incident)).count())
    }

    /// The age of the newest sample, ms; `None` before the first.
    pub(crate) fn newest_age_ms(self) -> Option<i64> {
        let now_ms = self.clock.now().ms();
        self.samples(Store::newest_ms).map(|newest_ms| (now_ms - newest_ms).max(0))
    }

    /// Whether the newest sample is so old that the page does not show the present any more.
    pub(crate) fn is_stale(self) -> bool {
        let usual_ms = self.intervals_ms().into_iter().max().unwrap_or_default();
        self.newest_age_ms().is_some_and(|age_ms| is_stale(age_ms, usual_ms))
    }

    /// The expected time between two samples of a metric, ms.
    pub(crate) fn interval_ms(self, metric: &str) -> i64 {
        let is_pair = metric::find(metric).is_some_and(|metric| metric.scope == Scope::Pair);
        self.settings.with(|reply| {
            let interval_ms =
                if is_pair { reply.settings.probe.interval_ms } else { reply.settings.collect.interval_ms };
            interval_ms as i64
        })
    }

    /// The expected times between samples, all that there are.
    pub(crate) fn intervals_ms(self) -> [i64; 2] {
        [metric::RTT_US, metric::IF_RX_BPS].map(|metric| self.interval_ms(metric))
    }

    /// Shows another window: all feeds ask for their history.
    pub(crate) fn show(self, window: Window) {
        self.window.set(Some(window));
        self.ask(|_| true);
    }

    /// Asks for the history of some feeds anew, each in the window of the page.
    pub(crate) fn ask(self, wanted: impl Fn(&Feed) -> bool) {
        let Some(window) = self.window.get_untracked() else { return };
        let now_ms = self.clock.now_untracked().ms();
        let mut questions = Vec::new();
        self.store.update_value(|store| {
            for (id, feed) in store.feeds_mut().filter(|(_, feed)| wanted(feed)) {
                let interval_ms = untrack(|| self.interval_ms(&feed.interest.metric));
                questions.push((id, feed.ask(window, interval_ms, now_ms)));
            }
        });
        for (id, question) in questions {
            spawn_local(async move {
                let answer = api::history(&question).await.map_err(|problem| problem.detail);
                self.store.update_value(|store| store.settle(id, &question, answer));
                self.samples.notify();
            });
        }
    }

    /// Takes an event of the stream.
    pub(crate) fn take(self, event: LiveEvent) {
        match event {
            LiveEvent::Hello(hello) => {
                let is_other = self.version.with_value(|version| *version != hello.version);
                self.other_version.set(is_other.then_some(hello.version));
                self.clock.set_to(hello.now);
                self.ask(|feed| matches!(feed.state, FeedState::Failed(_)));
            }
            LiveEvent::Resync => self.resync(),
            LiveEvent::Samples(readings) => {
                self.store.update_value(|store| store.take(&readings));
                self.request_frame();
            }
            LiveEvent::Node(node) => self.nodes.update(|nodes| upsert_node(nodes, *node)),
            LiveEvent::NodeLeft { node } => self.nodes.update(|nodes| nodes.retain(|known| known.info.node != node)),
            LiveEvent::Incident(incident) => {
                self.alarm.hear(&incident, self.incidents, self.clock.now_exact());
                self.take_incident(*incident);
            }
            LiveEvent::Silences(silences) => self.silences.set(Some(silences)),
            LiveEvent::Health(health) => self.health.set(health),
            LiveEvent::Storage { problem } => self.storage_problem.set(problem),
            LiveEvent::Settings { version } => {
                if self.settings.with_untracked(|reply| reply.version < version) {
                    self.refresh_settings();
                }
            }
            LiveEvent::Run(run) => self.take_runs([*run]),
            LiveEvent::Verdict(verdict) => self.verdict.set(*verdict),
            // Marks are asked for with the chart that they stand on.
            LiveEvent::Mark(_) => {}
            LiveEvent::Matrix(change) => {
                let metric = change.metric.clone();
                let is_read = self.grids.try_update_value(|grids| grids.take(*change).is_some());
                if is_read == Some(true) {
                    self.sum_up(&metric);
                    self.request_frame();
                }
            }
        }
    }

    /// Goes on with the lines that are about all pairs at once.
    fn sum_up(self, metric: &str) {
        let wanted = self.store.with_value(|store| store.across(metric));
        if wanted.is_empty() {
            return;
        }
        let (at, mut values) = self.grids.with_value(|grids| {
            let grid = grids.of(metric);
            (
                grid.map_or(0, |grid| grid.at.ms()),
                grid.into_iter().flat_map(Grid::known).map(|cell| cell.2).collect::<Vec<_>>(),
            )
        });
        let mut readings = Readings::default();
        for how in wanted {
            if let Some(value) = how.apply(&mut values) {
                readings.push(SeriesKey::new(metric, [(ACROSS_LABEL, aggregation_name(how))]), at, value);
            }
        }
        self.store.update_value(|store| store.take(&readings));
    }

    /// Takes an incident as it is now.
    pub(crate) fn take_incident(self, incident: Incident) {
        self.incidents.update(|all| upsert_incident(all, incident));
    }

    /// Takes runs as they are now.
    pub(crate) fn take_runs(self, runs: impl IntoIterator<Item = Run>) {
        self.runs.update(|known| {
            runs.into_iter().for_each(|run| upsert_run(known, run));
            known.truncate(RUNS_MAX);
        });
    }

    /// Runs the readers of samples in the next frame, not earlier than the shortest time after the last.
    fn request_frame(self) {
        let now_ms = self.clock.now_exact().ms();
        let Some(wait_ms) = self.frame.try_update_value(|frame| frame.request(now_ms, FRAME_MIN_MS)).flatten() else {
            return;
        };
        let run = move || {
            let now_ms = self.clock.now_exact().ms();
            self.frame.update_value(|frame| frame.ran(now_ms));
            self.store.update_value(|store| store.forget(now_ms));
            self.samples.notify();
            let has_moved = self.grids.try_update_value(Grids::has_moved);
            if has_moved == Some(true) {
                self.matrices.notify();
            }
        };
        frame::schedule(wait_ms, run);
    }
}

/// Whether a value of this age is not current any more, where values come every `usual_ms`.
pub(crate) fn is_stale(age_ms: i64, usual_ms: i64) -> bool {
    age_ms > STALE_MIN_MS.max(usual_ms * STALE_INTERVALS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_series_grow_old_slowly() {
        assert!(!is_stale(9_000, 1_000));
        assert!(is_stale(11_000, 1_000));
        assert!(!is_stale(170_000, 60_000));
    }
}
