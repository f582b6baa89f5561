//! The end of the process: who asks for it, and how long everybody has.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// Open connections get this long to finish once the end was asked for. Together with the last batch and the closing
/// of the database it stays within the five seconds that service managers and people grant.
pub const DRAIN_LIMIT: Duration = Duration::from_secs(3);

/// A token that is cancelled by SIGTERM or SIGINT.
///
/// # Errors
/// When the system refuses the signal handlers.
pub fn on_signal() -> std::io::Result<CancellationToken> {
    let token = CancellationToken::new();
    let cancelled = token.clone();
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    let mut interrupt = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt())?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping");
        cancelled.cancel();
    });
    Ok(token)
}
