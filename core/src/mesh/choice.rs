//! Whom each node probes.
//!
//! The nodes stand in a ring, in an order that is drawn by lot from their names. In each rotation a node probes as many
//! others as it may, the ones that follow it at some distance, the same distance for all. So each is probed by exactly as
//! many as it probes. From rotation to rotation the distance changes until everyone was met.
//!
//! A node that comes or goes moves the others by one place, so that each gives up one peer or two of its many, and no more.

/// The nodes in their ring.
#[derive(Debug, Clone)]
pub struct Ring<'a> {
    nodes: Vec<&'a str>,
}

impl<'a> Ring<'a> {
    /// The ring of these nodes, whatever their order; each name counts once.
    pub fn new(names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut nodes: Vec<&str> = names.into_iter().collect();
        nodes.sort_by_cached_key(|name| (lot(name), *name));
        nodes.dedup();
        Self { nodes }
    }

    /// The peers of a node in a rotation: everyone else where `peers_max` permits, otherwise exactly `peers_max`. Nobody
    /// for a node that is not in the ring.
    pub fn peers(&self, node: &str, peers_max: u32, rotation: u32) -> Vec<&'a str> {
        let others = self.others();
        let lot = (lot(node), node);
        let Ok(at) = self.nodes.binary_search_by(|name| (self::lot(name), *name).cmp(&lot)) else { return Vec::new() };
        let count = others.min(peers_max as usize);
        let start = self.start(count, rotation);
        // Steps from 1 to `others`: all but the node itself.
        let step = |index: usize| 1 + (start + index) % others;
        (0..count).map(|index| self.nodes[(at + step(index)) % self.nodes.len()]).collect()
    }

    /// Successive rotations after which every node has probed every other, whichever comes first: the least power of two
    /// that is enough, less than twice the least number.
    pub fn rotations(&self, peers_max: u32) -> u32 {
        let others = self.others() as u32;
        others.div_ceil(peers_max.clamp(1, others.max(1))).max(1).next_power_of_two()
    }

    /// How many others each node has.
    fn others(&self) -> usize {
        self.nodes.len().saturating_sub(1)
    }

    /// Where the peers of a rotation begin. The bits of the rotation are taken in reverse (van der Corput's sequence), so
    /// that starts lie apart by at most `count` once all were used, and so that the next power of two, when there are too
    /// many nodes for this one, moves each by less than half of `count`.
    fn start(&self, count: usize, rotation: u32) -> usize {
        let rotations = self.rotations(count as u32);
        let bits = rotations.trailing_zeros();
        let reversed = (rotation % rotations).reverse_bits().checked_shr(u32::BITS - bits).unwrap_or(0);
        reversed as usize * self.others() / rotations as usize
    }
}

/// A number drawn from a name, the same on every machine and in every version: FNV-1a, and the finaliser of `SplitMix64`,
/// which spreads names that differ in their last letter.
fn lot(name: &str) -> u64 {
    let fnv = name
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let mixed = (fnv ^ (fnv >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|index| format!("node-{index:03}")).collect()
    }

    fn pairs<'a>(ring: &Ring<'a>, peers_max: u32, rotation: u32) -> BTreeSet<(&'a str, &'a str)> {
        let peers = |node: &&'a str| {
            let node = *node;
            ring.peers(node, peers_max, rotation).into_iter().map(move |peer| (node, peer))
        };
        ring.nodes.iter().flat_map(peers).collect()
    }

    /// The part of pairs of the nodes that stay which are no longer chosen when one is added.
    fn given_up(count: usize, peers_max: u32, rotation: u32) -> f64 {
        let names = names(count + 1);
        let before = Ring::new(names[..count].iter().map(String::as_str));
        let after = Ring::new(names.iter().map(String::as_str));
        let (before, after) = (pairs(&before, peers_max, rotation), pairs(&after, peers_max, rotation));
        before.difference(&after).count() as f64 / before.len() as f64
    }

    #[test]
    fn few_nodes_probe_everyone() {
        let names = names(65);
        let ring = Ring::new(names.iter().map(String::as_str));
        for rotation in 0..3 {
            assert_eq!(pairs(&ring, 64, rotation).len(), 65 * 64);
        }
        assert_eq!(ring.rotations(64), 1);
        assert!(ring.peers("stranger", 64, 0).is_empty());
        assert!(Ring::new(["alone"]).peers("alone", 64, 0).is_empty());
        assert!(Ring::new([]).peers("alone", 64, 0).is_empty());
    }

    #[test]
    fn a_new_node_changes_at_most_one_pair_in_twenty() {
        for rotation in 0..16 {
            let share = given_up(200, 64, rotation);
            assert!(share <= 0.05, "rotation {rotation}: {share}");
        }
    }

    #[test]
    fn at_the_next_power_of_two_half_of_the_pairs_stay() {
        for rotation in 0..16 {
            let share = given_up(64 * 2 + 1, 64, rotation);
            assert!(share <= 0.55, "rotation {rotation}: {share}");
        }
    }

    #[test]
    fn the_order_does_not_depend_on_the_order_of_names_and_never_changes() {
        let ring = Ring::new(["a", "b", "c", "d", "a"]);
        assert_eq!(ring.nodes, Ring::new(["d", "c", "a", "b"]).nodes);
        assert_eq!(lot("node-001"), 5_263_962_745_771_434_182, "agents and hubs of any version agree");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn each_node_probes_and_is_probed_by_as_many_as_it_may(count in 2_usize..120, peers_max in 1_u32..130, rotation: u32) {
            let names = names(count);
            let ring = Ring::new(names.iter().map(String::as_str));
            let chosen = pairs(&ring, peers_max, rotation);
            let expected = (count - 1).min(peers_max as usize);
            let (mut out, mut into) = (BTreeMap::new(), BTreeMap::new());
            for (src, dst) in &chosen {
                prop_assert_ne!(src, dst);
                *out.entry(*src).or_insert(0) += 1;
                *into.entry(*dst).or_insert(0) += 1;
            }
            prop_assert_eq!((out.len(), into.len()), (count, count));
            prop_assert!(out.values().chain(into.values()).all(|degree| *degree == expected));
        }

        #[test]
        fn every_pair_is_met_within_the_rotations_that_are_stated(
            count in 2_usize..100,
            peers_max in 1_u32..20,
            first in 0_u32..u32::MAX / 2,
        ) {
            let names = names(count);
            let ring = Ring::new(names.iter().map(String::as_str));
            let rotations = ring.rotations(peers_max);
            let least = (count as u32 - 1).div_ceil(peers_max);
            prop_assert!(rotations < least * 2);
            let met: BTreeSet<_> =
                (first..first + rotations).flat_map(|rotation| pairs(&ring, peers_max, rotation)).collect();
            prop_assert_eq!(met.len(), count * (count - 1));
        }
    }
}
