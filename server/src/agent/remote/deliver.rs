//! Batches as the hub takes them: series by number, times of the hub, and what the node is when the hub does not know.

use std::{collections::HashMap, time::Duration};

use hyper::Method;
use netloom_core::{
    sample::{Reading, SeriesKey},
    uplink::{Delivered, Delivery, NAMED_MAX_SERIES, NO_ROOM, NameSeries, SeriesNumbers, WireBatch},
};

use super::{
    RemoteUplink,
    client::{CallError, Client, held},
    segment::Spooled,
};

/// How often series are named anew for one delivery, when the hub starts anew meanwhile.
const NAMINGS_MAX: usize = 4;
/// Numbers of series that are remembered: twice what the hub takes of one node. Beyond it they are asked for anew.
const NUMBERS_MAX: usize = 16_000;
/// Why a batch is not sent.
const UNPLACED: &str = "it was taken before the machine started anew, by a clock that was wrong";

/// The hub's numbers of series.
#[derive(Default)]
pub(super) struct Numbers {
    /// The life of the hub in which they hold; `None` when it has to be asked for, though nothing has to be named.
    session: Option<u64>,
    known: HashMap<SeriesKey, u32>,
}

/// What the node is, and whether the hub knows.
#[derive(Default)]
pub(super) struct Info {
    pub(super) version: u64,
    pub(super) document: Option<String>,
    told: u64,
}

impl Info {
    /// What the hub does not know yet, and its version.
    fn news(&self) -> (u64, Option<String>) {
        (self.version, self.document.clone().filter(|_| self.told < self.version))
    }
}

impl RemoteUplink {
    /// Delivers batches of some series.
    pub(super) async fn deliver(
        &self,
        client: &Client,
        series: &[SeriesKey],
        batches: &[Spooled],
        limit: Duration,
    ) -> Result<Delivered, CallError> {
        for _ in 0..NAMINGS_MAX {
            let (session, numbers) = self.numbers_of(client, series, limit).await?;
            if !self.clock.is_estimated() {
                // Their times have to be put right, and any answer tells how.
                client.call(Method::GET, "/uplink/v1/config", Vec::new(), limit).await?;
            }
            if !self.clock.is_estimated() {
                return Err(CallError::Away("the hub's time is not known yet".into()));
            }
            let (told, info) = held(&self.info).news();
            let (mut places, mut wired, mut unplaced) = (Vec::new(), Vec::new(), Vec::new());
            for (at, batch) in batches.iter().enumerate() {
                match self.shift_us(batch) {
                    Some(shift_us) => {
                        places.push(at);
                        wired.push(on_the_wire(batch, &numbers, shift_us));
                    }
                    None => unplaced.push((at, UNPLACED.to_owned())),
                }
            }
            let body = postcard::to_stdvec(&Delivery { session, batches: wired, info })
                .map_err(|error| CallError::Refused(error.to_string()))?;
            match client.call(Method::POST, "/uplink/v1/batches", body, limit).await {
                Err(CallError::OtherSession) => self.forget_session(),
                Err(error) => return Err(error),
                Ok(answer) => {
                    held(&self.info).told = told;
                    let mut delivered: Delivered = read(&answer.body)?;
                    for (at, _) in &mut delivered.refused {
                        *at = places.get(*at).copied().unwrap_or(*at);
                    }
                    delivered.refused.extend(unplaced);
                    self.revision
                        .send_if_modified(|known| std::mem::replace(known, delivered.revision) != delivered.revision);
                    self.errands.send_replace(delivered.errands);
                    return Ok(delivered);
                }
            }
        }
        Err(CallError::Away("the hub keeps starting anew".into()))
    }

    /// What puts the times of a batch right, µs; `None` when nobody can tell.
    fn shift_us(&self, batch: &Spooled) -> Option<i64> {
        if batch.is_provisional { self.clock.shift_us_of(batch.reckoning.as_ref()) } else { Some(0) }
    }

    /// The hub's numbers of series, and the life of the hub for which they hold.
    async fn numbers_of(
        &self,
        client: &Client,
        series: &[SeriesKey],
        limit: Duration,
    ) -> Result<(u64, Vec<u32>), CallError> {
        for _ in 0..NAMINGS_MAX {
            let missing = {
                let numbers = held(&self.numbers);
                let found: Vec<Option<u32>> = series.iter().map(|key| numbers.known.get(key).copied()).collect();
                let all = found.iter().copied().collect::<Option<Vec<u32>>>();
                if let (Some(session), Some(all)) = (numbers.session, all) {
                    return Ok((session, all));
                }
                let missing = series.iter().zip(found).filter(|(_, number)| number.is_none());
                missing.map(|(key, _)| key.clone()).take(NAMED_MAX_SERIES).collect::<Vec<_>>()
            };
            let body = serde_json::to_vec(&NameSeries { series: missing.clone() })
                .map_err(|error| CallError::Refused(error.to_string()))?;
            let answer = client.call(Method::POST, "/uplink/v1/series", body, limit).await?;
            let SeriesNumbers { session, numbers } = read(&answer.body)?;
            let is_known = held(&self.numbers).session == Some(session);
            if !is_known {
                self.forget_session();
            }
            let left_out = numbers.iter().filter(|number| **number == NO_ROOM).count();
            if left_out > 0 {
                tracing::warn!(
                    left_out,
                    "the hub has no room for more series of this node; their samples are not kept"
                );
            }
            let mut known = held(&self.numbers);
            if known.known.len() > NUMBERS_MAX {
                known.known.clear();
            }
            known.session = Some(session);
            known.known.extend(missing.into_iter().zip(numbers));
        }
        Err(CallError::Away("the hub keeps starting anew".into()))
    }

    /// The hub has started anew: it knows neither numbers nor what this node is.
    fn forget_session(&self) {
        *held(&self.numbers) = Numbers::default();
        held(&self.info).told = 0;
    }
}

fn on_the_wire(batch: &Spooled, numbers: &[u32], shift_us: i64) -> WireBatch {
    let base_ms = batch.samples.first().map_or(0, |reading| reading.ts_ms);
    let row = |reading: &Reading| {
        let number = *numbers.get(reading.series as usize)?;
        (number != NO_ROOM).then_some((number, reading.ts_ms - base_ms, reading.value))
    };
    let rows = batch.samples.iter().filter_map(row).collect();
    WireBatch { epoch: batch.epoch, seq: batch.seq, base_ms: base_ms + shift_us / 1_000, rows }
}

pub(super) fn read<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, CallError> {
    serde_json::from_slice(body)
        .map_err(|error| CallError::Stranger(format!("the hub's answer is not understood: {error}")))
}
