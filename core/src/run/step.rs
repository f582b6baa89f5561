//! Rounds of probes at steps of a training run: when one is due, decided call by call.
//!
//! Every rank of a job may tell its steps, early or late. A round is due when the farthest step crosses a multiple; a job
//! that goes back to a checkpoint begins anew once nobody is heard of ahead of it.

use serde::{Deserialize, Serialize};

use crate::{network::CURRENT_FOR_MS, settings::FieldError};

/// The shortest time from one round of a run to the next, ms: as often as targets are usually probed by the clock.
pub const RUN_GAP_MS: i64 = 1_000;
/// The shortest time from any round to the next, ms: each is an errand for every node of its run.
pub const ANY_GAP_MS: i64 = 200;
/// The longest that the clock's rounds are left out, ms: shorter than what counts as current, so that no figure is missed
/// when a job stops stepping.
pub const HOLD_MAX_MS: u64 = CURRENT_FOR_MS as u64 - 5_000;
/// As long as nobody knows how far rounds are apart, the clock's are left out for this long, ms.
const HOLD_FIRST_MS: u64 = 10_000;
/// The least that they are left out, ms: a job that steps fast is not measured twice.
const HOLD_LEAST_MS: u64 = 2_000;
/// Steps by which ranks of one job may be apart without any of them having gone back.
const APART_MAX_STEPS: u64 = 16;
/// A job has gone back when nothing was heard of where it was for this long, ms: longer than a slow rank needs for what
/// others have behind them.
const BACK_AFTER_MS: i64 = 10_000;

/// A step that was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewStep {
    /// Its number.
    pub step: u64,
    /// A round is wanted every so many steps.
    pub every: u64,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StepReply {
    /// Whether the nodes of the run probe their targets now.
    pub round: bool,
    /// Why, or why not.
    pub why: String,
}

impl StepReply {
    /// No round, and why.
    pub fn no(why: impl Into<String>) -> Self {
        Self { round: false, why: why.into() }
    }
}

/// What is known of the steps of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Steps {
    every: u64,
    /// The farthest step.
    farthest: u64,
    /// When a step near the farthest was last told.
    near_ms: i64,
    /// When the last round was.
    round_ms: Option<i64>,
}

/// What a step leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// A round, and for how long the clock's are left out, ms.
    Round(u64),
    /// Nothing, and why.
    Nothing(String),
}

impl NewStep {
    /// Checks the request.
    ///
    /// # Errors
    /// The field to blame.
    pub fn check(self) -> Result<(), FieldError> {
        if self.every == 0 { Err(FieldError::new("every", "must be at least 1")) } else { Ok(()) }
    }
}

impl Steps {
    /// Decides on a step. `known` is what is known of the run, `any_round_ms` when the last round of any run was; both are
    /// brought up to date.
    pub fn decide(known: &mut Option<Self>, any_round_ms: &mut Option<i64>, new: NewStep, now_ms: i64) -> Decision {
        let NewStep { step, every } = new;
        let every = every.max(1);
        let block = step / every;
        let is_due = match known {
            Some(steps) if steps.every == every && !steps.has_gone_back(step, now_ms) => {
                let is_due = block > steps.farthest / every;
                if steps.is_near(step) {
                    steps.near_ms = steps.near_ms.max(now_ms);
                }
                steps.farthest = steps.farthest.max(step);
                is_due
            }
            _ => {
                let round_ms = known.as_ref().and_then(|steps| steps.round_ms);
                *known = Some(Self { every, farthest: step, near_ms: now_ms, round_ms });
                step.is_multiple_of(every)
            }
        };
        let Some(steps) = known else { return Decision::Nothing(String::new()) };
        if !is_due {
            return Decision::Nothing(format!("no multiple of {every} was passed since step {}", steps.farthest));
        }
        let since = |last: Option<i64>| last.map(|last| now_ms.saturating_sub(last)).filter(|since| *since >= 0);
        let (since_ms, any_since_ms) = (since(steps.round_ms), since(*any_round_ms));
        if since_ms.is_some_and(|since| since < RUN_GAP_MS) {
            return Decision::Nothing(format!("the last round of this run was less than {RUN_GAP_MS} ms ago"));
        }
        if any_since_ms.is_some_and(|since| since < ANY_GAP_MS) {
            return Decision::Nothing(format!("the last round of another run was less than {ANY_GAP_MS} ms ago"));
        }
        (steps.round_ms, *any_round_ms) = (Some(now_ms), Some(now_ms));
        // Twice, so that a step that takes longer than the others does not bring the clock back.
        let hold_ms = since_ms.map_or(HOLD_FIRST_MS, |since| since.unsigned_abs().saturating_mul(2));
        Decision::Round(hold_ms.clamp(HOLD_LEAST_MS, HOLD_MAX_MS))
    }

