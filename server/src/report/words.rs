//! Classes of grades, and words for figures.

use netloom_core::{diagnosis::Grade, metric};

pub(super) const fn class(grade: Grade) -> &'static str {
    match grade {
        Grade::Unknown => "unknown",
        Grade::Fine => "fine",
        Grade::Notable => "notable",
        Grade::Bad => "bad",
    }
}

/// A figure by its name, whose last word is the unit.
pub(super) fn figure(name: &str, value: f64) -> String {
    let shown = metric::unit_of(name).figure(value).to_string();
    if name.ends_with("_bytes") { format!("{shown} bytes") } else { shown }
}

/// A name of a figure for people: `rtt_min_us` is `rtt min`.
pub(super) fn label(name: &str) -> String {
    let suffixes = ["_us", "_bps", "_ratio", "_bytes", "_pps", "_ps"];
    let bare = suffixes.iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name);
    bare.replace('_', " ")
}
