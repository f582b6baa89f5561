//! How far two clocks are apart, from the four times of exchanges, and how to follow that without jumps.
//!
//! Each exchange gives an offset whose error is at most half its delay (RFC 5905 section 8), so the fastest of the last
//! few is believed (section 10, the clock filter). The clock that follows is turned slowly, so that it never goes back
//! and even samples stay even; only a step of the other clock is followed at once.

use std::collections::VecDeque;

/// Stages of the filter (RFC 5905 section 10).
const STAGES: usize = 8;
/// One stage holds the fastest exchange of this long, µs: an agent that talks several times a second must not push a good
/// exchange out with eight slow ones.
const STAGE_US: i64 = 1_000_000;
/// What a clock may drift, µs per µs (PHI of RFC 5905 section 7.1): how much less an older exchange is worth.
const DRIFT: f64 = 15e-6;
/// A difference that the delays do not explain by this much is a step, µs (STEPT of RFC 5905 section 11.1).
const STEP_US: f64 = 128_000.0;
/// How fast the clock that follows is turned, µs per µs: the most that kernels turn clocks (RFC 5905 section 11.3).
const TURN: f64 = 500e-6;

/// The four times of one exchange, µs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exchange {
    /// When the request went, by the clock here.
    pub sent_us: i64,
    /// When it came, by the clock there.
    pub received_us: i64,
    /// When the answer went, by the clock there.
    pub answered_us: i64,
    /// When it came back, by the clock here.
    pub back_us: i64,
}

impl Exchange {
    /// The clock there less the clock here, µs.
    pub fn offset_us(&self) -> f64 {
        f64::midpoint((self.received_us - self.sent_us) as f64, (self.answered_us - self.back_us) as f64)
    }

    /// The time under way, both directions, µs.
    pub fn delay_us(&self) -> f64 {
        (self.back_us - self.sent_us) as f64 - (self.answered_us - self.received_us) as f64
    }

    /// Whether it could have happened: time passed on both clocks, and there less than here.
    fn is_sound(&self) -> bool {
        self.back_us >= self.sent_us && self.answered_us >= self.received_us && self.delay_us() >= 0.0
    }
}

/// What an exchange changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It was the first.
    First,
    /// The offset is known a little better.
    Refined,
    /// One of the clocks was set.
    Step,
    /// It could not have happened, or contradicts the others for the first time.
    Doubted,
}

#[derive(Debug, Clone, Copy)]
struct Stage {
    /// When its time began, by the clock here, µs.
    start_us: i64,
    best: Exchange,
}

/// The last exchanges, and the offset that they give.
#[derive(Debug, Clone, Default)]
pub struct ClockFilter {
    stages: VecDeque<Stage>,
    /// An exchange that contradicts the others. A second one is a step.
    doubt: Option<Exchange>,
}

impl ClockFilter {
    /// Takes an exchange.
    pub fn take(&mut self, exchange: Exchange) -> Change {
        if !exchange.is_sound() {
            return Change::Doubted;
        }
        let Some(best) = self.best(exchange.back_us) else {
            self.put(exchange);
            return Change::First;
        };
        if contradict(&best, &exchange) {
            // Two in a row that agree with each other: the clock there was set, or the machine slept.
            if self.doubt.is_some_and(|doubt| !contradict(&doubt, &exchange)) {
                self.stages.clear();
                self.doubt = None;
                self.put(exchange);
                return Change::Step;
            }
            self.doubt = Some(exchange);
            return Change::Doubted;
        }
        self.doubt = None;
        self.put(exchange);
        Change::Refined
    }

    /// The clock there less the clock here, µs, as the exchange that can be wrong by the least tells.
    pub fn offset_us(&self, now_us: i64) -> Option<f64> {
        self.best(now_us).map(|exchange| exchange.offset_us())
    }

    fn best(&self, now_us: i64) -> Option<Exchange> {
        let error = |exchange: &Exchange| {
            let age_us = (now_us - exchange.back_us).max(0) as f64;
            exchange.delay_us() / 2.0 + age_us * DRIFT
        };
        let all = self.stages.iter().map(|stage| stage.best);
        all.min_by(|a, b| error(a).total_cmp(&error(b)))
    }

    fn put(&mut self, exchange: Exchange) {
        match self.stages.back_mut() {
            Some(stage) if exchange.back_us - stage.start_us < STAGE_US => {
                if exchange.delay_us() <= stage.best.delay_us() {
                    stage.best = exchange;
                }
            }
            _ => self.stages.push_back(Stage { start_us: exchange.back_us, best: exchange }),
        }
        if self.stages.len() > STAGES {
            self.stages.pop_front();
        }
    }
}

/// Whether two exchanges cannot both be right: their offsets differ by more than both delays allow.
fn contradict(a: &Exchange, b: &Exchange) -> bool {
    let allowed = f64::midpoint(a.delay_us(), b.delay_us()) + (a.back_us - b.back_us).abs() as f64 * DRIFT;
    (a.offset_us() - b.offset_us()).abs() > allowed + STEP_US
}

/// An offset that follows another one slowly.
#[derive(Debug, Clone, Copy)]
pub struct Steering {
    /// Since when it follows, by the clock here, µs.
    since_us: i64,
    /// The offset then and the one that it follows, µs.
    from: f64,
    to: f64,
}

impl Steering {
    /// Begins with an offset.
    pub fn new(at_us: i64, offset_us: f64) -> Self {
        Self { since_us: at_us, from: offset_us, to: offset_us }
    }

