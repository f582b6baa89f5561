//! The matrix of a metric as it is now, and what changed in it since it was last looked at.

use std::collections::{BTreeMap, BTreeSet};

use super::{MatrixChange, preference};
use crate::{
    sample::{Labels, SeriesKey},
    series::{Catalog, SeriesId},
    time::Timestamp,
};

/// A node that nobody has probed, and that has probed nobody, for this long is not part of the matrix any more, ms.
const NODE_LEAVES_AFTER_MS: i64 = 10 * 60_000;
/// Significant digits of a value: more than a colour or a hover shows.
const DIGITS: i32 = 4;

/// Two nodes, and the series that tell of them, the preferred mode first.
#[derive(Debug, Clone)]
struct Pair {
    src: String,
    dst: String,
    series: Vec<(usize, SeriesId)>,
}

/// How long a value stays current, ms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CurrentFor {
    /// Of the mesh's own trains.
    pub train_ms: i64,
    /// Of the other modes, which come less often.
    pub other_ms: i64,
}

impl CurrentFor {
    /// Of a mode by its place in the order of preference.
    const fn of(self, preference: usize) -> i64 {
        if preference == 0 { self.train_ms } else { self.other_ms }
    }
}

/// The matrix of a metric, kept current.
#[derive(Debug)]
pub struct LiveMatrix {
    metric: String,
    pairs: Vec<Pair>,
    /// Series the catalog had when the pairs were read from it.
    known: Option<usize>,
    nodes: Vec<String>,
    rows: Vec<Vec<Option<f64>>>,
}

impl LiveMatrix {
    /// A matrix that knows nothing yet.
    pub fn new(metric: &str) -> Self {
        Self { metric: metric.to_owned(), pairs: Vec::new(), known: None, nodes: Vec::new(), rows: Vec::new() }
    }

    /// Reads the pairs of the metric, if there may be new ones. Only nodes that probe take part: a gateway is a target,
    /// not a node.
    pub fn learn(&mut self, catalog: &Catalog) {
        if self.known.replace(catalog.len()) == Some(catalog.len()) {
            return;
        }
        let mut pairs: BTreeMap<(String, String), Vec<(usize, SeriesId)>> = BTreeMap::new();
        let keys = catalog.select(&self.metric, &Labels::new()).into_iter();
        for (id, key) in keys.filter_map(|id| Some((id, catalog.key(id)?))) {
            let SeriesKey { labels, .. } = &**key;
            if let (Some(src), Some(dst)) = (labels.get("src"), labels.get("dst")) {
                let mode = preference(labels.get("mode").map_or("", String::as_str));
                pairs.entry((src.clone(), dst.clone())).or_default().push((mode, id));
            }
        }
        let sources: BTreeSet<String> = pairs.keys().map(|(src, _)| src.clone()).collect();
        let among_nodes = pairs.into_iter().filter(|((_, dst), _)| sources.contains(dst));
        self.pairs = among_nodes
            .map(|((src, dst), mut series)| {
                series.sort_unstable();
                Pair { src, dst, series }
            })
            .collect();
    }

    /// Looks at the newest values; returns what changed.
    pub fn refresh(
        &mut self,
        newest: impl Fn(SeriesId) -> Option<(i64, f64)>,
        current: CurrentFor,
        now: Timestamp,
    ) -> Option<MatrixChange> {
        let mut nodes: BTreeSet<&str> = BTreeSet::new();
        let mut values = Vec::with_capacity(self.pairs.len());
        for pair in &self.pairs {
            let known = pair.series.iter().filter_map(|(mode, id)| Some((*mode, newest(*id)?)));
            let mut value = None;
            let mut newest_ms = i64::MIN;
            for (mode, (ts_ms, candidate)) in known {
                newest_ms = newest_ms.max(ts_ms);
                if value.is_none() && ts_ms > now.ms() - current.of(mode) {
                    value = Some(rounded(candidate));
                }
            }
            if newest_ms > now.ms() - NODE_LEAVES_AFTER_MS {
                nodes.extend([pair.src.as_str(), pair.dst.as_str()]);
                values.push((pair, value));
            }
        }
        let nodes: Vec<&str> = nodes.into_iter().collect();
        let mut rows = vec![vec![None; nodes.len()]; nodes.len()];
        for (pair, value) in values {
            if let (Ok(row), Ok(column)) = (nodes.binary_search(&&*pair.src), nodes.binary_search(&&*pair.dst)) {
                rows[row][column] = value;
            }
        }
        let nodes: Vec<String> = nodes.into_iter().map(str::to_owned).collect();
        self.change_to(nodes, rows, now)
    }

