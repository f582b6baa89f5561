//! The probes of one target: rounds by the clock, and single ones when a training run asks for them.

use std::{
    borrow::Cow,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures::{StreamExt, future::join_all, stream::FuturesUnordered};
use netloom_core::{
    api::MeasurementState,
    metric,
    probe::{Outcome, ProbeMode, Target, TargetKind},
    run::step::HOLD_MAX_MS,
    sample::{Readings, SeriesKey},
    settings::probe::ProbeSettings,
    stats::round::{RoundSummary, summarise},
};
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, MissedTickBehavior, interval_at, sleep_until},
};

use super::measurement;
use crate::{
    agent::{hub_clock::HubClock, status::StatusBoard},
    probe::Prober,
};

/// Each round starts up to this part of the interval late, by chance, so that targets do not march in step.
const JITTER_PART: f64 = 0.05;
/// Probes that are asked for go out within this time: at once for people and jobs, and yet not all in the same instant, in
/// which each would be measured along with the others.
const ASKED_SPREAD: Duration = Duration::from_millis(20);

/// How one target is probed; a change of any part starts its task anew.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plan {
    pub(super) target: Target,
    pub(super) mode: ProbeMode,
    pub(super) note: (MeasurementState, String),
    pub(super) settings: ProbeSettings,
}

/// What was asked for beside the clock's rounds.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Asked {
    /// Until when the clock's rounds are left out.
    held_until: Option<Instant>,
}

impl Asked {
    /// Asked for now; the clock's rounds are left out for so long, within bounds.
    fn now(hold_ms: u64) -> Self {
        Self { held_until: Some(Instant::now() + Duration::from_millis(hold_ms.min(HOLD_MAX_MS))) }
    }

    fn holds(self) -> bool {
        self.held_until.is_some_and(|until| Instant::now() < until)
    }
}

/// Hands on what the hub asks for until it asks no more.
pub(super) async fn hand_on(mut rounds: mpsc::Receiver<u64>, asked: watch::Sender<Asked>) {
    while let Some(hold_ms) = rounds.recv().await {
        asked.send_replace(Asked::now(hold_ms));
    }
}

/// Probes one target, round after round.
pub(super) struct TargetTask {
    pub(super) node: String,
    pub(super) plan: Plan,
    pub(super) prober: Arc<dyn Prober>,
    pub(super) asked: watch::Receiver<Asked>,
    pub(super) status: StatusBoard,
    pub(super) bursts: mpsc::Sender<Readings>,
    pub(super) clock: HubClock,
    /// Whether it ever answered.
    pub(super) has_answered: AtomicBool,
}

impl TargetTask {
    /// Starts a round at every interval, and a small one whenever it is asked for. A round waits for its last answer, so
    /// rounds overlap when a target is slow; timeout and interval bound how many.
    pub(super) async fn run(mut self, delay: Duration) {
        let interval = Duration::from_millis(self.plan.settings.interval_ms);
        let packets = self.plan.settings.packets;
        let mut ticks = interval_at(Instant::now() + delay, interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        // What was asked for before this target was known is done.
        self.asked.mark_unchanged();
        let mut asked = self.asked.clone();
        let (this, mut is_asked) = (&self, true);
        let mut rounds = FuturesUnordered::new();
        loop {
            tokio::select! {
                _ = ticks.tick() => {
                    if !asked.borrow().holds() {
                        rounds.push(this.round(interval.mul_f64(JITTER_PART), packets));
                    }
                }
                changed = asked.changed(), if is_asked => match changed {
                    Ok(()) => rounds.push(this.round(ASKED_SPREAD, 1)),
                    Err(_) => is_asked = false,
                },
                Some(outcomes) = rounds.next() => {
                    if !this.report(&outcomes).await {
                        return;
                    }
                }
            }
        }
    }

    /// Sends the probes of one round, spread evenly over the interval. It begins within some time, by chance.
    async fn round(&self, begins_within: Duration, packets: u32) -> Vec<Outcome> {
        let start = Instant::now() + begins_within.mul_f64(fastrand::f64());
        let timeout = Duration::from_millis(self.plan.settings.timeout_ms);
        let spacing = Duration::from_millis(self.plan.settings.interval_ms) / packets.max(1);
        let probes = (0..packets).map(|index| async move {
            sleep_until(start + spacing * index).await;
            self.prober.probe(&self.plan.target, timeout).await
        });
        join_all(probes).await
    }

    /// Turns a round into samples. Returns whether anybody still listens.
    async fn report(&self, outcomes: &[Outcome]) -> bool {
        let now = self.clock.now();
        let (state, detail) = self.state(outcomes);
        self.status.set(&measurement(&self.plan.target.name), state, &detail, now);
        let readings = self.readings(&summarise(outcomes), now.ms());
        readings.samples.is_empty() || self.bursts.send(readings).await.is_ok()
    }

    /// How the target fares, and why, by what came of a round.
    fn state<'a>(&'a self, outcomes: &'a [Outcome]) -> (MeasurementState, Cow<'a, str>) {
        const SILENT: &str = "no answer in time";
        const NEVER: &str = "has never answered: not every host answers pings";
        let (state, note) = &self.plan.note;
        let is_silent = outcomes.iter().all(|outcome| outcome.rtt_us().is_none());
        let has_answered = self.has_answered.fetch_or(!is_silent, Ordering::Relaxed);
        // Nobody asked for the usual targets, and many a gateway never answers.
        let is_expected = has_answered || self.plan.target.kind == TargetKind::Custom;
        match outcomes.iter().find_map(failure) {
            Some(cause) if outcomes.iter().all(|outcome| !outcome.was_sent()) => {
                (MeasurementState::Failing, cause.into())
            }
            _ if is_silent && !is_expected => (*state, NEVER.into()),
            _ if is_silent && note.is_empty() => (MeasurementState::Degraded, SILENT.into()),
            _ if is_silent => (MeasurementState::Degraded, format!("{note}; {SILENT}").into()),
            _ => (*state, note.into()),
        }
    }