    /// The offset at a moment of the clock here, µs.
    pub fn at(&self, now_us: i64) -> f64 {
        let room = (now_us - self.since_us).max(0) as f64 * TURN;
        self.from + (self.to - self.from).clamp(-room, room)
    }

    /// Follows another offset from now on.
    pub fn follow(&mut self, now_us: i64, target_us: f64) {
        *self = Self { since_us: now_us, from: self.at(now_us), to: target_us };
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An exchange at a moment with a true offset and the time under way there and back.
    fn exchange(at_us: i64, offset_us: i64, there_us: i64, back_us: i64) -> Exchange {
        let received_us = at_us + there_us + offset_us;
        let answered_us = received_us + 50;
        Exchange { sent_us: at_us, received_us, answered_us, back_us: answered_us - offset_us + back_us }
    }

    const DAY_US: i64 = 86_400_000_000;

    #[test]
    fn the_fastest_exchange_is_believed() {
        let mut filter = ClockFilter::default();
        assert_eq!(filter.take(exchange(0, DAY_US, 40_000, 1_000)), Change::First);
        assert_eq!(filter.take(exchange(1_500_000, DAY_US, 100, 100)), Change::Refined);
        assert_eq!(filter.take(exchange(3_000_000, DAY_US, 1_000, 90_000)), Change::Refined);
        assert_eq!(filter.offset_us(3_100_000), Some(DAY_US as f64));
    }

    #[test]
    fn old_exchanges_are_forgotten_and_many_at_once_are_one() {
        let mut filter = ClockFilter::default();
        filter.take(exchange(0, 0, 10, 10));
        for number in 1..100 {
            filter.take(exchange(number * 10_000, 0, 10, 500));
        }
        assert_eq!(filter.offset_us(1_000_000), Some(0.0), "a hundred in a second are one stage");
        for second in 2..20 {
            filter.take(exchange(second * 1_000_000, 3_000, 700, 700));
        }
        assert_eq!(filter.offset_us(20_000_000), Some(3_000.0));
    }

    #[test]
    fn a_clock_that_was_set_is_noticed_by_the_second_exchange() {
        let mut filter = ClockFilter::default();
        filter.take(exchange(0, 0, 100, 100));
        assert_eq!(filter.take(exchange(1_000_000, -DAY_US, 100, 100)), Change::Doubted);
        assert_eq!(filter.offset_us(1_000_000), Some(0.0));
        assert_eq!(filter.take(exchange(2_000_000, -DAY_US, 100, 100)), Change::Step);
        assert_eq!(filter.offset_us(2_000_000), Some(-DAY_US as f64));
    }

    #[test]
    fn one_exchange_that_contradicts_changes_nothing() {
        let mut filter = ClockFilter::default();
        filter.take(exchange(0, 0, 100, 100));
        assert_eq!(filter.take(exchange(1_000_000, DAY_US, 100, 100)), Change::Doubted);
        assert_eq!(filter.take(exchange(2_000_000, 5, 100, 100)), Change::Refined);
        assert_eq!(filter.take(exchange(3_000_000, DAY_US, 100, 100)), Change::Doubted);
    }

    #[test]
    fn what_could_not_have_happened_is_left_out() {
        let mut filter = ClockFilter::default();
        let back_before_sent = Exchange { sent_us: 10, received_us: 0, answered_us: 0, back_us: 9 };
        let longer_there_than_here = Exchange { sent_us: 0, received_us: 0, answered_us: 50, back_us: 10 };
        assert_eq!(filter.take(back_before_sent), Change::Doubted);
        assert_eq!(filter.take(longer_there_than_here), Change::Doubted);
        assert_eq!(filter.offset_us(0), None);
    }

    #[test]
    fn an_offset_is_followed_slowly_and_reached() {
        let mut steering = Steering::new(0, 0.0);
        steering.follow(1_000_000, -1_000.0);
        assert!((steering.at(2_000_000) + 500.0).abs() < 1e-6);
        assert!((steering.at(10_000_000) + 1_000.0).abs() < 1e-6);
        steering.follow(1_500_000, 1_000.0);
        assert!((steering.at(1_500_000) + 250.0).abs() < 1e-6, "it goes on from where it was");
    }

    proptest! {
        /// Whatever is followed, time never goes back.
        #[test]
        fn a_steered_clock_never_goes_back(targets in prop::collection::vec(-1e6..1e6_f64, 1..20)) {
            let mut steering = Steering::new(0, 0.0);
            let mut before = f64::MIN;
            for (number, target) in targets.into_iter().enumerate() {
                for part in 0..10 {
                    let now_us = number as i64 * 100_000 + part * 10_000;
                    if part == 3 {
                        steering.follow(now_us, target);
                    }
                    let time = now_us as f64 + steering.at(now_us);
                    prop_assert!(time >= before, "{time} after {before}");
                    before = time;
                }
            }
        }

        /// The error is at most half the delay of the fastest exchange.
        #[test]
        fn the_error_is_within_half_the_delay(delays in prop::collection::vec((0..50_000_i64, 0..50_000_i64), 1..8), offset in -DAY_US..DAY_US) {
            let mut filter = ClockFilter::default();
            for (number, (there_us, back_us)) in delays.iter().enumerate() {
                filter.take(exchange(number as i64 * 1_100_000, offset, *there_us, *back_us));
            }
            let fastest = delays.iter().map(|(there_us, back_us)| there_us + back_us).min().unwrap_or(0);
            let error = (filter.offset_us(10_000_000).unwrap_or(f64::MAX) - offset as f64).abs();
            // What is older counts a little less: eight seconds of drift.
            prop_assert!(error <= fastest as f64 / 2.0 + 200.0, "{error} {fastest}");
        }
    }
}
