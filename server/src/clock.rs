//! The only reading of the wall clock. Everything that decides takes the moment as an argument.

use std::time::{SystemTime, UNIX_EPOCH};

use netloom_core::time::Timestamp;

/// The moment.
pub fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(since_epoch.as_millis() as i64)
}
