//! Whether packets take another way than before.
//!
//! A way is a set of addresses for each hop, because routers share traffic among equal ways. A hop that says nothing says
//! nothing about the way either, and one that was silent and answers now is learnt, not a change. A hop at which none of the
//! known addresses is seen, but others, is a doubt. When the next trace shows the same there, it is a change; when the known
//! ones are back, and then the others again, both are ways among which traffic is shared, and that is learnt.

use std::{collections::BTreeSet, net::IpAddr};

use super::{PathTrace, record::PathRecord};
use crate::time::Timestamp;

/// Addresses that are known for one hop at most: routers share among 2 to 64 equal ways; more are not told apart.
pub const WAYS_MAX: usize = 64;

/// A pair's way as it is known, and what is doubtful about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Course {
    /// The record that stands.
    pub record: PathRecord,
    doubt: Option<Doubt>,
}

/// Something else was seen than what is known.
#[derive(Debug, Clone, PartialEq)]
struct Doubt {
    since: Timestamp,
    ttl: u8,
    seen: BTreeSet<IpAddr>,
    /// Whether the known way was seen again since.
    is_back: bool,
}

/// What a trace says.
#[derive(Debug, Clone, PartialEq)]
pub enum Taken {
    /// It is the known way, or may well be; the record goes on.
    Same,
    /// It is older than what is known.
    Late,
    /// The way is another one: the record has ended, and a new one stands.
    Changed {
        /// The record that ended.
        before: Box<PathRecord>,
        /// What changed, in one sentence.
        sentence: String,
    },
}

impl Course {
    /// What is known after the first trace, or from a record that was kept.
    pub fn new(record: PathRecord) -> Self {
        Self { record, doubt: None }
    }

    /// Takes a trace.
    pub fn take(&mut self, at: Timestamp, trace: PathTrace) -> Taken {
        if at < self.record.last_at {
            return Taken::Late;
        }
        let seen = hops(&trace);
        let Some(ttl) = first_other(&self.record.ways, &seen) else {
            if let Some(doubt) = &mut self.doubt {
                doubt.is_back = true;
            }
            self.go_on(at, trace, &seen);
            return Taken::Same;
        };
        let there = &seen[usize::from(ttl) - 1];
        let known = self.doubt.take().filter(|doubt| doubt.ttl == ttl && !doubt.seen.is_disjoint(there));
        match known {
            // Both are ways.
            Some(doubt) if doubt.is_back => {
                self.go_on(at, trace, &seen);
                Taken::Same
            }
            Some(doubt) => self.change(&doubt, at, trace, &seen),
            None => {
                self.doubt = Some(Doubt { since: at, ttl, seen: there.clone(), is_back: false });
                Taken::Same
            }
        }
    }

    fn go_on(&mut self, at: Timestamp, trace: PathTrace, seen: &[BTreeSet<IpAddr>]) {
        let record = &mut self.record;
        (record.last_at, record.seen) = (at, record.seen + 1);
        learn(&mut record.ways, seen);
        // A trace that got less far shows less of the same way.
        if trace.is_reached || !record.trace.is_reached {
            record.trace = trace;
        }
    }

    fn change(&mut self, doubt: &Doubt, at: Timestamp, trace: PathTrace, seen: &[BTreeSet<IpAddr>]) -> Taken {
        let sentence = sentence(&self.record, seen, doubt.ttl);
        let (src, dst) = (self.record.src.clone(), self.record.dst.clone());
        let ways = Vec::new();
        let mode = trace.mode;
        let mut next = PathRecord { id: 0, src, dst, mode, first_at: doubt.since, last_at: at, seen: 2, ways, trace };
        learn(&mut next.ways, seen);
        let before = Box::new(std::mem::replace(&mut self.record, next));
        Taken::Changed { before, sentence }
    }
}

/// The addresses that a trace saw at each hop, the first hop first.
pub fn hops(trace: &PathTrace) -> Vec<BTreeSet<IpAddr>> {
    let mut seen: Vec<BTreeSet<IpAddr>> = Vec::new();
    for hop in trace.flows.iter().flat_map(|flow| &flow.hops) {
        let at = usize::from(hop.ttl.max(1)) - 1;
        if seen.len() <= at {
            seen.resize_with(at + 1, BTreeSet::new);
        }
        seen[at].extend(hop.address);
    }
    seen
}

/// Adds what was seen to what is known.
pub fn learn(ways: &mut Vec<Vec<IpAddr>>, seen: &[BTreeSet<IpAddr>]) {
    if ways.len() < seen.len() {
        ways.resize_with(seen.len(), Vec::new);
    }
    for (known, seen) in ways.iter_mut().zip(seen) {
        let new: Vec<IpAddr> = seen.iter().filter(|address| !known.contains(address)).copied().collect();
        known.extend(new.into_iter().take(WAYS_MAX.saturating_sub(known.len())));
    }
}

/// The first hop at which something else was seen than what is known.
fn first_other(ways: &[Vec<IpAddr>], seen: &[BTreeSet<IpAddr>]) -> Option<u8> {
    let is_other = |(known, seen): (&Vec<IpAddr>, &BTreeSet<IpAddr>)| {
        let is_full = known.len() >= WAYS_MAX;
        !known.is_empty() && !seen.is_empty() && !is_full && !known.iter().any(|address| seen.contains(address))
    };
    ways.iter().zip(seen).position(is_other).map(|at| at as u8 + 1)
}

/// Addresses of one hop that a sentence names; more are counted.
const NAMED_MAX: usize = 2;

