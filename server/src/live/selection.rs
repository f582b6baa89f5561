//! Which series a listener wants. Whether a series belongs to it is decided once, and remembered by the series' number.

use std::{
    collections::HashMap,
    fmt::Write,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use bytes::Bytes;
use netloom_core::{
    event::Interest,
    series::{Catalog, Row, SeriesId, SharedCatalog},
};

/// A choice of series, shared by all listeners that made it.
#[derive(Debug)]
pub struct Selection {
    id: u64,
    /// `None` is every series.
    interests: Option<Vec<Interest>>,
    catalog: SharedCatalog,
    /// By the number of the series; `None` where that was not asked yet.
    covered: Mutex<Vec<Option<bool>>>,
}

/// The selections in use.
#[derive(Debug, Default)]
pub(super) struct Selections {
    known: HashMap<Option<Vec<Interest>>, Weak<Selection>>,
    last_id: u64,
}

impl Selections {
    /// The selection of these interests, the one that others use if there is one.
    pub(super) fn get(&mut self, interests: Option<Vec<Interest>>, catalog: &SharedCatalog) -> Arc<Selection> {
        if let Some(selection) = self.known.get(&interests).and_then(Weak::upgrade) {
            return selection;
        }
        self.known.retain(|_, selection| selection.strong_count() > 0);
        self.last_id += 1;
        let selection = Arc::new(Selection {
            id: self.last_id,
            interests: interests.clone(),
            catalog: catalog.clone(),
            covered: Mutex::default(),
        });
        self.known.insert(interests, Arc::downgrade(&selection));
        selection
    }
}

impl Selection {
    /// Its number, different for every choice.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The series of the catalog that are wanted, in order of their numbers.
    pub fn series(&self, catalog: &Catalog) -> Vec<SeriesId> {
        let Some(interests) = &self.interests else { return catalog.all().map(|(id, _)| id).collect() };
        let select = |interest: &Interest| catalog.select(&interest.metric, &interest.labels);
        let mut series: Vec<SeriesId> = interests.iter().flat_map(select).collect();
        series.sort_unstable();
        series.dedup();
        series
    }

    /// An event with those of the rows that are wanted; `None` when there are none.
    pub(super) fn write(&self, epoch: i64, seq: u64, rows: &[Row]) -> Option<Bytes> {
        let wanted: Vec<&Row> = self.catalog.read(|catalog| {
            let mut covered = self.covered.lock().unwrap_or_else(PoisonError::into_inner);
            rows.iter().filter(|row| self.covers(row.series, catalog, &mut covered)).collect()
        });
        if wanted.is_empty() {
            return None;
        }
        let data = self.catalog.read(|catalog| samples_json(catalog, wanted.into_iter()));
        Some(Bytes::from(format!("id: {epoch}:{seq}\nevent: samples\ndata: {data}\n\n")))
    }

    fn covers(&self, id: SeriesId, catalog: &Catalog, covered: &mut Vec<Option<bool>>) -> bool {
        let Some(interests) = &self.interests else { return true };
        let at = id.0 as usize;
        if covered.len() <= at {
            covered.resize(at + 1, None);
        }
        *covered[at].get_or_insert_with(|| {
            catalog.key(id).is_some_and(|key| interests.iter().any(|interest| interest.covers(key)))
        })
    }
}

/// Rows as the stream carries them: the series each once, then `[series index, epoch milliseconds, value]`.
pub(super) fn samples_json<'a>(catalog: &Catalog, rows: impl Iterator<Item = &'a Row>) -> String {
    let mut series = String::new();
    let mut samples = String::new();
    let mut index: HashMap<SeriesId, usize> = HashMap::new();
    for row in rows {
        let Some(key) = catalog.key(row.series) else { continue };
        let next = index.len();
        let at = *index.entry(row.series).or_insert(next);
        if at == next {
            let comma = if next == 0 { "" } else { "," };
            let key = serde_json::to_string(&**key).unwrap_or_default();
            // Writing to a string cannot fail.
            let _ = write!(series, "{comma}{key}");
        }
        let comma = if samples.is_empty() { "" } else { "," };
        let _ = write!(samples, "{comma}[{at},{},{}]", row.ts_ms, row.value);
    }
    format!("{{\"series\":[{series}],\"samples\":[{samples}]}}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use netloom_core::sample::{Labels, Readings, SeriesKey};

    fn catalog() -> SharedCatalog {
        let catalog = SharedCatalog::default();
        catalog.write(|catalog| {
            for (id, (metric, dst)) in [("rtt_us", "b"), ("rtt_us", "c"), ("jitter_us", "b")].into_iter().enumerate() {
                catalog.insert(SeriesId(id as u32 * 32), SeriesKey::new(metric, [("src", "a"), ("dst", dst)]));
            }
        });
        catalog
    }

    fn rows() -> Vec<Row> {
        [0, 32, 64, 0].into_iter().zip(1..).map(|(id, n)| Row { series: SeriesId(id), ts_ms: n, value: 0.5 }).collect()
    }

    fn interest(metric: &str, dst: &str) -> Interest {
        Interest { metric: metric.into(), labels: Labels::from([("dst".to_owned(), dst.to_owned())]) }
    }

    fn read(bytes: &Bytes) -> Readings {
        let text = std::str::from_utf8(bytes).expect("is text");
        let data = text.lines().find_map(|line| line.strip_prefix("data: ")).expect("has data");
        serde_json::from_str(data).expect("is readings")
    }

    #[test]
    fn a_listener_gets_what_it_wants_and_no_more() {
        let (catalog, mut selections) = (catalog(), Selections::default());
        let all = selections.get(None, &catalog);
        assert_eq!(read(&all.write(7, 1, &rows()).expect("everything")).samples.len(), 4);
        let one = selections.get(Some(vec![interest("rtt_us", "b")]), &catalog);
        let readings = read(&one.write(7, 1, &rows()).expect("two samples"));
        assert_eq!((readings.series.len(), readings.samples.len()), (1, 2));
        assert_eq!(catalog.read(|catalog| one.series(catalog)), [SeriesId(0)]);
        let none = selections.get(Some(vec![interest("rtt_us", "d")]), &catalog);
        assert_eq!(none.write(7, 1, &rows()), None);
    }

    #[test]
    fn equal_wishes_share_a_selection() {
        let (catalog, mut selections) = (catalog(), Selections::default());
        let first = selections.get(Some(vec![interest("rtt_us", "b")]), &catalog);
        assert_eq!(selections.get(Some(vec![interest("rtt_us", "b")]), &catalog).id(), first.id());
        assert_ne!(selections.get(Some(vec![interest("rtt_us", "c")]), &catalog).id(), first.id());
        drop(first);
        selections.get(None, &catalog);
        assert_eq!(selections.known.len(), 1, "what nobody uses is forgotten");
    }
}
