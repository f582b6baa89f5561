//! Time zones by their names: those of the system, else those that came with Netloom.

use jiff::tz::TimeZone;
use netloom_core::{settings::FieldError, silence::Maintenance};

/// The zone of that name; UTC when it is empty.
pub fn find(name: &str) -> Option<TimeZone> {
    if name.is_empty() { Some(TimeZone::UTC) } else { TimeZone::get(name).ok() }
}

/// The maintenance windows whose zone nobody knows.
pub fn unknown(windows: &[Maintenance]) -> Vec<FieldError> {
    let wrong = |(index, window): (usize, &Maintenance)| {
        let message =
            format!("{:?} is not a time zone: use a name such as Europe/Berlin, or leave it out for UTC", window.zone);
        find(&window.zone).is_none().then(|| FieldError::new(format!("alerts.maintenance[{index}].zone"), message))
    };
    windows.iter().enumerate().filter_map(wrong).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_known_by_name_and_others_are_blamed() {
        let window = |zone: &str| Maintenance { zone: zone.into(), ..Maintenance::default() };
        let windows = ["", "UTC", "Europe/Berlin", "Mars/Olympus", "America/New_York", "../x"].map(window);
        let fields: Vec<String> = unknown(&windows).into_iter().map(|error| error.field).collect();
        assert_eq!(fields, ["alerts.maintenance[3].zone", "alerts.maintenance[5].zone"]);
    }
}