    fn readings(&self, summary: &RoundSummary, ts_ms: i64) -> Readings {
        let figures = [
            (metric::RTT_US, summary.rtt_us),
            (metric::RTT_MIN_US, summary.rtt_min_us),
            (metric::RTT_MAX_US, summary.rtt_max_us),
            (metric::JITTER_US, summary.jitter_us),
            (metric::LOSS_RATIO, summary.loss_ratio),
        ];
        let mut readings = Readings::default();
        for (name, value) in figures {
            if let Some(value) = value {
                let labels =
                    [("src", &*self.node), ("dst", &*self.plan.target.name), ("mode", self.prober.mode().label())];
                readings.push(SeriesKey::new(name, labels), ts_ms, value);
            }
        }
        readings
    }
}

fn failure(outcome: &Outcome) -> Option<&str> {
    match outcome {
        Outcome::Failed { cause } => Some(cause),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;
    use netloom_core::time::Timestamp;
    use tokio::time::sleep;

    use super::*;

    /// A host that answers at once, and remembers when it was probed.
    #[derive(Default)]
    struct Nearby(Mutex<Vec<Instant>>);

    #[async_trait]
    impl Prober for Nearby {
        fn mode(&self) -> ProbeMode {
            ProbeMode::Icmp
        }
        async fn probe(&self, _: &Target, _: Duration) -> Outcome {
            self.0.lock().expect("not poisoned").push(Instant::now());
            Outcome::Reply { rtt_us: 1.0 }
        }
    }

    fn task(
        kind: TargetKind,
        prober: Arc<dyn Prober>,
        asked: watch::Receiver<Asked>,
        bursts: mpsc::Sender<Readings>,
    ) -> TargetTask {
        let address = "127.0.0.1".parse().expect("an address");
        let plan = Plan {
            target: Target { name: "a".into(), address, port: 1, kind },
            mode: ProbeMode::Icmp,
            note: (MeasurementState::Working, String::new()),
            settings: ProbeSettings { packets: 4, ..ProbeSettings::default() },
        };
        let (node, status) = ("n1".to_owned(), StatusBoard::new("n1", Timestamp(0)));
        let (clock, has_answered) = (HubClock::local(), AtomicBool::new(false));
        TargetTask { node, plan, prober, asked, status, bursts, clock, has_answered }
    }

    #[test]
    fn a_target_that_says_nothing_is_degraded_if_an_answer_was_to_be_expected() {
        let of = |kind| {
            let (bursts, asked) = (mpsc::channel(1).0, watch::channel(Asked::default()).1);
            task(kind, Arc::new(Nearby::default()), asked, bursts)
        };
        let lost = [Outcome::Lost, Outcome::Lost];
        let silent = (MeasurementState::Degraded, Cow::from("no answer in time"));
        assert_eq!(of(TargetKind::Custom).state(&lost), silent, "somebody named it");
        let gateway = of(TargetKind::Gateway);
        let (state, why) = gateway.state(&lost);
        assert!(state == MeasurementState::Working && why.contains("never answered"), "{why}");
        let some = [Outcome::Lost, Outcome::Reply { rtt_us: 1.0 }];
        assert_eq!(gateway.state(&some), (MeasurementState::Working, Cow::from("")));
        assert_eq!(gateway.state(&lost), silent, "it answered before");
        let failed = [Outcome::Failed { cause: "no route".into() }];
        assert_eq!(gateway.state(&failed), (MeasurementState::Failing, Cow::from("no route")));
    }

    #[tokio::test(start_paused = true)]
    async fn a_round_that_is_asked_for_comes_at_once_and_the_clock_comes_back() {
        let (nearby, (bursts, mut told)) = (Arc::new(Nearby::default()), mpsc::channel(64));
        let (rounds, asked_rounds) = mpsc::channel(1);
        let (asking, asked) = watch::channel(Asked::default());
        tokio::spawn(hand_on(asked_rounds, asking));
        tokio::spawn(task(TargetKind::Custom, nearby.clone(), asked, bursts).run(Duration::ZERO));
        let since = |from: Instant, to: Instant| {
            let probed = nearby.0.lock().expect("not poisoned");
            probed.iter().filter(|at| (from..to).contains(*at)).count()
        };
        let start = Instant::now();
        sleep(Duration::from_secs(10)).await;
        // Each round begins up to a twentieth of a second late.
        assert_eq!(since(start, start + Duration::from_secs(10)), 40);
        // Between two probes of the clock's round.
        sleep(Duration::from_millis(400)).await;
        // A hold without end is cut.
        rounds.send(u64::MAX).await.expect("listened to");
        let asked = Instant::now();
        sleep(Duration::from_millis(HOLD_MAX_MS) + Duration::from_secs(10)).await;
        // Timers go in whole milliseconds.
        let at_once = asked + ASKED_SPREAD + Duration::from_millis(2);
        assert_eq!(since(asked, at_once), 1, "one probe at once");
        let held = asked + Duration::from_millis(HOLD_MAX_MS);
        // What began before goes on to its end.
        assert_eq!(since(asked + Duration::from_millis(1_100), held), 0);
        assert!(since(held, Instant::now()) > 30);
        while let Ok(readings) = told.try_recv() {
            assert!(readings.iter().all(|(series, _)| series.label("dst") == "a"));
        }
    }
}
