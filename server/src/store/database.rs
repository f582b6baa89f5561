//! The database: its folder, its connections, its schema, and one clear line when something is wrong with them.
//!
//! One connection writes, with `BEGIN IMMEDIATE`, because a read transaction that turns into a write fails at once; a
//! few connections read; one moves what was written from the write-ahead log to its place.

use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use sqlx::{
    Connection as _, Sqlite, SqlitePool, Transaction,
    migrate::{MigrateError, Migrator},
    sqlite::{SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use super::StoreError;
use crate::private;

static MIGRATIONS: Migrator = sqlx::migrate!("../migrations");

/// How the writer begins: a read transaction that turns into a write would fail when somebody else writes.
const BEGIN: &str = "BEGIN IMMEDIATE";
/// Connections that read: two cores' worth of page loads and exports beside the writer.
const READERS: u32 = 3;
/// Page cache of the writer and of each reader, KiB. Batches are appended and blocks are read once, so a large cache would
/// only take memory.
const WRITER_CACHE_KIB: u32 = 4_096;
const READER_CACHE_KIB: u32 = 2_048;
/// The write-ahead log is cut back to this size after a checkpoint.
const WAL_LIMIT_BYTES: u32 = 16 * 1_024 * 1_024;
/// With more than this in the write-ahead log the writer waits until it is cut. By then all but the newest of it is in its
/// place already.
const WAL_CUT_BYTES: u64 = 16 * 1_024 * 1_024;
/// How long a connection waits for another one.
const BUSY_LIMIT: Duration = Duration::from_secs(5);
/// How long the writer waits for readers until the log is cut. A backup reads for minutes; the next try is a second later.
const CUT_LIMIT: Duration = Duration::from_millis(100);
/// A log that is all in its place is cut when it is larger than this: what a minute of a mesh writes.
const WAL_KEPT_BYTES: u64 = 4 * 1_024 * 1_024;
/// Free pages that stay in the file: a part of all, and a megabyte.
const FREE_KEPT_PART: i64 = 32;
const FREE_KEPT_PAGES: i64 = 256;
/// Pages given back at once: a few milliseconds of the writer.
const GIVE_BACK_PAGES: u32 = 500;
/// Databases up to this size are checked whole at start; a second at most. Larger ones are found damaged when the
/// damaged part is read.
const CHECK_MAX_BYTES: u64 = 64 * 1_024 * 1_024;
/// File systems on which SQLite's write-ahead log does not work, because its shared memory is not shared.
const NETWORK_FILE_SYSTEMS: [&str; 9] =
    ["nfs", "nfs4", "cifs", "smb3", "lustre", "beegfs", "gpfs", "ceph", "fuse.sshfs"];

/// The version of the schema that this program makes.
pub fn newest_schema() -> i64 {
    MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0)
}

/// The open database.
pub struct Database {
    writer: SqlitePool,
    readers: SqlitePool,
    keeper: SqlitePool,
    survives_power_loss: Arc<AtomicBool>,
    file: PathBuf,
    _folder: DataFolder,
}

impl Database {
    /// Opens the database in a folder, which is made when it is not there, and brings its schema up to date.
    ///
    /// # Errors
    /// One line that says what is wrong with the folder or the database.
    pub async fn open(data_dir: &Path) -> Result<Arc<Self>, StoreError> {
        let folder = DataFolder::claim(data_dir)?;
        let file = data_dir.join("netloom.db");
        let survives_power_loss = Arc::new(AtomicBool::new(false));
        let [writer, readers, keeper] = connect(&file, survives_power_loss.clone()).await?;
        Ok(Arc::new(Self { writer, readers, keeper, survives_power_loss, file, _folder: folder }))
    }

    /// Begins to write. There is one writer: whoever comes second waits.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn begin(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        match self.writer.begin_with(BEGIN).await {
            // SQLite ends a transaction by itself when the disk is full, and the connection believes for ever after that
            // it is in one: another takes its place.
            Err(sqlx::Error::InvalidSavePointStatement) => {
                self.writer.acquire().await?.detach().close_hard().await?;
                Ok(self.writer.begin_with(BEGIN).await?)
            }
            begun => Ok(begun?),
        }
    }

    /// The one connection that writes, for statements that stand alone.
    pub fn writer(&self) -> &SqlitePool {
        &self.writer
    }

    /// The connections that read.
    pub fn readers(&self) -> &SqlitePool {
        &self.readers
    }

    /// Moves what was written from the write-ahead log to its place, without holding up the writer; when the log has
    /// grown past a limit all the same, because somebody reads all the time, the writer waits for it, though
    /// not for long.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn checkpoint(&self) -> Result<(), StoreError> {
        let (_, written, moved): (i64, i64, i64) =
            sqlx::query_as("pragma wal_checkpoint(passive)").fetch_one(&self.keeper).await?;
        let (length, is_moved) = (self.length("-wal"), written == moved);
        if length > WAL_CUT_BYTES || is_moved && length > WAL_KEPT_BYTES {
            self.cut_log().await?;
        }
        Ok(())
    }

    async fn cut_log(&self) -> Result<(), StoreError> {
        let wait = |limit: Duration| sqlx::AssertSqlSafe(format!("pragma busy_timeout = {}", limit.as_millis()));
        let mut writer = self.writer.acquire().await?;
        sqlx::query(wait(CUT_LIMIT)).execute(&mut *writer).await?;
        let cut = sqlx::query("pragma wal_checkpoint(truncate)").execute(&mut *writer).await;
        sqlx::query(wait(BUSY_LIMIT)).execute(&mut *writer).await?;
        cut?;
        Ok(())
    }

    /// Gives free room back to the file system when there is much of it, a little at a time. Returns whether there is
    /// more. What the log leaves free when it is packed is used by the next rows of it, so some is kept.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn give_back(&self) -> Result<bool, StoreError> {
        let count = |pragma: &'static str| sqlx::query_scalar::<_, i64>(pragma).fetch_one(&self.keeper);
        let (free, all) = (count("pragma freelist_count").await?, count("pragma page_count").await?);
        if free <= (all / FREE_KEPT_PART).max(FREE_KEPT_PAGES) {
            return Ok(false);
        }
        let give = sqlx::AssertSqlSafe(format!("pragma incremental_vacuum({GIVE_BACK_PAGES})"));
        sqlx::query(give).execute(&self.writer).await?;
        Ok(true)
    }

    /// Whether a commit waits for the disk itself, so that it survives a loss of power, too. Without it a commit survives
    /// the death of the process always, and a loss of power may take the last moments; both keep the database whole.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn set_survives_power_loss(&self, survives: bool) -> Result<(), StoreError> {
        self.survives_power_loss.store(survives, Ordering::Relaxed);
        sqlx::query(synchronous(survives)).execute(&self.writer).await?;
        Ok(())
    }

    /// Bytes of the database and its write-ahead log.
    pub fn bytes(&self) -> u64 {
        self.length("") + self.length("-wal")
    }

    fn length(&self, suffix: &str) -> u64 {
        let mut name = self.file.clone().into_os_string();
        name.push(suffix);
        std::fs::metadata(name).map_or(0, |metadata| metadata.len())
    }

    /// Writes everything to its place and closes.
    pub async fn close(&self) {
        self.readers.close().await;
        self.keeper.close().await;
        self.writer.close().await;
    }
}

