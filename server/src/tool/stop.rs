//! Ctrl-C: the first one asks for the end, the second one is the end.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// What shells add to the number of the signal that ended a command.
const EXIT_SIGNALLED: i32 = 128;

/// A token that is cancelled by the first SIGINT or SIGTERM; the second one ends the process.
///
/// # Errors
/// When the system refuses the signal handlers.
pub(super) fn on_signal() -> std::io::Result<CancellationToken> {
    let token = CancellationToken::new();
    let cancelled = token.clone();
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::spawn(async move {
        loop {
            let number = tokio::select! {
                _ = interrupt.recv() => SignalKind::interrupt().as_raw_value(),
                _ = terminate.recv() => SignalKind::terminate().as_raw_value(),
            };
            if cancelled.is_cancelled() {
                std::process::exit(EXIT_SIGNALLED + number);
            }
            cancelled.cancel();
        }
    });
    Ok(token)
}
