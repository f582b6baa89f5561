//! What the agent knows of the hub's time.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

/// A handle to the estimate. Whoever speaks with the hub sets it; without one, nothing is judged by its age.
#[derive(Debug, Clone, Default)]
pub struct HubClock {
    estimate: Arc<Mutex<Option<(Instant, i64)>>>,
}

impl HubClock {
    /// Notes that the hub's clock showed `hub_ms`, epoch milliseconds, at a moment.
    pub fn set(&self, at: Instant, hub_ms: i64) {
        *self.estimate.lock().unwrap_or_else(PoisonError::into_inner) = Some((at, hub_ms));
    }

    /// What the hub's clock shows at a moment, epoch milliseconds; `None` before the hub was heard of.
    pub fn ms_at(&self, now: Instant) -> Option<i64> {
        let (at, hub_ms) = (*self.estimate.lock().unwrap_or_else(PoisonError::into_inner))?;
        Some(hub_ms + now.saturating_duration_since(at).as_millis() as i64)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_estimate_goes_on_by_itself() {
        let (clock, at) = (HubClock::default(), Instant::now());
        assert_eq!(clock.ms_at(at), None);
        clock.clone().set(at, 1_000);
        assert_eq!(clock.ms_at(at + Duration::from_millis(250)), Some(1_250));
    }
}
