//! Rules beside the stored past: what they ask of it while they judge, and when they would have fired over it.

pub mod past;
pub mod preview;

pub use crate::alert::RuleCount;
