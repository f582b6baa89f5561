//! Whether a request that is genuine is answered: not when it is old, repeated, or one too many.

use std::collections::{HashMap, hash_map::Entry};

use super::replay::Window;

/// Probers that are remembered: four times the peers a node can have, because the choice of peers rotates.
pub const PROBERS_MAX: usize = 1_024;
/// A prober that was silent for this long makes room for another when the table is full, ms.
pub const FORGET_AFTER_MS: u64 = 60_000;
/// How far a request's time of the hub may be away, ms: the clocks of two agents differ by milliseconds, and nothing is
/// under way for so long.
pub const FRESH_MS: u64 = 30_000;
/// Answers that one prober gets in a second: four times the most that settings let it ask for, confirming included, so
/// that a stolen key makes no flood.
pub const ANSWERS_PER_S_MAX: u32 = 480;

/// Why a genuine request is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It was on its way for too long, or its prober's notion of time is wrong.
    Stale,
    /// It came before.
    Replayed,
    /// Its prober asks too often.
    TooMany,
    /// There is no room to remember its prober.
    Full,
}

/// What of a request decides.
#[derive(Debug, Clone, Copy)]
pub struct Request {
    /// The number of the prober.
    pub prober: u32,
    /// Its epoch.
    pub epoch: u64,
    /// Its sequence number.
    pub seq: u32,
    /// The time of the hub when it was sent, ms; 0 when its prober does not know it.
    pub hub_ms: i64,
}

/// What is known of one prober.
#[derive(Debug, Clone)]
struct Known {
    epoch: u64,
    /// The latest epoch that there ever was.
    latest_epoch: u64,
    window: Window,
    newest_hub_ms: i64,
    last_ms: u64,
    /// Answers that it may still get.
    allowance: f64,
}

impl Known {
    /// Whether a request of another epoch was sent after all that were answered. A prober that starts has a later epoch,
    /// but its clock may have gone back meanwhile, and may go forth again. So the time of the hub decides wherever it is
    /// known: by epochs alone, what was recorded under the later one would pass once more each time.
    fn is_later(&self, request: Request, hub_now_ms: Option<i64>) -> bool {
        // A hub whose clock was set back is followed: what was recorded before that is stale.
        let newest_ms = self.newest_hub_ms;
        let was_set_back = hub_now_ms.is_some_and(|now_ms| newest_ms > now_ms.saturating_add_unsigned(FRESH_MS));
        if request.hub_ms == 0 || newest_ms == 0 || was_set_back {
            return request.epoch > self.latest_epoch;
        }
        // Within the same millisecond a prober may begin anew, but not go back.
        request.hub_ms > newest_ms || (request.hub_ms == newest_ms && request.epoch > self.epoch)
    }
}

/// The probers that were heard of.
#[derive(Debug, Clone, Default)]
pub struct Gate {
    probers: HashMap<u32, Known>,
}

impl Gate {
    /// Decides on a request whose tag is right. `now_ms` is of a steady clock; `hub_now_ms` is the time of the hub, where
    /// it is known.
    ///
    /// # Errors
    /// Why it is not answered.
    pub fn admit(&mut self, request: Request, now_ms: u64, hub_now_ms: Option<i64>) -> Result<(), Refusal> {
        if let Some(hub_now_ms) = hub_now_ms
            && request.hub_ms != 0
            && hub_now_ms.abs_diff(request.hub_ms) > FRESH_MS
        {
            return Err(Refusal::Stale);
        }
        let known = self.known(request, now_ms)?;
        let is_other_epoch = request.epoch != known.epoch;
        if is_other_epoch && !known.is_later(request, hub_now_ms) {
            return Err(Refusal::Replayed);
        }
        let earned = now_ms.saturating_sub(known.last_ms) as f64 * f64::from(ANSWERS_PER_S_MAX) / 1e3;
        known.allowance = (known.allowance + earned).min(f64::from(ANSWERS_PER_S_MAX));
        known.last_ms = now_ms;
        if known.allowance < 1.0 {
            return Err(Refusal::TooMany);
        }
        if is_other_epoch {
            known.epoch = request.epoch;
            known.latest_epoch = known.latest_epoch.max(request.epoch);
            if request.hub_ms != 0 {
                known.newest_hub_ms = request.hub_ms;
            }
            known.window = Window::default();
        }
        if !known.window.admit(request.seq) {
            return Err(Refusal::Replayed);
        }
        known.allowance -= 1.0;
        known.newest_hub_ms = known.newest_hub_ms.max(request.hub_ms);
        Ok(())
    }