    fn change_to(&mut self, nodes: Vec<String>, rows: Vec<Vec<Option<f64>>>, now: Timestamp) -> Option<MatrixChange> {
        if nodes != self.nodes {
            (self.nodes, self.rows) = (nodes, rows);
            return Some(self.whole(now));
        }
        let mut changed = Vec::new();
        for (at, (known, row)) in self.rows.iter_mut().zip(rows).enumerate() {
            if *known != row {
                changed.push((at as u32, row.clone()));
                *known = row;
            }
        }
        (!changed.is_empty()).then(|| MatrixChange { metric: self.metric.clone(), at: now, nodes: None, rows: changed })
    }

    /// Everything, as it was when it was last looked at.
    pub fn whole(&self, now: Timestamp) -> MatrixChange {
        let rows = self.rows.iter().enumerate().map(|(at, row)| (at as u32, row.clone())).collect();
        MatrixChange { metric: self.metric.clone(), at: now, nodes: Some(self.nodes.clone()), rows }
    }
}

/// A value with no more digits than people see, so that noise below them is no change.
fn rounded(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let scale = 10_f64.powi(DIGITS - 1 - value.abs().log10().floor() as i32);
    (value * scale).round() / scale
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    const CURRENT: CurrentFor = CurrentFor { train_ms: 10_000, other_ms: 30_000 };

    struct World {
        catalog: Catalog,
        newest: HashMap<SeriesId, (i64, f64)>,
        matrix: LiveMatrix,
    }

    impl World {
        fn new() -> Self {
            Self { catalog: Catalog::default(), newest: HashMap::new(), matrix: LiveMatrix::new("rtt_us") }
        }

        fn take(&mut self, (src, dst, mode): (&str, &str, &str), ts_ms: i64, value: f64) {
            let key = SeriesKey::new("rtt_us", [("src", src), ("dst", dst), ("mode", mode)]);
            let id = self.catalog.id(&key).unwrap_or_else(|| {
                let id = SeriesId(self.catalog.len() as u32);
                self.catalog.insert(id, key);
                id
            });
            self.newest.insert(id, (ts_ms, value));
        }

        fn look(&mut self, now_ms: i64) -> Option<MatrixChange> {
            self.matrix.learn(&self.catalog);
            self.matrix.refresh(|id| self.newest.get(&id).copied(), CURRENT, Timestamp(now_ms))
        }
    }

    #[test]
    fn first_everything_then_only_rows_that_changed() {
        let mut world = World::new();
        world.take(("a", "b", "udp"), 0, 1.0);
        world.take(("b", "a", "udp"), 0, 2.0);
        let first = world.look(0).expect("is new");
        assert_eq!(first.nodes, Some(vec!["a".into(), "b".into()]));
        assert_eq!(first.rows, [(0, vec![None, Some(1.0)]), (1, vec![Some(2.0), None])]);
        assert_eq!(world.look(1), None);
        world.take(("b", "a", "udp"), 1_000, 2.000_01);
        assert_eq!(world.look(1_000), None, "digits that nobody sees are no change");
        world.take(("b", "a", "udp"), 2_000, 3.0);
        let change = world.look(2_000).expect("changed");
        assert_eq!((change.nodes, change.rows), (None, vec![(1, vec![Some(3.0), None])]));
    }

    #[test]
    fn what_is_not_current_is_not_shown_and_another_mode_stands_in() {
        let mut world = World::new();
        world.take(("a", "b", "udp"), 0, 1.0);
        world.take(("a", "b", "icmp"), 5_000, 9.0);
        world.take(("b", "a", "udp"), 20_000, 2.0);
        let values = |change: Option<MatrixChange>| change.expect("changed").rows[0].1.clone();
        assert_eq!(values(world.look(9_000)), [None, Some(1.0)]);
        assert_eq!(values(world.look(20_000)), [None, Some(9.0)]);
        assert_eq!(values(world.look(40_000)), [None, None]);
        let left = world.look(NODE_LEAVES_AFTER_MS + 30_000).expect("everybody left");
        assert_eq!(left.nodes, Some(Vec::new()));
    }

    #[test]
    fn targets_that_never_probe_are_no_nodes() {
        let mut world = World::new();
        world.take(("a", "gateway", "icmp"), 0, 1.0);
        assert_eq!(world.look(0), None);
    }

    #[test]
    fn values_keep_the_digits_that_people_see() {
        let written = [123_456.0, 0.123_456, 0.0, -7.654_321].map(|value| rounded(value).to_string());
        assert_eq!(written, ["123500", "0.1235", "0", "-7.654"]);
    }
}
