//! Rates and amounts as people write them at a terminal, with the letters of `iperf3`.

/// A rate as `iperf3 -b` takes it: `100M` are 100 million bit/s.
///
/// # Errors
/// What is wrong with it.
pub fn parse_bps(text: &str) -> Result<u64, String> {
    scaled(text, 1_000.0).ok_or_else(|| format!("{text:?} is no rate: write bits per second, such as 500M or 2.5G"))
}

/// An amount as `iperf3 -n` takes it: `100M` are 100 MiB.
///
/// # Errors
/// What is wrong with it.
pub fn parse_bytes(text: &str) -> Result<u64, String> {
    scaled(text, 1_024.0).ok_or_else(|| format!("{text:?} is no amount: write bytes, such as 500M or 2G"))
}

fn scaled(text: &str, step: f64) -> Option<u64> {
    let (digits, power) = match text.char_indices().last()? {
        (at, 'k' | 'K') => (&text[..at], 1),
        (at, 'm' | 'M') => (&text[..at], 2),
        (at, 'g' | 'G') => (&text[..at], 3),
        (at, 't' | 'T') => (&text[..at], 4),
        _ => (text, 0),
    };
    if !digits.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    let value = digits.parse::<f64>().ok()? * step.powi(power);
    (1.0..9e18).contains(&value).then_some(value as u64)
}

/// A rate for people: `9.41 Gbit/s`.
pub fn words_bps(bps: f64) -> String {
    let (value, unit) = step(bps);
    format!("{value} {unit}bit/s")
}

/// An amount for people: `1.25 GB`.
pub fn words_bytes(bytes: u64) -> String {
    let (value, unit) = step(bytes as f64);
    format!("{value} {unit}B")
}

/// Three digits and the prefix of the unit.
fn step(value: f64) -> (String, &'static str) {
    let units = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];
    // 999.5 is rounded to the next unit.
    let (scale, unit) = units.into_iter().find(|(scale, _)| value >= scale * 0.999_5).unwrap_or((1.0, ""));
    let scaled = value / scale;
    let digits = if unit.is_empty() || scaled >= 99.95 { 0 } else { 1 + usize::from(scaled < 9.995) };
    (format!("{scaled:.digits$}"), unit)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rates_are_decimal_and_amounts_binary_as_in_iperf3() {
        assert_eq!(parse_bps("100M"), Ok(100_000_000));
        assert_eq!(parse_bps("2.5g"), Ok(2_500_000_000));
        assert_eq!(parse_bps("800"), Ok(800));
        assert_eq!(parse_bytes("2K"), Ok(2_048));
        for wrong in ["", "M", "-1M", "1X", "0", "1e400G", "nan", "inf", "1 M", "é"] {
            assert!(parse_bps(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn words_have_three_digits() {
        let words: Vec<String> = [0.0, 999.0, 9_414.0, 94_140.0, 999_700.0, 9.414e9].map(words_bps).into();
        assert_eq!(words, ["0 bit/s", "999 bit/s", "9.41 kbit/s", "94.1 kbit/s", "1.00 Mbit/s", "9.41 Gbit/s"]);
        assert_eq!(words_bytes(1_250_000_000), "1.25 GB");
    }

    proptest! {
        #[test]
        fn nothing_that_is_written_panics(text in "\\PC{0,12}") {
            let _ = (parse_bps(&text), parse_bytes(&text));
        }
    }
}
