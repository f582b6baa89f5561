//! What the agent tells of itself: packets that its echo turned away, and batches that nobody took.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use netloom_core::{
    metric,
    sample::{Readings, SeriesKey},
};
use tokio::{
    sync::mpsc,
    time::{Instant, MissedTickBehavior, interval_at},
};

use super::{echo::Counts, hub_clock::HubClock};

/// How often it is told.
const INTERVAL: Duration = Duration::from_secs(1);

/// What is told, and where it goes.
pub struct Own {
    /// The node.
    pub node: String,
    /// What became of packets of the mesh, when the node answers any.
    pub echo: Option<Counts>,
    /// Batches that nobody took.
    pub dropped: Arc<AtomicU64>,
    /// The hub's time.
    pub clock: HubClock,
    /// Where it goes.
    pub bursts: mpsc::Sender<Readings>,
}

impl Own {
    /// Tells it once a second until nobody listens.
    pub async fn run(self) {
        let mut ticks = interval_at(Instant::now() + INTERVAL, INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut before = (Instant::now(), 0);
        loop {
            ticks.tick().await;
            let readings = self.readings(&mut before, Instant::now());
            if !readings.samples.is_empty() && self.bursts.send(readings).await.is_err() {
                return;
            }
        }
    }

    fn readings(&self, before: &mut (Instant, u64), now: Instant) -> Readings {
        let (mut readings, ts_ms) = (Readings::default(), self.clock.now().ms());
        let mut add = |metric: &str, value: f64| {
            readings.push(SeriesKey::new(metric, [("node", &self.node)]), ts_ms, value);
        };
        if let Some(echo) = &self.echo {
            let (since, known) = std::mem::replace(before, (now, echo.refused()));
            let elapsed_s = now.saturating_duration_since(since).as_secs_f64();
            if elapsed_s > 0.0 {
                add(metric::ECHO_REFUSED_PS, before.1.saturating_sub(known) as f64 / elapsed_s);
            }
        }
        // So rare that a series of zeros for every node would only take room.
        match self.dropped.load(Ordering::Relaxed) {
            0 => {}
            dropped => add(metric::SENDER_DROPPED_BATCHES, dropped as f64),
        }
        readings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn rates_are_over_the_true_time_and_what_nobody_took_is_told_from_the_first_on() {
        let (bursts, mut told) = mpsc::channel(4);
        let (echo, dropped) = (Counts::default(), Arc::<AtomicU64>::default());
        let own = Own {
            node: "a".into(),
            echo: Some(echo.clone()),
            dropped: dropped.clone(),
            clock: HubClock::local(),
            bursts,
        };
        let mut before = (Instant::now(), 0);
        let figures = |readings: &Readings| {
            let of = |(series, reading): (&SeriesKey, netloom_core::sample::Reading)| {
                assert_eq!(series.label("node"), "a");
                (series.metric.clone(), reading.value)
            };
            readings.iter().map(of).collect::<Vec<_>>()
        };
        (0..3).for_each(|_| echo.add(super::super::echo::Dropped::Forged));
        let readings = own.readings(&mut before, Instant::now() + Duration::from_secs(2));
        assert_eq!(figures(&readings), [(metric::ECHO_REFUSED_PS.to_owned(), 1.5)]);
        dropped.store(7, Ordering::Relaxed);
        tokio::spawn(own.run());
        let readings = told.recv().await.expect("told");
        assert!(figures(&readings).contains(&(metric::SENDER_DROPPED_BATCHES.to_owned(), 7.0)), "{readings:?}");
    }
}
