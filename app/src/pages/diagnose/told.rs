//! What the page reads of a diagnosis: less than the hub tells. What was found in depth comes as drawn by the hub, so that
//! the client need not know every kind of check.

use netloom_core::{
    diagnosis::{DiagnosisBrief, DiagnosisState, DiagnosisVerdict, Grade},
    time::Timestamp,
};
use serde_json::Value;

use crate::{api::told, components::status_badge::Tone};

/// How the hub begins the details of a check.
const SECTION: &str = "<section data-item=\"";

/// A diagnosis as far as it is.
#[derive(Clone, Default)]
pub(crate) struct Diagnosis {
    /// The node that checks.
    pub(super) node: String,
    /// What was asked for.
    pub(super) hosts: Vec<String>,
    /// When it was asked for.
    pub(super) started_at: Timestamp,
    /// `waiting`, `running`, `done` or `failed`.
    pub(super) state: String,
    /// Why it failed.
    pub(super) why: String,
    /// The checks, in the order of the page.
    pub(super) items: Vec<Item>,
    /// What they say together, once all have ended.
    pub(super) verdict: Option<DiagnosisVerdict>,
}

/// One check.
#[derive(Clone)]
pub(super) struct Item {
    /// The heading that it stands under.
    pub(super) subject: String,
    /// What people call it there.
    pub(super) title: String,
    /// `icmp`, `throughput` and so on.
    pub(super) kind: String,
    /// How far it is, 0 to 1, once it began.
    pub(super) ratio: Option<f64>,
    /// `reply`, `lost`, `failed` or `skipped`, once it ended.
    pub(super) outcome: Option<String>,
    /// What that means.
    pub(super) grade: Grade,
    /// The figure that people look at first, or the cause.
    pub(super) headline: String,
}

/// How something looks in a list.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Look {
    /// Its shape and colour.
    pub(super) tone: Tone,
    /// The word beside it.
    pub(super) word: &'static str,
    /// How much of the bar is full, 0 to 1.
    pub(super) ratio: f64,
    /// Whether there is more to read.
    pub(super) is_over: bool,
}

/// Shape and word of a grade.
pub(super) const fn graded(grade: Grade) -> (Tone, &'static str) {
    let tone = match grade {
        Grade::Unknown => Tone::Unknown,
        Grade::Fine => Tone::Ok,
        Grade::Notable => Tone::Warning,
        Grade::Bad => Tone::Critical,
    };
    (tone, grade.word())
}

/// Shape and word of a diagnosis in a list.
pub(super) fn brief_look(one: &DiagnosisBrief) -> (Tone, &'static str) {
    match one.state {
        DiagnosisState::Waiting => (Tone::Active, "waiting"),
        DiagnosisState::Running => (Tone::Active, "checking"),
        DiagnosisState::Done => graded(one.grade),
        DiagnosisState::Failed { .. } => (Tone::Unknown, "broken off"),
    }
}

/// What was checked, for people.
pub(super) fn what(hosts: &[String]) -> String {
    if hosts.is_empty() { "what every node depends on".to_owned() } else { hosts.join(", ") }
}

/// The details of one check in what the hub drew of all of them.
pub(super) fn section(drawn: &str, item: usize) -> Option<String> {
    let begins = format!("{item}\"");
    let found = drawn.split(SECTION).skip(1).find(|part| part.starts_with(&begins))?;
    Some(format!("{SECTION}{found}"))
}

impl Diagnosis {
    /// Reads what the hub tells.
    pub(crate) fn read(value: &Value) -> Self {
        let item = |value: &Value| Item {
            subject: told::text(value, "subject"),
            title: told::text(value, "title"),
            kind: told::text(&value["check"], "kind"),
            ratio: told::number(&value["progress"], "done_ratio"),
            outcome: value["finding"].is_object().then(|| told::text(&value["finding"], "outcome")),
            grade: told::grade(value),
            headline: told::text(value, "headline"),
        };
        Self {
            node: told::text(value, "node"),
            hosts: told::texts(value, "hosts"),
            started_at: told::moment(value, "started_at").unwrap_or_default(),
            state: told::text(value, "state"),
            why: told::text(value, "why"),
            items: told::list(value, "items").iter().map(item).collect(),
            verdict: told::verdict(&value["verdict"]),
        }
    }

