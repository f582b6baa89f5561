//! One incident for a silent node, instead of one for each link with it and each thing about it.

use std::collections::{HashMap, HashSet};

use netloom_core::time::Timestamp;

use super::names::{About, Name};

/// For how long after a node came back its links are not judged, ms: rounds that began before it did end with losses, a
/// second and a timeout later.
const RETURNS_FOR_MS: i64 = 3_000;

/// The nodes that are silent, and the links that they stand for.
#[derive(Default)]
pub struct Fold {
    nodes: HashMap<Name, Folded>,
}

#[derive(Default)]
struct Folded {
    /// When it came back, ms.
    returned_ms: Option<i64>,
    links: HashSet<(Name, Name)>,
}

impl Fold {
    /// Notes who is silent now.
    pub fn set_silent(&mut self, silent: &[Name], now: Timestamp) {
        for (node, folded) in &mut self.nodes {
            if silent.contains(node) {
                folded.returned_ms = None;
            } else {
                folded.returned_ms.get_or_insert(now.ms());
            }
        }
        silent.iter().for_each(|node| _ = self.nodes.entry(*node).or_default());
        self.nodes.retain(|_, folded| folded.returned_ms.is_none_or(|since_ms| now.ms() - since_ms < RETURNS_FOR_MS));
    }

    /// The silent node that stands for a series.
    pub fn stands_for(&self, about: About) -> Option<Name> {
        if self.nodes.is_empty() {
            return None;
        }
        let names = match about {
            About::Link(src, dst) => [Some(dst), Some(src)],
            About::Node(node) => [Some(node), None],
            About::Nothing => return None,
        };
        names.into_iter().flatten().find(|name| self.nodes.contains_key(name))
    }

    /// Counts a bad link with a node that is silent still.
    pub fn count(&mut self, node: Name, about: About) {
        let folded = self.nodes.get_mut(&node).filter(|folded| folded.returned_ms.is_none());
        if let (Some(folded), About::Link(src, dst)) = (folded, about) {
            folded.links.insert((src, dst));
        }
    }

    /// For how many links a node stands.
    pub fn links(&self, node: Name) -> u32 {
        self.nodes.get(&node).map_or(0, |folded| folded.links.len() as u32)
    }
}