    fn is_near(&self, step: u64) -> bool {
        step.saturating_add(APART_MAX_STEPS) >= self.farthest
    }

    fn has_gone_back(&self, step: u64, now_ms: i64) -> bool {
        !self.is_near(step) && now_ms - self.near_ms > BACK_AFTER_MS
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The steps, each told so many milliseconds after the one before, that led to a round.
    fn rounds(every: u64, apart_ms: i64, steps: impl IntoIterator<Item = u64>) -> Vec<u64> {
        let (mut known, mut any) = (None, None);
        let due = |(at, step): (usize, u64)| {
            let decision = Steps::decide(&mut known, &mut any, NewStep { step, every }, at as i64 * apart_ms);
            matches!(decision, Decision::Round(_)).then_some(step)
        };
        steps.into_iter().enumerate().filter_map(due).collect()
    }

    #[test]
    fn a_round_is_due_when_a_multiple_is_passed() {
        assert_eq!(rounds(100, 2_000, 0..=305), [0, 100, 200, 300]);
        assert_eq!(rounds(100, 2_000, (7..400).step_by(30)), [127, 217, 307], "steps that are left out do no harm");
        assert_eq!(rounds(1, 2_000, 5..9), [5, 6, 7, 8]);
    }

    #[test]
    fn many_ranks_in_any_order_give_one_round() {
        let ranks = (90..=210).flat_map(|step: u64| [step, step - 3, step + 2, step, step - 1]);
        assert_eq!(rounds(100, 300, ranks), [100, 200]);
    }

    #[test]
    fn a_job_that_went_back_to_a_checkpoint_goes_on_from_there() {
        let again = (0..=250).chain(60..=250);
        assert_eq!(rounds(100, 2_000, again.clone()), [0, 100, 200, 100, 200]);
        let (mut known, mut any) = (None, None);
        let mut tell = |step, now_ms| Steps::decide(&mut known, &mut any, NewStep { step, every: 100 }, now_ms);
        assert!(matches!(tell(500, 0), Decision::Round(_)));
        assert!(matches!(tell(310, 5_000), Decision::Nothing(_)), "a rank that is far behind has not gone back");
        assert!(matches!(tell(400, 9_000), Decision::Nothing(_)));
        assert!(matches!(tell(401, 11_000), Decision::Nothing(_)), "now everybody has");
        assert!(matches!(tell(500, 12_000), Decision::Round(_)));
    }

    #[test]
    fn rounds_keep_their_distance_and_the_clock_comes_back() {
        let (mut one, mut two, mut any) = (None, None, None);
        let every = NewStep { step: 10, every: 10 };
        assert_eq!(Steps::decide(&mut one, &mut any, every, 0), Decision::Round(HOLD_FIRST_MS));
        let next = NewStep { step: 20, every: 10 };
        assert!(matches!(Steps::decide(&mut one, &mut any, next, RUN_GAP_MS - 1), Decision::Nothing(_)));
        let after = NewStep { step: 30, every: 10 };
        assert_eq!(Steps::decide(&mut one, &mut any, after, 4_000), Decision::Round(8_000));
        assert!(matches!(Steps::decide(&mut two, &mut any, every, 4_000 + ANY_GAP_MS - 1), Decision::Nothing(_)));
        let rare = NewStep { step: 40, every: 10 };
        assert_eq!(Steps::decide(&mut one, &mut any, rare, 1_000_000), Decision::Round(HOLD_MAX_MS));
        assert!((HOLD_MAX_MS as i64) < CURRENT_FOR_MS);
        assert_eq!(NewStep { step: 1, every: 0 }.check().expect_err("is wrong").field, "every");
    }

    proptest! {
        #[test]
        fn nothing_that_is_told_breaks_it(told in prop::collection::vec((any::<u64>(), any::<u64>(), 0..100_000_i64), 1..60)) {
            let (mut known, mut any, mut now_ms, mut last) = (None, None, 0, None);
            for (step, every, after_ms) in told {
                now_ms += after_ms;
                if let Decision::Round(hold_ms) = Steps::decide(&mut known, &mut any, NewStep { step, every }, now_ms) {
                    prop_assert!(last.is_none_or(|last| now_ms - last >= RUN_GAP_MS));
                    prop_assert!(hold_ms <= HOLD_MAX_MS);
                    last = Some(now_ms);
                }
            }
        }
    }
}
