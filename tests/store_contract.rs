//! Goal: what every storage engine must do. Method: the same checks over each engine, opened in a folder of its own;
//! a new engine gets a row in [`engines`]. Answers are held against a map of all samples.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use netloom_core::{
    query::{Query, QueryText, SeriesPoints},
    sample::{Labels, SeriesKey},
    series::{Origin, Row, Rows},
    stats::{points::PointBuilder, sketch::RELATIVE_ERROR},
    time::Timestamp,
};
use netloom_server::store::{
    Keep, Scan, ScanPlace, Store, StoreError,
    database::Database,
    sqlite::{SERIES_OF_NODE_MAX, SqliteStore},
};
use proptest::{prelude::*, test_runner::TestRunner};

type Opened = Result<(Arc<Database>, Arc<dyn Store>), StoreError>;
type Open = fn(&Path) -> futures::future::BoxFuture<'static, Opened>;

fn engines() -> Vec<(&'static str, Open)> {
    vec![("sqlite", |folder| {
        let folder = folder.to_owned();
        Box::pin(async move {
            let database = Database::open(&folder).await?;
            let store = SqliteStore::open(database.clone()).await?;
            Ok((database, Arc::new(store) as Arc<dyn Store>))
        })
    })]
}

/// Runs a check over a fresh store of every engine.
async fn each(check: impl AsyncFn(&'static str, Arc<dyn Store>)) {
    for (name, open) in engines() {
        let folder = tempfile::tempdir().unwrap();
        let (database, store) = open(folder.path()).await.unwrap();
        check(name, store).await;
        database.close().await;
    }
}

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// Far after everything that the tests store.
pub const LATER_MS: i64 = 20 * DAY_MS;
pub const EVERYTHING: Keep =
    Keep { quiet: Duration::ZERO, raw_ms: 1_000 * DAY_MS, minute_ms: 1_000 * DAY_MS, hour_ms: 1_000 * DAY_MS };

fn key(dst: &str) -> SeriesKey {
    SeriesKey::new("rtt_us", [("src", "a"), ("dst", dst)])
}

async fn batch(store: &dyn Store, seq: Option<u64>, samples: &[(&str, i64, f64)]) -> Rows {
    let keys: Vec<SeriesKey> = samples.iter().map(|(dst, ..)| key(dst)).collect();
    let ids = store.intern(&keys).await.unwrap();
    let row = |(series, (_, ts_ms, value)): (_, &(&str, i64, f64))| Row { series, ts_ms: *ts_ms, value: *value };
    let rows = ids.into_iter().zip(samples).map(row).collect();
    Rows { origin: seq.map(|seq| Origin { node: "a".into(), epoch: 1, seq }), rows }
}

pub async fn append(store: &dyn Store, seq: Option<u64>, samples: &[(&str, i64, f64)]) -> bool {
    let batch = batch(store, seq, samples).await;
    store.append(&[batch]).await.unwrap()[0]
}

/// Packs and sums up everything that is due.
pub async fn settle(store: &dyn Store, keep: &Keep, now_ms: i64) {
    while store.maintain(keep, now_ms).await.unwrap() {}
}

pub fn query(from_ms: i64, to_ms: i64, step: Option<&str>, agg: Option<&str>) -> Query {
    let text = QueryText {
        metric: Some("rtt_us".into()),
        from: Some(from_ms.to_string()),
        to: Some(to_ms.to_string()),
        step: step.map(str::to_owned),
        agg: agg.map(str::to_owned),
        ..Default::default()
    };
    text.parse(Timestamp(to_ms)).unwrap()
}

pub fn by_dst(answer: Vec<SeriesPoints>) -> BTreeMap<String, Vec<(i64, f64)>> {
    answer.into_iter().map(|series| (series.labels["dst"].clone(), series.points)).collect()
}

pub async fn raw(store: &dyn Store, from_ms: i64, to_ms: i64) -> BTreeMap<String, Vec<(i64, f64)>> {
    by_dst(store.query(&query(from_ms, to_ms, None, None)).await.unwrap())
}

pub fn expected(series: &[(&str, &[(i64, f64)])]) -> BTreeMap<String, Vec<(i64, f64)>> {
    series.iter().map(|(dst, points)| ((*dst).to_owned(), points.to_vec())).collect()
}

#[tokio::test]
async fn what_is_appended_is_read_back_in_order_of_time() {
    each(async |name, store| {
        assert!(append(&*store, Some(0), &[("b", 30, 3.0), ("c", 30, 9.0)]).await, "{name}");
        assert!(append(&*store, Some(1), &[("b", 10, 1.0), ("b", 20, 2.0)]).await, "{name}");
        let all = expected(&[("b", &[(10, 1.0), (20, 2.0), (30, 3.0)]), ("c", &[(30, 9.0)])]);
        assert_eq!(raw(&*store, 0, 100).await, all, "{name}");
        assert_eq!(raw(&*store, 15, 20).await, expected(&[("b", &[(20, 2.0)])]), "{name}: both ends belong to it");
        settle(&*store, &EVERYTHING, LATER_MS).await;
        assert_eq!(raw(&*store, 0, 100).await, all, "{name}: packed");
        assert_eq!(raw(&*store, 15, 20).await, expected(&[("b", &[(20, 2.0)])]), "{name}: packed");
        assert_eq!(store.size().await.unwrap().unsealed, 0, "{name}");
    })
    .await;
}

#[tokio::test]
async fn a_batch_that_comes_twice_is_stored_once() {
    each(async |name, store| {
        let first = batch(&*store, Some(7), &[("b", 10, 1.0)]).await;
        assert_eq!(store.append(std::slice::from_ref(&first)).await.unwrap(), [true], "{name}");
        assert_eq!(store.append(&[first.clone(), first.clone()]).await.unwrap(), [false, false], "{name}");
        let origin = Origin { epoch: 2, ..first.origin.clone().unwrap() };
        let other_start = Rows { origin: Some(origin), ..first.clone() };
        assert_eq!(store.append(&[other_start]).await.unwrap(), [true], "{name}: numbers begin anew with an agent");
        assert_eq!(raw(&*store, 0, 100).await["b"].len(), 1, "{name}");
        settle(&*store, &EVERYTHING, LATER_MS).await;
        store.append(&[first]).await.unwrap();
        assert_eq!(raw(&*store, 0, 100).await["b"].len(), 1, "{name}: sent again after it was packed");
    })
    .await;
}

#[tokio::test]
async fn of_two_values_of_a_moment_the_later_one_stays() {
    each(async |name, store| {
        append(&*store, None, &[("b", 10, 1.0), ("b", 20, 2.0)]).await;
        append(&*store, None, &[("b", 10, 5.0)]).await;
        assert_eq!(raw(&*store, 0, 100).await["b"], [(10, 5.0), (20, 2.0)], "{name}");
        settle(&*store, &EVERYTHING, LATER_MS).await;
        append(&*store, None, &[("b", 20, 6.0)]).await;
        assert_eq!(raw(&*store, 0, 100).await["b"], [(10, 5.0), (20, 6.0)], "{name}");
        settle(&*store, &EVERYTHING, LATER_MS).await;
        assert_eq!(raw(&*store, 0, 100).await["b"], [(10, 5.0), (20, 6.0)], "{name}");
    })
    .await;
}

#[tokio::test]
async fn samples_far_apart_in_one_batch_are_all_found() {
    each(async |name, store| {
        append(&*store, Some(0), &[("b", 1_000, 1.0), ("b", 500_000, 2.0), ("b", 9_000_000, 3.0)]).await;
        for (at, value) in [(1_000, 1.0), (500_000, 2.0), (9_000_000, 3.0)] {
            assert_eq!(raw(&*store, at - 1, at + 1).await, expected(&[("b", &[(at, value)])]), "{name}");
        }
    })
    .await;
}

#[tokio::test]
async fn everything_is_there_after_opening_again() {
    for (name, open) in engines() {
        let folder = tempfile::tempdir().unwrap();
        let (database, store) = open(folder.path()).await.unwrap();
        append(&*store, Some(0), &[("b", 10, 1.0)]).await;
        settle(&*store, &EVERYTHING, LATER_MS).await;
        append(&*store, Some(1), &[("b", 20, 2.0), ("c", 5_000_000, 3.0)]).await;
        database.close().await;
        drop((database, store));
        let (_database, store) = open(folder.path()).await.unwrap();
        let all = expected(&[("b", &[(10, 1.0), (20, 2.0)]), ("c", &[(5_000_000, 3.0)])]);
        assert_eq!(raw(&*store, 0, LATER_MS).await, all, "{name}");
        assert!(!append(&*store, Some(1), &[("b", 20, 2.0)]).await, "{name}");
        settle(&*store, &EVERYTHING, LATER_MS).await;
        assert_eq!(raw(&*store, 0, LATER_MS).await, all, "{name}");
    }
}

#[tokio::test]
async fn what_is_old_is_left_summed_up_and_then_forgotten() {
    each(async |name, store| {
        let samples: Vec<(&str, i64, f64)> = (0..3 * 24 * 60).map(|i| ("b", i * 60_000 + 5_000, i as f64)).collect();
        for chunk in samples.chunks(5_000) {
            append(&*store, None, chunk).await;
        }
        let now_ms = 3 * DAY_MS + HOUR_MS;
        settle(&*store, &EVERYTHING, now_ms).await;
        settle(&*store, &Keep { raw_ms: 2 * DAY_MS, ..EVERYTHING }, now_ms).await;
        let left = raw(&*store, 0, now_ms).await;
        assert_eq!(left["b"].len(), samples.len(), "{name}: a minute's mean where samples are gone");
        assert_eq!(left["b"][0], (0, 0.0), "{name}: at the start of its minute");
        assert_eq!(left["b"].last(), Some(&(4_319 * 60_000 + 5_000, 4_319.0)), "{name}");
        let keep = Keep { raw_ms: HOUR_MS, minute_ms: HOUR_MS, hour_ms: 2 * DAY_MS, ..EVERYTHING };
        settle(&*store, &keep, now_ms).await;
        let left = raw(&*store, 0, now_ms).await;
        assert_eq!(left["b"].first(), Some(&(DAY_MS, 1_469.5)), "{name}: an hour's mean");
        settle(&*store, &Keep { hour_ms: HOUR_MS, ..keep }, now_ms + 30 * DAY_MS).await;
        assert_eq!(raw(&*store, 0, now_ms).await, expected(&[]), "{name}");
        let size = store.size().await.unwrap();
        assert!(size.tiers.iter().all(|tier| (tier.blocks, tier.samples, tier.bytes) == (0, 0, 0)), "{name}: {size:?}");
    })
    .await;
}

#[tokio::test]
async fn series_are_taken_in_up_to_a_limit_all_or_none() {
    each(async |name, store| {
        let keys: Vec<SeriesKey> = (0..=SERIES_OF_NODE_MAX).map(|n| key(&format!("n{n}"))).collect();
        let refused = store.intern(&keys).await;
        assert!(matches!(refused, Err(StoreError::TooManySeries { .. })), "{name}");
        assert_eq!(store.size().await.unwrap().series, 0, "{name}");
        let ids = store.intern(&keys[1..]).await.unwrap();
        assert_eq!(store.intern(&keys[1..]).await.unwrap(), ids, "{name}");
        assert!(store.intern(&keys[..1]).await.is_err(), "{name}");
        let other = SeriesKey::new("rtt_us", [("src", "other")]);
        let twice = store.intern(&[other.clone(), other]).await.unwrap();
        assert_eq!(twice[0], twice[1], "{name}");
    })
    .await;
}

#[tokio::test]
async fn a_scan_gives_everything_once() {
    each(async |name, store| {
        let mut all = BTreeMap::new();
        for n in 0..40 {
            let dst = format!("n{n:02}");
            let samples: Vec<(&str, i64, f64)> =
                (0..4_000).map(|i| (dst.as_str(), i * 1_000 + n, (i + n) as f64)).collect();
            append(&*store, None, &samples).await;
            all.insert(dst.clone(), samples.iter().map(|(_, ts_ms, value)| (*ts_ms, *value)).collect::<Vec<_>>());
        }
        settle(&*store, &EVERYTHING, 2_000_000).await;
        let ids = store.catalog().read(|catalog| catalog.select("rtt_us", &Labels::new()));
        let scan = Scan { series: ids, from_ms: 0, to_ms: LATER_MS };
        let mut found: BTreeMap<String, Vec<(i64, f64)>> = BTreeMap::new();
        let (mut place, mut pages) = (Some(ScanPlace::default()), 0);
        while let Some(at) = place {
            let page = store.scan(&scan, at).await.unwrap();
            for (id, samples) in page.series {
                let dst = store.catalog().key(id).unwrap().label("dst").to_owned();
                found.entry(dst).or_default().extend(samples);
            }
            (place, pages) = (page.next, pages + 1);
        }
        assert_eq!(found, all, "{name}");
        assert!(pages > 1, "{name}");
    })
    .await;
}

/// One thing that happens to a store.
#[derive(Debug, Clone)]
enum Event {
    Append(Vec<(u8, i64, f64)>),
    Settle(i64),
    Reopen,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let value = prop_oneof![(1..2_000).prop_map(f64::from), 0.01..10.0];
    // Mostly a second apart, now and then hours: late, early and doubled samples come of themselves.
    let start = prop_oneof![0..2 * DAY_MS, 0..2 * HOUR_MS];
    let run =
        (0..4_u8, start, 1..400_usize, prop_oneof![Just(1_000_i64), 1..90_000_i64], prop::collection::vec(value, 1..8));
    let append = run.prop_map(|(dst, start_ms, count, step_ms, values)| {
        let sample = |n: usize| (dst, start_ms + n as i64 * step_ms, values[n % values.len()]);
        Event::Append((0..count).map(sample).collect())
    });
    let event = prop_oneof![
        6 => append,
        2 => (0..4 * DAY_MS).prop_map(Event::Settle),
        1 => Just(Event::Reopen),
    ];
    prop::collection::vec(event, 1..14)
}

#[derive(Debug, Clone)]
struct Question {
    from_ms: i64,
    to_ms: i64,
    step: Option<&'static str>,
    agg: &'static str,
}

fn questions() -> impl Strategy<Value = Vec<Question>> {
    let steps = prop::sample::select(vec![
        None,
        Some("1s"),
        Some("7s"),
        Some("60s"),
        Some("5m"),
        Some("1h"),
        Some("3h"),
        Some("1d"),
    ]);
    let aggs = prop::sample::select(vec!["avg", "min", "max", "p50", "p95", "p99", "last", "count"]);
    let question = (-HOUR_MS..3 * DAY_MS, 0..3 * DAY_MS, steps, aggs).prop_map(|(from_ms, length_ms, step, agg)| {
        // As many points as are allowed for short steps.
        let length_ms = match step {
            Some("1s" | "7s") => length_ms.min(2 * HOUR_MS),
            _ => length_ms,
        };
        Question { from_ms, to_ms: from_ms + length_ms, step, agg }
    });
    prop::collection::vec(question, 1..12)
}

/// The answer made from all samples.
fn naive(model: &BTreeMap<String, BTreeMap<i64, f64>>, query: &Query) -> BTreeMap<String, Vec<(i64, f64)>> {
    let points = |samples: &BTreeMap<i64, f64>| {
        let mut builder = PointBuilder::new(query.step, query.shape);
        samples.range(query.from_ms..=query.to_ms).for_each(|(ts_ms, value)| builder.value(*ts_ms, *value));
        builder.finish()
    };
    let all = model.iter().map(|(dst, samples)| (dst.clone(), points(samples)));
    all.filter(|(_, points)| !points.is_empty()).collect()
}

/// Percentiles of summaries are within the sketch's error, everything else is the same but for the order of additions.
fn is_near(question: &Question, found: f64, exact: f64) -> bool {
    let error = if question.agg.starts_with('p') && question.step.is_some() { RELATIVE_ERROR * 1.01 } else { 1e-9 };
    (found - exact).abs() <= exact.abs() * error
}

async fn scenario(open: Open, events: Vec<Event>, questions: Vec<Question>) {
    let folder = tempfile::tempdir().unwrap();
    let (mut database, mut store) = open(folder.path()).await.unwrap();
    let mut model: BTreeMap<String, BTreeMap<i64, f64>> = BTreeMap::new();
    for event in events {
        match event {
            Event::Append(samples) => {
                let named: Vec<(String, i64, f64)> =
                    samples.into_iter().map(|(dst, ts_ms, value)| (format!("n{dst}"), ts_ms, value)).collect();
                let borrowed: Vec<(&str, i64, f64)> = named.iter().map(|(dst, t, v)| (dst.as_str(), *t, *v)).collect();
                append(&*store, None, &borrowed).await;
                for (dst, ts_ms, value) in named {
                    model.entry(dst).or_default().insert(ts_ms, value);
                }
            }
            Event::Settle(now_ms) => settle(&*store, &EVERYTHING, now_ms).await,
            Event::Reopen => {
                database.close().await;
                drop((database, store));
                (database, store) = open(folder.path()).await.unwrap();
            }
        }
    }
    for question in questions {
        let Question { from_ms, to_ms, step, agg } = question.clone();
        let query = query(from_ms, to_ms, step, Some(agg));
        let (found, exact) = (by_dst(store.query(&query).await.unwrap()), naive(&model, &query));
        assert_eq!(found.keys().collect::<Vec<_>>(), exact.keys().collect::<Vec<_>>(), "{question:?}");
        for (dst, points) in &found {
            let times = |points: &[(i64, f64)]| points.iter().map(|(ts_ms, _)| *ts_ms).collect::<Vec<_>>();
            assert_eq!(times(points), times(&exact[dst]), "{question:?} {dst}");
            for ((ts_ms, found), (_, exact)) in points.iter().zip(&exact[dst]) {
                assert!(is_near(&question, *found, *exact), "{question:?} {dst} at {ts_ms}: {found} {exact}");
            }
        }
    }
    database.close().await;
}

/// Over the borders of memory, log, blocks and summaries, with late, doubled and unordered samples and restarts.
#[test]
fn answers_are_those_of_all_samples() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for (name, open) in engines() {
        // Fewer than usual, each being a life of a store; PROPTEST_CASES asks for more.
        let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(48);
        let config = ProptestConfig { cases, max_shrink_iters: 200, ..ProptestConfig::default() };
        let mut runner = TestRunner::new(config);
        let result = runner.run(&(events(), questions()), |(events, questions)| {
            runtime.block_on(scenario(open, events, questions));
            Ok(())
        });
        assert!(result.is_ok(), "{name}: {}", result.unwrap_err());
    }
}
