//! The counters of an interface (`struct rtnl_link_stats64` of Linux), and what they say of causes.

use std::collections::BTreeMap;

use crate::netlink::read_u64;

/// What is counted, by its place.
const COUNTERS: usize = 24;
/// What the oldest kernels tell; what they do not is zero.
const COUNTERS_MIN: usize = 8;

/// One of the counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counter(usize);

#[expect(missing_docs, reason = "the names say it")]
impl Counter {
    pub const RX_PACKETS: Self = Self(0);
    pub const TX_PACKETS: Self = Self(1);
    pub const RX_BYTES: Self = Self(2);
    pub const TX_BYTES: Self = Self(3);
    pub const RX_ERRORS: Self = Self(4);
    pub const TX_ERRORS: Self = Self(5);
    pub const RX_DROPPED: Self = Self(6);
    pub const TX_DROPPED: Self = Self(7);
    /// What the hardware dropped because nobody fetched it.
    pub const RX_MISSED: Self = Self(15);
}

/// A cause of errors or drops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cause {
    /// Whether it happens to what is received.
    pub is_rx: bool,
    /// Its name, as the system's own tools have it.
    pub name: &'static str,
    /// Its counter.
    pub counter: Counter,
}

/// Every cause. There are no more values of the label `cause` than these.
pub const CAUSES: [Cause; 13] = [
    Cause { is_rx: true, name: "length", counter: Counter(10) },
    Cause { is_rx: true, name: "over", counter: Counter(11) },
    Cause { is_rx: true, name: "crc", counter: Counter(12) },
    Cause { is_rx: true, name: "frame", counter: Counter(13) },
    Cause { is_rx: true, name: "fifo", counter: Counter(14) },
    Cause { is_rx: true, name: "missed", counter: Counter::RX_MISSED },
    Cause { is_rx: true, name: "nohandler", counter: Counter(23) },
    Cause { is_rx: false, name: "collisions", counter: Counter(9) },
    Cause { is_rx: false, name: "aborted", counter: Counter(16) },
    Cause { is_rx: false, name: "carrier", counter: Counter(17) },
    Cause { is_rx: false, name: "fifo", counter: Counter(18) },
    Cause { is_rx: false, name: "heartbeat", counter: Counter(19) },
    Cause { is_rx: false, name: "window", counter: Counter(20) },
];

/// The sums in which causes are contained.
const SUMS: [(&str, Counter); 4] = [
    ("rx_errors", Counter::RX_ERRORS),
    ("tx_errors", Counter::TX_ERRORS),
    ("rx_dropped", Counter::RX_DROPPED),
    ("tx_dropped", Counter::TX_DROPPED),
];

/// The counters of an interface since it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters([u64; COUNTERS]);

impl Counters {
    /// Reads the structure. `None` when it is too short for the sums.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let mut counters = Self::default();
        for (at, counter) in counters.0.iter_mut().enumerate() {
            match read_u64(bytes, at * size_of::<u64>()) {
                Some(count) => *counter = count,
                None if at < COUNTERS_MIN => return None,
                None => break,
            }
        }
        Some(counters)
    }

    /// The same with one counter set.
    #[must_use]
    pub fn with(mut self, counter: Counter, count: u64) -> Self {
        self.0[counter.0] = count;
        self
    }

    /// The value of a counter.
    pub fn get(&self, counter: Counter) -> u64 {
        self.0[counter.0]
    }

    /// Received packets that were dropped, whether by the system or by the hardware.
    pub fn rx_drops(&self) -> u64 {
        self.get(Counter::RX_DROPPED).saturating_add(self.get(Counter::RX_MISSED))
    }

    /// What went wrong, by cause and in sum: `rx_crc`, `tx_dropped`. Only what did.
    pub fn errors(&self) -> BTreeMap<String, u64> {
        let causes = CAUSES.iter().map(|cause| {
            let direction = if cause.is_rx { "rx" } else { "tx" };
            (format!("{direction}_{}", cause.name), cause.counter)
        });
        let sums = SUMS.iter().map(|(name, counter)| ((*name).to_owned(), *counter));
        let all = sums.chain(causes).map(|(name, counter)| (name, self.get(counter)));
        all.filter(|(_, count)| *count > 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_counter_stands_where_the_kernel_writes_it() {
        let bytes: Vec<u8> = (1..=25_u64).flat_map(u64::to_ne_bytes).collect();
        let counters = Counters::parse(&bytes).expect("whole");
        assert_eq!((counters.get(Counter::RX_BYTES), counters.get(Counter::TX_DROPPED)), (3, 8));
        assert_eq!(counters.rx_drops(), 7 + 16);
        let errors = counters.errors();
        assert_eq!(errors.len(), CAUSES.len() + SUMS.len());
        assert_eq!(
            (errors["rx_crc"], errors["tx_window"], errors["rx_nohandler"], errors["tx_collisions"]),
            (13, 21, 24, 10)
        );
        // Linux 4.4 has no nohandler.
        let older = Counters::parse(&bytes[..23 * 8]).expect("whole");
        assert!(!older.errors().contains_key("rx_nohandler"));
        assert_eq!(Counters::parse(&bytes[..63]), None);
        assert!(Counters::default().with(Counter::RX_BYTES, 5).errors().is_empty(), "only what went wrong");
    }
}