/// Whether an error says that the disk is full.
pub(super) fn is_full(error: &sqlx::Error) -> bool {
    /// `SQLITE_FULL`, and the extended codes of a write and of growing the shared memory that failed.
    const FULL: [&str; 3] = ["13", "778", "4874"];
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| FULL.contains(&code.as_ref()))
}

/// The data folder, held for this process alone.
struct DataFolder {
    _lock: File,
}

impl DataFolder {
    /// Makes the folder when it is not there and locks it.
    fn claim(data_dir: &Path) -> Result<Self, StoreError> {
        let shown = data_dir.display();
        let unusable = |what: &str, error: std::io::Error| StoreError::Unusable(format!("{what} {shown}: {error}"));
        private::make_folder(data_dir).map_err(|error| unusable("cannot make the data folder", error))?;
        if let Some(kind) = file_system(data_dir).filter(|kind| NETWORK_FILE_SYSTEMS.contains(&kind.as_str())) {
            let advice = "the database would be damaged there, choose a local folder with --data-dir";
            return Err(StoreError::Unusable(format!(
                "the data folder {shown} is on a network file system ({kind}): {advice}"
            )));
        }
        let lock = private::lock(&data_dir.join("netloom.lock"));
        let lock = lock.map_err(|error| unusable("cannot write to the data folder", error))?;
        let in_use = || StoreError::Unusable(format!("the data folder {shown} is in use by another netloom"));
        Ok(Self { _lock: lock.ok_or_else(in_use)? })
    }
}

