//! Records a run with the hub while its command runs, and never holds the command up: what cannot be said now is said
//! later.

use std::{pin::pin, time::Duration};

use netloom_core::{
    run::{
        HEARTBEAT_MS,
        request::{EndRun, NewRun},
    },
    schedule::backoff_ms,
};
use tokio::{
    sync::oneshot,
    time::{Instant, sleep, timeout_at},
};

use super::api::{CallError, Hub};

/// Pauses between attempts while the command runs, ms.
const RETRY_FIRST_MS: u64 = 500;
const RETRY_MOST_MS: u64 = 30_000;
/// Pauses between attempts once it has ended, ms: somebody waits.
const LAST_FIRST_MS: u64 = 100;
const LAST_MOST_MS: u64 = 1_000;
/// How long the end of the command is held back for a hub that is away: a restart of the hub, and no more.
const LAST_LIMIT: Duration = Duration::from_secs(3);

/// Records one run.
pub(super) struct Recorder {
    hub: Hub,
    new: NewRun,
    id: String,
    is_known: bool,
}

impl Recorder {
    /// Begins with nothing recorded; the run's id is chosen already.
    pub(super) fn new(hub: Hub, new: NewRun, id: String) -> Self {
        Self { hub, new, id, is_known: false }
    }

    /// Records until the end of the command was told, and that end.
    ///
    /// # Errors
    /// Why the run, or its end, is not recorded.
    pub(super) async fn run(mut self, ended: oneshot::Receiver<EndRun>) -> Result<(), String> {
        let end = {
            let mut ended = pin!(ended);
            tokio::select! {
                end = &mut ended => end,
                refused = self.accompany() => {
                    // The hub will not have this run. It is said when the command has ended, not into its output.
                    let _ = ended.await;
                    return Err(refused);
                }
            }
        };
        // Nobody drops the other end without having said how it ended.
        let Ok(end) = end else { return Ok(()) };
        let deadline = Instant::now() + LAST_LIMIT;
        let mut last = "no answer".to_owned();
        let attempts = async {
            for attempt in 0.. {
                match self.finish(&end).await {
                    Ok(()) => return Ok(()),
                    Err(CallError::Refused(why)) => return Err(why),
                    Err(CallError::Unknown(why) | CallError::Away(why)) => last = why,
                }
                sleep(pause(attempt, LAST_FIRST_MS, LAST_MOST_MS)).await;
            }
            Ok(())
        };
        match timeout_at(deadline, attempts).await {
            Ok(done) => done,
            Err(_) => Err(last),
        }
    }

    /// Begins the run with the hub and gives signs of life. Returns only when the hub refuses the run; why.
    async fn accompany(&mut self) -> String {
        let mut failures = 0;
        loop {
            let done =
                if self.is_known { self.hub.heartbeat(&self.id).await } else { self.hub.create(&self.new).await };
            match done {
                Ok(()) => {
                    (self.is_known, failures) = (true, 0);
                    sleep(Duration::from_millis(HEARTBEAT_MS)).await;
                    continue;
                }
                Err(CallError::Refused(why)) => return why,
                // The hub began anew without its data.
                Err(CallError::Unknown(_)) => self.is_known = false,
                Err(CallError::Away(_)) => {}
            }
            sleep(pause(failures, RETRY_FIRST_MS, RETRY_MOST_MS)).await;
            failures += 1;
        }
    }

    async fn finish(&mut self, end: &EndRun) -> Result<(), CallError> {
        if !self.is_known {
            self.hub.create(&self.new).await?;
            self.is_known = true;
        }
        let ended = self.hub.end(&self.id, end).await;
        self.is_known = !matches!(ended, Err(CallError::Unknown(_)));
        ended
    }
}

fn pause(attempt: u32, first_ms: u64, most_ms: u64) -> Duration {
    Duration::from_millis(backoff_ms(attempt, first_ms, most_ms, fastrand::f64()))
}
