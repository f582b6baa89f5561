//! Looks for the largest packet that passes whole: by what routers say (RFC 1191, RFC 8201), and where they say nothing by
//! what gets through (RFC 8899).

use std::collections::BTreeSet;

/// What every host takes over IPv4 (RFC 1122 section 3.3.2), and what every link carries over IPv6 (RFC 8200 section 5).
pub const LEAST: [u32; 2] = [576, 1_280];
/// The largest packet that the length in a header can tell of IPv4; of IPv6 it is a little more.
pub const MOST: u32 = 65_535;
/// Sizes that links, tunnels and virtual networks have: VXLAN, `WireGuard`, GRE, `PPPoE`, Ethernet, FDDI, jumbo frames, loopback.
const USUAL: [u32; 16] =
    [576, 1_280, 1_376, 1_400, 1_420, 1_450, 1_476, 1_480, 1_492, 1_500, 4_352, 8_500, 8_950, 9_000, 9_216, MOST];
/// Sizes of one round between known ones: with these it takes four rounds from 576 to 1,500 in steps of one.
const BETWEEN: u32 = 6;
/// Rounds at most: far more than it takes to halve all sizes.
const ROUNDS_MAX: u32 = 24;

/// What became of a size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It got there.
    Passed,
    /// This machine's own interface does not take it.
    TooBigHere,
    /// A router says that it is too large, and what is not; 0 when it does not say.
    TooBig {
        /// The largest that passes it, bytes.
        mtu: u32,
    },
    /// Nothing came of it, as often as it was sent.
    Vanished,
}

/// What bounds the size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// This machine's interface.
    Here,
    /// What a router said.
    Told,
    /// Nothing that anybody said: larger ones vanish.
    Silence,
    /// There is none larger.
    Most,
}

/// A search under way.
#[derive(Debug, Clone)]
pub struct Search {
    least: u32,
    /// The largest that passed, 0 before any did.
    passed: u32,
    /// The smallest that does not pass.
    refused: u32,
    bound: Bound,
    told: Option<u32>,
    rounds: u32,
}

impl Search {
    /// A search for one version of IP.
    pub fn new(is_v6: bool) -> Self {
        let least = LEAST[usize::from(is_v6)];
        Self { least, passed: 0, refused: MOST + 1, bound: Bound::Most, told: None, rounds: 0 }
    }

    /// The smallest size that is tried. When it does not pass, nothing can be said.
    pub fn least(&self) -> u32 {
        self.least
    }

    /// The sizes to try next, the smallest first; none when all is known.
    pub fn round(&mut self) -> Vec<u32> {
        if self.rounds >= ROUNDS_MAX || self.refused - self.passed <= 1 {
            return Vec::new();
        }
        self.rounds += 1;
        let mut sizes: BTreeSet<u32> = self.told.into_iter().collect();
        if self.rounds == 1 {
            sizes.extend(USUAL.into_iter().flat_map(|size| [size, size + 1]));
            sizes.insert(self.least);
        } else {
            let room = self.refused - self.passed;
            sizes.extend((1..=BETWEEN).map(|part| self.passed + (room * part / (BETWEEN + 1)).max(1)));
        }
        sizes.retain(|size| *size > self.passed && *size < self.refused && *size >= self.least);
        sizes.into_iter().collect()
    }

    /// Takes what became of a size.
    pub fn take(&mut self, size: u32, fate: Fate) {
        match fate {
            Fate::Passed => {
                self.passed = self.passed.max(size);
                // What is larger passed: what vanished did so by chance.
                if self.passed >= self.refused {
                    (self.refused, self.bound) = (MOST + 1, Bound::Most);
                }
            }
            Fate::TooBigHere => self.refuse(size, Bound::Here),
            Fate::TooBig { mtu } if mtu >= self.least && mtu < size => {
                self.told = Some(mtu);
                self.refuse(mtu + 1, Bound::Told);
            }
            Fate::TooBig { .. } => self.refuse(size, Bound::Told),
            Fate::Vanished => self.refuse(size, Bound::Silence),
        }
    }

    fn refuse(&mut self, size: u32, bound: Bound) {
        // Of the same size, somebody's word counts more than silence: the first one only is told by a router that is asked often.
        if size > self.passed && (size < self.refused || size == self.refused && bound != Bound::Silence) {
            (self.refused, self.bound) = (size, bound);
        }
    }

    /// The largest that passes, and what bounds it; `None` when not even the smallest did.
    pub fn found(&self) -> Option<(u32, Bound)> {
        (self.passed > 0).then_some((self.passed, self.bound))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A way whose interface takes `here`, that a router limits to `told`, and behind which all above `silent` vanishes.
    fn search(here: u32, told: u32, silent: u32) -> (Option<(u32, Bound)>, u32) {
        let mut search = Search::new(false);
        loop {
            let sizes = search.round();
            if sizes.is_empty() {
                return (search.found(), search.rounds);
            }
            for size in sizes {
                search.take(
                    size,
                    match size {
                        size if size > here => Fate::TooBigHere,
                        size if size > told => Fate::TooBig { mtu: told },
                        size if size > silent => Fate::Vanished,
                        _ => Fate::Passed,
                    },
                );
            }
        }
    }

    #[test]
    fn usual_sizes_are_found_in_one_round() {
        assert_eq!(search(1_500, MOST, MOST), (Some((1_500, Bound::Here)), 1));
        assert_eq!(search(1_500, 1_400, MOST), (Some((1_400, Bound::Told)), 1));
        assert_eq!(search(9_000, MOST, 1_500), (Some((1_500, Bound::Silence)), 1), "a black hole");
        assert_eq!(search(MOST, MOST, MOST), (Some((MOST, Bound::Most)), 1));
        assert_eq!(search(1_500, MOST, 100).0, None);
    }

    #[test]
    fn routers_that_name_no_size_are_searched_behind() {
        let mut search = Search::new(false);
        loop {
            let sizes = search.round();
            if sizes.is_empty() {
                break;
            }
            for size in sizes {
                search.take(size, if size > 1_337 { Fate::TooBig { mtu: 0 } } else { Fate::Passed });
            }
        }
        assert_eq!(search.found(), Some((1_337, Bound::Told)));
    }

    #[test]
    fn what_was_lost_by_chance_is_tried_again() {
        let mut search = Search::new(false);
        search.round();
        search.take(1_400, Fate::Vanished);
        search.take(1_500, Fate::Passed);
        search.take(1_501, Fate::TooBigHere);
        assert_eq!(search.found(), Some((1_500, Bound::Here)));
    }

    proptest! {
        #[test]
        fn every_size_is_found(here in 576_u32..MOST, told in 576_u32..MOST, silent in 576_u32..MOST) {
            let (found, rounds) = search(here, told, silent);
            let (size, bound) = found.expect("the least passes");
            prop_assert_eq!(size, here.min(told).min(silent));
            prop_assert!(rounds <= 8, "{} rounds", rounds);
            if silent < told.min(here) {
                prop_assert_eq!(bound, Bound::Silence);
            }
        }
    }
}