    /// Whether nothing more comes.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.state.as_str(), "done" | "failed")
    }

    /// How many checks have ended.
    pub(super) fn ended(&self) -> usize {
        self.items.iter().filter(|item| item.outcome.is_some()).count()
    }

    /// Whether throughput was a part of it.
    pub(super) fn has_throughput(&self) -> bool {
        self.items.iter().any(|item| item.kind == "throughput")
    }

    /// The checks under their headings, in the order in which these come first.
    pub(super) fn groups(&self) -> Vec<(String, Vec<usize>)> {
        let mut groups: Vec<(String, Vec<usize>)> = Vec::new();
        for (at, item) in self.items.iter().enumerate() {
            match groups.iter_mut().find(|(subject, _)| *subject == item.subject) {
                Some((_, items)) => items.push(at),
                None => groups.push((item.subject.clone(), vec![at])),
            }
        }
        groups
    }

    /// How a check looks.
    pub(super) fn look(&self, at: usize) -> Look {
        let waiting = Look { tone: Tone::Unknown, word: "waiting", ratio: 0.0, is_over: false };
        let Some(item) = self.items.get(at) else { return waiting };
        match (&item.outcome, item.ratio) {
            (Some(outcome), _) => {
                let (tone, word) = if outcome == "skipped" { (Tone::Unknown, "skipped") } else { graded(item.grade) };
                Look { tone, word, ratio: 1.0, is_over: true }
            }
            (None, _) if self.is_over() => Look { word: "not done", ..waiting },
            (None, Some(ratio)) => {
                Look { tone: Tone::Active, word: "checking", ratio: ratio.clamp(0.0, 1.0), ..waiting }
            }
            (None, None) => waiting,
        }
    }

    /// How all of it looks.
    pub(super) fn whole(&self) -> Look {
        let parts: f64 = (0..self.items.len()).map(|at| self.look(at).ratio).sum();
        let ratio = parts / self.items.len().max(1) as f64;
        let (tone, word) = match (self.state.as_str(), &self.verdict) {
            ("done", Some(verdict)) => graded(verdict.grade),
            ("done", None) => graded(Grade::Unknown),
            ("failed", _) => (Tone::Unknown, "broken off"),
            ("waiting", _) => (Tone::Active, "waiting"),
            _ => (Tone::Active, "checking"),
        };
        Look { tone, word, ratio, is_over: self.is_over() }
    }

    /// One sentence that says how it stands.
    pub(super) fn sentence(&self) -> String {
        match (self.state.as_str(), &self.verdict) {
            ("failed", Some(verdict)) => {
                format!("It did not come to an end: {}. Until then: {}", self.why, verdict.sentence)
            }
            (_, Some(verdict)) => verdict.sentence.clone(),
            ("failed", None) => format!("It did not come to an end: {}", self.why),
            ("waiting", None) => format!("{} has not begun yet.", self.node),
            _ => format!("{} checks: {} of {} checks have ended.", self.node, self.ended(), self.items.len()),
        }
    }

    /// The same for people who listen: it changes a few times only.
    pub(super) fn spoken(&self) -> String {
        let quarters = (self.whole().ratio * 4.0) as u32;
        match quarters {
            _ if self.is_over() => self.sentence(),
            0 => format!("{} begins to check.", self.node),
            quarters => format!("{} % of the checks have ended.", quarters * 25),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A diagnosis as a hub writes it, with one check that has ended, one that runs, and one that waits.
    fn running() -> Diagnosis {
        let text = r#"{"id":"d1","node":"n1","hosts":["n2"],"by":"ada","version":"1","started_at":"1970-01-01T00:01:00Z",
            "state":"running","items":[
            {"subject":"n2","title":"ping","check":{"kind":"icmp","host":"n2"},"grade":"fine","headline":"0.3 ms",
             "finding":{"outcome":"reply","took_us":9.0,"figures":[{"name":"rtt_us","value":300.0}]}},
            {"subject":"gateway","title":"ping","check":{"kind":"icmp"},"grade":"unknown","headline":"",
             "progress":{"done_ratio":0.5,"figures":[]}},
            {"subject":"n2","title":"throughput","check":{"kind":"throughput"},"grade":"unknown"}]}"#;
        Diagnosis::read(&serde_json::from_str(text).expect("is JSON"))
    }

    #[test]
    fn what_a_hub_writes_is_read_and_grouped() {
        let told = running();
        assert_eq!(told.groups(), [("n2".to_owned(), vec![0, 2]), ("gateway".to_owned(), vec![1])]);
        assert_eq!([0, 1, 2].map(|at| told.look(at).word), ["fine", "checking", "waiting"]);
        assert_eq!((told.ended(), told.has_throughput(), told.whole().ratio), (1, true, 0.5));
        assert_eq!(told.sentence(), "n1 checks: 1 of 3 checks have ended.");
        assert_eq!(told.spoken(), "50 % of the checks have ended.");
    }

    #[test]
    fn what_was_broken_off_says_so() {
        let told = Diagnosis { state: "failed".into(), why: "n1 went away".into(), ..running() };
        assert_eq!([1, 2].map(|at| told.look(at).word), ["not done", "not done"]);
        assert_eq!(told.sentence(), "It did not come to an end: n1 went away");
        assert_eq!(told.whole().word, "broken off");
        let sentence = "n2 does not answer.".to_owned();
        let verdict = DiagnosisVerdict { grade: Grade::Bad, sentence, is_closed_network: false, points: Vec::new() };
        let told = Diagnosis { verdict: Some(verdict), ..told };
        assert_eq!(told.sentence(), "It did not come to an end: n1 went away. Until then: n2 does not answer.");
    }

    #[test]
    fn the_details_of_a_check_are_found_by_its_number() {
        let drawn = r#"<section data-item="1"><p>one</p></section><section data-item="11"><p>eleven</p></section>"#;
        assert_eq!(section(drawn, 1).as_deref(), Some(r#"<section data-item="1"><p>one</p></section>"#));
        assert!(section(drawn, 11).is_some_and(|found| found.contains("eleven")));
        assert_eq!(section(drawn, 2), None);
    }
}
