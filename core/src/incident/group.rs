//! Incidents that belong together: of about the same time, and of one node or one link.
//!
//! A node that is ill makes every link with it bad. So what began together is looked at as a whole: the node that most of it
//! is about takes all of that, then the next; what is left stands by its link.

use std::collections::BTreeMap;

use super::Incident;
use crate::time::Timestamp;

/// Incidents that begin within this of each other began together, ms: longer than the rules take to see one fault in
/// different figures, shorter than two faults usually are apart.
pub const TOGETHER_MS: i64 = 2 * 60_000;

/// Incidents that belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// What they are filed under: `node/a`, `link/a/b`, or `cluster`.
    pub key: String,
    /// What they are about, in words: `a`, `a → b`, `a ↔ b`, `the cluster`.
    pub about: String,
    /// When the first began.
    pub from: Timestamp,
    /// Their places in the list, the earliest first.
    pub members: Vec<usize>,
}

/// What an incident by itself is filed under: its link, in either direction, or its node.
pub fn group_key(incident: &Incident) -> String {
    match (pair(incident), incident.nodes().next()) {
        (Some((a, b)), _) => format!("link/{a}/{b}"),
        (None, Some(node)) => format!("node/{node}"),
        (None, None) => "cluster".to_owned(),
    }
}

/// The ends of a link, the same for both directions.
fn pair(incident: &Incident) -> Option<(&str, &str)> {
    incident.link().map(|(src, dst)| (src.min(dst), src.max(dst)))
}

/// Groups incidents that began within `gap_ms` of each other, by node and by link. Each is in one group; the newest groups
/// come first.
pub fn group(incidents: &[Incident], gap_ms: i64) -> Vec<Group> {
    let mut order: Vec<usize> = (0..incidents.len()).collect();
    order.sort_by_key(|at| (incidents[*at].started_at, incidents[*at].id));
    let began_ms = |at: usize| incidents[at].started_at.ms();
    let mut groups = Vec::new();
    for together in order.chunk_by(|a, b| began_ms(*b) - began_ms(*a) <= gap_ms) {
        part(incidents, together.to_vec(), &mut groups);
    }
    groups.sort_by_key(|group| (std::cmp::Reverse(group.from), group.members[0]));
    groups
}

/// Parts what began together.
fn part(incidents: &[Incident], mut rest: Vec<usize>, groups: &mut Vec<Group>) {
    while let Some(node) = busiest(incidents, &rest) {
        let (of_node, others) = rest.into_iter().partition(|at| incidents[*at].nodes().any(|name| name == node));
        groups.push(made(incidents, of_node, format!("node/{node}"), node));
        rest = others;
    }
    let mut by_key: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for at in rest {
        by_key.entry(group_key(&incidents[at])).or_default().push(at);
    }
    for (key, members) in by_key {
        let about = words(incidents, &members);
        groups.push(made(incidents, members, key, about));
    }
}

fn made(incidents: &[Incident], members: Vec<usize>, key: String, about: String) -> Group {
    Group { key, about, from: incidents[members[0]].started_at, members }
}

/// How often a node is spoken of.
struct Mentions<'a> {
    count: usize,
    first: Option<(&'a str, &'a str)>,
    /// Whether it is about more than one link.
    is_several: bool,
}

/// The node that most of them are about, when that is more than one link.
fn busiest(incidents: &[Incident], rest: &[usize]) -> Option<String> {
    let mut nodes: BTreeMap<&str, Mentions> = BTreeMap::new();
    for incident in rest.iter().map(|at| &incidents[*at]) {
        let pair = pair(incident);
        for node in incident.nodes() {
            let mentions = nodes.entry(node).or_insert(Mentions { count: 0, first: pair, is_several: false });
            mentions.count += 1;
            mentions.is_several |= mentions.first != pair;
        }
    }
    let several = nodes.into_iter().filter(|(_, mentions)| mentions.is_several);
    // Of equals the first by name: the answer must not depend on anything else.
    let (node, _) = several.max_by(|(a, more), (b, less)| more.count.cmp(&less.count).then(b.cmp(a)))?;
    Some(node.to_owned())
}

/// What incidents of one link or node are about.
fn words(incidents: &[Incident], members: &[usize]) -> String {
    let first = &incidents[members[0]];
    let Some((src, dst)) = first.link() else {
        return first.nodes().next().unwrap_or("the cluster").to_owned();
    };
    let is_one_way = members.iter().all(|at| incidents[*at].link() == Some((src, dst)));
    let (a, b) = if is_one_way { (src, dst) } else { (src.min(dst), src.max(dst)) };
    format!("{a} {} {b}", if is_one_way { '→' } else { '↔' })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::tests::incident;

    /// Incidents by links and nodes: `a>b` or `a`, each with the second in which it began.
    fn grouped(list: &[(&str, i64)]) -> Vec<(String, String, Vec<usize>)> {
        let made = |(at, (text, second)): (usize, &(&str, i64))| {
            let labels = match text.split_once('>') {
                Some((src, dst)) => vec![("src", src), ("dst", dst)],
                None if text.is_empty() => vec![],
                None => vec![("node", *text)],
            };
            Incident { started_at: Timestamp(second * 1_000), ..incident(at as u64, &labels) }
        };
        let incidents: Vec<Incident> = list.iter().enumerate().map(made).collect();
        let groups = group(&incidents, TOGETHER_MS);
        groups.into_iter().map(|group| (group.key, group.about, group.members)).collect()
    }

    fn one(key: &str, about: &str, members: &[usize]) -> (String, String, Vec<usize>) {
        (key.to_owned(), about.to_owned(), members.to_vec())
    }

    #[test]
    fn an_ill_node_takes_all_of_its_links() {
        let groups = grouped(&[("x>a", 0), ("b>x", 1), ("c>x", 2), ("x", 2), ("c>d", 3)]);
        assert_eq!(groups, [one("link/c/d", "c → d", &[4]), one("node/x", "x", &[0, 1, 2, 3])]);
    }

    #[test]
    fn both_directions_are_one_link() {
        assert_eq!(grouped(&[("b>a", 0), ("a>b", 1)]), [one("link/a/b", "a ↔ b", &[0, 1])]);
        assert_eq!(grouped(&[("b>a", 0), ("b>a", 1)]), [one("link/a/b", "b → a", &[0, 1])]);
    }

    #[test]
    fn what_is_apart_in_time_is_apart_and_the_newest_comes_first() {
        let groups = grouped(&[("a", 0), ("a", 120), ("a", 241), ("", 241)]);
        assert_eq!(
            groups,
            [one("node/a", "a", &[2]), one("cluster", "the cluster", &[3]), one("node/a", "a", &[0, 1])]
        );
        assert_eq!(grouped(&[]), []);
    }

    #[test]
    fn a_whole_mesh_that_fails_makes_fewer_groups_than_nodes_and_loses_none() {
        let names: Vec<String> = (0..32).map(|n| format!("n{n:02}")).collect();
        let links: Vec<String> =
            names.iter().flat_map(|a| names.iter().filter(move |b| *b != a).map(move |b| format!("{a}>{b}"))).collect();
        let list: Vec<(&str, i64)> = links.iter().map(|link| (link.as_str(), 0)).collect();
        let groups = grouped(&list);
        assert!(groups.len() < names.len(), "{}", groups.len());
        let mut members: Vec<usize> = groups.into_iter().flat_map(|(.., members)| members).collect();
        members.sort_unstable();
        assert!(members.into_iter().eq(0..list.len()));
    }
}
