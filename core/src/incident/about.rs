//! What an incident is about: its nodes, and the words for it.

use super::{Incident, JOB_RULE_PREFIX};
use crate::sample::Labels;

/// The labels that name nodes.
const NODE_LABELS: [&str; 3] = ["node", "src", "dst"];

impl Incident {
    /// The nodes and targets that it is about.
    pub fn nodes(&self) -> impl Iterator<Item = &str> {
        NODE_LABELS.into_iter().filter_map(|name| self.labels.get(name).map(String::as_str))
    }

    /// The link that it is about, from where to where.
    pub fn link(&self) -> Option<(&str, &str)> {
        Some((self.labels.get("src")?, self.labels.get("dst")?))
    }

    /// Whether a job raised it, and no rule did: then there is no figure, and `value` and `limit` are 0.
    pub fn is_raised(&self) -> bool {
        self.rule.starts_with(JOB_RULE_PREFIX)
    }
}

/// `a → b`, with the mode where it is not the usual one; `a eth0`.
pub fn subject(labels: &Labels) -> String {
    let label = |name: &str| labels.get(name).map(String::as_str);
    match (label("src"), label("dst"), label("node"), label("interface")) {
        (Some(src), Some(dst), ..) => match label("mode") {
            Some("icmp") | None => format!("{src} → {dst}"),
            Some(mode) => format!("{src} → {dst} ({mode})"),
        },
        (.., Some(node), Some(interface)) => format!("{node} {interface}"),
        (.., node, _) => node.unwrap_or("the cluster").to_owned(),
    }
}