/// The kind of file system a folder is on: that of the longest mount point above it.
#[cfg(target_os = "linux")]
fn file_system(folder: &Path) -> Option<String> {
    let folder = folder.canonicalize().ok()?;
    let mounts = procfs::process::Process::myself().ok()?.mountinfo().ok()?;
    let above = mounts.into_iter().filter(|mount| folder.starts_with(&mount.mount_point));
    above.max_by_key(|mount| mount.mount_point.as_os_str().len()).map(|mount| mount.fs_type)
}

#[cfg(not(target_os = "linux"))]
fn file_system(_: &Path) -> Option<String> {
    None
}

/// How a commit is made durable.
const fn synchronous(survives_power_loss: bool) -> &'static str {
    if survives_power_loss { "pragma synchronous = full" } else { "pragma synchronous = normal" }
}

/// Opens the writer and the readers and brings the schema up to date.
async fn connect(file: &Path, survives_power_loss: Arc<AtomicBool>) -> Result<[SqlitePool; 3], StoreError> {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .auto_vacuum(SqliteAutoVacuum::Incremental)
        .busy_timeout(BUSY_LIMIT)
        .pragma("temp_store", "memory")
        .pragma("mmap_size", "0")
        .pragma("journal_size_limit", WAL_LIMIT_BYTES.to_string())
        // A commit that had to move the log's pages to their place would keep senders waiting; the keeper does it.
        .pragma("wal_autocheckpoint", "0");
    let cache = |kib: u32| format!("-{kib}");
    let writing = options.clone().pragma("cache_size", cache(WRITER_CACHE_KIB));
    // A connection that takes another's place commits like it.
    let writers = SqlitePoolOptions::new().max_connections(1).after_connect(move |connection, _| {
        let pragma = synchronous(survives_power_loss.load(Ordering::Relaxed));
        Box::pin(async move { sqlx::query(pragma).execute(connection).await.map(|_| ()) })
    });
    let writer = writers.connect_with(writing).await.map_err(|e| told(file, &e))?;
    check(file, &writer).await?;
    MIGRATIONS.run(&writer).await.map_err(|error| migration_told(file, error))?;
    let keeping = options.clone().create_if_missing(false);
    let keeper = SqlitePoolOptions::new().max_connections(1).connect_with(keeping).await.map_err(|e| told(file, &e))?;
    let reading =
        options.create_if_missing(false).pragma("query_only", "on").pragma("cache_size", cache(READER_CACHE_KIB));
    let readers =
        SqlitePoolOptions::new().max_connections(READERS).connect_with(reading).await.map_err(|e| told(file, &e))?;
    Ok([writer, readers, keeper])
}

/// Looks for damage before anything relies on the database.
async fn check(file: &Path, writer: &SqlitePool) -> Result<(), StoreError> {
    let size_bytes = std::fs::metadata(file).map_or(0, |metadata| metadata.len());
    if size_bytes > CHECK_MAX_BYTES {
        return Ok(());
    }
    let found: String =
        sqlx::query_scalar("pragma quick_check(1)").fetch_one(writer).await.map_err(|e| told(file, &e))?;
    if found == "ok" { Ok(()) } else { Err(damaged(file, &found)) }
}

fn damaged(file: &Path, how: &str) -> StoreError {
    let (shown, how) = (file.display(), how.replace('\n', " "));
    StoreError::Unusable(format!(
        "the database {shown} is damaged ({how}): move it away to start anew, or restore a backup"
    ))
}

/// A database error at opening as one line with its cure.
pub(super) fn told(file: &Path, error: &sqlx::Error) -> StoreError {
    /// `SQLITE_CORRUPT` and `SQLITE_NOTADB`, the primary result codes in the low byte.
    const CORRUPT: i32 = 11;
    const NOT_A_DATABASE: i32 = 26;
    if let sqlx::Error::Database(database) = error {
        let code = database.code().and_then(|code| code.parse::<i32>().ok()).map(|code| code & 0xff);
        if matches!(code, Some(CORRUPT | NOT_A_DATABASE)) {
            return damaged(file, database.message());
        }
    }
    StoreError::Unusable(format!("cannot open the database {}: {error}", file.display()))
}

fn migration_told(file: &Path, error: MigrateError) -> StoreError {
    match error {
        MigrateError::VersionMissing(version) | MigrateError::VersionTooNew(version, _) => {
            let shown = file.display();
            StoreError::Unusable(format!(
                "the database {shown} was made by a newer netloom (schema {version}): use that version, or another --data-dir"
            ))
        }
        MigrateError::Execute(error) => told(file, &error),
        other => StoreError::Unusable(format!("cannot bring the database {} up to date: {other}", file.display())),
    }
}
