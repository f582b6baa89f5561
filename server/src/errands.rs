//! What single nodes are to do once: errands wait here until their node fetches them, and what it tells of them goes to
//! whoever gave them.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use netloom_core::{
    errand::{Errand, FETCH_WITHIN_MS, Numbered, Report, WAITING_MAX},
    time::Timestamp,
};
use tokio::{sync::mpsc, time::interval};

use crate::clock;

/// Reports of one errand that wait for whoever gave it. A diagnosis has a few hundred in all.
const REPORTS_MAX: usize = 1_024;
/// Reports that belong to no errand and wait to be kept.
const UNASKED_MAX: usize = 1_024;
/// What one node may tell unasked: a look at a few ways a minute and a mark now and then are far less.
const UNASKED_BURST: f64 = 64.0;
const UNASKED_PER_S: f64 = 1.0;
/// How often it is looked whether an errand was not fetched in time.
const TICK: Duration = Duration::from_secs(1);

/// Why an errand was not given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ErrandError {
    /// The node has too many already.
    #[error("{0} has {WAITING_MAX} errands to do already: try again when it has caught up")]
    Busy(String),
}

/// Errands that were given, and what is told of them.
pub struct ErrandDesk {
    state: Mutex<State>,
    unasked: mpsc::Sender<(String, Report)>,
    /// Reports that were dropped: nobody waits for them, or they found no room.
    pub dropped: AtomicU64,
}

#[derive(Default)]
struct State {
    last: u64,
    waiting: HashMap<String, VecDeque<Waiting>>,
    given: HashMap<u64, Given>,
    own: Option<(String, mpsc::Sender<Numbered>)>,
    /// What each node may still tell unasked, and when that was reckoned.
    turns: HashMap<String, (f64, Timestamp)>,
}

impl State {
    /// Whether a node may tell something unasked now: one that tells too much must not push out what others tell.
    fn take_turn(&mut self, node: &str, now: Timestamp) -> bool {
        let (left, at) = self.turns.entry(node.to_owned()).or_insert((UNASKED_BURST, now));
        let passed_s = (now.ms() - at.ms()).max(0) as f64 / 1_000.0;
        (*left, *at) = ((*left + passed_s * UNASKED_PER_S).min(UNASKED_BURST), now);
        let may = *left >= 1.0;
        *left -= f64::from(u8::from(may));
        may
    }
}

struct Waiting {
    until: Timestamp,
    numbered: Numbered,
}

struct Given {
    node: String,
    reports: mpsc::Sender<Report>,
}

/// An errand that was given. Whoever drops it listens no more; the node goes on unless it is told to give up.
pub struct Handed {
    /// Its number.
    pub errand: u64,
    /// What its node tells. Ends after the last report; that is [`Report::Failed`] when the node did not fetch it.
    pub reports: mpsc::Receiver<Report>,
}

impl ErrandDesk {
    /// An empty desk, and where reports come out that no errand asked for, with the name of their node.
    pub fn new() -> (Self, mpsc::Receiver<(String, Report)>) {
        let (unasked, kept) = mpsc::channel(UNASKED_MAX);
        // Agents remember the newest number that they fetched: a hub that was restarted must not begin anew below it.
        let last = clock::now().ms().unsigned_abs();
        let state = Mutex::new(State { last, ..State::default() });
        (Self { state, unasked, dropped: AtomicU64::new(0) }, kept)
    }

    /// The node in this process gets its errands at once.
    pub fn connect(&self, node: &str, errands: mpsc::Sender<Numbered>) {
        self.lock().own = Some((node.to_owned(), errands));
    }

    /// Gives a node an errand.
    ///
    /// # Errors
    /// When it has too many already.
    pub fn give(&self, node: &str, what: Errand) -> Result<Handed, ErrandError> {
        let mut state = self.lock();
        let errand = state.last + 1;
        let numbered = Numbered { errand, what };
        match &state.own {
            Some((own, errands)) if own == node => {
                errands.try_send(numbered).map_err(|_| ErrandError::Busy(node.to_owned()))?;
            }
            _ => {
                let waiting = state.waiting.entry(node.to_owned()).or_default();
                if waiting.len() >= WAITING_MAX {
                    return Err(ErrandError::Busy(node.to_owned()));
                }
                waiting.push_back(Waiting { until: Timestamp(clock::now().ms() + FETCH_WITHIN_MS), numbered });
            }
        }
        state.last = errand;
        let (reports, told) = mpsc::channel(REPORTS_MAX);
        state.given.insert(errand, Given { node: node.to_owned(), reports });
        Ok(Handed { errand, reports: told })
    }

