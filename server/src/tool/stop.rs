//! Ctrl-C: the first one asks for the end, the second one is the end. A terminal that goes away asks, too.

use std::fs;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// What shells add to the number of the signal that ended a command.
const EXIT_SIGNALLED: i32 = 128;

/// A token that is cancelled by the first SIGINT, SIGTERM or SIGHUP; a second one of the first two ends the process. Of
/// SIGHUP several may come at once, from the system and from the shell.
///
/// # Errors
/// When the system refuses the signal handlers.
pub(super) fn on_signal() -> std::io::Result<CancellationToken> {
    let token = CancellationToken::new();
    let cancelled = token.clone();
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    // Under nohup it stays ignored.
    let hang_up = SignalKind::hangup();
    let mut hang_up = if ignores(&status(), hang_up) { None } else { Some(signal(hang_up)?) };
    tokio::spawn(async move {
        loop {
            let number = tokio::select! {
                _ = interrupt.recv() => SignalKind::interrupt().as_raw_value(),
                _ = terminate.recv() => SignalKind::terminate().as_raw_value(),
                () = came(&mut hang_up) => {
                    cancelled.cancel();
                    continue;
                }
            };
            if cancelled.is_cancelled() {
                std::process::exit(EXIT_SIGNALLED + number);
            }
            cancelled.cancel();
        }
    });
    Ok(token)
}

/// Waits for a signal, if it is listened to.
async fn came(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => _ = signal.recv().await,
        None => std::future::pending().await,
    }
}

/// What Linux says of this process; nothing elsewhere.
fn status() -> String {
    fs::read_to_string("/proc/self/status").unwrap_or_default()
}

/// Whether this process was started with a signal ignored.
fn ignores(status: &str, kind: SignalKind) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask >> (kind.as_raw_value() - 1) & 1 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_that_is_ignored_is_known() {
        let status = "SigBlk:\t0000000000000003\nSigIgn:\t0000000000001001\nSigCgt:\t0000000000000002\n";
        assert!(ignores(status, SignalKind::hangup()));
        assert!(!ignores(status, SignalKind::interrupt()));
        assert!(!ignores("", SignalKind::hangup()));
    }
}
