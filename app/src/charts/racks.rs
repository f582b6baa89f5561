//! Which node stands in which rack, as somebody told.

use serde::Deserialize;

/// One rack, or any other group of nodes that share something.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Rack {
    /// Its name.
    pub(crate) name: String,
    /// The nodes in it.
    pub(crate) nodes: Vec<String>,
}

/// All racks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Racks {
    /// In the order in which they were told.
    pub(crate) groups: Vec<Rack>,
}

impl Racks {
    /// The place of a node's rack in the order; behind all others when it is in none.
    pub(crate) fn place(&self, node: &str) -> usize {
        let found = self.groups.iter().position(|rack| rack.nodes.iter().any(|known| known == node));
        found.unwrap_or(self.groups.len())
    }

    /// The name of a node's rack.
    pub(crate) fn name(&self, node: &str) -> Option<&str> {
        self.groups.get(self.place(node)).map(|rack| rack.name.as_str())
    }

    #[cfg(test)]
    pub(crate) fn new(racks: &[(&str, &[&str])]) -> Self {
        let rack = |(name, nodes): &(&str, &[&str])| Rack {
            name: (*name).to_owned(),
            nodes: nodes.iter().map(|node| (*node).to_owned()).collect(),
        };
        Self { groups: racks.iter().map(rack).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_in_no_rack_stands_behind_all_others() {
        let racks = Racks::new(&[("r1", &["a"]), ("r2", &["b"])]);
        assert_eq!(["a", "b", "c"].map(|node| racks.place(node)), [0, 1, 2]);
        assert_eq!((racks.name("b"), racks.name("c")), (Some("r2"), None));
    }
}