fn sentence(before: &PathRecord, seen: &[BTreeSet<IpAddr>], ttl: u8) -> String {
    let at = usize::from(ttl) - 1;
    let old = named(before.ways[at].iter().copied());
    let new = named(seen[at].iter().copied());
    let (src, dst) = (&before.src, &before.dst);
    let length = |trace: &PathTrace| trace.flows.iter().map(|flow| flow.hops.len()).max().unwrap_or(0);
    let (was, is) = (length(&before.trace), seen.len());
    let longer = if was == is { String::new() } else { format!(", {is} hops instead of {was}") };
    format!("Way from {src} to {dst} changed at hop {ttl}: {new} instead of {old}{longer}")
}

fn named(addresses: impl ExactSizeIterator<Item = IpAddr>) -> String {
    let more = addresses.len().saturating_sub(NAMED_MAX);
    let named: Vec<String> = addresses.take(NAMED_MAX).map(|address| address.to_string()).collect();
    let named = named.join(" or ");
    if more > 0 { format!("{named} or {more} more") } else { named }
}

#[cfg(test)]
mod tests {
    use super::{super::record::tests::trace, *};

    fn course(hops: &[&str]) -> Course {
        Course::new(PathRecord::first("a", "b", Timestamp(0), trace(&[hops])))
    }

    /// Takes traces a minute apart; returns the sentences of changes.
    fn changes(course: &mut Course, traces: &[&[&[&str]]]) -> Vec<String> {
        let mut sentences = Vec::new();
        for flows in traces {
            let at = Timestamp(course.record.last_at.ms() + 60_000);
            if let Taken::Changed { sentence, .. } = course.take(at, trace(flows)) {
                sentences.push(sentence);
            }
        }
        sentences
    }

    const OLD: &[&str] = &["10.0.0.1", "10.0.1.1", "192.0.2.1"];
    const NEW: &[&str] = &["10.0.0.1", "10.0.9.1", "192.0.2.1"];

    #[test]
    fn another_router_seen_twice_is_a_change() {
        let mut course = course(OLD);
        assert_eq!(changes(&mut course, &[&[OLD], &[NEW], &[OLD], &[OLD]]), Vec::<String>::new(), "once is a doubt");
        let mut course = self::course(OLD);
        let said = changes(&mut course, &[&[NEW], &[NEW], &[NEW]]);
        assert_eq!(said, ["Way from a to b changed at hop 2: 10.0.9.1 instead of 10.0.1.1"]);
        assert_eq!((course.record.seen, course.record.first_at), (3, Timestamp(60_000)), "from when it was seen first");
        assert_eq!(course.record.ways[1], ["10.0.9.1".parse::<IpAddr>().expect("an address")]);
    }

    #[test]
    fn a_longer_way_is_a_change_and_said() {
        let longer: &[&str] = &["10.0.0.1", "10.0.1.1", "10.0.5.1", "192.0.2.1"];
        let said = changes(&mut course(OLD), &[&[longer], &[longer]]);
        assert_eq!(said, ["Way from a to b changed at hop 3: 10.0.5.1 instead of 192.0.2.1, 4 hops instead of 3"]);
    }

    #[test]
    fn silence_is_no_change() {
        let silent: &[&str] = &["10.0.0.1", "", ""];
        let mut course = course(OLD);
        assert!(changes(&mut course, &[&[silent], &[silent], &[&[]], &[], &[OLD]]).is_empty());
        assert_eq!((course.record.seen, course.record.trace.flows[0].hops.len()), (6, 3));
        let mut course = self::course(silent);
        assert!(changes(&mut course, &[&[OLD], &[OLD]]).is_empty(), "a hop that answers now is learnt");
        assert_eq!(changes(&mut course, &[&[NEW], &[NEW]]).len(), 1, "and known from then on");
    }

    #[test]
    fn sharing_among_ways_is_no_change() {
        let mut course = course(OLD);
        assert!(changes(&mut course, &[&[OLD, NEW], &[NEW, NEW], &[OLD, OLD], &[NEW]]).is_empty());
        assert_eq!(course.record.ways[1].len(), 2);
        let mut course = self::course(OLD);
        assert!(changes(&mut course, &[&[NEW], &[OLD], &[NEW], &[NEW], &[OLD]]).is_empty(), "now this, now that");
    }

    #[test]
    fn a_doubt_about_one_router_is_none_about_another() {
        let other: &[&str] = &["10.0.0.1", "10.0.8.1", "192.0.2.1"];
        let mut course = course(OLD);
        assert!(changes(&mut course, &[&[NEW], &[other]]).is_empty());
        assert_eq!(changes(&mut course, &[&[other]]).len(), 1);
        assert_eq!(course.take(Timestamp(1), trace(&[OLD])), Taken::Late);
    }

    #[test]
    fn many_ways_are_named_in_a_few_words() {
        let flows: Vec<Vec<String>> = (1..=6).map(|n| vec![format!("10.0.7.{n}")]).collect();
        let flows: Vec<Vec<&str>> = flows.iter().map(|hops| hops.iter().map(String::as_str).collect()).collect();
        let flows: Vec<&[&str]> = flows.iter().map(Vec::as_slice).collect();
        let said = changes(&mut course(&["10.0.0.1"]), &[&flows, &flows]);
        assert_eq!(said, ["Way from a to b changed at hop 1: 10.0.7.1 or 10.0.7.2 or 4 more instead of 10.0.0.1"]);
    }
}
