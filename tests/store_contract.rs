//! Goal: what every storage engine must do. Method: the same checks over each engine, opened in a folder of its own;
//! a new engine gets a row in [`engines`].

use std::{path::Path, sync::Arc};

use netloom_core::{
    query::{Query, QueryText},
    sample::{Batch, Readings, SeriesKey},
    time::Timestamp,
};
use netloom_server::store::{Store, StoreError, database::Database, sqlite::SqliteStore};

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

fn batch(seq: u64, samples: &[(&str, i64, f64)]) -> Batch {
    let mut readings = Readings::default();
    for (dst, ts_ms, value) in samples {
        readings.push(SeriesKey::new("rtt_us", [("src", "a"), ("dst", dst)]), *ts_ms, *value);
    }
    Batch { node: "a".into(), epoch: 1, seq, readings, info: None }
}

fn query(from_ms: i64, to_ms: i64) -> Query {
    let text = QueryText {
        metric: Some("rtt_us".into()),
        from: Some(from_ms.to_string()),
        to: Some(to_ms.to_string()),
        ..Default::default()
    };
    text.parse(Timestamp(to_ms)).unwrap()
}

async fn values(store: &dyn Store, query: &Query) -> Vec<(String, Vec<(i64, f64)>)> {
    let found = store.read(query).await.unwrap();
    found.into_iter().map(|(series, values)| (series.label("dst").to_owned(), values)).collect()
}

#[tokio::test]
async fn what_is_appended_is_read_back_in_order_of_time() {
    each(async |name, store| {
        let batches = [batch(0, &[("b", 30, 3.0), ("c", 30, 9.0)]), batch(1, &[("b", 10, 1.0), ("b", 20, 2.0)])];
        assert_eq!(store.append(&batches).await.unwrap(), [true, true], "{name}");
        let all = values(&*store, &query(0, 100)).await;
        let expected = [("b".to_owned(), vec![(10, 1.0), (20, 2.0), (30, 3.0)]), ("c".to_owned(), vec![(30, 9.0)])];
        assert_eq!(all, expected, "{name}");
        let inner = values(&*store, &query(15, 20)).await;
        assert_eq!(inner, [("b".to_owned(), vec![(20, 2.0)])], "{name}: both ends belong to the range");
    })
    .await;
}

#[tokio::test]
async fn a_batch_that_comes_twice_is_stored_once() {
    each(async |name, store| {
        let first = batch(7, &[("b", 10, 1.0)]);
        assert_eq!(store.append(std::slice::from_ref(&first)).await.unwrap(), [true], "{name}");
        assert_eq!(store.append(&[first.clone(), first.clone()]).await.unwrap(), [false, false], "{name}");
        let other_start = Batch { epoch: 2, ..first };
        assert_eq!(store.append(&[other_start]).await.unwrap(), [true], "{name}: numbers begin anew with an agent");
        assert_eq!(values(&*store, &query(0, 100)).await[0].1.len(), 2, "{name}");
    })
    .await;
}

#[tokio::test]
async fn samples_far_apart_in_one_batch_are_all_found() {
    each(async |name, store| {
        store.append(&[batch(0, &[("b", 1_000, 1.0), ("b", 500_000, 2.0), ("b", 9_000_000, 3.0)])]).await.unwrap();
        for (at, value) in [(1_000, 1.0), (500_000, 2.0), (9_000_000, 3.0)] {
            let found = values(&*store, &query(at - 1, at + 1)).await;
            assert_eq!(found, [("b".to_owned(), vec![(at, value)])], "{name}");
        }
    })
    .await;
}

#[tokio::test]
async fn everything_is_there_after_opening_again() {
    for (name, open) in engines() {
        let folder = tempfile::tempdir().unwrap();
        let (database, store) = open(folder.path()).await.unwrap();
        store.append(&[batch(0, &[("b", 10, 1.0)])]).await.unwrap();
        database.close().await;
        drop((database, store));
        let (_database, store) = open(folder.path()).await.unwrap();
        assert_eq!(values(&*store, &query(0, 100)).await.len(), 1, "{name}");
        assert_eq!(store.append(&[batch(0, &[("b", 10, 1.0)])]).await.unwrap(), [false], "{name}");
    }
}

#[tokio::test]
async fn what_is_old_is_forgotten() {
    each(async |name, store| {
        let batches: Vec<Batch> = (0..1_200).map(|i| batch(i, &[("b", i as i64 * 1_000, 1.0)])).collect();
        store.append(&batches).await.unwrap();
        store.forget(1_100_000).await.unwrap();
        let left = values(&*store, &query(0, 10_000_000)).await;
        assert_eq!(left[0].1.first(), Some(&(1_100_000, 1.0)), "{name}");
        assert_eq!(left[0].1.len(), 100, "{name}");
    })
    .await;
}

#[tokio::test]
async fn the_database_engine_is_new_enough() {
    // 3.51.3 mends a fault of the write-ahead log that could damage databases.
    let pool = sqlx::SqlitePool::connect("sqlite::memory:").await.unwrap();
    let version: String = sqlx::query_scalar("select sqlite_version()").fetch_one(&pool).await.unwrap();
    let numbers: Vec<u32> = version.split('.').map(|part| part.parse().unwrap()).collect();
    assert!(numbers >= vec![3, 51, 3], "{version}");
}
