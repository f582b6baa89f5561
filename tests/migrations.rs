//! Goal: a database of the first version opens, with everything that is in it. Method: such a database, made by the first
//! migration alone, with rows as that version wrote them.

use std::path::Path;

use netloom_core::{query::QueryText, time::Timestamp};
use netloom_server::store;
use sqlx::{
    SqlitePool,
    migrate::Migrator,
    sqlite::{SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode},
};

const BATCHES: i64 = 700;
/// A quarter of an hour's worth in the middle of a day that is long over.
const START_MS: i64 = 1_700_000_000_000;

/// A database as the first version left it: two series, a batch a second with a sample of each.
async fn first_version(folder: &Path) {
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations/0001_init.sql");
    let migrations = folder.join("migrations");
    std::fs::create_dir(&migrations).unwrap();
    std::fs::copy(schema, migrations.join("0001_init.sql")).unwrap();
    let options = SqliteConnectOptions::new()
        .filename(folder.join("netloom.db"))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .auto_vacuum(SqliteAutoVacuum::Incremental);
    let pool = SqlitePool::connect_with(options).await.unwrap();
    Migrator::new(migrations.as_path()).await.unwrap().run(&pool).await.unwrap();
    for (id, metric) in [(7, "rtt_us"), (9, "loss_ratio")] {
        let insert = sqlx::query("insert into series (id, metric, labels) values (?, ?, ?)").bind(id).bind(metric);
        insert.bind(r#"{"dst":"b","src":"a"}"#).execute(&pool).await.unwrap();
    }
    let insert = "insert into batch (node, epoch, seq, t0_ms, t1_ms, samples) values ('a', 1, ?, ?, ?, ?)";
    for seq in 0..BATCHES {
        let t0_ms = START_MS + seq * 1_000;
        let samples: Vec<(i64, i64, f64)> = vec![(7, 0, seq as f64 / 3.0), (9, 5, 0.25)];
        let row = sqlx::query(insert).bind(seq).bind(t0_ms).bind(t0_ms + 5);
        row.bind(postcard::to_stdvec(&samples).unwrap()).execute(&pool).await.unwrap();
    }
    pool.close().await;
}

async fn points(samples: &dyn store::Store, metric: &str) -> Vec<(i64, f64)> {
    let text = QueryText {
        metric: Some(metric.into()),
        from: Some(START_MS.to_string()),
        to: Some((START_MS + BATCHES * 1_000).to_string()),
        dst: Some("b".into()),
        ..Default::default()
    };
    let mut found = samples.query(&text.parse(Timestamp(START_MS)).unwrap()).await.unwrap();
    assert_eq!(found.len(), 1, "{metric}");
    found.remove(0).points
}

#[tokio::test]
async fn a_database_of_the_first_version_opens_with_all_its_samples() {
    let folder = tempfile::tempdir().unwrap();
    first_version(folder.path()).await;
    // The second time nothing is left to take over.
    for _ in 0..2 {
        let stores = store::open(folder.path()).await.unwrap();
        let rtt: Vec<_> = (0..BATCHES).map(|seq| (START_MS + seq * 1_000, seq as f64 / 3.0)).collect();
        assert_eq!(points(&*stores.samples, "rtt_us").await, rtt);
        let loss: Vec<_> = (0..BATCHES).map(|seq| (START_MS + seq * 1_000 + 5, 0.25)).collect();
        assert_eq!(points(&*stores.samples, "loss_ratio").await, loss);
        stores.database.close().await;
    }
    let report = store::sqlite::check::check(&folder.path().join("netloom.db")).await.unwrap();
    assert!(report.damage.is_empty() && report.warnings.is_empty(), "{report:?}");
    assert_eq!(report.tiers[0].samples + report.log_samples, 2 * BATCHES as u64);
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused_with_its_version() {
    let folder = tempfile::tempdir().unwrap();
    store::open(folder.path()).await.unwrap().database.close().await;
    let file = folder.path().join("netloom.db");
    let pool = SqlitePool::connect(&format!("sqlite://{}", file.display())).await.unwrap();
    let newer = "insert into _sqlx_migrations (version, description, success, checksum, execution_time) values (9999, 'x', 1, x'00', 0)";
    sqlx::query(newer).execute(&pool).await.unwrap();
    pool.close().await;
    let refused = store::open(folder.path()).await.err().unwrap().to_string();
    assert!(refused.contains("newer netloom (schema 9999)"), "{refused}");
    let refused = store::sqlite::check::check(&file).await.unwrap_err().to_string();
    assert!(refused.contains("newer netloom (schema 9999)"), "{refused}");
}
