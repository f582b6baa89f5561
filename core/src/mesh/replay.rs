//! The window that lets every packet of a prober through once.

/// Sequence numbers behind the newest that are still told apart: ten seconds of the fastest trains that settings allow.
pub const WINDOW_PACKETS: u32 = 1_024;
const WORD_BITS: u32 = u64::BITS;
/// One word more than the window: the newest word is only partly filled (RFC 6479 section 2).
const WORDS: usize = (WINDOW_PACKETS / WORD_BITS) as usize + 1;

/// The sequence numbers of one epoch that were seen: a bitmap in a ring (RFC 6479).
#[derive(Debug, Clone)]
pub struct Window {
    newest: u32,
    is_empty: bool,
    seen: [u64; WORDS],
}

impl Default for Window {
    fn default() -> Self {
        Self { newest: 0, is_empty: true, seen: [0; WORDS] }
    }
}

impl Window {
    /// Notes a sequence number. Returns whether it is new: neither seen before nor older than the window.
    pub fn admit(&mut self, seq: u32) -> bool {
        let word = |seq: u32| seq / WORD_BITS;
        if self.is_empty || seq > self.newest {
            let passed = if self.is_empty { WORDS as u32 } else { word(seq) - word(self.newest) };
            for step in 0..passed.min(WORDS as u32) {
                self.seen[(word(seq) - step.min(word(seq))) as usize % WORDS] = 0;
            }
            self.newest = seq;
            self.is_empty = false;
        } else if self.newest - seq >= WINDOW_PACKETS {
            return false;
        }
        let place = &mut self.seen[word(seq) as usize % WORDS];
        let bit = 1 << (seq % WORD_BITS);
        let is_new = *place & bit == 0;
        *place |= bit;
        is_new
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_number_passes_once_in_any_order() {
        let mut window = Window::default();
        for seq in [5, 3, 4, 0, 700, 6] {
            assert!(window.admit(seq), "{seq}");
            assert!(!window.admit(seq), "{seq} again");
        }
    }

    #[test]
    fn what_is_older_than_the_window_does_not_pass() {
        let mut window = Window::default();
        assert!(window.admit(WINDOW_PACKETS + 9));
        assert!(window.admit(10), "the oldest of the window");
        assert!(!window.admit(9));
    }

    #[test]
    fn a_leap_forgets_nothing_and_lets_nothing_in_twice() {
        let mut window = Window::default();
        assert!(window.admit(0));
        assert!(window.admit(u32::MAX));
        assert!(!window.admit(0));
        assert!(window.admit(u32::MAX - 1));
        assert!(!window.admit(u32::MAX));
    }

    proptest! {
        #[test]
        fn it_does_what_a_set_of_all_numbers_would(start: u32, steps in prop::collection::vec(-1_500_i64..2_500, 1..400)) {
            let (mut window, mut seen, mut newest, mut at) = (Window::default(), HashSet::new(), None, i64::from(start));
            for step in steps {
                at = (at + step).clamp(0, i64::from(u32::MAX));
                let seq = at as u32;
                let is_too_old = newest.is_some_and(|newest: u32| newest.saturating_sub(seq) >= WINDOW_PACKETS);
                let expected = !is_too_old && seen.insert(seq);
                prop_assert_eq!(window.admit(seq), expected, "{}", seq);
                newest = newest.max(Some(seq));
            }
        }
    }
}
