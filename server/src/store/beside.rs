//! Reads a database beside the hub that owns it: without its lock on the folder, and without changing anything.

use std::{path::Path, time::Duration};

use sqlx::{Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};

use super::{StoreError, database};

/// How long a writer may keep this reader waiting.
const BUSY_LIMIT: Duration = Duration::from_secs(10);

/// Opens a database for reading only. A hub may be writing to it at the same time.
///
/// # Errors
/// One line that says what is wrong with the database.
pub async fn open(file: &Path) -> Result<SqliteConnection, StoreError> {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .read_only(true)
        .create_if_missing(false)
        .busy_timeout(BUSY_LIMIT)
        .pragma("mmap_size", "0");
    let mut connection =
        SqliteConnection::connect_with(&options).await.map_err(|error| database::told(file, &error))?;
    // What is no database is found with the first page that is read.
    let version = sqlx::query_scalar::<_, i64>("pragma schema_version").fetch_one(&mut connection);
    version.await.map_err(|error| database::told(file, &error))?;
    Ok(connection)
}
