//! When a maintenance window holds, by the clocks on the wall of its zone.
//!
//! A window holds from the first moment at which those clocks show its start until the last at which they show its end: in
//! the night in which an hour is repeated it is longer by it, in the night in which one is skipped it is shorter. One that
//! lies in the skipped hour altogether is held right after it, at its full length, because jobs that are started by those
//! clocks run then.

use jiff::{
    Timestamp as Instant, ToSpan,
    civil::{Date, DateTime, Time, Weekday},
    tz::{AmbiguousOffset, TimeZone},
};
use netloom_core::{
    silence::{DAYS, Maintenance, minute_of},
    time::Timestamp,
};

use super::quiet::Quiet;
use crate::zone;

/// Days around today on which a window may have begun that holds now: it lasts a day at most, and a zone may move across
/// midnight.
const DAYS_AROUND: std::ops::RangeInclusive<i64> = -2..=1;

/// A maintenance window that is in force.
pub struct Window {
    /// What it keeps back.
    pub quiet: Quiet,
    days: Vec<Weekday>,
    start: Time,
    end: Time,
    zone: TimeZone,
}

/// Which of two moments that the clocks show alike.
#[derive(Clone, Copy)]
enum Edge {
    First,
    Last,
}

impl Window {
    /// The window that a description makes; `None` where its zone or its times mean nothing.
    pub fn new(described: &Maintenance) -> Option<Self> {
        let time = |text: &str| {
            let minute = minute_of(text)?;
            Time::new((minute / 60) as i8, (minute % 60) as i8, 0, 0).ok()
        };
        let day = |name: &String| {
            let at = DAYS.iter().position(|known| known == name)?;
            Weekday::from_monday_zero_offset(at as i8).ok()
        };
        Some(Self {
            quiet: Quiet::of_window(described),
            days: described.days.iter().filter_map(day).collect(),
            start: time(&described.start)?,
            end: time(&described.end)?,
            zone: zone::find(&described.zone)?,
        })
    }

    /// Whether it holds at a moment.
    pub fn holds_at(&self, now: Timestamp) -> bool {
        self.around(now).is_some()
    }

    /// From when until when it holds, ms, if it holds at a moment.
    pub fn around(&self, now: Timestamp) -> Option<(i64, i64)> {
        let instant = Instant::from_millisecond(now.ms()).ok()?;
        let today = self.zone.to_datetime(instant).date();
        DAYS_AROUND.into_iter().find_map(|days| {
            let day = today.checked_add(days.days()).ok()?;
            self.on(day).filter(|(begins_ms, ends_ms)| (*begins_ms..*ends_ms).contains(&now.ms()))
        })
    }

    /// From when until when it holds that begins on a day, ms.
    fn on(&self, day: Date) -> Option<(i64, i64)> {
        if !self.days.is_empty() && !self.days.contains(&day.weekday()) {
            return None;
        }
        let last_day = if self.end > self.start { day } else { day.tomorrow().ok()? };
        let (from, until) = (day.to_datetime(self.start), last_day.to_datetime(self.end));
        let (begins_ms, ends_ms) = (self.moment(from, Edge::First)?, self.moment(until, Edge::Last)?);
        if begins_ms < ends_ms {
            return Some((begins_ms, ends_ms));
        }
        let length_ms = until.duration_since(from).as_millis() as i64;
        Some((begins_ms, begins_ms + length_ms))
    }

