//! Exit codes, as monitoring plug-ins count.

/// All is well.
pub const FINE: u8 = 0;
/// It worked, with something that should be looked at.
pub const WARNING: u8 = 1;
/// It did not work.
pub const ERROR: u8 = 2;
/// There is nothing to judge.
pub const UNKNOWN: u8 = 3;
