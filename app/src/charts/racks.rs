//! Which node stands in which rack, as somebody told.

pub(crate) use netloom_core::layout::Layout as Racks;

/// The place of a node's rack in the order in which they were told; behind all others when it is in none.
pub(crate) fn place(racks: &Racks, node: &str) -> usize {
    let found = racks.groups.iter().position(|rack| rack.nodes.iter().any(|known| known == node));
    found.unwrap_or(racks.groups.len())
}

/// The name of a node's rack.
pub(crate) fn name<'a>(racks: &'a Racks, node: &str) -> Option<&'a str> {
    racks.groups.get(place(racks, node)).map(|rack| rack.name.as_str())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use netloom_core::layout::Group;

    /// Racks by name, with their nodes.
    pub(crate) fn racks(racks: &[(&str, &[&str])]) -> Racks {
        let group = |(name, nodes): &(&str, &[&str])| Group {
            name: (*name).to_owned(),
            nodes: nodes.iter().map(|node| (*node).to_owned()).collect(),
        };
        Racks { groups: racks.iter().map(group).collect() }
    }

    #[test]
    fn a_node_in_no_rack_stands_behind_all_others() {
        let racks = racks(&[("r1", &["a"]), ("r2", &["b"])]);
        assert_eq!(["a", "b", "c"].map(|node| place(&racks, node)), [0, 1, 2]);
        assert_eq!((name(&racks, "b"), name(&racks, "c")), (Some("r2"), None));
    }
}
