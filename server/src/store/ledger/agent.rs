//! Agents that joined, and the codes with which others may. Secrets are here as their digests only.

use netloom_core::{api::AgentRecord, time::Timestamp};
use sqlx::{Row, sqlite::SqliteRow};

use super::Ledger;
use crate::store::StoreError;

/// A SHA-256 digest.
pub type Digest = [u8; 32];

/// Agents that may ever join, revoked ones included: several times what one hub serves.
pub const AGENTS_MAX: i64 = 4_096;
/// Codes that are open at once: one for each node of a large cluster that is set up in one go.
pub const CODES_MAX: i64 = 1_024;

/// An agent that wants to join.
#[derive(Debug, Clone)]
pub struct Joining {
    /// The digest of its code.
    pub code: Digest,
    /// The digest of the token that it gets.
    pub token: Digest,
    /// The name of its node.
    pub node: String,
    /// Its version.
    pub version: String,
    /// Where it is.
    pub from: String,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Joined {
    /// It has this number.
    As(u32),
    /// The code is wrong, used or expired.
    BadCode,
    /// Another agent has that name. The code is still good.
    NameTaken,
    /// There are too many. The code is still good.
    Full,
}

impl Ledger {
    /// Keeps a code, and forgets those that expired. Returns whether there was room.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn add_code(&self, digest: Digest, now: Timestamp, expires: Timestamp) -> Result<bool, StoreError> {
        let mut tx = self.database.begin().await?;
        let forget = sqlx::query("delete from enrolment_code where expires_ms <= ?").bind(now.ms());
        forget.execute(&mut *tx).await?;
        let add = "insert into enrolment_code (digest, expires_ms) select ?, ? where (select count(*) from enrolment_code) < ?";
        let add = sqlx::query(add).bind(&digest[..]).bind(expires.ms()).bind(CODES_MAX);
        let added = add.execute(&mut *tx).await?.rows_affected();
        tx.commit().await?;
        Ok(added > 0)
    }

    /// Trades a code for a membership. Of two agents with one code, one gets it. A revoked node joins again under its
    /// number.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn join(&self, joining: &Joining, now: Timestamp) -> Result<Joined, StoreError> {
        let mut tx = self.database.begin().await?;
        let take = sqlx::query("delete from enrolment_code where digest = ? and expires_ms > ?");
        let taken = take.bind(&joining.code[..]).bind(now.ms()).execute(&mut *tx).await?.rows_affected();
        if taken == 0 {
            return Ok(Joined::BadCode);
        }
        let count: i64 = sqlx::query_scalar("select count(*) from agent where node <> ?")
            .bind(&joining.node)
            .fetch_one(&mut *tx)
            .await?;
        if count >= AGENTS_MAX {
            return Ok(Joined::Full);
        }
        let join = "insert into agent (node, token, version, enrolled_ms, enrolled_from) values (?, ?, ?, ?, ?) \
                    on conflict (node) do update set token = excluded.token, version = excluded.version, \
                    enrolled_ms = excluded.enrolled_ms, enrolled_from = excluded.enrolled_from, revoked_ms = null \
                    where revoked_ms is not null returning number";
        let join = sqlx::query_scalar(join).bind(&joining.node).bind(&joining.token[..]).bind(&joining.version);
        let number: Option<i64> = join.bind(now.ms()).bind(&joining.from).fetch_optional(&mut *tx).await?;
        let Some(number) = number.and_then(|number| u32::try_from(number).ok()) else { return Ok(Joined::NameTaken) };
        tx.commit().await?;
        Ok(Joined::As(number))
    }

    /// Revokes the token of a node. Returns whether it had one.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn revoke_agent(&self, node: &str, now: Timestamp) -> Result<bool, StoreError> {
        let revoke = sqlx::query("update agent set revoked_ms = ? where node = ? and revoked_ms is null");
        Ok(revoke.bind(now.ms()).bind(node).execute(self.database.writer()).await?.rows_affected() > 0)
    }

    /// Notes the version with which an agent speaks.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn set_agent_version(&self, number: u32, version: &str) -> Result<(), StoreError> {
        let update = sqlx::query("update agent set version = ? where number = ?").bind(version).bind(number);
        update.execute(self.database.writer()).await?;
        Ok(())
    }

    /// Every agent that ever joined, by name.
    ///
    /// # Errors
    /// When the database refuses or holds what cannot be read.
    pub async fn agents(&self) -> Result<Vec<AgentRecord>, StoreError> {
        let rows = sqlx::query("select * from agent order by node").fetch_all(self.database.readers()).await?;
        rows.iter().map(record).collect()
    }

    /// The digests of the tokens that are good, with number and name.
    ///
    /// # Errors
    /// When the database refuses or holds what cannot be read.
    pub async fn tokens(&self) -> Result<Vec<(Digest, u32, String)>, StoreError> {
        let select = "select token, number, node from agent where revoked_ms is null";
        let rows: Vec<(Vec<u8>, u32, String)> = sqlx::query_as(select).fetch_all(self.database.readers()).await?;
        let read = |(token, number, node): (Vec<u8>, u32, String)| {
            let token = token.try_into().map_err(|_| StoreError::Damaged(format!("the token of {node}")))?;
            Ok((token, number, node))
        };
        rows.into_iter().map(read).collect()
    }
}

fn record(row: &SqliteRow) -> Result<AgentRecord, StoreError> {
    Ok(AgentRecord {
        node: row.try_get("node")?,
        number: row.try_get("number")?,
        version: row.try_get("version")?,
        enrolled_at: Timestamp(row.try_get("enrolled_ms")?),
        enrolled_from: row.try_get("enrolled_from")?,
        revoked_at: row.try_get::<Option<i64>, _>("revoked_ms")?.map(Timestamp),
    })
}
