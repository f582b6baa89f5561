//! Where everything is kept that outlives the process.
//!
//! Samples are many and go through [`Store`], the smallest trait that serves the pages and the API, so that an engine can
//! stand behind it that is not in this process. Adding one: a file in `store/`, an arm in [`open`], and a row in the
//! contract test that every engine must pass. What is few and precious is in the [`Ledger`].

pub mod database;
pub mod ledger;
pub mod sqlite;

use std::{path::Path, sync::Arc};

use async_trait::async_trait;
use netloom_core::{
    query::{Query, SeriesPoints},
    sample::{Batch, SeriesKey},
};

use self::{database::Database, ledger::Ledger, sqlite::SqliteStore};

/// Raw values one query may touch: a day of six series at one a second. More would hold up everybody else.
pub const QUERY_MAX_VALUES: usize = 1_000_000;

/// Why the store cannot do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be used, and why in one line.
    #[error("{0}")]
    Unusable(String),
    /// The question is too large.
    #[error("the question touches more than {QUERY_MAX_VALUES} values: ask for a shorter range or fewer series")]
    TooLarge,
    /// The series limit is reached.
    #[error("the store holds {0} series and takes no new ones")]
    TooManySeries(usize),
    /// The database refused.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    /// What is stored cannot be read.
    #[error("stored data is damaged: {0}")]
    Damaged(String),
}

/// One series with its raw values in order of time.
pub type SeriesValues = (SeriesKey, Vec<(i64, f64)>);

/// What the store takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StoreSize {
    /// Bytes of the database.
    pub bytes: u64,
    /// Different series.
    pub series: usize,
    /// Batches.
    pub batches: u64,
}

/// Keeps samples.
#[async_trait]
pub trait Store: Send + Sync {
    /// Appends batches in one durable step: all or none. Says for each whether it is new; one that is known already is
    /// not stored again.
    async fn append(&self, batches: &[Batch]) -> Result<Vec<bool>, StoreError>;
    /// The raw values of every series that the query selects, within its range.
    async fn read(&self, query: &Query) -> Result<Vec<SeriesValues>, StoreError>;
    /// The points of every series that the query selects; series without points are left out.
    async fn query(&self, query: &Query) -> Result<Vec<SeriesPoints>, StoreError> {
        let found = self.read(query).await?;
        let points = |(series, raw): SeriesValues| SeriesPoints { labels: series.labels, points: query.points(raw) };
        Ok(found.into_iter().map(points).collect())
    }
    /// Deletes samples older than `samples_ms`. Returns how many batches went.
    async fn forget(&self, samples_ms: i64) -> Result<u64, StoreError>;
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
