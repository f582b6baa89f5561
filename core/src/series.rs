//! Series by number: names are looked up once, and from then on a sample is a number, a time and a value.
//!
//! Numbers come in groups of [`GROUP`] that hold series of one metric only, because stores keep a group together and
//! questions are about one metric at a time.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

mod draft;

use crate::{
    metric,
    sample::{Labels, SeriesKey},
};

pub use draft::{Draft, Full};

/// Series of one group. A group is read whole, so it is small; each has its own row, so it is not smaller.
pub const GROUP: u32 = 32;

/// A series, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesId(pub u32);

impl SeriesId {
    /// The group that the series is kept in.
    pub const fn group(self) -> u32 {
        self.0 / GROUP
    }

    /// Its place in the group.
    pub const fn slot(self) -> u32 {
        self.0 % GROUP
    }
}

/// One value of one series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    /// Which series.
    pub series: SeriesId,
    /// When it was taken, milliseconds since the epoch.
    pub ts_ms: i64,
    /// The value, in the metric's unit.
    pub value: f64,
}

/// Where rows come from, so that what is sent again is recognised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Who sends.
    pub node: String,
    /// Which start of the sender, ms.
    pub epoch: i64,
    /// The number of the batch in it.
    pub seq: u64,
}

/// Rows that are stored together or not at all.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rows {
    /// `None` for what has no numbers; such rows are the same when series and time are.
    pub origin: Option<Origin>,
    /// The rows, in any order.
    pub rows: Vec<Row>,
}

/// Every series that is known, with its number.
#[derive(Debug, Default)]
pub struct Catalog {
    ids: HashMap<Arc<SeriesKey>, SeriesId>,
    keys: Vec<Option<Arc<SeriesKey>>>,
    /// Series by `metric`, and by label and value: the shortest list answers a question.
    by_metric: HashMap<String, Vec<SeriesId>>,
    by_label: HashMap<(String, String), Vec<SeriesId>>,
    nodes: HashMap<String, Node>,
    /// The number of each series' node.
    owners: Vec<u32>,
    /// The next free place of each metric's newest group.
    open: HashMap<String, u32>,
    groups: u32,
}

/// A node that has series.
#[derive(Debug, Clone, Copy)]
struct Node {
    number: u32,
    series: usize,
}

impl Catalog {
    /// How many series are known.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// The number of a series.
    pub fn id(&self, key: &SeriesKey) -> Option<SeriesId> {
        self.ids.get(key).copied()
    }

    /// What a number stands for.
    pub fn key(&self, id: SeriesId) -> Option<&Arc<SeriesKey>> {
        self.keys.get(id.0 as usize)?.as_ref()
    }

    /// The names of all metrics, in order.
    pub fn metrics(&self) -> Vec<String> {
        let mut names: Vec<String> = self.by_metric.keys().cloned().collect();
        names.sort_unstable();
        names
    }

    /// Whether a metric has series, or is one that Netloom measures.
    pub fn knows(&self, metric: &str) -> bool {
        self.by_metric.contains_key(metric) || metric::find(metric).is_some()
    }

    /// How many series a node has.
    pub fn of_node(&self, node: &str) -> usize {
        self.nodes.get(node).map_or(0, |node| node.series)
    }

    /// Whether each of some series belongs to a node ([`SeriesKey::node`]): asked for every sample that an agent sends, so
    /// numbers are held against each other and no names.
    pub fn owns(&self, node: &str) -> impl Fn(SeriesId) -> bool {
        let number = self.nodes.get(node).map(|node| node.number);
        move |id| {
            let is_known = self.key(id).is_some();
            is_known && number.is_some() && self.owners.get(id.0 as usize).copied() == number
        }
    }

    /// How many groups there are.
    pub fn groups(&self) -> u32 {
        self.groups
    }

    /// The next number in the newest group of a metric; a multiple of [`GROUP`] when it is full or there is none.
    pub fn next_in_group(&self, metric: &str) -> u32 {
        self.open.get(metric).copied().unwrap_or(0)
    }

