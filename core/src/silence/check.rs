//! What may be silenced, and for how long.

use std::collections::BTreeSet;

use super::{
    MATCHER_MAX_ENTRIES, MATCHER_MAX_NODES, Matcher, NAME_MAX_CHARS, PAST_MAX_MS, SILENCE_MAX_MS, Silence,
    SilenceRequest, WHY_MAX_CHARS, is_list,
};
use crate::{
    incident::raise::{check_text, wrong_label},
    layout::hostlist,
    sample::{LABELS_MAX, check_node_name},
    settings::FieldError,
    time::Timestamp,
};

impl Matcher {
    /// What is wrong with it, if anything; `at` is where it stands in its document.
    pub fn validate(&self, at: &str) -> Vec<FieldError> {
        if self.is_empty() {
            return vec![FieldError::new(at, "must ask for something, or everything would be silenced")];
        }
        let mut errors = Vec::new();
        let mut wrong = |field: String, why: Option<String>| {
            errors.extend(why.map(|why| FieldError::new(format!("{at}.{field}"), why)));
        };
        let lengths = [("rules", self.rules.len()), ("nodes", self.nodes.len()), ("links", self.links.len())];
        for (field, length) in lengths {
            let is_long = length > MATCHER_MAX_ENTRIES;
            wrong(field.to_owned(), is_long.then(|| format!("must be at most {MATCHER_MAX_ENTRIES}")));
        }
        for (index, rule) in self.rules.iter().enumerate().take(MATCHER_MAX_ENTRIES) {
            let is_name = !rule.is_empty() && rule.len() <= 2 * NAME_MAX_CHARS && !rule.chars().any(char::is_control);
            wrong(format!("rules[{index}]"), (!is_name).then(|| format!("{rule:?} is not the id of a rule")));
        }
        let mut nodes = 0;
        for (index, entry) in self.nodes.iter().enumerate().take(MATCHER_MAX_ENTRIES) {
            wrong(format!("nodes[{index}]"), count_nodes(entry, &mut nodes).err());
        }
        for (index, link) in self.links.iter().enumerate().take(MATCHER_MAX_ENTRIES) {
            wrong(format!("links[{index}].src"), check_node_name(&link.src).err());
            wrong(format!("links[{index}].dst"), check_node_name(&link.dst).err());
        }
        let many = self.labels.len() > LABELS_MAX;
        wrong("labels".to_owned(), many.then(|| format!("must be at most {LABELS_MAX}")));
        for (name, value) in self.labels.iter().take(LABELS_MAX) {
            wrong(format!("labels.{name}"), wrong_label(name, value));
        }
        let distinct: BTreeSet<_> = self.severities.iter().collect();
        let is_twice = distinct.len() < self.severities.len();
        wrong("severities".to_owned(), is_twice.then(|| "must name each once".to_owned()));
        errors
    }
}

/// Checks an entry, and counts the nodes that it stands for.
fn count_nodes(entry: &str, nodes: &mut usize) -> Result<(), String> {
    let names = if is_list(entry) { hostlist::expand(entry)? } else { vec![entry.to_owned()] };
    *nodes += names.len();
    if *nodes > MATCHER_MAX_NODES {
        return Err(format!("must stand for at most {MATCHER_MAX_NODES} nodes with those before it"));
    }
    names.iter().try_for_each(|name| check_node_name(name))
}

