//! Which series of its metric a rule judges.

use super::spec::Scope;
use crate::{layout::hostlist, run::Run, sample::Labels};

/// A scope with its lists expanded. One without anything in it takes every series.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selector {
    /// In order, so that they are looked up fast.
    nodes: Vec<String>,
    links: Vec<(String, String)>,
    labels: Labels,
    run: String,
}

impl Selector {
    /// The selector of a scope. Lists that are wrong stand for nothing; validation refuses them before.
    pub fn of(scope: &Scope) -> Self {
        let mut nodes: Vec<String> =
            scope.nodes.iter().flat_map(|list| hostlist::expand(list).unwrap_or_default()).collect();
        nodes.sort_unstable();
        nodes.dedup();
        let mut links: Vec<_> = scope.links.iter().map(|link| (link.src.clone(), link.dst.clone())).collect();
        links.sort_unstable();
        Self { nodes, links, labels: scope.labels.clone(), run: scope.run.clone() }
    }

    /// Whether a series with these labels is one of those, whatever runs.
    pub fn takes(&self, labels: &Labels) -> bool {
        let label = |name: &str| labels.get(name);
        self.labels.iter().all(|(name, value)| label(name) == Some(value))
            && (self.nodes.is_empty()
                || ["node", "src", "dst"].into_iter().filter_map(label).any(|node| self.has_node(node)))
            && (self.links.is_empty()
                || label("src").zip(label("dst")).is_some_and(|(src, dst)| self.has_link(src, dst)))
    }

    /// Whether it asks for a run, and so depends on what runs.
    pub fn asks_for_run(&self) -> bool {
        !self.run.is_empty()
    }

    /// Whether a series with these labels belongs to a run that it asks for, of those that are going on.
    pub fn is_in_run(&self, labels: &Labels, runs: &[Run]) -> bool {
        let is_asked = |run: &&Run| self.run == "*" || run.id == self.run || run.name == self.run;
        self.run.is_empty() || runs.iter().filter(is_asked).any(|run| run.covers(labels))
    }

    /// The labels that it asks for.
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// Whether it asks for a label.
    pub fn names_label(&self, name: &str) -> bool {
        self.labels.contains_key(name)
    }

    fn has_node(&self, node: &str) -> bool {
        self.nodes.binary_search_by(|known| known.as_str().cmp(node)).is_ok()
    }

    fn has_link(&self, src: &str, dst: &str) -> bool {
        self.links.binary_search_by(|(from, to)| (from.as_str(), to.as_str()).cmp(&(src, dst))).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::spec::LinkScope;

    fn labels<const N: usize>(labels: [(&str, &str); N]) -> Labels {
        labels.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    #[test]
    fn nodes_are_taken_as_either_end_and_by_list() {
        let selector = Selector::of(&Scope { nodes: vec!["gpu[1-3]".into(), "login".into()], ..Scope::default() });
        for taken in [labels([("node", "gpu2")]), labels([("src", "x"), ("dst", "gpu3")]), labels([("node", "login")])]
        {
            assert!(selector.takes(&taken), "{taken:?}");
        }
        assert!(!selector.takes(&labels([("src", "x"), ("dst", "gpu4")])));
    }

    #[test]
    fn links_have_a_direction_and_labels_all_count() {
        let links = vec![LinkScope { src: "a".into(), dst: "b".into() }];
        let selector = Selector::of(&Scope { links, labels: labels([("mode", "udp")]), ..Scope::default() });
        assert!(selector.takes(&labels([("src", "a"), ("dst", "b"), ("mode", "udp")])));
        assert!(!selector.takes(&labels([("src", "b"), ("dst", "a"), ("mode", "udp")])));
        assert!(!selector.takes(&labels([("src", "a"), ("dst", "b"), ("mode", "icmp")])));
        assert!(Selector::default().takes(&labels([])));
    }

    #[test]
    fn a_run_is_asked_for_by_name_id_or_at_all() {
        let run = Run { nodes: vec!["a".into()], ..crate::run::tests::run("run12345") };
        let (of_a, of_b) = (labels([("node", "a")]), labels([("src", "b"), ("dst", "a")]));
        for asked in ["*", run.id.as_str(), run.name.as_str()] {
            let selector = Selector::of(&Scope { run: asked.into(), ..Scope::default() });
            let runs = std::slice::from_ref(&run);
            assert!(selector.is_in_run(&of_a, runs) && !selector.is_in_run(&of_b, runs), "{asked}");
            assert!(!selector.is_in_run(&of_a, &[]));
        }
        let other = Selector::of(&Scope { run: "other".into(), ..Scope::default() });
        assert!(!other.is_in_run(&of_a, &[run]) && Selector::default().is_in_run(&of_a, &[]));
    }
}