    /// Takes in a series with the number that it has.
    pub fn insert(&mut self, id: SeriesId, key: SeriesKey) {
        let key = Arc::new(key);
        let at = id.0 as usize;
        if self.keys.len() <= at {
            self.keys.resize(at + 1, None);
            self.owners.resize(at + 1, 0);
        }
        self.keys[at] = Some(key.clone());
        self.by_metric.entry(key.metric.clone()).or_default().push(id);
        for (name, value) in &key.labels {
            self.by_label.entry((name.clone(), value.clone())).or_default().push(id);
        }
        let number = self.nodes.len() as u32;
        let node = self.nodes.entry(key.node().to_owned()).or_insert(Node { number, series: 0 });
        node.series += 1;
        self.owners[at] = node.number;
        self.groups = self.groups.max(id.group() + 1);
        let next = self.open.entry(key.metric.clone()).or_default();
        *next = (*next).max(id.0 + 1);
        self.ids.insert(key, id);
    }

    /// The series of a metric that carry all the labels, in order of their numbers.
    pub fn select(&self, metric: &str, labels: &Labels) -> Vec<SeriesId> {
        let Some(mut shortest) = self.by_metric.get(metric) else { return Vec::new() };
        for (name, value) in labels {
            let Some(list) = self.by_label.get(&(name.clone(), value.clone())) else { return Vec::new() };
            if list.len() < shortest.len() {
                shortest = list;
            }
        }
        let fits = |id: &SeriesId| self.key(*id).is_some_and(|key| key.metric == metric && key.carries(labels));
        let mut found: Vec<SeriesId> = shortest.iter().copied().filter(fits).collect();
        found.sort_unstable();
        found
    }

    /// Every series, in order of their numbers.
    pub fn all(&self) -> impl Iterator<Item = (SeriesId, &Arc<SeriesKey>)> {
        let numbered = self.keys.iter().enumerate();
        numbered.filter_map(|(at, key)| Some((SeriesId(at as u32), key.as_ref()?)))
    }
}

/// A catalog that many read and one changes.
#[derive(Debug, Clone, Default)]
pub struct SharedCatalog(Arc<RwLock<Catalog>>);

impl SharedCatalog {
    /// Reads it; short, because whoever adds a series waits.
    pub fn read<T>(&self, read: impl FnOnce(&Catalog) -> T) -> T {
        read(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes it.
    pub fn write<T>(&self, write: impl FnOnce(&mut Catalog) -> T) -> T {
        write(&mut self.0.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// What a number stands for.
    pub fn key(&self, id: SeriesId) -> Option<Arc<SeriesKey>> {
        self.read(|catalog| catalog.key(id).cloned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(catalog: &mut Catalog, metric: &str, dst: &str) -> SeriesId {
        let key = SeriesKey::new(metric, [("src", "a"), ("dst", dst)]);
        let id = Draft::of(catalog, usize::MAX, usize::MAX).add(&key).expect("has room");
        catalog.insert(id, key);
        id
    }

    #[test]
    fn a_group_holds_one_metric() {
        let mut catalog = Catalog::default();
        for number in 0..40 {
            add(&mut catalog, "rtt_us", &format!("n{number}"));
            add(&mut catalog, "loss_ratio", &format!("n{number}"));
        }
        let groups = |metric: &str| {
            let mut groups: Vec<u32> =
                catalog.select(metric, &Labels::new()).into_iter().map(SeriesId::group).collect();
            groups.dedup();
            groups
        };
        assert_eq!((groups("rtt_us"), groups("loss_ratio")), (vec![0, 2], vec![1, 3]));
        assert_eq!((catalog.len(), catalog.of_node("a")), (80, 80));
    }

    #[test]
    fn a_series_belongs_to_the_node_that_measures() {
        let mut catalog = Catalog::default();
        let own = add(&mut catalog, "rtt_us", "b");
        let other = SeriesId(40);
        catalog.insert(other, SeriesKey::new("rtt_us", [("src", "b"), ("dst", "a")]));
        let owned = |node: &str| [own, other, SeriesId(1), SeriesId(99)].map(catalog.owns(node));
        assert_eq!(owned("a"), [true, false, false, false]);
        assert_eq!(owned("b"), [false, true, false, false]);
        assert_eq!(owned("c"), [false; 4]);
    }

    #[test]
    fn labels_narrow_the_choice() {
        let mut catalog = Catalog::default();
        let b = add(&mut catalog, "rtt_us", "b");
        add(&mut catalog, "rtt_us", "c");
        add(&mut catalog, "loss_ratio", "b");
        let wanted = |dst: &str| Labels::from([("dst".to_owned(), dst.to_owned())]);
        assert_eq!(catalog.select("rtt_us", &wanted("b")), [b]);
        assert_eq!(catalog.select("rtt_us", &wanted("z")), []);
        assert_eq!(catalog.select("nothing", &Labels::new()), []);
    }
}