impl SilenceRequest {
    /// The silence that is asked for. `who` asks, when it does not say by whom.
    ///
    /// # Errors
    /// All fields that are wrong.
    pub fn build(self, id: String, who: &str, now: Timestamp) -> Result<Silence, Vec<FieldError>> {
        let mut errors = self.matcher.validate("matcher");
        let by = if self.by.trim().is_empty() { who } else { self.by.trim() }.to_owned();
        errors.extend(check_text("by", &by, NAME_MAX_CHARS));
        errors.extend(check_text("why", &self.why, WHY_MAX_CHARS));
        let starts_at = self.starts_at.unwrap_or(now);
        let (ends_ms, now_ms) = (self.ends_at.ms(), now.ms());
        // Without a difference: what comes in may be any number.
        if starts_at.ms() < now_ms.saturating_sub(PAST_MAX_MS) {
            errors.push(FieldError::new("starts_at", "lies in the past: leave it out for now"));
        } else if starts_at.ms() > now_ms.saturating_add(SILENCE_MAX_MS) {
            errors.push(FieldError::new("starts_at", "is more than a year away"));
        }
        let starts_at = starts_at.max(now);
        if ends_ms <= now_ms {
            errors.push(FieldError::new("ends_at", "lies in the past"));
        } else if ends_ms <= starts_at.ms() {
            errors.push(FieldError::new("ends_at", "must be after starts_at"));
        } else if ends_ms > starts_at.ms().saturating_add(SILENCE_MAX_MS) {
            errors.push(FieldError::new("ends_at", "is more than a year after it begins: switch the rule off instead"));
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let (matcher, why) = (self.matcher, self.why.trim().to_owned());
        Ok(Silence { id, matcher, starts_at, ends_at: self.ends_at, by, why })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{incident::tests::incident, rule::Severity, rule::spec::LinkScope};

    const NOW: Timestamp = Timestamp(1_700_000_000_000);

    fn request() -> SilenceRequest {
        SilenceRequest {
            matcher: Matcher { nodes: vec!["gpu[1-8]".into()], ..Matcher::default() },
            starts_at: None,
            ends_at: Timestamp(NOW.ms() + 60_000),
            by: String::new(),
            why: "new switch".into(),
        }
    }

    #[test]
    fn a_request_becomes_a_silence_that_holds_until_its_end() {
        let mut silence = request().build("abcdefgh".into(), "someone", NOW).expect("is right");
        assert_eq!((silence.by.as_str(), silence.starts_at), ("someone", NOW));
        let late = Timestamp(NOW.ms() + 60_000);
        assert!(silence.holds_at(NOW) && !silence.holds_at(late));
        silence.end(Timestamp(NOW.ms() + 5));
        assert_eq!(silence.ends_at.ms(), NOW.ms() + 5);
        silence.end(late);
        assert_eq!(silence.ends_at.ms(), NOW.ms() + 5, "it ended before");
        let mut later = SilenceRequest {
            starts_at: Some(late),
            ends_at: Timestamp(late.ms() + 1),
            by: " Zoë ".into(),
            ..request()
        }
        .build("abcdefgi".into(), "someone", NOW)
        .expect("is right");
        assert_eq!(later.by, "Zoë");
        later.end(NOW);
        assert!(!later.holds_at(late) && later.starts_at <= later.ends_at);
    }

    #[test]
    fn lists_of_nodes_are_taken_as_they_are_written_and_written_out() {
        let matcher = request().matcher;
        let (inside, outside) = (incident(1, &[("src", "gpu8"), ("dst", "x")]), incident(2, &[("node", "gpu9")]));
        for matcher in [matcher.clone(), matcher.expanded()] {
            assert!(matcher.takes(&inside) && !matcher.takes(&outside), "{matcher:?}");
        }
    }

    #[test]
    fn everything_that_a_matcher_says_must_hold() {
        let one = incident(1, &[("src", "a"), ("dst", "b"), ("mode", "icmp")]);
        let takes = |change: fn(&mut Matcher)| {
            let mut matcher = Matcher::default();
            change(&mut matcher);
            matcher.takes(&one)
        };
        let link = |src: &str, dst: &str| LinkScope { src: src.into(), dst: dst.into() };
        assert!(Matcher { links: vec![link("a", "b")], ..Matcher::default() }.takes(&one));
        assert!(!Matcher { links: vec![link("b", "a")], ..Matcher::default() }.takes(&one));
        assert!(takes(|m| m.nodes = vec!["b".into()]) && !takes(|m| m.nodes = vec!["c".into()]));
        assert!(takes(|m| m.rules = vec!["rule".into()]) && !takes(|m| m.rules = vec!["other".into()]));
        assert!(takes(|m| m.severities = vec![Severity::Warning]) && !takes(|m| m.severities = vec![Severity::Info]));
        assert!(takes(|m| _ = m.labels.insert("mode".into(), "icmp".into())));
        assert!(!takes(|m| (m.nodes, m.rules) = (vec!["b".into()], vec!["other".into()])));
    }

    #[test]
    fn the_field_to_blame_is_named() {
        type Change = fn(&mut SilenceRequest);
        let cases: [(&str, Change); 17] = [
            ("matcher", |r| r.matcher = Matcher::default()),
            ("matcher.nodes[0]", |r| r.matcher.nodes = vec![String::new()]),
            ("matcher.nodes[1]", |r| r.matcher.nodes.push("a[1-".into())),
            ("matcher.nodes[1]", |r| r.matcher.nodes.push("a[1-9999]".into())),
            ("matcher.nodes", |r| r.matcher.nodes = vec!["a".into(); MATCHER_MAX_ENTRIES + 1]),
            ("matcher.rules[0]", |r| r.matcher.rules = vec!["a\n".into()]),
            ("matcher.links[0].dst", |r| r.matcher.links = vec![LinkScope { src: "a".into(), dst: String::new() }]),
            ("matcher.labels.mode", |r| _ = r.matcher.labels.insert("mode".into(), String::new())),
            ("matcher.severities", |r| r.matcher.severities = vec![Severity::Info; 2]),
            ("by", |r| r.by = "x".repeat(NAME_MAX_CHARS + 1)),
            ("why", |r| r.why = "a\u{7}".into()),
            ("why", |r| r.why = "x".repeat(WHY_MAX_CHARS + 1)),
            ("starts_at", |r| r.starts_at = Some(Timestamp(NOW.ms() - PAST_MAX_MS - 1))),
            ("starts_at", |r| (r.starts_at, r.ends_at) = (Some(Timestamp(i64::MAX - 1)), Timestamp(i64::MAX))),
            ("ends_at", |r| r.ends_at = NOW),
            ("ends_at", |r| (r.starts_at, r.ends_at) = (Some(Timestamp(NOW.ms() + 9)), Timestamp(NOW.ms() + 9))),
            ("ends_at", |r| r.ends_at = Timestamp(NOW.ms() + SILENCE_MAX_MS + 1)),
        ];
        for (field, change) in cases {
            let mut request = request();
            change(&mut request);
            let errors = request.build("abcdefgh".into(), "someone", NOW).expect_err(field);
            assert_eq!(errors[0].field, field, "{errors:?}");
        }
    }
}
