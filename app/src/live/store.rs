//! All samples that the page holds: the newest of every series, and the feeds of the charts.

use std::collections::{BTreeMap, BTreeSet};

use netloom_core::{
    event::Interest as Wish,
    query::QueryAnswer,
    sample::{Readings, SeriesKey},
    stats::aggregate::Aggregation,
};

use super::feed::{Feed, Interest, Question};

/// Series whose newest value is kept: a mesh of 64 nodes with five pair metrics. What comes later is left out.
const NEWEST_MAX: usize = 25_000;

/// A feed that someone on the page uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FeedId(u64);

/// The newest value of a series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Newest {
    /// When it was taken, ms.
    pub(crate) ts_ms: i64,
    /// The value, in the metric's unit.
    pub(crate) value: f64,
}

#[derive(Debug)]
struct Entry {
    feed: Feed,
    users: usize,
}

/// The samples of the page.
#[derive(Debug, Default)]
pub(crate) struct Store {
    newest: BTreeMap<SeriesKey, Newest>,
    newest_ms: Option<i64>,
    feeds: BTreeMap<FeedId, Entry>,
    watches: BTreeMap<Wish, usize>,
    next: u64,
}

impl Store {
    /// Takes samples from the stream.
    pub(crate) fn take(&mut self, readings: &Readings) {
        for (series, reading) in readings.iter() {
            let newest = Newest { ts_ms: reading.ts_ms, value: reading.value };
            let has_room = self.newest.len() < NEWEST_MAX;
            match self.newest.get_mut(series) {
                Some(known) if known.ts_ms <= newest.ts_ms => *known = newest,
                None if has_room => {
                    self.newest.insert(series.clone(), newest);
                }
                Some(_) | None => {}
            }
            self.newest_ms = self.newest_ms.max(Some(reading.ts_ms));
            for entry in self.feeds.values_mut() {
                entry.feed.take(series, reading.ts_ms, reading.value);
            }
        }
    }

    /// When the newest of all samples was taken, ms.
    pub(crate) fn newest_ms(&self) -> Option<i64> {
        self.newest_ms
    }

    /// The newest value of one series.
    pub(crate) fn newest_of(&self, series: &SeriesKey) -> Option<Newest> {
        self.newest.get(series).copied()
    }

    /// Begins a feed, or joins the one that is already there.
    pub(crate) fn join(&mut self, interest: Interest) -> FeedId {
        if let Some((id, entry)) = self.feeds.iter_mut().find(|(_, entry)| entry.feed.interest == interest) {
            entry.users += 1;
            return *id;
        }
        self.next += 1;
        let id = FeedId(self.next);
        self.feeds.insert(id, Entry { feed: Feed::new(interest), users: 1 });
        id
    }

    /// Leaves a feed; the last one to leave ends it.
    pub(crate) fn leave(&mut self, id: FeedId) {
        if let Some(entry) = self.feeds.get_mut(&id) {
            entry.users -= 1;
            if entry.users == 0 {
                self.feeds.remove(&id);
            }
        }
    }

    /// Keeps the newest values of what is wished for current, without a history.
    pub(crate) fn watch(&mut self, wish: Wish) {
        *self.watches.entry(wish).or_default() += 1;
    }

    /// Ends one watch.
    pub(crate) fn unwatch(&mut self, wish: &Wish) {
        if let Some(users) = self.watches.get_mut(wish) {
            *users -= 1;
            if *users == 0 {
                self.watches.remove(wish);
            }
        }
    }

    /// How the feeds about all pairs of a metric make one of them.
    pub(crate) fn across(&self, metric: &str) -> Vec<Aggregation> {
        let interests = self.feeds.values().map(|entry| &entry.feed.interest);
        interests.filter(|interest| interest.metric == metric).filter_map(|interest| interest.across).collect()
    }

    /// Every series that somebody on the page reads, each wish once and in order.
    pub(crate) fn wishes(&self) -> BTreeSet<Wish> {
        let feeds = self.feeds.values().filter_map(|entry| entry.feed.interest.wish());
        let mut wishes = BTreeSet::new();
        feeds.chain(self.watches.keys().cloned()).for_each(|wish| {
            wishes.insert(wish);
        });
        wishes
    }

    /// A feed, as long as someone uses it.
    pub(crate) fn feed(&self, id: FeedId) -> Option<&Feed> {
        self.feeds.get(&id).map(|entry| &entry.feed)
    }

    /// Every feed, to ask for its history.
    pub(crate) fn feeds_mut(&mut self) -> impl Iterator<Item = (FeedId, &mut Feed)> {
        self.feeds.iter_mut().map(|(id, entry)| (*id, &mut entry.feed))
    }

    /// Hands an answer to its feed.
    pub(crate) fn settle(&mut self, id: FeedId, question: &Question, answer: Result<QueryAnswer, String>) {
        if let Some(entry) = self.feeds.get_mut(&id) {
            match answer {
                Ok(answer) => entry.feed.answered(question, answer),
                Err(why) => entry.feed.failed(question, why),
            }
        }
    }

    /// Forgets what has moved out of the window.
    pub(crate) fn forget(&mut self, now_ms: i64) {
        self.feeds.values_mut().for_each(|entry| entry.feed.forget(now_ms));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn readings(ts_ms: i64, value: f64) -> Readings {
        let mut readings = Readings::default();
        readings.push(SeriesKey::new("rtt_us", [("dst", "b")]), ts_ms, value);
        readings
    }

    #[test]
    fn the_newest_value_is_the_one_taken_last_not_the_one_that_came_last() {
        let mut store = Store::default();
        store.take(&readings(2_000, 2.0));
        store.take(&readings(1_000, 1.0));
        let newest = |metric| store.newest_of(&SeriesKey::new(metric, [("dst", "b")]));
        assert_eq!(newest("rtt_us"), Some(Newest { ts_ms: 2_000, value: 2.0 }));
        assert_eq!(newest("loss_ratio"), None);
        assert_eq!(store.newest_ms(), Some(2_000));
    }

    #[test]
    fn what_is_read_is_wished_for_as_long_as_somebody_reads_it() {
        let mut store = Store::default();
        let (all, one) = (Interest::all("rtt_us"), Interest::all("rtt_us").with("src", "a"));
        let feed = store.join(all.clone().extremes());
        store.join(all.clone());
        let watched = one.wish().expect("is live");
        store.watch(watched.clone());
        store.watch(watched.clone());
        let wishes = |store: &Store| store.wishes().into_iter().map(|wish| wish.labels.len()).collect::<Vec<_>>();
        assert_eq!(wishes(&store), [0, 1]);
        store.unwatch(&watched);
        store.leave(feed);
        assert_eq!(wishes(&store), [0, 1], "each has another reader");
        store.unwatch(&watched);
        assert_eq!(wishes(&store), [0]);
    }

    #[test]
    fn a_feed_is_shared_and_ends_with_its_last_user() {
        let mut store = Store::default();
        let first = store.join(Interest::all("rtt_us"));
        let second = store.join(Interest::all("rtt_us"));
        assert_eq!(first, second);
        store.take(&readings(0, 1.0));
        assert_eq!(store.feed(first).expect("is there").series().len(), 1);
        store.leave(first);
        assert!(store.feed(first).is_some());
        store.leave(second);
        assert!(store.feed(first).is_none());
    }
}
