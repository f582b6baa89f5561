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

    /// Drops from the spool what the hub keeps no more, which is `keep_ms`. How old anything is, only the hub's clock tells:
    /// by one of this machine that is wrong, all of it may seem too old.
    pub(super) async fn forget_older_than(&self, keep_ms: i64) {
        if !self.clock.is_estimated() {
            return;
        }
        let ts_ms = self.clock.now().ms().saturating_sub(keep_ms);
        let forgotten = self.with_spool(move |spool| {
            spool.forget_before(ts_ms);
            Ok(())
        });
        // Only a thread that broke fails here, and then appending says so.
        let _ = forgotten.await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use netloom_core::{
        clock_offset::Exchange,
        sample::{Batch, Readings, SeriesKey},
        uplink::Fingerprint,
    };
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::agent::{
        hub_clock::{HubClock, WallClock},
        remote::client::{Client, HubPlace},
    };

    /// What an agent has on disk whose hub is away.
    fn waiting(folder: &std::path::Path, wall: WallClock) -> (HubClock, RemoteUplink) {
        let mut spool = Spool::open(folder, 1_000_000).expect("opens");
        let mut readings = Readings::default();
        readings.push(SeriesKey::new("step", [("node", "a")]), 1_800_000_000_000, 1.0);
        spool.append(&Batch { node: "a".into(), epoch: 1, seq: 0, readings, info: None }, None).expect("written");
        let clock = HubClock::followed(wall, 0);
        let place = HubPlace::parse("https://127.0.0.1:1").expect("a place");
        let client = || Client::new(place.clone(), Fingerprint([0; 32]), clock.clone(), None).expect("a client");
        let uplink =
            RemoteUplink::new("a".into(), [client(), client()], clock.clone(), spool, CancellationToken::new());
        (clock, uplink)
    }

    #[tokio::test]
    async fn nothing_is_too_old_before_the_hub_told_the_time() {
        let folder = tempfile::tempdir().expect("a folder");
        // The wall clock is in the year 2100.
        let (clock, uplink) = waiting(folder.path(), Arc::new(|| 4_102_444_800_000_000));
        uplink.forget_older_than(1_000).await;
        assert_eq!(uplink.waiting.load(Ordering::Relaxed), 1);
        let at = |hub_us| Exchange { sent_us: 0, received_us: hub_us, answered_us: hub_us, back_us: 0 };
        clock.take(at(1_800_000_000_000_000));
        uplink.forget_older_than(100_000).await;
        assert_eq!(uplink.waiting.load(Ordering::Relaxed), 1);
        uplink.forget_older_than(-100_000).await;
        assert_eq!((uplink.waiting.load(Ordering::Relaxed), uplink.dropped.load(Ordering::Relaxed)), (0, 1));
    }
}
