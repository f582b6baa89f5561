//! Empties the spool while the hub answers, and throws out what the hub would not keep.

use std::{sync::atomic::Ordering, time::Duration};

use netloom_core::schedule::backoff_ms;
use tokio::time::sleep;

use super::{
    BACKGROUND_LIMIT, RETRY_FIRST_MS, RETRY_MOST_MS, RemoteUplink,
    client::{CallError, held},
    spool::{Chunk, Spool},
};

impl RemoteUplink {
    /// Delivers what waits whenever the hub answers, until the agent stops.
    pub async fn drain(&self) {
        let mut attempt = 0;
        loop {
            let chunk = if held(&self.way).is_open { self.with_spool(Spool::next).await } else { Ok(None) };
            let wait = match chunk {
                Ok(Some(chunk)) => match self.drain_chunk(chunk).await {
                    Ok(()) => {
                        attempt = 0;
                        continue;
                    }
                    Err(CallError::Denied(why)) => return self.deny(&why),
                    Err(error) => {
                        tracing::debug!(%error, "what waits cannot be delivered now");
                        attempt += 1;
                        backoff_ms(attempt, RETRY_FIRST_MS, RETRY_MOST_MS, fastrand::f64())
                    }
                },
                Ok(None) => {
                    self.stirred.notified().await;
                    continue;
                }
                Err(error) => {
                    tracing::error!(%error, "the spool cannot be read");
                    RETRY_MOST_MS
                }
            };
            sleep(Duration::from_millis(wait)).await;
        }
    }

    async fn drain_chunk(&self, chunk: Chunk) -> Result<(), CallError> {
        let refused = match self.deliver(&self.background, &chunk.series, &chunk.batches, BACKGROUND_LIMIT).await {
            Ok(delivered) => delivered.refused,
            // Sending it again would not help either.
            Err(CallError::Refused(why)) => (0..chunk.batches.len()).map(|at| (at, why.clone())).collect(),
            Err(error) => return Err(error),
        };
        for (at, why) in refused {
            tracing::error!(at, why, "the hub refused a batch of the spool");
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
        let done = self.with_spool(move |spool| {
            spool.done(&chunk);
            Ok(())
        });
        done.await.map_err(|error| CallError::Away(error.to_string()))
    }

    /// Drops from the spool what the hub keeps no more.
    pub(super) async fn forget_before(&self, ts_ms: i64) {
        let forgotten = self.with_spool(move |spool| {
            spool.forget_before(ts_ms);
            Ok(())
        });
        // Only a thread that broke fails here, and then appending says so.
        let _ = forgotten.await;
    }
}
