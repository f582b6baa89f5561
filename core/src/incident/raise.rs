//! Incidents that training jobs raise: what may be said, and what it makes.

use std::ops::RangeInclusive;

use super::{Handling, Incident, IncidentState, JOB_RULE_PREFIX, RaiseRequest, subject};
use crate::{
    metric,
    sample::{LABEL_MAX_BYTES, LABELS_MAX},
    settings::FieldError,
    time::Timestamp,
    unit::Unit,
};

/// Longest message, characters: it has to fit a notification.
pub const MESSAGE_MAX_CHARS: usize = 500;
/// How long an incident may go without being raised again before it ends, s: from a heartbeat to a month.
pub const TTL_S: RangeInclusive<f64> = 1.0..=2_592_000.0;
/// Raised incidents that are open at once: a job that raises more has put what changes into its labels.
pub const RAISED_OPEN_MAX: usize = 500;

impl RaiseRequest {
    /// Checks everything.
    ///
    /// # Errors
    /// All fields that are wrong.
    pub fn check(&self) -> Result<(), Vec<FieldError>> {
        let mut errors = Vec::new();
        if !metric::is_valid_name(&self.kind) {
            errors.push(FieldError::new("type", format!("{:?} is not a name like [a-z][a-z0-9_]{{0,63}}", self.kind)));
        }
        errors.extend(check_text("message", &self.message, MESSAGE_MAX_CHARS));
        if self.message.trim().is_empty() {
            errors.push(FieldError::new("message", "must not be empty"));
        }
        if self.labels.len() > LABELS_MAX {
            errors.push(FieldError::new("labels", format!("must be at most {LABELS_MAX}")));
        }
        for (name, value) in &self.labels {
            if let Some(why) = wrong_label(name, value) {
                errors.push(FieldError::new(format!("labels.{name}"), why));
                break;
            }
        }
        if self.ttl_s.is_some_and(|ttl_s| !TTL_S.contains(&ttl_s)) {
            let allowed = format!("must be a number from {} to {} s", TTL_S.start(), TTL_S.end());
            errors.push(FieldError::new("ttl_s", allowed));
        }
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    /// The lasting name under which it stands among the rules.
    pub fn rule(&self) -> String {
        format!("{JOB_RULE_PREFIX}{}", self.kind)
    }

    /// When it ends by itself.
    pub fn expires_at(&self, now: Timestamp) -> Option<Timestamp> {
        self.ttl_s.map(|ttl_s| Timestamp(now.ms() + (ttl_s * 1_000.0) as i64))
    }

    /// Whether an incident is the one that this speaks of.
    pub fn means(&self, incident: &Incident) -> bool {
        incident.rule.strip_prefix(JOB_RULE_PREFIX) == Some(&self.kind) && incident.labels == self.labels
    }

    /// The incident that begins with this. It has no figure.
    pub fn incident(&self, id: u64, now: Timestamp) -> Incident {
        Incident {
            id,
            rule: self.rule(),
            title: title(&self.kind),
            severity: self.severity,
            state: IncidentState::Firing,
            subject: subject(&self.labels),
            labels: self.labels.clone(),
            value: 0.0,
            limit: 0.0,
            unit: Unit::Count,
            message: self.message.trim().to_owned(),
            started_at: now,
            fired_at: Some(now),
            resolved_at: None,
            folded: 0,
            metric: String::new(),
            worst: None,
            runbook: String::new(),
            handling: Handling { expires_at: self.expires_at(now), ..Handling::default() },
        }
    }
}

/// `gpu_fell_off` as people write it: `Gpu fell off`.
fn title(kind: &str) -> String {
    let mut title = kind.replace('_', " ").trim_end().to_owned();
    if let Some(first) = title.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    title
}

/// Signs that break a line or turn its direction: with them, a text shows something else than it says.
const TURNING: [std::ops::RangeInclusive<char>; 3] =
    ['\u{2028}'..='\u{202e}', '\u{2066}'..='\u{2069}', '\u{200e}'..='\u{200f}'];

/// What is wrong with one line of text, if anything.
pub fn check_text(field: &str, text: &str, max_chars: usize) -> Option<FieldError> {
    let is_bad = |c: char| c.is_control() || TURNING.iter().any(|range| range.contains(&c));
    let is_line = !text.chars().any(is_bad) && text.chars().count() <= max_chars;
    let allowed = || format!("must be one line of at most {max_chars} characters, without control characters");
    (!is_line).then(|| FieldError::new(field, allowed()))
}

/// What is wrong with a label, if anything.
pub(crate) fn wrong_label(name: &str, value: &str) -> Option<String> {
    let is_wrong = |text: &str| text.is_empty() || text.len() > LABEL_MAX_BYTES || text.chars().any(char::is_control);
    (is_wrong(name) || is_wrong(value)).then(|| {
        format!("a name or value must not be empty, longer than {LABEL_MAX_BYTES} bytes, or have control characters")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{rule::Severity, sample::Labels};

    fn request() -> RaiseRequest {
        RaiseRequest {
            kind: "gpu_fell_off".into(),
            message: "GPU 3 of n1 is gone <b>now</b>".into(),
            severity: Severity::Critical,
            labels: Labels::from([("node".into(), "n1".into())]),
            firing: true,
            ttl_s: Some(30.0),
        }
    }

    #[test]
    fn a_request_becomes_an_incident_without_a_figure() {
        let request = request();
        assert_eq!(request.check(), Ok(()));
        let incident = request.incident(7, Timestamp(1_000));
        assert_eq!((incident.rule.as_str(), incident.title.as_str()), ("job_gpu_fell_off", "Gpu fell off"));
        assert_eq!((incident.subject.as_str(), incident.state), ("n1", IncidentState::Firing));
        assert_eq!(incident.handling.expires_at, Some(Timestamp(31_000)));
        assert!(request.means(&incident) && incident.is_raised());
        assert_eq!(incident.message, "GPU 3 of n1 is gone <b>now</b>", "text stays text");
    }

    #[test]
    fn the_field_to_blame_is_named() {
        type Change = fn(&mut RaiseRequest);
        let cases: [(&str, Change); 11] = [
            ("type", |r| r.kind = "GPU".into()),
            ("type", |r| r.kind = String::new()),
            ("type", |r| r.kind = "a".repeat(65)),
            ("message", |r| r.message = " ".into()),
            ("message", |r| r.message = "a\u{1b}[31m".into()),
            ("message", |r| r.message = "a\u{202e}b".into()),
            ("message", |r| r.message = "é".repeat(MESSAGE_MAX_CHARS + 1)),
            ("labels", |r| r.labels = (0..=LABELS_MAX).map(|n| (n.to_string(), "x".into())).collect()),
            ("labels.node", |r| _ = r.labels.insert("node".into(), String::new())),
            ("ttl_s", |r| r.ttl_s = Some(0.5)),
            ("ttl_s", |r| r.ttl_s = Some(f64::NAN)),
        ];
        for (field, change) in cases {
            let mut request = request();
            change(&mut request);
            assert_eq!(request.check().expect_err(field)[0].field, field);
        }
    }
}
