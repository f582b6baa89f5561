//! Goal: what only the store in SQLite has to stand: damage, and an engine that is new enough. Method: a database that is
//! changed behind the store's back.

use netloom_server::store::{Store, StoreError, database::Database, sqlite::SqliteStore};

use crate::store_contract::{EVERYTHING, LATER_MS, append, by_dst, expected, query, raw, settle};

#[tokio::test]
async fn a_damaged_block_keeps_nothing_else_from_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::open(folder.path()).await.unwrap();
    let store = SqliteStore::open(database.clone()).await.unwrap();
    append(&store, None, &[("b", 10, 1.0), ("b", 900_010, 2.0)]).await;
    settle(&store, &EVERYTHING, 3_000_000).await;
    let window = "update block set data = x'09' where id & 0xffffffff = 0";
    sqlx::query(window).execute(database.writer()).await.unwrap();
    assert!(matches!(store.query(&query(0, 100, None, None)).await, Err(StoreError::Damaged(_))), "it is said");
    append(&store, None, &[("b", 20, 3.0)]).await;
    settle(&store, &EVERYTHING, LATER_MS).await;
    assert_eq!(raw(&store, 0, LATER_MS).await, expected(&[("b", &[(20, 3.0), (900_010, 2.0)])]));
    let hours = by_dst(store.query(&query(0, LATER_MS, Some("1h"), Some("count"))).await.unwrap());
    assert_eq!(hours["b"], [(0, 2.0)], "and summed up");
}

#[tokio::test]
async fn the_database_engine_is_new_enough() {
    // 3.51.3 mends a fault of the write-ahead log that could damage databases.
    let pool = sqlx::SqlitePool::connect("sqlite::memory:").await.unwrap();
    let version: String = sqlx::query_scalar("select sqlite_version()").fetch_one(&pool).await.unwrap();
    let numbers: Vec<u32> = version.split('.').map(|part| part.parse().unwrap()).collect();
    assert!(numbers >= vec![3, 51, 3], "{version}");
}
