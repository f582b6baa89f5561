//! Where everything is kept that outlives the process.
//!
//! Samples are many and go through [`Store`], the smallest trait that serves the pages and the API, so that an engine can
//! stand behind it that is not in this process. Adding one: a file in `store/`, an arm in [`open`], and a row in the
//! contract test that every engine must pass. What is few and precious is in the [`Ledger`].

pub mod beside;
pub mod database;
pub mod ledger;
pub mod sqlite;

use std::{path::Path, sync::Arc, time::Duration};

use async_trait::async_trait;
pub use netloom_core::api::{StoreSize, TierSize};
use netloom_core::{
    query::{Query, SeriesPoints},
    sample::SeriesKey,
    series::{Rows, SeriesId, SharedCatalog},
};

use self::{database::Database, ledger::Ledger, sqlite::SqliteStore};

/// Points one answer may have: a day of twelve series at one a second. More would hold up everybody else; the export has
/// no such limit.
pub const ANSWER_MAX_POINTS: usize = 1_000_000;

/// Why the store cannot do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be used, and why in one line.
    #[error("{0}")]
    Unusable(String),
    /// The question is too large.
    #[error(
        "the answer has more than {ANSWER_MAX_POINTS} points: ask for a shorter range, fewer series or a larger step"
    )]
    TooLarge,
    /// A limit of series is reached.
    #[error("{who} has {limit} series already and takes no new ones")]
    TooManySeries {
        /// The node, or the store.
        who: String,
        /// The limit.
        limit: usize,
    },
    /// More comes than can be put away.
    #[error("samples come faster than they can be put away: send again later")]
    Busy,
    /// The disk is full.
    #[error("the disk is full: nothing is stored until there is room again")]
    Full,
    /// The database refused.
    #[error("database: {0}")]
    Database(sqlx::Error),
    /// What is stored cannot be read.
    #[error("stored data is damaged: {0}")]
    Damaged(String),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        if database::is_full(&error) { Self::Full } else { Self::Database(error) }
    }
}

/// A window that is over is packed when nothing has been added for this long: what an agent delivers late, or an import,
/// comes in one go.
pub const QUIET: Duration = Duration::from_secs(10);

/// How long each tier is kept, and when windows are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// A window that is over is packed when nothing has been added for this long.
    pub quiet: Duration,
    /// Samples as they were taken, ms.
    pub raw_ms: i64,
    /// Summaries of a minute, ms.
    pub minute_ms: i64,
    /// Summaries of an hour, ms.
    pub hour_ms: i64,
}

/// What is taken out, page by page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    /// The series.
    pub series: Vec<SeriesId>,
    /// From this moment on, ms.
    pub from_ms: i64,
    /// Up to and with this moment, ms.
    pub to_ms: i64,
}

/// Where a scan goes on: a place that only the engine understands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ScanPlace(pub i64, pub usize);

/// A part of a scan: raw samples of some series, each in order of time.
#[derive(Debug, Default)]
pub struct ScanPage {
    /// Series and samples.
    pub series: Vec<(SeriesId, Vec<(i64, f64)>)>,
    /// Where to go on; `None` at the end.
    pub next: Option<ScanPlace>,
}

/// Keeps samples. A series has one value at a moment: the one that was stored last.
#[async_trait]
pub trait Store: Send + Sync {
    /// Every series that is known.
    fn catalog(&self) -> &SharedCatalog;
    /// The numbers of series, in their order; new ones are taken in, all or none, and are durable then.
    async fn intern(&self, keys: &[SeriesKey]) -> Result<Vec<SeriesId>, StoreError>;
    /// Samples from this moment on are taken, ms: older ones were deleted and summed up, and would not count.
    fn takes_from_ms(&self) -> i64;
    /// Appends batches in one durable step: all or none. Says for each whether it is new; one that is known already is
    /// not stored again.
    async fn append(&self, batches: &[Rows]) -> Result<Vec<bool>, StoreError>;
    /// The points of every series that the query selects; series without points are left out.
    async fn query(&self, query: &Query) -> Result<Vec<SeriesPoints>, StoreError>;
    /// The next raw samples of a scan: window after window, series after series.
    async fn scan(&self, scan: &Scan, place: ScanPlace) -> Result<ScanPage, StoreError>;
    /// Packs, sums up and deletes what is due, a little at a time. Returns whether there is more to do at once.
    async fn maintain(&self, keep: &Keep, now_ms: i64) -> Result<bool, StoreError>;
    /// How large the store is.
    async fn size(&self) -> Result<StoreSize, StoreError>;
}

/// Everything that is kept in a data folder.
#[derive(Clone)]
pub struct Stores {
    /// The samples.
    pub samples: Arc<dyn Store>,
    /// Incidents and settings.
    pub ledger: Arc<Ledger>,
    /// What both of them are in.
    pub database: Arc<Database>,
}

/// Opens what is kept in a folder, which is made when it is not there.
///
/// # Errors
/// One line that says what is wrong with the folder or the database.
pub async fn open(data_dir: &Path) -> Result<Stores, StoreError> {
    let database = Database::open(data_dir).await?;
    let samples = Arc::new(SqliteStore::open(database.clone()).await?);
    Ok(Stores { samples, ledger: Arc::new(Ledger::new(database.clone())), database })
}
