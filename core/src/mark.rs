//! Marks on the time axis: what happened to the network or was done to it, beside the figures.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    metric,
    sample::{FUTURE_MAX_MS, LABEL_MAX_BYTES},
    settings::FieldError,
    time::Timestamp,
};

/// The longest text of a mark, characters: a line.
pub const TEXT_MAX_CHARS: usize = 200;
/// Figures of one mark at most: what is measured before and after a command.
pub const FIGURES_MAX: usize = 16;

/// What a mark is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum MarkKind {
    /// A test of throughput, which disturbs everything else.
    Throughput,
    /// Packets take another way than before.
    PathChange,
    /// A diagnosis.
    Diagnosis,
    /// A command around which latency and loss were measured.
    Around,
}

impl MarkKind {
    /// The kind as the API writes it.
    pub const fn word(self) -> &'static str {
        match self {
            MarkKind::Throughput => "throughput",
            MarkKind::PathChange => "path_change",
            MarkKind::Diagnosis => "diagnosis",
            MarkKind::Around => "around",
        }
    }

    /// The kind of that word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Throughput, Self::PathChange, Self::Diagnosis, Self::Around].into_iter().find(|kind| kind.word() == word)
    }
}

/// A mark as somebody sets it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewMark {
    /// When it began.
    pub at: Timestamp,
    /// When it ended, when it took a while and is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// What it is about.
    pub kind: MarkKind,
    /// The node that it is about, or the source of a pair.
    #[serde(default)]
    pub src: String,
    /// The destination of a pair; empty when it is about one node.
    #[serde(default)]
    pub dst: String,
    /// One line for people.
    pub text: String,
    /// Figures, by their names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub figures: BTreeMap<String, f64>,
}

/// A mark as the hub keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Mark {
    /// Its number.
    pub id: u64,
    /// The rest.
    #[serde(flatten)]
    pub mark: NewMark,
}

impl NewMark {
    /// Checks every field.
    ///
    /// # Errors
    /// The first that is wrong, and what is allowed.
    pub fn check(&self, now: Timestamp) -> Result<(), FieldError> {
        let wrong = |field: &str, message: String| Err(FieldError::new(field, message));
        if self.at.ms() < 0 || self.at.ms() > now.ms() + FUTURE_MAX_MS {
            return wrong("at", "must be a moment from 1970 to now".to_owned());
        }
        if self.until.is_some_and(|until| until < self.at || until.ms() > now.ms() + FUTURE_MAX_MS) {
            return wrong("until", "must be a moment between the beginning and now".to_owned());
        }
        for (field, name) in [("src", &self.src), ("dst", &self.dst)] {
            if name.len() > LABEL_MAX_BYTES || name.chars().any(char::is_control) {
                return wrong(field, format!("must be a name of at most {LABEL_MAX_BYTES} bytes"));
            }
        }
        let length = self.text.chars().count();
        if self.text.trim().is_empty() || length > TEXT_MAX_CHARS || self.text.chars().any(char::is_control) {
            return wrong("text", format!("must be one line of 1 to {TEXT_MAX_CHARS} characters"));
        }
        if self.figures.len() > FIGURES_MAX {
            return wrong("figures", format!("must be at most {FIGURES_MAX}"));
        }
        match self.figures.iter().find(|(name, value)| !metric::is_valid_name(name) || !value.is_finite()) {
            Some((name, _)) => {
                wrong(&format!("figures.{name}"), "must be a number under the name of a metric".to_owned())
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark() -> NewMark {
        NewMark {
            at: Timestamp(1_000),
            until: None,
            kind: MarkKind::Around,
            src: "n1".into(),
            dst: String::new(),
            text: "mount".into(),
            figures: BTreeMap::from([("rtt_us".to_owned(), 5.0)]),
        }
    }

    #[test]
    fn a_mark_that_is_wrong_says_where() {
        let now = Timestamp(2_000);
        assert_eq!(mark().check(now), Ok(()));
        let many = (0..17).map(|number| (format!("f{number}"), 1.0)).collect();
        let cases: [(&str, NewMark); 9] = [
            ("at", NewMark { at: Timestamp(-1), ..mark() }),
            ("at", NewMark { at: Timestamp(now.ms() + FUTURE_MAX_MS + 1), ..mark() }),
            ("until", NewMark { until: Some(Timestamp(999)), ..mark() }),
            ("src", NewMark { src: "n".repeat(LABEL_MAX_BYTES + 1), ..mark() }),
            ("dst", NewMark { dst: "a\nb".into(), ..mark() }),
            ("text", NewMark { text: " ".into(), ..mark() }),
            ("text", NewMark { text: "a".repeat(TEXT_MAX_CHARS + 1), ..mark() }),
            ("figures", NewMark { figures: many, ..mark() }),
            ("figures.rtt_us", NewMark { figures: BTreeMap::from([("rtt_us".to_owned(), f64::NAN)]), ..mark() }),
        ];
        for (field, mark) in cases {
            assert_eq!(mark.check(now).expect_err("wrong").field, field);
        }
    }

    #[test]
    fn kinds_read_back() {
        assert_eq!(MarkKind::parse(MarkKind::PathChange.word()), Some(MarkKind::PathChange));
        assert_eq!(MarkKind::parse("weather"), None);
    }
}
