//! A sound and a notification of the browser when an alert begins to fire, for those who asked for them. Remembered in
//! this browser.

use leptos::{prelude::*, task::spawn_local};
use netloom_core::{
    incident::{Incident, IncidentState},
    rule::Severity,
    time::Timestamp,
};

use crate::browser;

/// What began to fire longer ago than this is no news, ms: the stream tells after a cut what was missed.
const NEWS_MS: i64 = 60_000;
/// Under this name the choices are remembered.
const MEMORY: &str = "netloom.alarm";

/// What rings, and from which severity on. A handle: copies speak of the same choices.
#[derive(Clone, Copy)]
pub(crate) struct Alarm {
    /// Whether there is a sound.
    pub(crate) has_sound: RwSignal<bool>,
    /// Whether there is a notification.
    pub(crate) has_notice: RwSignal<bool>,
    /// From which severity on.
    pub(crate) least: RwSignal<Severity>,
}

impl Default for Alarm {
    fn default() -> Self {
        Self {
            has_sound: RwSignal::new(false),
            has_notice: RwSignal::new(false),
            least: RwSignal::new(Severity::Warning),
        }
    }
}

impl Alarm {
    /// Takes over what was remembered; for the browser, after hydration.
    #[cfg(feature = "hydrate")]
    pub(super) fn recall(self) {
        let words = browser::recall(MEMORY).unwrap_or_default();
        let has = |word: &str| words.split(' ').any(|known| known == word);
        self.has_sound.set(has("sound"));
        self.has_notice.set(has("notice"));
        if let Some(least) = severity(words.rsplit(' ').next().unwrap_or_default()) {
            self.least.set(least);
        }
    }

    fn remember(self) {
        let sound = if self.has_sound.get_untracked() { "sound " } else { "" };
        let notice = if self.has_notice.get_untracked() { "notice " } else { "" };
        browser::remember(MEMORY, Some(&format!("{sound}{notice}{}", self.least.get_untracked().word())));
    }

    /// Switches the sound; once on, it is heard at once, which also tells the browser that it is wanted.
    pub(crate) fn set_sound(self, is_on: bool) {
        self.has_sound.set(is_on);
        if is_on {
            browser::beep();
        }
        self.remember();
    }

    /// Switches notifications, if the person allows them.
    pub(crate) fn set_notice(self, is_on: bool) {
        self.has_notice.set(is_on);
        spawn_local(async move {
            if is_on && !browser::ask_to_notify().await {
                self.has_notice.set(false);
            }
            self.remember();
        });
    }

    /// Changes the severity from which on it rings.
    pub(crate) fn set_least(self, word: &str) {
        if let Some(least) = severity(word) {
            self.least.set(least);
            self.remember();
        }
    }

    /// Rings when an incident that came over the stream is news.
    pub(super) fn hear(self, incident: &Incident, known: RwSignal<Vec<Incident>>, now: Timestamp) {
        let (has_sound, has_notice) = (self.has_sound.get_untracked(), self.has_notice.get_untracked());
        if !has_sound && !has_notice {
            return;
        }
        let before = known.with_untracked(|all| all.iter().find(|one| one.id == incident.id).map(|one| one.state));
        if !is_news(incident, before, self.least.get_untracked(), now) {
            return;
        }
        if has_sound {
            browser::beep();
        }
        if has_notice {
            browser::notify(&incident.title, &incident.message, &incident.id.to_string());
        }
    }
}

/// Whether an alert fires that nobody has taken on or silenced.
pub(crate) fn needs_somebody(incident: &Incident) -> bool {
    let handling = &incident.handling;
    incident.state == IncidentState::Firing && handling.acknowledged.is_none() && handling.silenced_by.is_none()
}

/// The severity that a word names.
pub(crate) fn severity(word: &str) -> Option<Severity> {
    [Severity::Info, Severity::Warning, Severity::Critical].into_iter().find(|known| known.word() == word)
}

/// Whether an incident just began to fire, is bad enough, and nobody has taken it on or silenced it.
fn is_news(incident: &Incident, before: Option<IncidentState>, least: Severity, now: Timestamp) -> bool {
    let fired = incident.fired_at.unwrap_or(incident.started_at);
    needs_somebody(incident)
        && before != Some(IncidentState::Firing)
        && incident.severity >= least
        && now.ms() - fired.ms() < NEWS_MS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;
    use netloom_core::incident::Handling;

    #[test]
    fn only_what_begins_to_fire_and_needs_somebody_rings() {
        let firing = example::incident("loss_high", IncidentState::Firing, "a");
        let now = Timestamp(75_000);
        let rings = |incident: &Incident, before| is_news(incident, before, Severity::Warning, now);
        assert!(rings(&firing, None) && rings(&firing, Some(IncidentState::Pending)));
        assert!(!rings(&firing, Some(IncidentState::Firing)), "it rang before");
        let silenced = Handling { silenced_by: Some("s1".into()), ..Handling::default() };
        assert!(!rings(&Incident { handling: silenced, ..firing.clone() }, None));
        assert!(!rings(&Incident { severity: Severity::Info, ..firing.clone() }, None));
        assert!(!rings(&example::incident("loss_high", IncidentState::Resolved, "a"), None));
        assert!(!is_news(&firing, None, Severity::Info, Timestamp(700_000)), "it fired long ago");
    }
}
