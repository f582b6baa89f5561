//! Arithmetic over counters and samples: functions of values, without a clock.

pub mod aggregate;
pub mod rank_test;
pub mod rate;
pub mod round;
pub mod window;
