//! Training runs and what happened in them.

use netloom_core::run::{Run, RunEvent, RunStatus};
use sqlx::{Executor, Sqlite};

use super::{Ledger, document, parsed};
use crate::store::StoreError;

/// Runs that are kept: ten a day for a generation. The oldest that ended go first, with their events.
const RUNS_MAX: i64 = 100_000;

impl Ledger {
    /// Keeps a new run. Says whether it is new: one whose id is known stays as it was.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn add_run(&self, run: &Run) -> Result<bool, StoreError> {
        let mut transaction = self.database.begin().await?;
        let insert =
            "insert into run (id, started_ms, is_open, document) values (?, ?, ?, ?) on conflict (id) do nothing";
        let insert = sqlx::query(insert).bind(&run.id).bind(run.started_at.ms()).bind(is_open(run));
        let added = insert.bind(document(run)?).execute(&mut *transaction).await?.rows_affected();
        let forget = "delete from run where is_open = 0 and id in \
                      (select id from run order by started_ms desc, id desc limit -1 offset ?)";
        sqlx::query(forget).bind(RUNS_MAX).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(added > 0)
    }

    /// Keeps a known run as it is now.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn save_run(&self, run: &Run) -> Result<(), StoreError> {
        save(run, self.database.writer()).await
    }

    /// The run of that id.
    ///
    /// # Errors
    /// When the database refuses or holds what cannot be read.
    pub async fn run(&self, id: &str) -> Result<Option<Run>, StoreError> {
        let select = sqlx::query("select document from run where id = ?").bind(id);
        select.fetch_optional(self.database.readers()).await?.as_ref().map(parsed).transpose()
    }

    /// Runs, newest first, behind a place in that order: a start in ms and an id.
    ///
    /// # Errors
    /// When the database refuses or holds what cannot be read.
    pub async fn runs(&self, behind: (i64, &str), limit: usize) -> Result<Vec<Run>, StoreError> {
        let select =
            "select document from run where (started_ms, id) < (?, ?) order by started_ms desc, id desc limit ?";
        let select = sqlx::query(select).bind(behind.0).bind(behind.1).bind(limit as i64);
        select.fetch_all(self.database.readers()).await?.iter().map(parsed).collect()
    }

    /// Runs that have not ended, the oldest first; of more than `limit` the newest.
    ///
    /// # Errors
    /// When the database refuses or holds what cannot be read.
    pub async fn open_runs(&self, limit: usize) -> Result<Vec<Run>, StoreError> {
        let select = "select document from run where is_open = 1 order by started_ms desc, id desc limit ?";
        let rows = sqlx::query(select).bind(limit as i64).fetch_all(self.database.readers()).await?;
        rows.iter().rev().map(parsed).collect()
    }

    /// Keeps an event, and the run with the event counted.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn add_run_event(&self, run: &Run, event: &RunEvent) -> Result<(), StoreError> {
        let mut transaction = self.database.begin().await?;
        let insert = sqlx::query("insert into run_event (run, at_ms, document) values (?, ?, ?)");
        insert.bind(&run.id).bind(event.at.ms()).bind(document(event)?).execute(&mut *transaction).await?;
        save(run, &mut *transaction).await?;
        Ok(transaction.commit().await?)
    }

    /// What happened in a run, in order of time.
    ///
    /// # Errors
    /// When the database refuses or holds what cannot be read.
    pub async fn run_events(&self, id: &str) -> Result<Vec<RunEvent>, StoreError> {
        let select = sqlx::query("select document from run_event where run = ? order by at_ms, id").bind(id);
        select.fetch_all(self.database.readers()).await?.iter().map(parsed).collect()
    }
}

async fn save(run: &Run, to: impl Executor<'_, Database = Sqlite>) -> Result<(), StoreError> {
    let update = sqlx::query("update run set started_ms = ?, is_open = ?, document = ? where id = ?");
    let update = update.bind(run.started_at.ms()).bind(is_open(run)).bind(document(run)?).bind(&run.id);
    update.execute(to).await?;
    Ok(())
}

fn is_open(run: &Run) -> bool {
    matches!(run.status, RunStatus::Running | RunStatus::Lost)
}
