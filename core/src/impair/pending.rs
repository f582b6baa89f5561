//! Packets under way: what is to be delivered when.

use std::{
    cmp::{Ordering, Reverse},
    collections::BinaryHeap,
};

/// Packets in the order of their time; those of one time in the order in which they came. Bounded: what does not fit is
/// handed back.
#[derive(Debug)]
pub struct Pending<T> {
    heap: BinaryHeap<Reverse<Entry<T>>>,
    limit: usize,
    next: u64,
}

impl<T> Pending<T> {
    /// Takes up to `limit` packets.
    pub fn new(limit: usize) -> Self {
        Self { heap: BinaryHeap::new(), limit, next: 0 }
    }

    /// Adds a packet that is due at `at_ns`.
    ///
    /// # Errors
    /// The packet, when as many as may be are under way.
    pub fn push(&mut self, at_ns: u64, packet: T) -> Result<(), T> {
        if self.heap.len() >= self.limit {
            return Err(packet);
        }
        self.heap.push(Reverse(Entry { at_ns, order: self.next, packet }));
        self.next += 1;
        Ok(())
    }

    /// When the next one is due, ns.
    pub fn next_ns(&self) -> Option<u64> {
        self.heap.peek().map(|Reverse(entry)| entry.at_ns)
    }

    /// Takes the next one that is due at `now_ns`, with the time at which it was.
    pub fn pop(&mut self, now_ns: u64) -> Option<(u64, T)> {
        if self.next_ns()? > now_ns {
            return None;
        }
        self.heap.pop().map(|Reverse(entry)| (entry.at_ns, entry.packet))
    }
}

#[derive(Debug)]
struct Entry<T> {
    at_ns: u64,
    order: u64,
    packet: T,
}

impl<T> Entry<T> {
    fn rank(&self) -> (u64, u64) {
        (self.at_ns, self.order)
    }
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.rank() == other.rank()
    }
}

impl<T> Eq for Entry<T> {}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Entry<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank().cmp(&other.rank())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_come_in_the_order_of_their_time_and_not_before_it() {
        let mut pending = Pending::new(4);
        for (at_ns, packet) in [(30, 'c'), (10, 'a'), (30, 'd'), (20, 'b')] {
            assert_eq!(pending.push(at_ns, packet), Ok(()));
        }
        assert_eq!(pending.push(1, 'x'), Err('x'));
        assert_eq!(pending.next_ns(), Some(10));
        assert_eq!(pending.pop(9), None);
        let due: Vec<_> = std::iter::from_fn(|| pending.pop(30)).collect();
        assert_eq!(due, [(10, 'a'), (20, 'b'), (30, 'c'), (30, 'd')]);
        assert_eq!(pending.next_ns(), None);
    }
}
