//! The clock of the page, and how it writes moments.
//!
//! It starts with the hub's clock as the server told it, in UTC: the server does not know the time zone of the person
//! who looks, and the browser must draw the same first page. After hydration it ticks, and writes local time.

use leptos::prelude::*;
use netloom_core::time::{Timestamp, duration_words};

use crate::browser;

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// The hub's time, in the time zone of the page. A handle: copies speak of the same clock.
#[derive(Clone, Copy)]
pub(crate) struct Clock {
    now: RwSignal<Timestamp>,
    is_local: RwSignal<bool>,
    today: Memo<String>,
    // What the hub's clock is ahead of the browser's, ms.
    ahead_ms: StoredValue<i64>,
}

impl Clock {
    /// Starts the clock and hands it to all components below.
    pub(crate) fn provide(now: Timestamp) -> Self {
        let (now, is_local) = (RwSignal::new(now), RwSignal::new(false));
        // Moments on the page are written anew when the day turns, not every second.
        let today = Memo::new(move |_| day(zoned(now.get(), is_local.get())));
        let clock = Self { now, is_local, today, ahead_ms: StoredValue::new(0) };
        provide_context(clock);
        clock
    }

    /// The clock of the page around the caller.
    pub(crate) fn expect() -> Self {
        expect_context()
    }

    /// Lets the clock run, in local time; for the browser, after hydration.
    #[cfg(feature = "hydrate")]
    pub(crate) fn start(self) {
        self.set_to(self.now.get_untracked());
        self.is_local.set(true);
        set_interval(move || self.now.set(self.now_exact()), std::time::Duration::from_secs(1));
    }

    /// Sets the clock to the hub's.
    pub(crate) fn set_to(self, hub: Timestamp) {
        self.ahead_ms.set_value(hub.ms() - browser::now_ms().unwrap_or(hub.ms()));
        self.now.set(hub);
    }

    /// The hub's time to the second; readers run again every second.
    pub(crate) fn now(self) -> Timestamp {
        self.now.get()
    }

    /// The hub's time to the second.
    pub(crate) fn now_untracked(self) -> Timestamp {
        self.now.get_untracked()
    }

    /// The hub's time to the millisecond; on the server, the time at which the page was made.
    pub(crate) fn now_exact(self) -> Timestamp {
        let browser = browser::now_ms().map(|now_ms| Timestamp(now_ms + self.ahead_ms.get_value()));
        browser.unwrap_or_else(|| self.now.get_untracked())
    }

    /// How long ago a moment was, in words: `3 min`.
    pub(crate) fn ago(self, at: Timestamp) -> String {
        duration_words(self.now().ms() - at.ms())
    }

    /// A moment for people: the time of day, with the day in front unless it is today.
    pub(crate) fn write(self, at: Timestamp) -> String {
        let is_local = self.is_local.get();
        let zone = if is_local { "" } else { " UTC" };
        let at = zoned(at, is_local);
        let text = at.to_string();
        if self.today.get() == day(at) {
            return format!("{}{zone}", &text[11..19]);
        }
        format!("{} {} {}{zone}", text[8..10].trim_start_matches('0'), month(&text), &text[11..16])
    }

    /// A moment as an input for date and time takes it, in the time zone of the page.
    pub(crate) fn to_input(self, at: Timestamp) -> String {
        zoned(at, self.is_local.get_untracked()).to_string()[..19].to_owned()
    }

    /// The moment that an input for date and time stands at; browsers leave the seconds out where they are zero.
    pub(crate) fn read_input(self, text: &str) -> Option<Timestamp> {
        let seconds = if text.len() == 16 { ":00" } else { "" };
        let digits = Timestamp::parse_rfc3339(&format!("{text}{seconds}Z"))?;
        let shift_ms = zoned(digits, self.is_local.get_untracked()).ms() - digits.ms();
        Some(Timestamp(digits.ms() - shift_ms))
    }

    /// A moment in full, in the time zone of the page.
    pub(crate) fn write_full(self, at: Timestamp) -> String {
        let is_local = self.is_local.get();
        let text = zoned(at, is_local).to_string();
        format!("{} {}{}", &text[..10], &text[11..19], if is_local { "" } else { " UTC" })
    }
}

/// The moment whose UTC digits are those of the page's time zone.
fn zoned(at: Timestamp, is_local: bool) -> Timestamp {
    if is_local { browser::local(at) } else { at }
}

/// The date of a moment as RFC 3339 writes it.
fn day(at: Timestamp) -> String {
    at.to_string()[..10].to_owned()
}

fn month(text: &str) -> &'static str {
    let number: usize = text[5..7].parse().unwrap_or(1);
    MONTHS.get(number.wrapping_sub(1)).copied().unwrap_or(MONTHS[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn today_is_the_time_of_day_and_other_days_are_named() {
        let owner = Owner::new();
        owner.set();
        let at = |text| Timestamp::parse_rfc3339(text).expect("a time");
        let clock = Clock::provide(at("2026-11-22T14:32:05Z"));
        assert_eq!(clock.write(at("2026-11-22T09:01:02.5Z")), "09:01:02 UTC");
        assert_eq!(clock.write(at("2026-11-02T09:01:02Z")), "2 Nov 09:01 UTC");
        assert_eq!(clock.write_full(at("2026-11-02T09:01:02Z")), "2026-11-02 09:01:02 UTC");
        assert_eq!(clock.ago(at("2026-11-22T14:29:05Z")), "3 min");
    }
}
