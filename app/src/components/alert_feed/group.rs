//! Which incidents of a list belong together: many of one rule, about one node, or one subject again and again.

use netloom_core::{incident::Incident, rule::Severity};

/// Incidents that began within this of each other belong together, ms: what fails together is noticed within a window.
const TOGETHER_MS: i64 = 120_000;
/// Fewer stand for themselves.
const FOLDED_MIN: usize = 3;
/// Subjects of a folded row that are named: a line of them.
const NAMED_MAX: usize = 4;

/// A row of a feed: one incident, or several that are folded.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    /// The incidents, newest first; never none.
    pub(crate) incidents: Vec<Incident>,
    /// Several: how many of what, of whom.
    pub(crate) words: String,
    /// Several of a node: the node.
    pub(crate) node: String,
}

impl Entry {
    /// A row of its own.
    pub(crate) fn single(incident: Incident) -> Self {
        Self { incidents: vec![incident], words: String::new(), node: String::new() }
    }

    /// A lasting name: that of the oldest, because newer ones join.
    pub(crate) fn id(&self) -> u64 {
        self.incidents.last().map_or(0, |incident| incident.id)
    }

    /// The worst severity.
    pub(crate) fn severity(&self) -> Severity {
        self.incidents.iter().map(|incident| incident.severity).max().unwrap_or(Severity::Info)
    }

    /// Whom it is about, each once, as far as there is room.
    pub(crate) fn subjects(&self) -> String {
        let mut subjects: Vec<&str> = Vec::new();
        for incident in &self.incidents {
            if !subjects.contains(&incident.subject.as_str()) {
                subjects.push(&incident.subject);
            }
        }
        let more = subjects.len().saturating_sub(NAMED_MAX);
        let named = subjects.iter().take(NAMED_MAX).copied().collect::<Vec<_>>().join(", ");
        if more == 0 { named } else { format!("{named} and {more} more") }
    }

    /// Changes whenever the row has to be drawn anew.
    pub(crate) fn fingerprint(&self) -> String {
        let parts = self.incidents.iter().map(|incident| {
            let handling = &incident.handling;
            let acknowledged = handling.acknowledged.as_ref().map_or("", |by| &by.by);
            let silenced = handling.silenced_by.as_deref().unwrap_or_default();
            format!("{} {:?} {acknowledged} {silenced} {}", incident.id, incident.state, incident.message)
        });
        parts.collect::<Vec<_>>().join("\n")
    }
}

/// The nodes that an incident is about.
pub(crate) fn nodes(incident: &Incident) -> impl Iterator<Item = &str> {
    ["node", "src", "dst"].into_iter().filter_map(|name| incident.labels.get(name)).map(String::as_str)
}

/// Folds a list, newest first, where several belong together.
pub(crate) fn folded(incidents: &[Incident]) -> Vec<Entry> {
    let mut is_taken = vec![false; incidents.len()];
    let mut entries = Vec::new();
    for (at, incident) in incidents.iter().enumerate() {
        if is_taken[at] {
            continue;
        }
        let same_subject = together(incidents, &is_taken, at, &|other| other.subject == incident.subject);
        let by_node = nodes(incident).map(|node| {
            let members = together(incidents, &is_taken, at, &|other| nodes(other).any(|other| other == node));
            (node, members)
        });
        // The first of the most: the node that is measured, or sends.
        let most = by_node.fold(("", same_subject), |most, one| if one.1.len() > most.1.len() { one } else { most });
        let (node, members) = most;
        if members.len() < FOLDED_MIN {
            entries.push(Entry::single(incident.clone()));
            continue;
        }
        members.iter().for_each(|member| is_taken[*member] = true);
        let incidents: Vec<Incident> = members.into_iter().map(|member| incidents[member].clone()).collect();
        entries.push(Entry { words: words(&incidents, node), node: node.to_owned(), incidents });
    }
    entries
}

/// The places of those from `at` on that belong to it: of its rule and state, each begun not long before the last.
fn together(incidents: &[Incident], is_taken: &[bool], at: usize, is_alike: &dyn Fn(&Incident) -> bool) -> Vec<usize> {
    let first = &incidents[at];
    let mut last_ms = first.started_at.ms();
    let mut members = Vec::new();
    for (place, other) in incidents.iter().enumerate().skip(at) {
        if last_ms - other.started_at.ms() > TOGETHER_MS {
            break;
        }
        if !is_taken[place] && other.rule == first.rule && other.state == first.state && is_alike(other) {
            last_ms = last_ms.min(other.started_at.ms());
            members.push(place);
        }
    }
    members
}

/// How many of what: `7 links of node-3`.
fn words(incidents: &[Incident], node: &str) -> String {
    let count = incidents.len();
    if node.is_empty() || incidents.iter().all(|incident| incident.subject == incidents[0].subject) {
        let is_one = incidents.iter().all(|incident| incident.labels == incidents[0].labels);
        return format!("{count} {} {}", if is_one { "times" } else { "alerts of" }, incidents[0].subject);
    }
    let all_have = |label: &str| incidents.iter().all(|incident| incident.labels.contains_key(label));
    let what = if all_have("dst") {
        "links"
    } else if all_have("interface") {
        "interfaces"
    } else {
        "alerts"
    };
    format!("{count} {what} of {node}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;
    use netloom_core::{incident::IncidentState, time::Timestamp};

    fn incident(id: u64, dst: &str, started_ms: i64) -> Incident {
        let one = example::incident("loss_high", IncidentState::Firing, dst);
        Incident { id, started_at: Timestamp(started_ms), ..one }
    }

    #[test]
    fn links_of_a_node_that_fail_together_are_one_row() {
        let list =
            [incident(4, "d", 9_000), incident(3, "c", 8_000), incident(2, "b", 5_000), incident(1, "a", -500_000)];
        let entries = folded(&list);
        assert_eq!((entries.len(), entries[0].words.as_str()), (2, "3 links of n1"));
        assert_eq!((entries[0].id(), entries[0].node.as_str()), (2, "n1"));
        assert_eq!(entries[0].subjects(), "n1 → d, n1 → c, n1 → b");
        assert_eq!(entries[1].incidents.len(), 1, "it began long before");
    }

    #[test]
    fn the_node_at_the_other_end_is_found_too() {
        let from = |id, src: &str| {
            let mut one = incident(id, "hurt", 1_000);
            one.labels.insert("src".into(), src.into());
            Incident { subject: format!("{src} → hurt"), ..one }
        };
        let entries = folded(&[from(3, "a"), from(2, "b"), from(1, "c")]);
        assert_eq!((entries.len(), entries[0].words.as_str()), (1, "3 links of hurt"));
    }

    #[test]
    fn one_that_comes_and_goes_is_one_row_and_two_are_two() {
        let list = [incident(3, "a", 200_000), incident(2, "a", 100_000), incident(1, "a", 0)];
        assert_eq!(folded(&list)[0].words, "3 times n1 → a");
        assert_eq!(folded(&list[..2]).len(), 2);
        assert!(folded(&[]).is_empty());
    }

    #[test]
    fn other_rules_and_states_stay_apart() {
        let mut list = [incident(3, "a", 0), incident(2, "b", 0), incident(1, "c", 0)];
        list[1].state = IncidentState::Resolved;
        assert_eq!(folded(&list).len(), 3);
    }

    #[test]
    fn a_row_is_drawn_anew_when_somebody_acts() {
        let one = incident(1, "a", 0);
        let before = Entry::single(one.clone()).fingerprint();
        let mut handled = one;
        handled.handling.silenced_by = Some("s1".into());
        assert_ne!(Entry::single(handled).fingerprint(), before);
    }
}
