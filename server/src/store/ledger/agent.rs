//! Agents that joined, and the codes with which others may. Secrets are here as their digests only.

use netloom_core::{api::AgentRecord, time::Timestamp};
use sqlx::{Row, sqlite::SqliteRow};

use super::Ledger;
use crate::store::StoreError;

/// A SHA-256 digest.
pub type Digest = [u8; 32];

/// Agents that are known at once, revoked ones included: several times what one hub serves. Beyond it revoked ones are
/// forgotten, so that names may come and go for ever.
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
    /// number, unless it was forgotten because there were too many: then it gets one that nobody ever had, because keys of
    /// the mesh follow from numbers.
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
        let excess = count + 1 - AGENTS_MAX;
        if excess > 0 {
            let forget = "delete from agent where number in (select number from agent \
                          where revoked_ms is not null and node <> ? order by revoked_ms, number limit ?)";
            let forget = sqlx::query(forget).bind(&joining.node).bind(excess);
            if forget.execute(&mut *tx).await?.rows_affected() < excess.unsigned_abs() {
                return Ok(Joined::Full);
            }
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

    /// Every agent that joined, by name, those that were revoked and not forgotten among them.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store;

    #[tokio::test]
    async fn revoked_agents_make_room_the_longest_revoked_first_and_no_number_is_given_twice() {
        let folder = tempfile::tempdir().expect("a folder");
        let stores = store::open(folder.path()).await.expect("a store");
        let ledger = &stores.ledger;
        // As many as there may be; the second half is revoked, the last ones first.
        let fill = "with recursive n(i) as (select 1 union all select i + 1 from n where i < ?) insert into agent \
                    (node, token, version, enrolled_ms, enrolled_from, revoked_ms) \
                    select 'n' || i, zeroblob(32), '1', 0, '', iif(i > ? / 2, 10000 - i, null) from n";
        let fill = sqlx::query(fill).bind(AGENTS_MAX).bind(AGENTS_MAX);
        fill.execute(stores.database.writer()).await.expect("filled");
        let join = async |node: &str, at: u8| {
            let code = [at; 32];
            assert!(ledger.add_code(code, Timestamp(0), Timestamp(100)).await.expect("kept"));
            let joining = Joining { code, token: code, node: node.into(), version: "1".into(), from: String::new() };
            ledger.join(&joining, Timestamp(1)).await.expect("an answer")
        };
        let most = AGENTS_MAX as u32;
        assert_eq!(join("new", 1).await, Joined::As(most + 1));
        assert_eq!(join("newer", 2).await, Joined::As(most + 2));
        let known = ledger.agents().await.expect("readable");
        assert_eq!(known.len(), most as usize);
        let is_known = |node: String| known.iter().any(|agent| agent.node == node);
        assert!(!is_known(format!("n{most}")) && !is_known(format!("n{}", most - 1)));
        assert!(is_known(format!("n{}", most - 2)) && is_known("n1".into()));
        assert_eq!(join(&format!("n{}", most - 2), 3).await, Joined::As(most - 2), "who is known keeps its number");
        let anew = join(&format!("n{most}"), 4).await;
        assert!(matches!(anew, Joined::As(number) if number > most + 2), "who was forgotten gets a new one: {anew:?}");
        let all = sqlx::query("update agent set revoked_ms = null");
        all.execute(stores.database.writer()).await.expect("updated");
        assert_eq!(join("one too many", 5).await, Joined::Full);
        stores.database.close().await;
    }
}