    /// Takes an errand back: its node is told to give it up, and what it still tells is dropped.
    pub fn give_up(&self, node: &str, errand: u64) {
        self.lock().given.remove(&errand);
        // A node with too much to do ends it by itself.
        if let Ok(handed) = self.give(node, Errand::GiveUp { errand }) {
            self.lock().given.remove(&handed.errand);
        }
    }

    /// The newest errand that waits for a node; 0 when none does. Travels with every acknowledgement.
    pub fn newest(&self, node: &str) -> u64 {
        self.lock().waiting.get(node).and_then(|waiting| waiting.back()).map_or(0, |waiting| waiting.numbered.errand)
    }

    /// Hands out what waits for a node.
    pub fn fetch(&self, node: &str) -> Vec<Numbered> {
        let waiting = self.lock().waiting.remove(node).unwrap_or_default();
        waiting.into_iter().map(|waiting| waiting.numbered).collect()
    }

    /// Takes what a node tells: of its own errands only.
    pub fn hear(&self, node: &str, report: Report) {
        let Some(errand) = report.errand() else {
            let is_too_much = !self.lock().take_turn(node, clock::now());
            if is_too_much || self.unasked.try_send((node.to_owned(), report)).is_err() {
                self.dropped.fetch_add(1, Ordering::Relaxed);
            }
            return;
        };
        let mut state = self.lock();
        let is_last = report.is_last();
        let taken = match state.given.get(&errand) {
            Some(given) if given.node == node => given.reports.try_send(report).is_ok(),
            _ => false,
        };
        if !taken {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        } else if is_last {
            state.given.remove(&errand);
        }
    }

    /// Gives up what nobody fetches, until it is stopped.
    pub async fn run(&self) {
        let mut ticks = interval(TICK);
        loop {
            ticks.tick().await;
            self.expire(clock::now());
        }
    }

    fn expire(&self, now: Timestamp) {
        let mut state = self.lock();
        let State { waiting, given, .. } = &mut *state;
        for (node, waiting) in waiting.iter_mut() {
            while let Some(late) = waiting.pop_front_if(|first| first.until <= now) {
                let errand = late.numbered.errand;
                if let Some(given) = given.remove(&errand) {
                    let why = format!("{node} did not ask what to do: it does not report, or its agent is too old");
                    // Whoever listens no more has no use for it.
                    let _ = given.reports.try_send(Report::Failed { errand, why });
                }
            }
        }
        waiting.retain(|_, waiting| !waiting.is_empty());
        given.retain(|_, given| !given.reports.is_closed());
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round() -> Errand {
        Errand::Round { hold_ms: 0 }
    }

    #[tokio::test]
    async fn an_errand_goes_to_its_node_and_its_reports_to_whoever_gave_it() {
        let (desk, _kept) = ErrandDesk::new();
        let mut handed = desk.give("n1", round()).expect("room");
        assert_eq!((desk.newest("n1"), desk.newest("n2")), (handed.errand, 0));
        assert_eq!(desk.fetch("n2"), []);
        assert_eq!(desk.fetch("n1"), [Numbered { errand: handed.errand, what: round() }]);
        assert_eq!(desk.newest("n1"), 0);
        // Nobody else speaks for it.
        desk.hear("n2", Report::Done { errand: handed.errand });
        assert_eq!(desk.dropped.load(Ordering::Relaxed), 1);
        desk.hear("n1", Report::Done { errand: handed.errand });
        assert_eq!(handed.reports.recv().await, Some(Report::Done { errand: handed.errand }));
        assert_eq!(handed.reports.recv().await, None);
    }

    #[tokio::test]
    async fn what_nobody_fetches_fails_and_too_much_is_refused() {
        let (desk, _kept) = ErrandDesk::new();
        let mut all: Vec<Handed> = (0..WAITING_MAX).map(|_| desk.give("n1", round()).expect("room")).collect();
        assert_eq!(desk.give("n1", round()).err(), Some(ErrandError::Busy("n1".into())));
        desk.expire(clock::now());
        assert_eq!(desk.newest("n1"), all.last().expect("some").errand);
        desk.expire(Timestamp(clock::now().ms() + FETCH_WITHIN_MS + 1));
        for handed in &mut all {
            assert!(matches!(handed.reports.recv().await, Some(Report::Failed { .. })));
            assert_eq!(handed.reports.recv().await, None);
        }
        assert_eq!(desk.fetch("n1"), []);
    }

    #[test]
    fn a_node_that_tells_too_much_is_not_heard_for_a_while() {
        let (mut state, now) = (State::default(), Timestamp(1_000_000));
        let taken = (0..100).filter(|_| state.take_turn("n1", now)).count();
        assert_eq!(taken, 64);
        assert!(state.take_turn("n2", now), "the others are heard");
        assert!(state.take_turn("n1", Timestamp(now.ms() + 1_000)));
        assert!(!state.take_turn("n1", Timestamp(now.ms() + 1_000)));
    }
}
