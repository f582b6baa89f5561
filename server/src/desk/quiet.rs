//! What keeps notifications back: a silence, or a maintenance window.

use std::collections::HashSet;

use netloom_core::{
    incident::Incident,
    silence::{Maintenance, Matcher, Silence},
};

/// Something that keeps notifications back while it holds.
pub struct Quiet {
    /// What incidents that fall under it carry in `silenced_by`.
    pub name: String,
    /// What their timeline says when it begins.
    pub begins: String,
    is_in_force: bool,
    matcher: Matcher,
    /// The nodes of the matcher, by themselves because there may be thousands.
    nodes: HashSet<String>,
}

impl Quiet {
    /// A silence.
    pub fn of_silence(silence: &Silence) -> Self {
        let why = if silence.why.is_empty() { ".".to_owned() } else { format!(": {}", silence.why) };
        Self::new(silence.id.clone(), format!("Silenced by {}{why}", silence.by), &silence.matcher)
    }

    /// A maintenance window.
    pub fn of_window(window: &Maintenance) -> Self {
        let begins = format!("Silenced by maintenance window {}.", window.name);
        Self::new(format!("maintenance {}", window.name), begins, &window.matcher)
    }

    fn new(name: String, begins: String, matcher: &Matcher) -> Self {
        let mut matcher = matcher.clone().expanded();
        let nodes = std::mem::take(&mut matcher.nodes).into_iter().collect();
        Self { name, begins, is_in_force: false, matcher, nodes }
    }

    /// Whether it holds, as far as was noted.
    pub fn is_in_force(&self) -> bool {
        self.is_in_force
    }

    /// Notes whether it holds. Returns whether that is new.
    pub fn set_in_force(&mut self, holds: bool) -> bool {
        std::mem::replace(&mut self.is_in_force, holds) != holds
    }

    /// Whether an incident falls under it.
    pub fn takes(&self, incident: &Incident) -> bool {
        (self.nodes.is_empty() || incident.nodes().any(|node| self.nodes.contains(node)))
            && self.matcher.takes(incident)
    }
}
