//! Units, and the only place that decides how a figure is written for people.

use serde::{Deserialize, Serialize};

/// The unit of a metric's values as they are stored and sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Bits per second.
    BitsPerSecond,
    /// Packets per second.
    PacketsPerSecond,
    /// Events per second (errors, drops).
    PerSecond,
    /// Microseconds.
    Microseconds,
    /// A part of one, 0 to 1.
    Ratio,
    /// A plain number of things.
    Count,
}

/// A figure as people read it: three significant digits and the unit beside them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figure {
    /// The digits, `–` when there is nothing to show.
    pub number: String,
    /// The unit, empty for plain counts.
    pub unit: &'static str,
}

impl std::fmt::Display for Figure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.number)?;
        if !self.unit.is_empty() {
            write!(f, " {}", self.unit)?;
        }
        Ok(())
    }
}

/// Bits in a megabit: decimal, as networks count.
pub const BITS_PER_MEGABIT: f64 = 1e6;
/// Bits in a byte.
pub const BITS_PER_BYTE: f64 = 8.0;

/// Bit/s as Mbit/s.
pub fn mbps_from_bps(bps: f64) -> f64 {
    bps / BITS_PER_MEGABIT
}

/// Mbit/s as bit/s.
pub fn bps_from_mbps(mbps: f64) -> f64 {
    mbps * BITS_PER_MEGABIT
}

/// Mbit/s as GB/s (10^9 byte/s): a division by 8,000, so 1 Gbit/s is 0.125 GB/s.
pub fn gigabytes_per_s_from_mbps(mbps: f64) -> f64 {
    mbps * BITS_PER_MEGABIT / BITS_PER_BYTE / 1e9
}

/// Microseconds as milliseconds.
pub fn ms_from_us(us: f64) -> f64 {
    us / 1_000.0
}

/// Milliseconds as microseconds.
pub fn us_from_ms(ms: f64) -> f64 {
    ms * 1_000.0
}

/// A ratio as percent.
pub fn percent_from_ratio(ratio: f64) -> f64 {
    ratio * 100.0
}

/// Percent as a ratio.
pub fn ratio_from_percent(percent: f64) -> f64 {
    percent / 100.0
}

impl Unit {
    /// The unit in the base units of the Prometheus conventions: the suffix of the exported name, and the factor that
    /// takes a stored value there.
    pub const fn prometheus(self) -> (&'static str, f64) {
        match self {
            Unit::BitsPerSecond => ("_bytes_per_second", 1.0 / BITS_PER_BYTE),
            Unit::PacketsPerSecond => ("_packets_per_second", 1.0),
            Unit::PerSecond => ("_per_second", 1.0),
            Unit::Microseconds => ("_seconds", 1e-6),
            Unit::Ratio => ("_ratio", 1.0),
            Unit::Count => ("", 1.0),
        }
    }

    /// The word that ends the names of metrics of this unit.
    pub const fn suffix(self) -> &'static str {
        match self {
            Unit::BitsPerSecond => "_bps",
            Unit::PacketsPerSecond => "_pps",
            Unit::PerSecond => "_ps",
            Unit::Microseconds => "_us",
            Unit::Ratio => "_ratio",
            Unit::Count => "",
        }
    }

    /// The unit in which people type a figure; the metric's own where that is as good.
    pub const fn typed_unit(self) -> &'static str {
        match self {
            Unit::BitsPerSecond => "Mbit/s",
            Unit::PacketsPerSecond | Unit::PerSecond => "/s",
            Unit::Microseconds => "ms",
            Unit::Ratio => "%",
            Unit::Count => "",
        }
    }

    /// A figure as people type it, as it is stored.
    pub fn from_typed(self, typed: f64) -> f64 {
        match self {
            Unit::BitsPerSecond => bps_from_mbps(typed),
            Unit::Microseconds => us_from_ms(typed),
            Unit::Ratio => ratio_from_percent(typed),
            Unit::PacketsPerSecond | Unit::PerSecond | Unit::Count => typed,
        }
    }

    /// A stored figure, as people would type it.
    pub fn to_typed(self, stored: f64) -> f64 {
        match self {
            Unit::BitsPerSecond => mbps_from_bps(stored),
            Unit::Microseconds => ms_from_us(stored),
            Unit::Ratio => percent_from_ratio(stored),
            Unit::PacketsPerSecond | Unit::PerSecond | Unit::Count => stored,
        }
    }

    /// The value as people read it.
    pub fn figure(self, value: f64) -> Figure {
        if !value.is_finite() {
            return Figure { number: "–".into(), unit: "" };
        }
        let (scaled, unit) = match self {
            Unit::BitsPerSecond => scale(value, &[(1e9, "Gbit/s"), (1e6, "Mbit/s"), (1e3, "kbit/s"), (1.0, "bit/s")]),
            Unit::PacketsPerSecond => scale(value, &[(1e6, "M/s"), (1e3, "k/s"), (1.0, "/s")]),
            Unit::PerSecond => (value, "/s"),
            Unit::Microseconds => scale(value, &[(1e6, "s"), (1e3, "ms"), (1.0, "µs")]),
            Unit::Ratio => (percent_from_ratio(value), "%"),
            Unit::Count => (value, ""),
        };
        Figure { number: significant(scaled), unit }
    }
}

