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

/// `a → b`, with the mode where it is neither that of targets nor that of the mesh; `a eth0`; and what else tells it apart.
pub fn subject(labels: &Labels) -> String {
    let label = |name: &str| labels.get(name).map(String::as_str);
    let main = match (label("src"), label("dst"), label("node"), label("interface")) {
        (Some(src), Some(dst), ..) => match label("mode") {
            Some("icmp" | "udp") | None => format!("{src} → {dst}"),
            Some(mode) => format!("{src} → {dst} ({mode})"),
        },
        (.., Some(node), Some(interface)) => format!("{node} {interface}"),
        (.., Some(node), _) => node.to_owned(),
        _ => String::new(),
    };
    let is_other = |name: &str| !["src", "dst", "mode", "node", "interface"].contains(&name);
    let others: Vec<String> =
        labels.iter().filter(|(name, _)| is_other(name)).map(|(name, value)| format!("{name} {value}")).collect();
    match (main.is_empty(), others.is_empty()) {
        (true, true) => "the cluster".to_owned(),
        (true, false) => others.join(", "),
        (false, true) => main,
        (false, false) => format!("{main}, {}", others.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_are_named_by_all_that_tells_them_apart() {
        let labels = |list: &[(&str, &str)]| -> Labels {
            list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let cases: [(&[(&str, &str)], &str); 7] = [
            (&[("src", "a"), ("dst", "b"), ("mode", "icmp")], "a → b"),
            (&[("src", "a"), ("dst", "b"), ("mode", "udp")], "a → b"),
            (&[("src", "a"), ("dst", "b"), ("mode", "tcp")], "a → b (tcp)"),
            (&[("node", "a"), ("interface", "eth0")], "a eth0"),
            (&[("node", "a"), ("rank", "7")], "a, rank 7"),
            (&[("rank", "7"), ("job", "x")], "job x, rank 7"),
            (&[], "the cluster"),
        ];
        for (list, words) in cases {
            assert_eq!(subject(&labels(list)), words);
        }
    }
}
