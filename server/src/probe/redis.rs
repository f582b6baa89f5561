//! Redis: PING, and the cycle of a lock.

use netloom_core::check::{Finding, Outcome, spec::RedisSpec};

use crate::check::{Means, Told};

/// Runs the check.
pub async fn check(spec: &RedisSpec, _means: &Means, _told: Told<'_>) -> Finding {
    Finding::new(Outcome::Skipped { why: format!("{spec:?} is not built yet") })
}