    /// The moment at which the clocks show a time. Of a time that is skipped, the moment of the skip.
    fn moment(&self, shown: DateTime, edge: Edge) -> Option<i64> {
        let ambiguous = self.zone.to_ambiguous_timestamp(shown);
        let moment = match (ambiguous.offset(), edge) {
            (AmbiguousOffset::Gap { .. }, _) => {
                let after = ambiguous.later().ok()?.checked_add(1.millisecond()).ok()?;
                self.zone.preceding(after).next()?.timestamp()
            }
            (_, Edge::First) => ambiguous.earlier().ok()?,
            (_, Edge::Last) => ambiguous.later().ok()?,
        };
        Some(moment.as_millisecond())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use netloom_core::silence::Matcher;

    fn window(zone: &str, days: &[&str], start: &str, end: &str) -> Window {
        let days = days.iter().map(|day| (*day).to_owned()).collect();
        let matcher = Matcher { nodes: vec!["a".into()], ..Matcher::default() };
        let (start, end, zone) = (start.to_owned(), end.to_owned(), zone.to_owned());
        Window::new(&Maintenance { name: "w".into(), days, start, end, zone, matcher }).expect("a window")
    }

    fn ms(text: &str) -> i64 {
        Timestamp::parse_rfc3339(text).expect("a time").ms()
    }

    /// The stretches in which a window holds, looked at minute by minute as the desk does.
    fn held(window: &Window, from: &str, to: &str) -> Vec<(String, String)> {
        let mut stretches: Vec<(i64, i64)> = Vec::new();
        for at in (ms(from)..ms(to)).step_by(60_000) {
            if window.holds_at(Timestamp(at)) {
                match stretches.last_mut().filter(|(_, end)| *end == at) {
                    Some((_, end)) => *end = at + 60_000,
                    None => stretches.push((at, at + 60_000)),
                }
            }
        }
        let short = |at: i64| Timestamp(at).to_string()[5..16].to_owned();
        stretches.into_iter().map(|(from, to)| (short(from), short(to))).collect()
    }

    fn one(from: &str, to: &str) -> (String, String) {
        (from.to_owned(), to.to_owned())
    }

    #[test]
    fn the_hour_that_is_skipped_makes_a_window_shorter() {
        // Berlin, 29 March 2026: 02:00 +01:00 is 03:00 +02:00, at 01:00 UTC.
        let berlin = window("Europe/Berlin", &[], "02:30", "03:30");
        let days = held(&berlin, "2026-03-28T00:00:00Z", "2026-03-31T00:00:00Z");
        assert_eq!(
            days,
            [one("03-28T01:30", "03-28T02:30"), one("03-29T01:00", "03-29T01:30"), one("03-30T00:30", "03-30T01:30")]
        );
        // New York, 8 March 2026: 02:00 -05:00 is 03:00 -04:00, at 07:00 UTC.
        let york = window("America/New_York", &[], "02:30", "03:30");
        let days = held(&york, "2026-03-07T12:00:00Z", "2026-03-09T12:00:00Z");
        assert_eq!(days, [one("03-08T07:00", "03-08T07:30"), one("03-09T06:30", "03-09T07:30")]);
    }

    #[test]
    fn the_hour_that_is_repeated_makes_a_window_longer() {
        // Berlin, 25 October 2026: 03:00 +02:00 is 02:00 +01:00, at 01:00 UTC.
        let berlin = window("Europe/Berlin", &[], "02:30", "03:30");
        let days = held(&berlin, "2026-10-24T12:00:00Z", "2026-10-26T12:00:00Z");
        assert_eq!(days, [one("10-25T00:30", "10-25T02:30"), one("10-26T01:30", "10-26T02:30")]);
        // It ends within the repeated hour: the second time.
        let ending = window("Europe/Berlin", &["sun"], "01:00", "02:30");
        let days = held(&ending, "2026-10-24T12:00:00Z", "2026-10-26T12:00:00Z");
        assert_eq!(days, [one("10-24T23:00", "10-25T01:30")]);
        // New York, 1 November 2026: 02:00 -04:00 is 01:00 -05:00, at 06:00 UTC.
        let york = window("America/New_York", &[], "01:30", "02:30");
        let days = held(&york, "2026-10-31T12:00:00Z", "2026-11-02T12:00:00Z");
        assert_eq!(days, [one("11-01T05:30", "11-01T07:30"), one("11-02T06:30", "11-02T07:30")]);
    }

    #[test]
    fn a_window_in_the_skipped_hour_is_held_right_after_it() {
        let berlin = window("Europe/Berlin", &[], "02:10", "02:40");
        let days = held(&berlin, "2026-03-28T12:00:00Z", "2026-03-30T12:00:00Z");
        assert_eq!(days, [one("03-29T01:00", "03-29T01:30"), one("03-30T00:10", "03-30T00:40")]);
        let york = window("America/New_York", &["sun"], "02:00", "03:00");
        let days = held(&york, "2026-03-07T12:00:00Z", "2026-03-09T12:00:00Z");
        assert_eq!(days, [one("03-08T07:00", "03-08T08:00")]);
    }

    #[test]
    fn a_window_may_end_on_the_next_day_and_belongs_to_the_day_it_begins_on() {
        let night = window("America/New_York", &["sat"], "22:00", "06:00");
        // The night of the change lasts an hour longer, the others eight.
        let days = held(&night, "2026-10-24T00:00:00Z", "2026-11-09T00:00:00Z");
        assert_eq!(
            days,
            [one("10-25T02:00", "10-25T10:00"), one("11-01T02:00", "11-01T11:00"), one("11-08T03:00", "11-08T11:00")]
        );
        let night = window("Europe/Berlin", &["sat"], "22:00", "06:00");
        let days = held(&night, "2026-03-27T00:00:00Z", "2026-03-30T00:00:00Z");
        assert_eq!(days, [one("03-28T21:00", "03-29T04:00")]);
    }

    #[test]
    fn a_window_from_a_time_to_the_same_is_a_day() {
        let day = window("", &["wed"], "00:00", "00:00");
        assert_eq!(held(&day, "2026-11-23T00:00:00Z", "2026-11-29T00:00:00Z"), [one("11-25T00:00", "11-26T00:00")]);
        let midnight = window("UTC", &["mon"], "23:30", "00:00");
        assert_eq!(
            held(&midnight, "2026-11-22T00:00:00Z", "2026-11-29T00:00:00Z"),
            [one("11-23T23:30", "11-24T00:00")]
        );
    }

    #[test]
    fn zones_that_change_at_midnight_are_right_too() {
        // Beirut, 29 March 2026: 00:00 +02:00 is 01:00 +03:00, at 22:00 UTC of the day before.
        let beirut = window("Asia/Beirut", &["sun"], "00:30", "02:00");
        assert_eq!(held(&beirut, "2026-03-28T00:00:00Z", "2026-03-30T00:00:00Z"), [one("03-28T22:00", "03-28T23:00")]);
    }

    #[test]
    fn what_means_nothing_is_no_window() {
        let described = |zone: &str, start: &str| Maintenance {
            zone: zone.into(),
            start: start.into(),
            end: "03:00".into(),
            ..Maintenance::default()
        };
        assert!(Window::new(&described("Mars/Olympus", "02:00")).is_none());
        assert!(Window::new(&described("", "2")).is_none());
        assert!(Window::new(&described("", "02:00")).is_some());
    }
}
