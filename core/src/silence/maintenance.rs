//! Maintenance windows as people write them. Whether the zone exists is for whoever has the database of zones.

use super::{Maintenance, NAME_MAX_CHARS, WINDOWS_MAX};
use crate::{incident::raise::check_text, settings::FieldError};

/// The days of the week, as windows name them.
pub const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
/// Longest name of a zone, characters: the longest in the database has 32.
const ZONE_MAX_CHARS: usize = 64;

/// The minute of the day that `HH:MM` names.
pub fn minute_of(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let read = |part: &str, end: u16| {
        let is_plain = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        part.parse::<u16>().ok().filter(|number| is_plain && *number < end)
    };
    Some(read(hour, 24)? * 60 + read(minute, 60)?)
}

impl Maintenance {
    /// What is wrong with it, if anything; `at` is where it stands in its document.
    pub fn validate(&self, at: &str) -> Vec<FieldError> {
        let mut errors = Vec::new();
        let mut wrong = |field: &str, is_wrong: bool, message: &str| {
            errors.extend(is_wrong.then(|| FieldError::new(format!("{at}.{field}"), message)));
        };
        wrong("name", self.name.trim().is_empty(), "must not be empty");
        let is_day = |day: &String| DAYS.contains(&day.as_str());
        let is_twice = |(index, day): (usize, &String)| self.days[..index].contains(day);
        wrong("days", !self.days.iter().all(is_day), "must be of mon, tue, wed, thu, fri, sat, sun");
        wrong("days", self.days.iter().enumerate().any(is_twice), "must name each day once");
        wrong("start", minute_of(&self.start).is_none(), "must be a time of day, HH:MM");
        wrong("end", minute_of(&self.end).is_none(), "must be a time of day, HH:MM");
        let fits = |c: char| c.is_ascii_alphanumeric() || "/_+-".contains(c);
        let is_zone = self.zone.chars().all(fits) && self.zone.len() <= ZONE_MAX_CHARS;
        wrong("zone", !is_zone, "must be the name of a time zone, such as Europe/Berlin");
        errors.extend(check_text(&format!("{at}.name"), &self.name, NAME_MAX_CHARS));
        errors.extend(self.matcher.validate(&format!("{at}.matcher")));
        errors
    }
}

/// What is wrong with a list of windows, if anything; `at` is where it stands in its document.
pub fn validate_windows(windows: &[Maintenance], at: &str) -> Vec<FieldError> {
    if windows.len() > WINDOWS_MAX {
        return vec![FieldError::new(at, format!("must be at most {WINDOWS_MAX} windows"))];
    }
    let mut errors = Vec::new();
    for (index, window) in windows.iter().enumerate() {
        let place = format!("{at}[{index}]");
        errors.extend(window.validate(&place));
        if windows[..index].iter().any(|other| other.name == window.name) {
            errors.push(FieldError::new(format!("{place}.name"), "is the name of another window"));
        }
    }
    errors
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::silence::Matcher;

    fn window(name: &str) -> Maintenance {
        Maintenance {
            name: name.into(),
            days: vec!["sun".into()],
            start: "22:00".into(),
            end: "02:00".into(),
            zone: "America/Argentina/ComodRivadavia".into(),
            matcher: Matcher { nodes: vec!["a".into()], ..Matcher::default() },
        }
    }

    #[test]
    fn times_of_day_are_read_strictly() {
        assert_eq!((minute_of("00:00"), minute_of("23:59")), (Some(0), Some(1_439)));
        for bad in ["24:00", "12:60", "1:00", "01:0", "0100", "+1:00", "", "aa:bb", "01:00:00"] {
            assert_eq!(minute_of(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_field_to_blame_is_named() {
        type Change = fn(&mut Maintenance);
        assert_eq!(validate_windows(&[window("a"), window("b")], "m"), []);
        let cases: [(&str, Change); 9] = [
            ("m[1].name", |w| w.name = "a".into()),
            ("m[1].name", |w| w.name = " ".into()),
            ("m[1].name", |w| w.name = "b\n".into()),
            ("m[1].days", |w| w.days = vec!["monday".into()]),
            ("m[1].days", |w| w.days = vec!["mon".into(), "mon".into()]),
            ("m[1].start", |w| w.start = "7".into()),
            ("m[1].end", |w| w.end = "24:00".into()),
            ("m[1].zone", |w| w.zone = "../etc/passwd".into()),
            ("m[1].matcher", |w| w.matcher = Matcher::default()),
        ];
        for (field, change) in cases {
            let mut wrong = window("b");
            change(&mut wrong);
            assert_eq!(validate_windows(&[window("a"), wrong], "m")[0].field, field);
        }
        assert_eq!(validate_windows(&vec![window("a"); WINDOWS_MAX + 1], "m")[0].field, "m");
    }
}
