//! Signals that ask to stop. They only raise a flag: whoever notices it returns an error, and on the way out servers are
//! stopped and folders removed as after any other error.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use signal_hook::consts::{SIGINT, SIGTERM};

/// How long a sleep goes on without looking at the flag.
const NAP: Duration = Duration::from_millis(100);

/// Signals belong to the process, so there is one flag.
static STOP: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// Begins to watch for signals.
pub(crate) fn watch() -> Result<()> {
    let stop = STOP.get_or_init(Arc::default);
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(stop)).context("could not watch for signals")?;
    }
    Ok(())
}

/// Fails once a signal has come.
pub(crate) fn check() -> Result<()> {
    ensure!(!STOP.get().is_some_and(|stop| stop.load(Ordering::Relaxed)), "interrupted");
    Ok(())
}

/// Waits, and fails early when a signal comes.
pub(crate) fn sleep(time: Duration) -> Result<()> {
    let end = Instant::now() + time;
    loop {
        check()?;
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        std::thread::sleep(left.min(NAP));
    }
}