/// A size as people read it, in decimal multiples of a byte.
pub fn bytes_figure(bytes: f64) -> Figure {
    scaled_figure(bytes, &[(1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "B")])
}

/// A large number of things as people read it.
pub fn count_figure(count: f64) -> Figure {
    scaled_figure(count, &[(1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, "")])
}

fn scaled_figure(value: f64, steps: &[(f64, &'static str)]) -> Figure {
    let (scaled, unit) = scale(value, steps);
    Figure { number: significant(scaled), unit }
}

/// The largest scale that the value reaches; the smallest for values below all of them.
fn scale(value: f64, steps: &[(f64, &'static str)]) -> (f64, &'static str) {
    let fallback = steps.last().copied().unwrap_or((1.0, ""));
    let (factor, unit) = steps.iter().copied().find(|(factor, _)| value.abs() >= *factor).unwrap_or(fallback);
    (value / factor, unit)
}

/// Three significant digits, without an exponent and without trailing zeros behind a whole number.
fn significant(value: f64) -> String {
    let magnitude = value.abs();
    let text = match magnitude {
        0.0 => return "0".into(),
        m if m >= 99.95 => format!("{value:.0}"),
        m if m >= 9.995 => format!("{value:.1}"),
        m if m >= 0.995 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    };
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_gigabit_is_an_eighth_of_a_gigabyte() {
        assert!((gigabytes_per_s_from_mbps(1_000.0) - 0.125).abs() < 1e-12);
        assert!((gigabytes_per_s_from_mbps(8_000.0) - 1.0).abs() < 1e-12);
        assert!((mbps_from_bps(1e9) - 1_000.0).abs() < 1e-9);
        assert!((bps_from_mbps(10.0) - 1e7).abs() < 1e-9);
    }

    #[test]
    fn times_and_ratios_convert_both_ways() {
        assert!((ms_from_us(1_500.0) - 1.5).abs() < 1e-12);
        assert!((us_from_ms(100.0) - 100_000.0).abs() < 1e-9);
        assert!((percent_from_ratio(0.05) - 5.0).abs() < 1e-12);
        assert!((ratio_from_percent(5.0) - 0.05).abs() < 1e-12);
    }

    #[test]
    fn figures_keep_three_significant_digits() {
        let cases = [
            (Unit::Microseconds, 42.0, "42 µs"),
            (Unit::Microseconds, 999.6, "1000 µs"),
            (Unit::Microseconds, 1_234.0, "1.23 ms"),
            (Unit::Microseconds, 123_456.0, "123 ms"),
            (Unit::Microseconds, 2_500_000.0, "2.5 s"),
            (Unit::BitsPerSecond, 0.0, "0 bit/s"),
            (Unit::BitsPerSecond, 12_345_678.0, "12.3 Mbit/s"),
            (Unit::BitsPerSecond, 1e9, "1 Gbit/s"),
            (Unit::Ratio, 0.021, "2.1 %"),
            (Unit::Ratio, 1.0, "100 %"),
            (Unit::Count, 7.0, "7"),
            (Unit::Count, 0.0001, "0"),
            (Unit::Ratio, f64::NAN, "–"),
        ];
        for (unit, value, expected) in cases {
            assert_eq!(unit.figure(value).to_string(), expected, "{unit:?} {value}");
        }
    }

    #[test]
    fn sizes_and_counts_are_short() {
        let sizes = [(0.0, "0 B"), (7.0, "7 B"), (1.25, "1.25 B"), (12_500.0, "12.5 kB"), (3.5e9, "3.5 GB")];
        for (bytes, text) in sizes {
            assert_eq!(bytes_figure(bytes).to_string(), text);
        }
        assert_eq!([count_figure(7.0), count_figure(2.5e6)].map(|figure| figure.to_string()), ["7", "2.5 M"]);
    }
}
