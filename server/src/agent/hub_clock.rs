//! The hub's time, as this machine knows it: monotonic time here, and how far the hub is from it.
//!
//! The wall clock of this machine is not needed: it may be a day off or be set while the agent runs.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use netloom_core::{
    clock_offset::{Change, ClockFilter, Exchange, Steering},
    time::Timestamp,
};

use crate::clock;

/// Reads a wall clock, µs since the epoch.
pub type WallClock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// The hub's time. Cheap to clone.
#[derive(Clone)]
pub struct HubClock(Option<Arc<Followed>>);

/// A clock that is followed over a network.
struct Followed {
    start: Instant,
    wall: WallClock,
    state: Mutex<State>,
}

struct State {
    filter: ClockFilter,
    steering: Steering,
    /// By how much times were wrong that were taken before the first estimate, µs.
    first_shift_us: Option<i64>,
}

impl HubClock {
    /// For an agent in the hub's own process: this machine's clock is the hub's.
    pub fn local() -> Self {
        Self(None)
    }

    /// For an agent elsewhere. Until the first exchange the hub's clock is taken to be where it was last time: so far
    /// behind this machine's wall clock.
    pub fn followed(wall: WallClock, last_offset_us: i64) -> Self {
        let steering = Steering::new(0, (wall() - last_offset_us) as f64);
        let state = State { filter: ClockFilter::default(), steering, first_shift_us: None };
        Self(Some(Arc::new(Followed { start: Instant::now(), wall, state: Mutex::new(state) })))
    }

    /// The hub's time now. It goes back only when the hub's clock was set back.
    pub fn now(&self) -> Timestamp {
        Timestamp(self.now_us() / 1_000)
    }

    /// The hub's time now, µs.
    pub fn now_us(&self) -> i64 {
        self.0.as_ref().map_or_else(clock::now_us, |followed| {
            let here_us = followed.here_us();
            here_us + followed.lock().steering.at(here_us) as i64
        })
    }

    /// The hub's time at a moment, ms; `None` before the hub was heard of.
    pub fn ms_at(&self, at: Instant) -> Option<i64> {
        let Some(followed) = &self.0 else { return Some((clock::now_us() - at.elapsed().as_micros() as i64) / 1_000) };
        let here_us = at.saturating_duration_since(followed.start).as_micros() as i64;
        let state = followed.lock();
        state.first_shift_us.map(|_| (here_us + state.steering.at(here_us) as i64) / 1_000)
    }

    /// Whether it is the hub's time, and not yet what it was thought to be at the start.
    pub fn is_estimated(&self) -> bool {
        self.first_shift_us().is_some()
    }

    /// What must be added to times that were taken before the first estimate, µs; `None` while there is none.
    pub fn first_shift_us(&self) -> Option<i64> {
        self.0.as_ref().map_or(Some(0), |followed| followed.lock().first_shift_us)
    }

    /// The moment here for the times of an exchange, µs of a monotonic clock.
    pub fn here_us(&self) -> i64 {
        self.0.as_ref().map_or_else(clock::now_us, |followed| followed.here_us())
    }

    /// This machine's wall clock less the hub's, µs; `None` while that is not known.
    pub fn wall_offset_us(&self) -> Option<i64> {
        let Some(followed) = &self.0 else { return Some(0) };
        self.is_estimated().then(|| (followed.wall)() - self.now_us())
    }

    /// Takes the times of an exchange with the hub.
    pub fn take(&self, exchange: Exchange) {
        let Some(followed) = &self.0 else { return };
        let here_us = followed.here_us();
        let mut state = followed.lock();
        let change = state.filter.take(exchange);
        let Some(offset_us) = state.filter.offset_us(here_us) else { return };
        match change {
            Change::First => {
                state.first_shift_us = Some((offset_us - state.steering.at(here_us)) as i64);
                state.steering = Steering::new(here_us, offset_us);
            }
            Change::Refined => state.steering.follow(here_us, offset_us),
            Change::Step => {
                let by_ms = (offset_us - state.steering.at(here_us)) / 1_000.0;
                tracing::warn!(by_ms, "the hub's clock was set");
                state.steering = Steering::new(here_us, offset_us);
            }
            Change::Doubted => {}
        }
    }
}

impl Followed {
    fn here_us(&self) -> i64 {
        self.start.elapsed().as_micros() as i64
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_US: i64 = 86_400_000_000;

    #[test]
    fn a_machine_whose_clock_is_a_day_off_tells_the_hubs_time() {
        let clock = HubClock::followed(Arc::new(|| clock::now_us() + DAY_US), 0);
        assert!(!clock.is_estimated());
        assert!(clock.now_us() > clock::now_us() + DAY_US / 2, "what it was thought to be");
        let sent_us = clock.here_us();
        let hub_us = clock::now_us();
        let back_us = clock.here_us().max(sent_us);
        clock.take(Exchange { sent_us, received_us: hub_us, answered_us: hub_us, back_us });
        let off_us = (clock.now_us() - clock::now_us()).abs();
        assert!(off_us < 1_000_000, "{off_us}");
        let shift_us = clock.first_shift_us().expect("estimated");
        assert!((shift_us + DAY_US).abs() < 1_000_000, "{shift_us}");
        let wall_us = clock.wall_offset_us().expect("estimated");
        assert!((wall_us - DAY_US).abs() < 1_000_000, "{wall_us}");
    }

    #[test]
    fn the_hubs_own_agent_needs_no_exchange() {
        let clock = HubClock::local();
        assert!(clock.is_estimated());
        assert_eq!(clock.wall_offset_us(), Some(0));
    }
}
