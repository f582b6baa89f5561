//! One incident for a silent node, instead of one for each link with it.

use std::collections::{BTreeMap, HashSet};

use netloom_core::{sample::Labels, time::Timestamp};

/// For how long after a node came back its links are not judged, ms: rounds that began before it did end with losses, a
/// second and a timeout later.
const RETURNS_FOR_MS: i64 = 3_000;

/// The nodes that are silent, and the links that they stand for.
#[derive(Default)]
pub struct Fold {
    nodes: BTreeMap<String, Folded>,
}

#[derive(Default)]
struct Folded {
    /// When it came back, ms.
    returned_ms: Option<i64>,
    links: HashSet<(String, String)>,
}

impl Fold {
    /// Notes who is silent now.
    pub fn set_silent(&mut self, silent: Vec<String>, now: Timestamp) {
        for (node, folded) in &mut self.nodes {
            if silent.contains(node) {
                folded.returned_ms = None;
            } else {
                folded.returned_ms.get_or_insert(now.ms());
            }
        }
        silent.into_iter().for_each(|node| _ = self.nodes.entry(node).or_default());
        self.nodes.retain(|_, folded| folded.returned_ms.is_none_or(|since_ms| now.ms() - since_ms < RETURNS_FOR_MS));
    }

    /// Whether a silent node stands for what these labels are about; counts the link when it is bad.
    pub fn takes(&mut self, labels: &Labels, is_bad: bool) -> bool {
        if self.nodes.is_empty() {
            return false;
        }
        let (Some(src), Some(dst)) = (labels.get("src"), labels.get("dst")) else { return false };
        let node = if self.nodes.contains_key(dst) { dst } else { src };
        let Some(folded) = self.nodes.get_mut(node) else { return false };
        if is_bad && folded.returned_ms.is_none() {
            folded.links.insert((src.clone(), dst.clone()));
        }
        true
    }

    /// For how many links a node stands.
    pub fn links(&self, node: &str) -> u32 {
        self.nodes.get(node).map_or(0, |folded| folded.links.len() as u32)
    }
}
