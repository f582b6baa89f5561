//! The figures that a preview judges: samples where there are few enough, else summaries.

use netloom_core::{
    query::{Query, Shape, Step},
    rule::{Rule, RuleKind},
    sample::SeriesKey,
    series::{Row, SeriesId},
    stats::aggregate::Aggregation,
    time::duration_words,
};

use super::Past;
use crate::store::{Scan, ScanPlace, StoreError};

/// Series that are judged; more would take longer than anybody waits.
const SERIES_MAX: usize = 1_000;
/// Samples that are read, as many as come of all series in one a second: a tenth of a second of work.
const SAMPLES_MAX: i64 = 500_000;
/// Summaries that are read.
const SUMMARIES_MAX: i64 = 500_000;
/// How often samples are judged, ms.
pub const RAW_STEP_MS: i64 = 1_000;
/// The steps of summaries, ms.
const STEPS_MS: [i64; 5] = [60_000, 300_000, 900_000, 3_600_000, 6 * 3_600_000];

/// Figures in order of time.
pub struct Figures {
    rows: Vec<Row>,
    next: usize,
    /// How often they come.
    pub step_ms: i64,
    /// What keeps them from being the whole truth.
    pub notes: Vec<String>,
}

impl Figures {
    /// Reads those of a rule.
    pub async fn read(past: &Past<'_>, rule: &Rule, (from_ms, to_ms): (i64, i64)) -> Result<Self, StoreError> {
        let (metric, labels) = (rule.kind.metric().to_owned(), rule.selector.labels().clone());
        let (mut series, asked) = past.store.catalog().read(|catalog| {
            let found = catalog.select(&metric, &labels);
            let asked = found.len();
            let takes = |id: &SeriesId| catalog.key(*id).is_some_and(|key| rule.selector.takes(&key.labels));
            (found.into_iter().filter(takes).collect::<Vec<_>>(), asked)
        });
        let mut notes = Vec::new();
        if series.len() > SERIES_MAX {
            notes.push(format!("Only {SERIES_MAX} of {} series were tried.", series.len()));
            series.truncate(SERIES_MAX);
        }
        if rule.selector.asks_for_run() {
            notes.push("Runs are those that are known of that time.".into());
        }
        let span_ms = (to_ms - from_ms).max(1);
        let samples = series.len() as i64 * (span_ms / RAW_STEP_MS);
        let are_there = from_ms >= past.store.takes_from_ms();
        let (rows, step_ms) = if samples <= SAMPLES_MAX && are_there {
            (scan(past, &series, (from_ms, to_ms)).await?, RAW_STEP_MS)
        } else {
            let fits = |step_ms: &i64| asked as i64 * (span_ms / step_ms) <= SUMMARIES_MAX;
            let step_ms = STEPS_MS.into_iter().find(fits).unwrap_or(STEPS_MS[STEPS_MS.len() - 1]);
            let step = duration_words(step_ms);
            let why = if are_there { "There are many samples" } else { "Samples of that time are gone" };
            notes.push(format!("{why}: figures of {step} each were judged, so times are {step} coarse."));
            let shape = Shape::One(aggregation(&rule.kind));
            let query = Query { metric, labels, from_ms, to_ms, step: Step::Every(step_ms), shape, across: None };
            (summaries(past, &series, &query, step_ms).await?, step_ms)
        };
        Ok(Self { rows, next: 0, step_ms, notes })
    }

    /// Those up to and with a moment that were not given out yet.
    pub fn until(&mut self, ms: i64) -> &[Row] {
        let start = self.next;
        self.next += self.rows[start..].partition_point(|row| row.ts_ms <= ms);
        &self.rows[start..self.next]
    }
}

/// What stands for a stretch: what the rule makes of its window; of rounds their mean.
fn aggregation(kind: &RuleKind) -> Aggregation {
    match kind {
        RuleKind::Threshold(rule) => rule.aggregation,
        RuleKind::Change(rule) => rule.aggregation,
        RuleKind::Deviation(rule) => rule.aggregation,
        _ => Aggregation::Avg,
    }
}

async fn scan(past: &Past<'_>, series: &[SeriesId], (from_ms, to_ms): (i64, i64)) -> Result<Vec<Row>, StoreError> {
    let scan = Scan { series: series.to_vec(), from_ms, to_ms };
    let (mut rows, mut place) = (Vec::new(), Some(ScanPlace::default()));
    while let Some(at) = place {
        let page = past.store.scan(&scan, at).await?;
        for (series, samples) in page.series {
            rows.extend(samples.into_iter().map(|(ts_ms, value)| Row { series, ts_ms, value }));
        }
        // Nodes may send faster than one a second.
        if rows.len() as i64 > 5 * SAMPLES_MAX {
            return Err(StoreError::TooLarge);
        }
        place = page.next;
    }
    rows.sort_by_key(|row| row.ts_ms);
    Ok(rows)
}

async fn summaries(past: &Past<'_>, series: &[SeriesId], query: &Query, step_ms: i64) -> Result<Vec<Row>, StoreError> {
    let found = past.store.query(query).await?;
    let mut rows = Vec::new();
    past.store.catalog().read(|catalog| {
        for points in found {
            let key = SeriesKey { metric: query.metric.clone(), labels: points.labels };
            let Some(id) = catalog.id(&key).filter(|id| series.contains(id)) else { continue };
            // A point stands at the start of its step, and is known at its end.
            let row = |(ts_ms, value)| Row { series: id, ts_ms: ts_ms + step_ms - 1, value };
            rows.extend(points.points.into_iter().map(row));
        }
    });
    rows.sort_by_key(|row: &Row| row.ts_ms);
    Ok(rows)
}
