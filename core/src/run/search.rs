//! Looking runs up by what people type.

use super::{Run, RunStatus};

/// The longest search that is understood: what is behind it is left out.
const SEARCH_MAX_WORDS: usize = 16;

/// One word of a search.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Word {
    /// Somewhere in id, name, notes or tags.
    Text(String),
    /// A tag with exactly this value.
    Tag(String, String),
    /// A tag, whatever its value.
    HasTag(String),
    /// Exactly this status.
    Status(RunStatus),
}

/// A search: every word of it must fit. Upper and lower case are the same as far as ASCII goes: the tables for the rest
/// would be a hundredth of the client.
///
/// `tag=lr=3e-4` and `lr:3e-4` ask for a tag, `tag=lr` for one of any value, `status:failed` for a status; anything else
/// is looked for in id, name, notes and tags.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunSearch(Vec<Word>);

impl RunSearch {
    /// Understands a search; whatever is typed is one.
    pub fn parse(text: &str) -> Self {
        let text = text.to_ascii_lowercase();
        Self(text.split_whitespace().take(SEARCH_MAX_WORDS).map(word).collect())
    }

    /// Only runs of a status as well.
    #[must_use]
    pub fn with_status(mut self, status: Option<RunStatus>) -> Self {
        self.0.extend(status.map(Word::Status));
        self
    }

    /// Whether a run is found. Its status is taken as it stands.
    pub fn finds(&self, run: &Run) -> bool {
        self.0.iter().all(|word| match word {
            Word::Text(text) => mentions(run, text),
            // What looks like a tag may be a part of a sentence or of an address.
            Word::Tag(key, value) => {
                tag(run, key).is_some_and(|own| own == *value) || mentions(run, &format!("{key}:{value}"))
            }
            Word::HasTag(key) => tag(run, key).is_some(),
            Word::Status(status) => run.status == *status,
        })
    }
}

fn word(text: &str) -> Word {
    if let Some(asked) = text.strip_prefix("tag=") {
        return match asked.split_once('=') {
            Some((key, value)) => Word::Tag(key.to_owned(), value.to_owned()),
            None => Word::HasTag(asked.to_owned()),
        };
    }
    match text.split_once(':') {
        Some(("status", status)) => match RunStatus::parse(status) {
            Some(status) => Word::Status(status),
            None => Word::Text(text.to_owned()),
        },
        Some((key, value)) if !key.is_empty() && !value.is_empty() => Word::Tag(key.to_owned(), value.to_owned()),
        _ => Word::Text(text.to_owned()),
    }
}

fn tag(run: &Run, key: &str) -> Option<String> {
    run.tags.get(key).map(|value| value.to_ascii_lowercase())
}

fn mentions(run: &Run, text: &str) -> bool {
    let has = |own: &str| own.to_ascii_lowercase().contains(text);
    has(&run.id) || has(&run.name) || has(&run.notes) || run.tags.iter().any(|(key, value)| has(key) || has(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::tests::run;
    use proptest::prelude::*;

    fn finds(text: &str) -> bool {
        RunSearch::parse(text).finds(&run("qv3xk2m9"))
    }

    #[test]
    fn every_word_is_looked_for_in_name_notes_tags_and_id() {
        for text in ["", "  ", "bert", "LARGE bert", "switch", "lr", "3E-4", "qv3x"] {
            assert!(finds(text), "{text}");
        }
        for text in ["gpt", "bert gpt", "bertlarge"] {
            assert!(!finds(text), "{text}");
        }
    }

    #[test]
    fn tags_are_asked_for_in_both_ways() {
        for text in ["tag=lr=3e-4", "lr:3e-4", "tag=lr", "bert LR:3E-4"] {
            assert!(finds(text), "{text}");
        }
        for text in ["tag=lr=3", "lr:3", "tag=net", "net:ib", "tag="] {
            assert!(!finds(text), "{text}");
        }
    }

    #[test]
    fn a_status_is_asked_for_by_its_word() {
        assert!(finds("status:succeeded") && !finds("status:failed"));
        assert!(!finds("status:done"), "no tag is called that");
        assert!(!RunSearch::parse("bert").with_status(Some(RunStatus::Lost)).finds(&run("a")));
        assert!(RunSearch::parse("bert").with_status(None).finds(&run("a")));
    }

    #[test]
    fn what_only_looks_like_a_tag_is_looked_for_as_text() {
        let noted = Run { notes: "see http://wiki/x".into(), ..run("a") };
        assert!(RunSearch::parse("http://wiki/x").finds(&noted));
    }

    proptest! {
        #[test]
        fn whatever_is_typed_is_understood(text in "\\PC{0,60}") {
            let _ = RunSearch::parse(&text).finds(&run("a"));
        }
    }
}
