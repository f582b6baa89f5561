//! Which incidents of the feed are shown. The choices live in the address, under the names that the API has for them.

use netloom_core::incident::Incident;

use crate::{
    components::{alert_feed::nodes, status_badge::incident_word},
    parameter::{Parameter, use_parameter},
    range::segment,
};

/// The states that can be chosen, and what people call them; the first one holds without a choice.
pub(super) const STATES: [(&str, &str); 4] =
    [("all", "All"), ("firing", "Firing"), ("pending", "Pending"), ("resolved", "Resolved")];

/// The parameters of the address. A handle.
#[derive(Clone, Copy)]
pub(super) struct Chosen {
    pub(super) state: Parameter,
    pub(super) severity: Parameter,
    pub(super) rule: Parameter,
    pub(super) node: Parameter,
    pub(super) q: Parameter,
}

impl Chosen {
    /// Reads the address from here on.
    pub(super) fn begin() -> Self {
        let [state, severity, rule, node, q] = ["state", "severity", "rule", "node", "q"].map(use_parameter);
        Self { state, severity, rule, node, q }
    }

    /// What is chosen now.
    pub(super) fn filter(self) -> Filter {
        let [state, severity, rule, node, q] = [self.state, self.severity, self.rule, self.node, self.q]
            .map(|parameter| parameter.get().unwrap_or_default());
        Filter { state, severity, rule, node, q }
    }
}

/// What is asked for; an empty text asks for nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Filter {
    pub(super) state: String,
    pub(super) severity: String,
    pub(super) rule: String,
    pub(super) node: String,
    pub(super) q: String,
}

impl Filter {
    /// Whether the state of that name is the chosen one; one that is not known is as if none was.
    pub(super) fn has_state(&self, key: &str) -> bool {
        let chosen = STATES.iter().find(|(known, _)| *known == self.state).unwrap_or(&STATES[0]);
        chosen.0 == key
    }

    /// Whether more is asked for than a state.
    pub(super) fn is_narrow(&self) -> bool {
        [&self.severity, &self.rule, &self.node, &self.q].iter().any(|text| !text.is_empty())
    }

    /// Whether an incident is shown. One that was withdrawn never was an alert: it is shown nowhere but among all.
    pub(super) fn shows(&self, incident: &Incident) -> bool {
        let is = |wanted: &str, has: &str| wanted.is_empty() || wanted == has;
        (self.has_state(STATES[0].0) || self.has_state(incident_word(incident.state)))
            && is(&self.severity, incident.severity.word())
            && is(&self.rule, &incident.rule)
            && (self.node.is_empty() || nodes(incident).any(|node| node == self.node))
            && self.finds(incident)
    }

    /// Whether every word of the search is in what people read of an incident.
    fn finds(&self, incident: &Incident) -> bool {
        if self.q.is_empty() {
            return true;
        }
        let text =
            [&incident.title, &incident.subject, &incident.message, &incident.rule].map(String::as_str).join("\n");
        let text = text.to_ascii_lowercase();
        self.q.to_ascii_lowercase().split_whitespace().all(|word| text.contains(word))
    }

    /// The parameters of the API for this, and more, with `?` in front.
    pub(super) fn query(&self, more: &[(&str, String)]) -> String {
        let state = if self.has_state(STATES[0].0) { "" } else { &self.state };
        let own = [
            ("state", state),
            ("severity", &self.severity),
            ("rule", &self.rule),
            ("node", &self.node),
            ("q", self.q.trim()),
        ];
        let more = more.iter().map(|(name, value)| (*name, value.as_str()));
        let parts = own.into_iter().chain(more).filter(|(_, value)| !value.is_empty());
        let parts: Vec<String> = parts.map(|(name, value)| format!("{name}={}", segment(value))).collect();
        if parts.is_empty() { String::new() } else { format!("?{}", parts.join("&")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::incident;
    use netloom_core::incident::IncidentState;

    fn filter(change: impl Fn(&mut Filter)) -> Filter {
        let mut filter = Filter::default();
        change(&mut filter);
        filter
    }

    #[test]
    fn a_state_shows_its_own_and_an_unknown_one_shows_all() {
        let firing = incident("loss_high", IncidentState::Firing, "a");
        let withdrawn = incident("loss_high", IncidentState::Inactive, "a");
        let shown = |key: &str| {
            let filter = filter(|filter| filter.state = key.to_owned());
            (filter.shows(&firing), filter.shows(&withdrawn))
        };
        assert_eq!(shown("firing"), (true, false));
        assert_eq!(shown("resolved"), (false, false));
        assert_eq!([shown(""), shown("all"), shown("nonsense")], [(true, true); 3]);
    }

    #[test]
    fn every_choice_must_hold() {
        let one = incident("loss_high", IncidentState::Firing, "gpu-7");
        assert!(filter(|filter| filter.node = "gpu-7".into()).shows(&one), "the other end counts");
        assert!(!filter(|filter| filter.node = "gpu".into()).shows(&one));
        assert!(!filter(|filter| filter.severity = "warning".into()).shows(&one));
        assert!(filter(|filter| filter.q = "LOSS gpu-7".into()).shows(&one));
        assert!(!filter(|filter| filter.q = "loss gpu-8".into()).shows(&one));
        let both = filter(|filter| (filter.rule, filter.q) = ("latency_high".into(), "loss".into()));
        assert!(!both.shows(&one));
    }

    #[test]
    fn the_hub_is_asked_for_the_same() {
        assert_eq!(Filter::default().query(&[]), "");
        let some = filter(|filter| (filter.state, filter.q) = ("firing".into(), "a b".into()));
        assert_eq!(some.query(&[("format", "csv".into())]), "?state=firing&q=a%20b&format=csv");
        assert_eq!(filter(|filter| filter.state = "all".into()).query(&[]), "");
        assert!(some.is_narrow() && !Filter::default().is_narrow());
    }
}
