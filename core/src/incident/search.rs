//! Which incidents are asked for, as it stands in a URL, and whether one is meant.

use super::{Incident, IncidentState};
use crate::{query::BadParameter, rule::Severity, time::Timestamp};

/// Longest text of one parameter, characters: a question longer than a message finds nothing.
const TEXT_MAX_CHARS: usize = 500;
/// Every severity.
const SEVERITIES: [Severity; 3] = [Severity::Info, Severity::Warning, Severity::Critical];

/// A wish for incidents as it stands in a URL. What is left out asks for nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
pub struct IncidentText {
    /// `pending`, `firing` or `resolved`, several separated by commas.
    pub state: Option<String>,
    /// `info`, `warning` or `critical`, several separated by commas.
    pub severity: Option<String>,
    /// Ids of rules, separated by commas; `job_<type>` for what jobs raised.
    pub rule: Option<String>,
    /// Only what is about this node, or a link from or to it.
    pub node: Option<String>,
    /// Words that must all be found in title, subject, message or rule.
    pub q: Option<String>,
    /// Only what was not over before: RFC 3339, epoch milliseconds, `now` or `now-15m`.
    pub from: Option<String>,
    /// Only what had begun by then, like `from`.
    pub to: Option<String>,
}

/// A wish for incidents, checked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IncidentSearch {
    /// In one of these states; in any when empty.
    pub states: Vec<IncidentState>,
    /// Of one of these severities; of any when empty.
    pub severities: Vec<Severity>,
    /// Of one of these rules; of any when empty.
    pub rules: Vec<String>,
    /// About this node.
    pub node: Option<String>,
    /// With all of these words, in small letters.
    pub words: Vec<String>,
    /// Not over before, ms.
    pub from_ms: Option<i64>,
    /// Begun by then, ms.
    pub to_ms: Option<i64>,
}

impl IncidentText {
    /// Takes a parameter in; one without a value counts as left out.
    ///
    /// # Errors
    /// What is wrong with it, when there is no such parameter or it stands there twice.
    pub fn set(&mut self, name: &str, value: String) -> Result<(), String> {
        let place = match name {
            "state" => &mut self.state,
            "severity" => &mut self.severity,
            "rule" => &mut self.rule,
            "node" => &mut self.node,
            "q" => &mut self.q,
            "from" => &mut self.from,
            "to" => &mut self.to,
            _ => return Err("there is no such parameter".to_owned()),
        };
        if value.chars().count() > TEXT_MAX_CHARS {
            return Err(format!("is longer than {TEXT_MAX_CHARS} characters"));
        }
        if !value.is_empty() && place.replace(value).is_some() {
            return Err("it is there twice".to_owned());
        }
        Ok(())
    }

    /// Checks everything.
    ///
    /// # Errors
    /// The first parameter that is wrong.
    pub fn parse(&self, now: Timestamp) -> Result<IncidentSearch, BadParameter> {
        let bad = |parameter, message| BadParameter { parameter, message };
        let states = IncidentState::LISTED.map(|state| (state.word(), state));
        let severities = SEVERITIES.map(|severity| (severity.word(), severity));
        let time = |parameter, text: &Option<String>| {
            let read = |text: &String| Timestamp::parse_query(text, now).map(Timestamp::ms);
            text.as_ref().map(read).transpose().map_err(|message| bad(parameter, message))
        };
        let search = IncidentSearch {
            states: words_of("state", self.state.as_deref(), &states)?,
            severities: words_of("severity", self.severity.as_deref(), &severities)?,
            rules: parts(self.rule.as_deref()).map(str::to_owned).collect(),
            node: self.node.clone(),
            words: self.q.as_deref().unwrap_or_default().to_lowercase().split_whitespace().map(str::to_owned).collect(),
            from_ms: time("from", &self.from)?,
            to_ms: time("to", &self.to)?,
        };
        if search.from_ms.zip(search.to_ms).is_some_and(|(from_ms, to_ms)| from_ms > to_ms) {
            return Err(bad("from", "is after to".to_owned()));
        }
        Ok(search)
    }
}

