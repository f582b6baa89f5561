//! The numbers that new series will get: given before they are stored, and published only after.

use std::collections::HashMap;

use super::{Catalog, GROUP, SeriesId};
use crate::sample::SeriesKey;

/// There is no room for a series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Full {
    /// Whose limit it is: a node's, or everybody's.
    pub who: String,
    /// How many series there are at most.
    pub limit: usize,
}

/// Numbers for new series beside a catalog, up to its limits.
#[derive(Debug)]
pub struct Draft<'a> {
    catalog: &'a Catalog,
    most: usize,
    most_of_node: usize,
    total: usize,
    groups: u32,
    of_node: HashMap<String, usize>,
    next: HashMap<String, u32>,
    seen: HashMap<SeriesKey, SeriesId>,
}

impl<'a> Draft<'a> {
    /// A draft with room for `most` series in all, and for `most_of_node` of each node.
    pub fn of(catalog: &'a Catalog, most: usize, most_of_node: usize) -> Self {
        let (of_node, next, seen) = (HashMap::new(), HashMap::new(), HashMap::new());
        let (total, groups) = (catalog.len(), catalog.groups());
        Self { catalog, most, most_of_node, total, groups, of_node, next, seen }
    }

    /// The number of a series that the catalog does not know: the next in its metric's group, else the first of a new
    /// group. The same series gets the same number.
    ///
    /// # Errors
    /// When there is no room for it.
    pub fn add(&mut self, key: &SeriesKey) -> Result<SeriesId, Full> {
        if let Some(id) = self.seen.get(key) {
            return Ok(*id);
        }
        let (catalog, node) = (self.catalog, key.node());
        let of_node = self.of_node.entry(node.to_owned()).or_insert_with(|| catalog.of_node(node));
        if *of_node >= self.most_of_node {
            let who = if node.is_empty() { "what names no node".to_owned() } else { format!("node {node}") };
            return Err(Full { who, limit: self.most_of_node });
        }
        if self.total >= self.most {
            return Err(Full { who: "the hub".into(), limit: self.most });
        }
        let next = self.next.entry(key.metric.clone()).or_insert_with(|| catalog.next_in_group(&key.metric));
        if next.is_multiple_of(GROUP) {
            *next = self.groups * GROUP;
            self.groups += 1;
        }
        let id = SeriesId(*next);
        (*next, *of_node, self.total) = (*next + 1, *of_node + 1, self.total + 1);
        self.seen.insert(key.clone(), id);
        Ok(id)
    }
}
