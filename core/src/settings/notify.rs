//! Settings of the notifications: who is told of incidents, how, and how soon.

mod receiver;
mod secret;

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

pub use receiver::{ADDRESSES_MAX, RECEIVERS_MAX, Receiver, ReceiverKind, Security, is_http_url};
pub use secret::{MASK, Secret};

use super::{Field, FieldError, FieldKind, Section};

/// Settings of the notifications.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct NotifySettings {
    /// Who is told of incidents.
    pub receivers: Vec<Receiver>,
    /// Where people reach these pages: links in notifications begin with it. Without it there are none.
    pub public_url: String,
    /// How long the first incident waits for others, s.
    pub group_wait_s: f64,
    /// The time from one message to the next with what came in between, s.
    pub group_interval_s: f64,
    /// After how long what still fires is told again, hours; never with 0.
    pub remind_h: f64,
    /// Whether notifications may be posted to addresses that are not of the public internet.
    pub allow_private: bool,
}

impl Default for NotifySettings {
    fn default() -> Self {
        Self {
            receivers: Vec::new(),
            public_url: String::new(),
            group_wait_s: 10.0,
            group_interval_s: 60.0,
            remind_h: 4.0,
            allow_private: false,
        }
    }
}

/// Longest address of a receiver or of these pages, characters.
const URL_MAX_CHARS: usize = 2_000;

const fn number(range: RangeInclusive<f64>, unit: &'static str) -> FieldKind {
    FieldKind::Number { min: *range.start(), max: *range.end(), unit }
}

pub(super) const SECTION: Section = Section {
    title: "Notifications",
    help: "Who is told when an alert fires and when it is over.",
    fields: &[
        Field {
            path: "notify.receivers",
            label: "Receivers",
            help: "Webhooks, Slack-compatible webhooks, e-mail and ntfy. What is secret is never shown again.",
            kind: FieldKind::Receivers,
        },
        Field {
            path: "notify.public_url",
            label: "Address of these pages",
            help: "Links in notifications begin with it, as in https://netloom.example.org.",
            kind: FieldKind::Text { max_chars: URL_MAX_CHARS, empty: "no links" },
        },
        Field {
            path: "notify.group_wait_s",
            label: "Wait for others",
            help: "How long the first incident waits for others, so that they are told in one message.",
            kind: number(0.0..=600.0, "s"),
        },
        Field {
            path: "notify.group_interval_s",
            label: "Next message after",
            help: "What comes soon after a message waits this long since that message and is told together.",
            kind: number(0.0..=3_600.0, "s"),
        },
        Field {
            path: "notify.remind_h",
            label: "Remind after",
            help: "What still fires is told again after this time, unless somebody took it on; 0 for never.",
            kind: number(0.0..=168.0, "h"),
        },
        Field {
            path: "notify.allow_private",
            label: "Post to private addresses",
            help: "Off, webhooks cannot reach into this machine or network: private, loopback, link-local and other special addresses are refused. Mail servers may be anywhere.",
            kind: FieldKind::Toggle,
        },
    ],
};

impl NotifySettings {
    pub(super) fn validate(&self) -> Vec<FieldError> {
        let mut errors = Vec::new();
        if self.receivers.len() > RECEIVERS_MAX {
            errors.push(FieldError::new("notify.receivers", format!("at most {RECEIVERS_MAX} receivers")));
        }
        if !self.public_url.is_empty() && !is_http_url(&self.public_url) {
            errors.push(FieldError::new("notify.public_url", receiver::NOT_A_URL));
        }
        for (index, receiver) in self.receivers.iter().enumerate() {
            let at = |error: FieldError| FieldError {
                field: format!("notify.receivers[{index}].{}", error.field),
                message: error.message,
            };
            errors.extend(receiver.validate().into_iter().map(at));
            let before = &self.receivers[..index];
            if before.iter().any(|other| other.name == receiver.name) {
                errors.push(at(FieldError::new("name", format!("{:?} is used twice", receiver.name))));
            }
            if !receiver.id.is_empty() && before.iter().any(|other| other.id == receiver.id) {
                errors.push(at(FieldError::new("id", format!("{:?} is used twice", receiver.id))));
            }
        }
        errors
    }

    /// The receiver of a lasting name.
    pub fn receiver(&self, id: &str) -> Option<&Receiver> {
        self.receivers.iter().find(|receiver| receiver.id == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blamed(settings: &NotifySettings) -> Vec<String> {
        settings.validate().into_iter().map(|error| error.field).collect()
    }

    #[test]
    fn every_field_of_a_receiver_is_blamed_by_its_place() {
        let good = Receiver { name: "a".into(), url: "https://example.org/hook".into(), ..Receiver::default() };
        let settings = |receivers: Vec<Receiver>| NotifySettings { receivers, ..NotifySettings::default() };
        assert_eq!(blamed(&settings(vec![good.clone()])), [""; 0]);
        let twice = settings(vec![good.clone(), good.clone()]);
        assert_eq!(blamed(&twice), ["notify.receivers[1].name"]);
        let bad = Receiver { name: "b".into(), url: "gopher://x".into(), ..Receiver::default() };
        assert_eq!(blamed(&settings(vec![good, bad])), ["notify.receivers[1].url"]);
        let public_url = "example.org".into();
        assert_eq!(blamed(&NotifySettings { public_url, ..NotifySettings::default() }), ["notify.public_url"]);
    }
}