fn parts(text: Option<&str>) -> impl Iterator<Item = &str> {
    text.unwrap_or_default().split(',').map(str::trim).filter(|part| !part.is_empty())
}

fn words_of<T: Copy>(
    parameter: &'static str,
    text: Option<&str>,
    known: &[(&'static str, T)],
) -> Result<Vec<T>, BadParameter> {
    let one = |word: &str| {
        known.iter().find(|(known, _)| *known == word).map(|(_, value)| *value).ok_or_else(|| {
            let known = known.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
            BadParameter { parameter, message: format!("{word:?} is not one of {known}") }
        })
    };
    parts(text).map(one).collect()
}

impl IncidentSearch {
    /// Whether only incidents that are open can be meant.
    pub fn is_of_open(&self) -> bool {
        !self.states.is_empty() && !self.states.contains(&IncidentState::Resolved)
    }

    /// Whether an incident is meant.
    pub fn finds(&self, incident: &Incident) -> bool {
        let is_over_before = |from_ms| incident.resolved_at.is_some_and(|at| at.ms() < from_ms);
        (self.states.is_empty() || self.states.contains(&incident.state))
            && (self.severities.is_empty() || self.severities.contains(&incident.severity))
            && (self.rules.is_empty() || self.rules.contains(&incident.rule))
            && self.node.as_deref().is_none_or(|node| incident.nodes().any(|name| name == node))
            && self.from_ms.is_none_or(|from_ms| !is_over_before(from_ms))
            && self.to_ms.is_none_or(|to_ms| incident.started_at.ms() <= to_ms)
            && self.has_words(incident)
    }

    fn has_words(&self, incident: &Incident) -> bool {
        if self.words.is_empty() {
            return true;
        }
        let text =
            [&incident.title, &incident.subject, &incident.message, &incident.rule].map(|text| text.to_lowercase());
        self.words.iter().all(|word| text.iter().any(|text| text.contains(word)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::tests::incident;

    fn search(pairs: &[(&str, &str)]) -> Result<IncidentSearch, BadParameter> {
        let mut text = IncidentText::default();
        pairs.iter().for_each(|(name, value)| text.set(name, (*value).to_owned()).expect("is known"));
        text.parse(Timestamp(100_000))
    }

    #[test]
    fn everything_that_is_said_must_hold() {
        let mut one = incident(1, &[("src", "a"), ("dst", "b")]);
        (one.started_at, one.resolved_at, one.state) =
            (Timestamp(10_000), Some(Timestamp(20_000)), IncidentState::Resolved);
        one.message = "Loss a → b".into();
        let finds = |pairs: &[(&str, &str)]| search(pairs).expect("is right").finds(&one);
        assert!(finds(&[]) && finds(&[("state", "firing,resolved"), ("severity", "warning"), ("node", "b")]));
        assert!(finds(&[("q", "LOSS b")]) && !finds(&[("q", "loss c")]));
        assert!(!finds(&[("state", "firing")]) && !finds(&[("severity", "critical")]) && !finds(&[("rule", "other")]));
        assert!(!finds(&[("node", "c")]) && finds(&[("rule", "other, rule")]));
        assert!(finds(&[("from", "20000"), ("to", "30000")]) && !finds(&[("from", "20001")]));
        assert!(finds(&[("to", "10000")]) && !finds(&[("to", "9999")]));
    }

    #[test]
    fn the_parameter_to_blame_is_named() {
        for (name, value) in [("state", "open"), ("severity", "bad"), ("from", "soon"), ("to", "late")] {
            assert_eq!(search(&[(name, value)]).expect_err(name).parameter, name);
        }
        assert_eq!(search(&[("from", "2000"), ("to", "1000")]).expect_err("backwards").parameter, "from");
        let mut text = IncidentText::default();
        assert!(text.set("q", "a".into()).is_ok() && text.set("q", "b".into()).is_err());
        assert!(text.set("colour", "a".into()).is_err() && text.set("node", "a".repeat(501)).is_err());
    }
}
