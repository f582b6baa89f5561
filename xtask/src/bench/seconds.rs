//! How long something is measured.

use std::ops::RangeInclusive;

use anyhow::{Context, Result};

/// Unless asked otherwise, s.
pub(crate) const DEFAULT_SECONDS: u64 = 30;
/// The shortest that says anything, and the longest that anybody waits for, s.
const SECONDS: RangeInclusive<u64> = 5..=3_600;

/// Reads the value of `--seconds`.
pub(crate) fn seconds(word: &str) -> Result<u64> {
    let seconds = word.parse().ok().filter(|seconds| SECONDS.contains(seconds));
    seconds.with_context(|| format!("`{word}` must be a whole number from {} to {}", SECONDS.start(), SECONDS.end()))
}