    /// The entry of the prober, a new one where there is room.
    fn known(&mut self, request: Request, now_ms: u64) -> Result<&mut Known, Refusal> {
        if self.probers.len() >= PROBERS_MAX && !self.probers.contains_key(&request.prober) {
            let silent = self.probers.iter().min_by_key(|(_, known)| known.last_ms);
            match silent.map(|(number, known)| (*number, known.last_ms)) {
                Some((number, last_ms)) if now_ms.saturating_sub(last_ms) >= FORGET_AFTER_MS => {
                    self.probers.remove(&number);
                }
                _ => return Err(Refusal::Full),
            }
        }
        Ok(match self.probers.entry(request.prober) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(Known {
                epoch: request.epoch,
                latest_epoch: request.epoch,
                window: Window::default(),
                newest_hub_ms: 0,
                last_ms: now_ms,
                allowance: f64::from(ANSWERS_PER_S_MAX),
            }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HUB_MS: i64 = 1_800_000_000_000;

    fn request(prober: u32, epoch: u64, seq: u32) -> Request {
        Request { prober, epoch, seq, hub_ms: HUB_MS }
    }

    #[test]
    fn a_request_passes_once() {
        let mut gate = Gate::default();
        assert_eq!(gate.admit(request(1, 5, 0), 0, Some(HUB_MS)), Ok(()));
        assert_eq!(gate.admit(request(1, 5, 0), 0, Some(HUB_MS)), Err(Refusal::Replayed));
        assert_eq!(gate.admit(request(2, 5, 0), 0, Some(HUB_MS)), Ok(()), "another prober has its own numbers");
    }

    #[test]
    fn a_new_start_begins_anew_and_what_was_recorded_before_it_stays_out() {
        let mut gate = Gate::default();
        assert_eq!(gate.admit(request(1, 5, 9), 0, None), Ok(()));
        assert_eq!(gate.admit(request(1, 6, 0), 0, None), Ok(()));
        assert_eq!(gate.admit(request(1, 5, 10), 0, None), Err(Refusal::Replayed));
    }

    #[test]
    fn a_prober_whose_clock_went_back_is_let_in_by_the_time_of_the_hub() {
        let mut gate = Gate::default();
        assert_eq!(gate.admit(request(1, 500, 9), 0, Some(HUB_MS)), Ok(()));
        let later = Request { hub_ms: HUB_MS + 10, ..request(1, 3, 0) };
        assert_eq!(gate.admit(later, 10, Some(HUB_MS + 10)), Ok(()));
        assert_eq!(gate.admit(later, 10, Some(HUB_MS + 10)), Err(Refusal::Replayed));
    }

    #[test]
    fn what_was_recorded_before_a_clock_went_back_stays_out_however_often_it_is_tried() {
        let mut gate = Gate::default();
        let at = |epoch, seq, after_ms| Request { hub_ms: HUB_MS + after_ms, ..request(1, epoch, seq) };
        let recorded: Vec<Request> = (0..5).map(|seq| at(500, seq, i64::from(seq))).collect();
        let now = Some(HUB_MS + 1_000);
        for request in &recorded {
            assert_eq!(gate.admit(*request, 0, now), Ok(()));
        }
        for round in 0..3 {
            assert_eq!(gate.admit(at(3, round, 10 + i64::from(round)), 10, now), Ok(()));
            for request in &recorded {
                assert_eq!(gate.admit(*request, 10, now), Err(Refusal::Replayed));
            }
        }
        // The clock is right again, and the prober starts once more.
        assert_eq!(gate.admit(at(501, 0, 20), 10, now), Ok(()));
        assert_eq!(gate.admit(at(3, 0, 10), 10, now), Err(Refusal::Replayed));
    }

    #[test]
    fn what_was_recorded_without_the_time_of_the_hub_stays_out_too() {
        let mut gate = Gate::default();
        let without = |epoch, seq| Request { hub_ms: 0, ..request(1, epoch, seq) };
        assert_eq!(gate.admit(without(500, 0), 0, None), Ok(()));
        assert_eq!(gate.admit(request(1, 500, 1), 0, Some(HUB_MS)), Ok(()));
        assert_eq!(gate.admit(Request { hub_ms: HUB_MS + 1, ..request(1, 3, 0) }, 0, Some(HUB_MS)), Ok(()));
        assert_eq!(gate.admit(without(500, 0), 0, Some(HUB_MS)), Err(Refusal::Replayed));
        assert_eq!(gate.admit(without(501, 0), 0, Some(HUB_MS)), Ok(()), "it started while the hub was away");
    }

    #[test]
    fn a_hub_whose_clock_was_set_back_keeps_nobody_out() {
        let mut gate = Gate::default();
        assert_eq!(gate.admit(request(1, 5, 0), 0, Some(HUB_MS)), Ok(()));
        let earlier_ms = HUB_MS - 3_600_000;
        let earlier = Request { hub_ms: earlier_ms, ..request(1, 6, 0) };
        assert_eq!(gate.admit(earlier, 0, Some(earlier_ms)), Ok(()));
        assert_eq!(gate.admit(earlier, 0, Some(earlier_ms)), Err(Refusal::Replayed));
        assert_eq!(gate.admit(request(1, 5, 0), 0, Some(earlier_ms)), Err(Refusal::Stale));
    }

    #[test]
    fn old_requests_are_stale_where_both_know_the_time() {
        let mut gate = Gate::default();
        let later = HUB_MS + FRESH_MS as i64;
        assert_eq!(gate.admit(request(1, 1, 0), 0, Some(later)), Ok(()));
        assert_eq!(gate.admit(request(1, 1, 1), 0, Some(later + 1)), Err(Refusal::Stale));
        assert_eq!(gate.admit(request(1, 1, 2), 0, None), Ok(()));
        let without = Request { hub_ms: 0, ..request(1, 1, 3) };
        assert_eq!(gate.admit(without, 0, Some(later + 1)), Ok(()));
        let absurd = Request { hub_ms: i64::MIN, ..request(1, 1, 4) };
        assert_eq!(gate.admit(absurd, 0, Some(i64::MAX)), Err(Refusal::Stale));
    }

    #[test]
    fn a_stolen_key_makes_no_flood() {
        let mut gate = Gate::default();
        let answered =
            (0..10 * ANSWERS_PER_S_MAX).filter(|seq| gate.admit(request(1, 1, *seq), 0, None).is_ok()).count();
        assert_eq!(answered, ANSWERS_PER_S_MAX as usize);
        assert_eq!(gate.admit(request(1, 1, 50_000), 0, None), Err(Refusal::TooMany));
        assert_eq!(gate.admit(request(1, 1, 50_000), 100, None), Ok(()), "a little later it may again");
        assert_eq!(gate.admit(request(2, 1, 0), 0, None), Ok(()), "others are not held up");
    }

    #[test]
    fn a_full_table_gives_up_only_who_is_silent() {
        let mut gate = Gate::default();
        for prober in 0..PROBERS_MAX as u32 {
            assert_eq!(gate.admit(request(prober, 1, 0), u64::from(prober), None), Ok(()));
        }
        assert_eq!(gate.admit(request(9_999, 1, 0), 5_000, None), Err(Refusal::Full));
        assert_eq!(gate.admit(request(9_999, 1, 0), FORGET_AFTER_MS, None), Ok(()), "prober 0 went");
        assert_eq!(gate.admit(request(1, 1, 0), FORGET_AFTER_MS, None), Err(Refusal::Replayed), "prober 1 did not");
        assert_eq!(gate.probers.len(), PROBERS_MAX);
    }
}
