//! Moments as people and programs write them, without a clock and without a time-zone database.
//!
//! Calendar arithmetic is written out here instead of taken from a library because the browser carries this crate, and
//! a date library would be a tenth of the client. A property test holds it against one.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A moment: milliseconds since the Unix epoch; RFC 3339 in UTC where it is written as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub i64);

const MS_PER_DAY: i64 = 86_400_000;

impl Timestamp {
    /// Milliseconds since the epoch.
    pub const fn ms(self) -> i64 {
        self.0
    }

    /// Parses RFC 3339, with any offset and any number of fraction digits (those past milliseconds are dropped).
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if bytes.len() < 20 || !text.is_ascii() {
            return None;
        }
        let separators = [(4, b"-"), (7, b"-"), (13, b":"), (16, b":")];
        if separators.iter().any(|(at, sep)| bytes[*at] != sep[0]) || !matches!(bytes[10], b'T' | b't' | b' ') {
            return None;
        }
        let year: i64 = digits(&text[0..4])?;
        let (month, day) = (digits(&text[5..7])?, digits(&text[8..10])?);
        let (hour, minute, second) = (digits(&text[11..13])?, digits(&text[14..16])?, digits(&text[17..19])?);
        if !(1..=12).contains(&month) || day < 1 || day > days_in_month(year, month) {
            return None;
        }
        if hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let (fraction_ms, zone) = split_fraction(&text[19..])?;
        let offset_min = parse_offset(zone)?;
        let seconds =
            days_from_civil(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second - offset_min * 60;
        Some(Self(seconds * 1_000 + fraction_ms))
    }

    /// Parses a moment as queries write it: RFC 3339, epoch milliseconds, `now`, or `now-15m` (units `s`, `m`, `h`,
    /// `d`).
    ///
    /// # Errors
    /// A sentence that says which forms are understood.
    pub fn parse_query(text: &str, now: Self) -> Result<Self, String> {
        let text = text.trim();
        if text == "now" {
            return Ok(now);
        }
        if let Some(ago) = text.strip_prefix("now-") {
            let ms = parse_duration_ms(ago)
                .ok_or_else(|| format!("{ago:?} is not a duration such as 30s, 15m, 6h or 7d"))?;
            return Ok(Self(now.0 - ms));
        }
        if let Ok(ms) = text.parse::<i64>() {
            return Ok(Self(ms));
        }
        Self::parse_rfc3339(text)
            .ok_or_else(|| format!("{text:?} is not a time: use RFC 3339, epoch milliseconds, now, or now-15m"))
    }
}

/// Parses a duration such as `500ms`, `30s`, `15m`, `6h` or `7d` into milliseconds; a bare number counts seconds.
pub fn parse_duration_ms(text: &str) -> Option<i64> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: i64 = digits(&text[..split])?;
    let unit_ms = match &text[split..] {
        "ms" => 1,
        "" | "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => MS_PER_DAY,
        _ => return None,
    };
    number.checked_mul(unit_ms)
}

/// A duration in words that fit a sentence: `45 s`, `3 min`, `2 h`, `4 d`.
pub fn duration_words(ms: i64) -> String {
    match ms / 1_000 {
        s if s < 90 => format!("{} s", s.max(0)),
        s if s < 90 * 60 => format!("{} min", (s + 30) / 60),
        s if s < 36 * 3_600 => format!("{} h", (s + 1_800) / 3_600),
        s => format!("{} d", (s + 43_200) / 86_400),
    }
}

impl std::fmt::Display for Timestamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (days, ms) = (self.0.div_euclid(MS_PER_DAY), self.0.rem_euclid(MS_PER_DAY));
        let (year, month, day) = civil_from_days(days);
        let (hour, minute, second) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", ms % 1_000)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse_rfc3339(&text).ok_or_else(|| de::Error::custom(format!("{text:?} is not an RFC 3339 time")))
    }
}

#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for Timestamp {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .format(Some(utoipa::openapi::SchemaFormat::KnownFormat(utoipa::openapi::KnownFormat::DateTime)))
            .into()
    }
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for Timestamp {}

fn digits(text: &str) -> Option<i64> {
    if text.is_empty() || text.len() > 15 || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// `.123456Z` into milliseconds and the zone that follows.
fn split_fraction(text: &str) -> Option<(i64, &str)> {
    let Some(rest) = text.strip_prefix('.') else { return Some((0, text)) };
    let end = rest.find(|c: char| !c.is_ascii_digit())?;
    let padded = format!("{:0<3}", &rest[..end.min(3)]);
    if end == 0 { None } else { Some((digits(&padded)?, &rest[end..])) }
}

fn parse_offset(zone: &str) -> Option<i64> {
    if matches!(zone, "Z" | "z") {
        return Some(0);
    }
    let sign = match zone.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    if zone.len() != 6 || zone.as_bytes()[3] != b':' {
        return None;
    }
    let (hours, minutes) = (digits(&zone[1..3])?, digits(&zone[4..6])?);
    (hours <= 23 && minutes <= 59).then_some(sign * (hours * 60 + minutes))
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 of a date in the proleptic Gregorian calendar. Years are counted from March so that the leap
/// day is the last day of the year.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let year_of_era = y.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The inverse of [`days_from_civil`].
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_moments_are_written_and_read() {
        let cases = [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_700_000_000_123, "2023-11-14T22:13:20.123Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
        ];
        for (ms, text) in cases {
            assert_eq!(Timestamp(ms).to_string(), text);
            assert_eq!(Timestamp::parse_rfc3339(text), Some(Timestamp(ms)));
        }
        assert_eq!(Timestamp::parse_rfc3339("2023-11-14T23:13:20.5+01:00"), Some(Timestamp(1_700_000_000_500)));
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            "yesterday",
            "2023-02-30T00:00:00Z",
            "2023-13-01T00:00:00Z",
            "2023-01-01T00:00:00",
            "2023-01-01T00:00:00.Z",
            "２０２３-01-01T00:00:00Z",
        ] {
            assert_eq!(Timestamp::parse_rfc3339(text), None, "{text}");
        }
    }

    #[test]
    fn query_times_are_relative_to_now() {
        let now = Timestamp(10_000_000);
        assert_eq!(Timestamp::parse_query("now", now), Ok(now));
        assert_eq!(Timestamp::parse_query("now-15m", now), Ok(Timestamp(10_000_000 - 900_000)));
        assert_eq!(Timestamp::parse_query("123", now), Ok(Timestamp(123)));
        assert!(Timestamp::parse_query("now-15 parsecs", now).is_err());
        assert!(Timestamp::parse_query("now-99999999999999d", now).is_err());
    }

    proptest! {
        #[test]
        fn agrees_with_a_calendar_library(ms in -62_135_596_800_000_i64..253_402_300_799_999) {
            let library = jiff::Timestamp::from_millisecond(ms).expect("in range");
            let ours = Timestamp(ms).to_string();
            prop_assert_eq!(ours.parse::<jiff::Timestamp>().expect("valid RFC 3339"), library);
            prop_assert_eq!(Timestamp::parse_rfc3339(&ours), Some(Timestamp(ms)));
        }

        #[test]
        fn reading_never_panics(text in "\\PC{0,40}") {
            let _ = Timestamp::parse_query(&text, Timestamp(0));
            let _ = parse_duration_ms(&text);
        }
    }
}
