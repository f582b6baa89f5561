//! The hub's time, as this machine knows it: monotonic time here, and how far the hub is from it.
//!
//! The wall clock of this machine is not needed: it may be a day off or be set while the agent runs.

mod boot;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use netloom_core::{
    clock_offset::{Change, ClockFilter, Exchange, Steering},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

use crate::clock;

/// Reads a wall clock, µs since the epoch.
pub type WallClock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// A wall clock that is off by no more than this is one that somebody sets, µs: NTP keeps it within milliseconds, and a
/// machine without a battery is off by years.
const RIGHT_WITHIN_US: i64 = 60_000_000;

/// How a process reckons the hub's time as long as it has not heard of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reckoning {
    /// The start of the machine in which it runs; empty where the system does not tell.
    pub boot: String,
    /// The time that it takes for the hub's less the time since that start, µs.
    pub ahead_us: i64,
}

/// The hub's time. Cheap to clone.
#[derive(Clone)]
pub struct HubClock(Option<Arc<Followed>>);

/// A clock that is followed over a network.
struct Followed {
    start: Instant,
    wall: WallClock,
    reckoning: Reckoning,
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
        Self::followed_since(wall, last_offset_us, boot::moment())
    }

    /// The same with the moment on the clock of this machine's boot.
    fn followed_since(wall: WallClock, last_offset_us: i64, (boot, since_boot_us): (String, i64)) -> Self {
        let hub_us = wall() - last_offset_us;
        let steering = Steering::new(0, hub_us as f64);
        let state = State { filter: ClockFilter::default(), steering, first_shift_us: None };
        let reckoning = Reckoning { boot, ahead_us: hub_us - since_boot_us };
        Self(Some(Arc::new(Followed { start: Instant::now(), wall, reckoning, state: Mutex::new(state) })))
    }

    /// Whether this machine's clock is the hub's.
    pub fn is_local(&self) -> bool {
        self.0.is_none()
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

    /// How times are reckoned that are taken now; `None` when they are the hub's.
    pub fn reckoning(&self) -> Option<Reckoning> {
        let followed = self.0.as_ref().filter(|followed| followed.lock().first_shift_us.is_none())?;
        Some(followed.reckoning.clone())
    }

    /// What must be added to times that were reckoned so, perhaps by an earlier process, µs; `None` when nobody can tell, or
    /// there is no estimate yet.
    ///
    /// Within one boot of a machine its steady clock leads from one process to the next, whatever the wall clock did. After
    /// another start only the wall clock does, and is believed when it is right now.
    pub fn shift_us_of(&self, reckoning: Option<&Reckoning>) -> Option<i64> {
        let first_us = self.first_shift_us()?;
        let Some(followed) = &self.0 else { return Some(0) };
        let own = &followed.reckoning;
        match reckoning {
            Some(other) if other == own || (other.boot == own.boot && !own.boot.is_empty()) => {
                Some(own.ahead_us + first_us - other.ahead_us)
            }
            _ => (first_us.abs() <= RIGHT_WITHIN_US).then_some(first_us),
        }
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

    /// A process that starts so long after the boot, with the wall clock and the hub's at these times, and hears of the hub.
    fn process(boot: &str, since_boot_us: i64, wall_us: i64, hub_us: i64) -> (Reckoning, HubClock) {
        let clock = HubClock::followed_since(Arc::new(move || wall_us), 0, (boot.into(), since_boot_us));
        let reckoning = clock.reckoning().expect("not heard of yet");
        assert_eq!(clock.shift_us_of(Some(&reckoning)), None);
        clock.take(Exchange { sent_us: 0, received_us: hub_us, answered_us: hub_us, back_us: 0 });
        assert_eq!(clock.reckoning(), None);
        (reckoning, clock)
    }

    #[test]
    fn times_of_an_earlier_process_are_put_right_although_the_clock_was_set_in_between() {
        let (minute, hub_us) = (60_000_000, 1_800_000_000_000_000);
        // A machine without a battery: the first process finds the year 1970, then somebody sets the clock.
        let (first, _) = process("a", minute, 5, hub_us - 10 * minute);
        let (second, clock) = process("a", 11 * minute, hub_us, hub_us);
        // At its start the first process took it to be 5 µs after 1970, ten minutes before the start of the second.
        let shift_us = clock.shift_us_of(Some(&first)).expect("can be told");
        assert_eq!(5 + shift_us, hub_us - 10 * minute);
        assert_eq!(clock.shift_us_of(Some(&second)), clock.first_shift_us());
        assert_eq!(clock.shift_us_of(Some(&second)), Some(0));
    }

    #[test]
    fn after_another_start_of_the_machine_only_a_clock_that_is_right_tells() {
        let hub_us = 1_800_000_000_000_000;
        let (before, _) = process("a", 0, hub_us - DAY_US, hub_us - DAY_US);
        let (_, right) = process("b", 0, hub_us - 1_000, hub_us);
        assert_eq!(right.shift_us_of(Some(&before)), Some(1_000));
        let (_, wrong) = process("b", 0, 5, hub_us);
        assert_eq!((wrong.shift_us_of(Some(&before)), wrong.shift_us_of(None)), (None, None));
        // Systems that do not tell their start have none in common, but a process knows its own.
        let (before, _) = process("", 0, 5, hub_us);
        let (own, unknown) = process("", 9, 5, hub_us);
        assert_eq!(unknown.shift_us_of(Some(&before)), None);
        assert_eq!(unknown.shift_us_of(Some(&own)), Some(hub_us - 5));
    }

    #[test]
    fn the_hubs_own_agent_needs_no_exchange() {
        let clock = HubClock::local();
        assert!(clock.is_estimated());
        assert_eq!(clock.wall_offset_us(), Some(0));
    }
}
