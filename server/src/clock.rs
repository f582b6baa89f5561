//! The only reading of the wall clock. Everything that decides takes the moment as an argument.

use std::time::{SystemTime, UNIX_EPOCH};

use netloom_core::time::Timestamp;

/// The moment.
pub fn now() -> Timestamp {
    Timestamp(now_us() / 1_000)
}

/// The moment, µs since the epoch.
pub fn now_us() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since_epoch.as_micros() as i64
}

/// The moment, ns since the epoch: the clock of the stamps that a kernel puts on packets.
pub fn now_ns() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() as u64
}
