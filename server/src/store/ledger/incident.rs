//! Incidents, and what happened to them.

use netloom_core::incident::{Incident, TimelineEntry};
use sqlx::{Executor, Sqlite};

use super::{Ledger, document, parsed};
use crate::store::StoreError;

/// Incidents that are kept: a bad day of a large mesh, many times over. The oldest that ended go first.
pub const INCIDENTS_MAX: i64 = 100_000;
/// Steps in the life of one incident that are kept: a reminder every hour for two weeks. What comes later is left out.
const STEPS_MAX: i64 = 400;

impl Ledger {
    /// Keeps an incident as it is now.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn save_incident(&self, incident: &Incident) -> Result<(), StoreError> {
        save(incident, self.database.writer()).await
    }

    /// Keeps incidents as they are now, with what happened to each, all of them or none.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn save_incidents<'a>(
        &self,
        changes: impl Iterator<Item = (&'a Incident, &'a [TimelineEntry])> + Send,
    ) -> Result<(), StoreError> {
        let mut transaction = self.database.begin().await?;
        for (incident, steps) in changes {
            save(incident, &mut *transaction).await?;
            for step in steps {
                add_step(incident.id, step, &mut *transaction).await?;
            }
        }
        Ok(transaction.commit().await?)
    }

    /// Notes a step in the life of an incident that is kept.
    ///
    /// # Errors
    /// When the database refuses, or there is no such incident.
    pub async fn add_incident_step(&self, id: u64, step: &TimelineEntry) -> Result<(), StoreError> {
        add_step(id, step, self.database.writer()).await
    }

    /// What happened to an incident, in order of time.
    ///
    /// # Errors
    /// When the database refuses or holds what cannot be read.
    pub async fn incident_steps(&self, id: u64) -> Result<Vec<TimelineEntry>, StoreError> {
        let select = sqlx::query("select document from incident_event where incident = ? order by at_ms, id");
        select.bind(id as i64).fetch_all(self.database.readers()).await?.iter().map(parsed).collect()
    }

    /// The incident of that number.
    ///
    /// # Errors
    /// When the database refuses or holds what cannot be read.
    pub async fn incident(&self, id: u64) -> Result<Option<Incident>, StoreError> {
        let select = sqlx::query("select document from incident where id = ?").bind(id as i64);
        select.fetch_optional(self.database.readers()).await?.as_ref().map(parsed).transpose()
    }

    /// The newest incidents and every open one, newest first.
    ///
    /// # Errors
    /// When the database refuses or holds what cannot be read.
    pub async fn incidents(&self, limit: usize) -> Result<Vec<Incident>, StoreError> {
        let select = "select document from incident where is_open = 1 \
                      or id in (select id from incident order by id desc limit ?) order by id desc";
        let rows = sqlx::query(select).bind(limit as i64).fetch_all(self.database.readers()).await?;
        rows.iter().map(parsed).collect()
    }

    /// Incidents numbered below `before` that began by `to_ms`, newest first; only open ones if wanted.
    ///
    /// # Errors
    /// When the database refuses or holds what cannot be read.
    pub async fn incidents_before(
        &self,
        before: u64,
        to_ms: i64,
        is_open: bool,
        limit: usize,
    ) -> Result<Vec<Incident>, StoreError> {
        let select = "select document from incident where id < ? and started_ms <= ? and is_open >= ? \
                      order by id desc limit ?";
        let select = sqlx::query(select).bind(before.min(i64::MAX as u64) as i64).bind(to_ms).bind(is_open);
        select.bind(limit as i64).fetch_all(self.database.readers()).await?.iter().map(parsed).collect()
    }

    /// Incidents numbered from `after` on, without it, up to `last`, oldest first.
    ///
    /// # Errors
    /// When the database refuses or holds what cannot be read.
    pub async fn incidents_after(&self, after: u64, last: u64, limit: usize) -> Result<Vec<Incident>, StoreError> {
        let select = "select document from incident where id > ? and id <= ? order by id limit ?";
        let select = sqlx::query(select).bind(after as i64).bind(last as i64).bind(limit as i64);
        select.fetch_all(self.database.readers()).await?.iter().map(parsed).collect()
    }

    /// Incidents that began within a stretch of time, newest first.
    ///
    /// # Errors
    /// When the database refuses or holds what cannot be read.
    pub async fn incidents_within(&self, from_ms: i64, to_ms: i64, limit: usize) -> Result<Vec<Incident>, StoreError> {
        let select =
            "select document from incident where started_ms between ? and ? order by started_ms desc, id desc limit ?";
        let select = sqlx::query(select).bind(from_ms).bind(to_ms).bind(limit as i64);
        select.fetch_all(self.database.readers()).await?.iter().map(parsed).collect()
    }

    /// The highest number of an incident; 0 without any.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn last_incident(&self) -> Result<u64, StoreError> {
        let select = sqlx::query_scalar("select max(id) from incident");
        let last: Option<i64> = select.fetch_one(self.database.readers()).await?;
        Ok(last.unwrap_or(0) as u64)
    }

    /// Deletes incidents that ended and began before `started_ms`, those beyond the limit, and silences that ended before.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn forget(&self, started_ms: i64) -> Result<(), StoreError> {
        let delete = "delete from incident where is_open = 0 and (started_ms < ?1 \
                      or id <= (select id from incident order by id desc limit 1 offset ?2))";
        let delete = sqlx::query(delete).bind(started_ms).bind(INCIDENTS_MAX);
        delete.execute(self.database.writer()).await?;
        self.forget_silences(started_ms).await?;
        self.forget_marks(started_ms).await?;
        self.forget_paths(started_ms).await
    }
}

async fn save(incident: &Incident, to: impl Executor<'_, Database = Sqlite>) -> Result<(), StoreError> {
    let is_open = incident.resolved_at.is_none();
    let save = "insert into incident (id, started_ms, is_open, document) values (?, ?, ?, ?) \
                on conflict (id) do update set is_open = excluded.is_open, document = excluded.document";
    let save = sqlx::query(save).bind(incident.id as i64).bind(incident.started_at.ms()).bind(is_open);
    save.bind(document(incident)?).execute(to).await?;
    Ok(())
}

async fn add_step(id: u64, step: &TimelineEntry, to: impl Executor<'_, Database = Sqlite>) -> Result<(), StoreError> {
    let insert = "insert into incident_event (incident, at_ms, document) \
                  select ?1, ?2, ?3 where (select count(*) from incident_event where incident = ?1) < ?4";
    let insert = sqlx::query(insert).bind(id as i64).bind(step.at.ms()).bind(document(step)?);
    insert.bind(STEPS_MAX).execute(to).await?;
    Ok(())
}
