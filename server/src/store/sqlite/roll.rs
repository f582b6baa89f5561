//! Sums blocks up by the minute and by the hour.

use std::collections::BTreeMap;

use netloom_core::series::{Catalog, GROUP};

use super::{
    SqliteStore, block,
    read::Stored,
    rollup::{self, Summaries},
    seal::{Packed, blocking},
    tier::Tier,
};
use crate::store::StoreError;

/// A window is summed up this long after its end, ms: later than it is packed, and late enough that agents which were cut
/// off for a moment have delivered; what comes still later is summed up anew.
const DELAY_MS: i64 = 20 * 60_000;
/// Groups summed up at once.
const STEP_GROUPS: u32 = 8;

impl SqliteStore {
    /// Sums one window up that is due. Returns whether there was one.
    pub(super) async fn roll_due(&self, now_ms: i64) -> Result<bool, StoreError> {
        for tier in [Tier::Minute, Tier::Hour] {
            if let Some(window) = self.due(tier, now_ms) {
                tracing::debug!(tier = tier.name(), window, "summing up");
                self.roll(tier, window).await?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The oldest window of a tier that is over, whose parts are all there, and that is not summed up.
    fn due(&self, tier: Tier, now_ms: i64) -> Option<i64> {
        let finer = tier.finer()?;
        let unsealed: Vec<i64> =
            self.head.occupied().iter().map(|window| tier.window_of(Tier::Raw.bounds(*window).0)).collect();
        let is_due = |window: &i64| {
            tier.bounds(*window).1 + DELAY_MS <= now_ms
                && !unsealed.contains(window)
                && !self.filled(|filled| filled.contains(&(tier, *window)))
                && self.is_complete(tier, *window)
        };
        let mut windows: Vec<i64> =
            self.filled_windows(finer).iter().map(|window| tier.window_of(finer.bounds(*window).0)).collect();
        windows.dedup();
        windows.into_iter().find(is_due)
    }

    /// Whether every window of the finer tier that has raw blocks is there.
    fn is_complete(&self, tier: Tier, window: i64) -> bool {
        let Some(finer @ Tier::Minute) = tier.finer() else { return true };
        tier.windows_below(window, finer).all(|part| {
            self.filled(|filled| {
                filled.contains(&(finer, part))
                    || !finer.windows_below(part, Tier::Raw).any(|raw| filled.contains(&(Tier::Raw, raw)))
            })
        })
    }

    async fn roll(&self, tier: Tier, window: i64) -> Result<(), StoreError> {
        let Some(finer) = tier.finer() else { return Ok(()) };
        let below = tier.windows_below(window, finer);
        let below = below.start..=below.end - 1;
        let groups = self.catalog.read(Catalog::groups);
        for first in (0..groups).step_by(STEP_GROUPS as usize) {
            let mut work = Vec::new();
            for group in first..groups.min(first + STEP_GROUPS) {
                let stored = self.blocks(finer, group, &below).await?;
                if !stored.is_empty() {
                    work.push((group, stored));
                }
            }
            if work.is_empty() {
                continue;
            }
            let pack = move |(group, stored): (u32, Stored)| sum_up(tier, group, window, &stored);
            let blocks = blocking(move || Ok(work.into_iter().map(pack).collect())).await?;
            self.write_blocks(tier, blocks).await?;
        }
        let mut tx = self.database.begin().await?;
        self.mark_filled(&mut tx, tier, window).await?;
        tx.commit().await?;
        self.change_filled(|filled| {
            filled.insert((tier, window));
        });
        Ok(())
    }
}

/// The block of a tier made from those of the finer one. A damaged one is left out: one that cannot be read must not keep
/// all others from being summed up and deleted.
fn sum_up(tier: Tier, group: u32, window: i64, stored: &Stored) -> Packed {
    let mut slots = BTreeMap::<u32, Summaries>::new();
    for (part, data) in stored {
        match summaries(tier, *part, data) {
            Ok(parts) => parts.into_iter().for_each(|(slot, part)| slots.entry(slot).or_default().extend(part)),
            Err(error) => tracing::error!(%error, group, window = part, "a damaged block is left out of summaries"),
        }
    }
    let slots: Vec<(u32, Summaries)> = slots.into_iter().collect();
    debug_assert!(slots.len() <= GROUP as usize);
    let count = slots.iter().map(|(_, summaries)| summaries.len()).sum();
    Packed { row: tier.row(group, window), count, data: rollup::encode(tier, window, &slots) }
}

/// What one block of the finer tier gives.
fn summaries(tier: Tier, part: i64, data: &[u8]) -> Result<BTreeMap<u32, Summaries>, StoreError> {
    if tier == Tier::Hour {
        let minutes = rollup::decode(Tier::Minute, part, data, |_| true)?;
        return Ok(minutes.into_iter().map(|(slot, all)| (slot, rollup::of_summaries(tier, &all))).collect());
    }
    let samples = block::decode(part, data)?;
    Ok(samples.into_iter().map(|(slot, samples)| (slot, rollup::of_samples(tier, &samples))).collect())
}
