//! Arithmetic over counters and samples: functions of values, without a clock.

pub mod aggregate;
pub mod points;
pub mod rank_test;
pub mod rate;
pub mod round;
pub mod sketch;
pub mod summary;
pub mod window;
