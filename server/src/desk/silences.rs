//! Silences that people make and end.

use netloom_core::{
    run::id_from,
    silence::{SILENCES_MAX, Silence, SilenceRequest},
};

use super::{
    Clerk,
    handle::{Answer, DeskError},
};
use crate::clock;

/// For how long a silence that ended is listed, ms: until the next day, when people ask what was silenced at night.
pub const RECENT_MS: i64 = 24 * 3_600_000;
/// Silences that ended and are listed.
const ENDED_LISTED_MAX: usize = 100;

/// The silences that are shown: those that hold or will, then those that ended lately; each the last to end first.
pub fn listed<'a>(silences: impl Iterator<Item = &'a Silence>) -> Vec<Silence> {
    let mut silences: Vec<Silence> = silences.cloned().collect();
    silences.sort_by(|a, b| b.ends_at.cmp(&a.ends_at).then_with(|| a.id.cmp(&b.id)));
    let now = clock::now();
    let open = silences.partition_point(|silence| silence.ends_at > now);
    silences.truncate(open + ENDED_LISTED_MAX);
    silences
}

impl Clerk {
    /// Makes a silence. A request that was sent twice makes one. Returns whether it is new.
    pub(super) async fn silence(&mut self, request: SilenceRequest, who: &str) -> Answer<(Silence, bool)> {
        let (now, begins_now) = (clock::now(), request.starts_at.is_none_or(|at| at <= clock::now()));
        let silence = request.build(id_from(fastrand::u64(..)), who, now).map_err(DeskError::Invalid)?;
        let open = || self.cases.silences().filter(|known| known.ends_at > now);
        let is_same = |known: &&Silence| {
            let begins_alike = known.starts_at == silence.starts_at || begins_now && known.starts_at <= now;
            let says =
                |silence: &Silence| (silence.matcher.clone(), silence.ends_at, silence.by.clone(), silence.why.clone());
            begins_alike && says(known) == says(&silence)
        };
        if let Some(known) = open().find(is_same) {
            return Ok((known.clone(), false));
        }
        if open().count() >= SILENCES_MAX {
            return Err(DeskError::TooManySilences);
        }
        self.put_silence(silence).await.map(|silence| (silence, true))
    }

    /// Ends a silence. One that ended before stays as it is.
    pub(super) async fn end_silence(&mut self, id: &str) -> Answer<Silence> {
        let now = clock::now();
        let known = self.cases.silences().find(|silence| silence.id == id).cloned();
        let silence = match known {
            Some(silence) => Some(silence),
            None => self.desk.ledger.silence(id).await?,
        };
        let mut silence = silence.ok_or_else(|| DeskError::UnknownSilence(id.to_owned()))?;
        if silence.ends_at <= now {
            return Ok(silence);
        }
        silence.end(now);
        self.put_silence(silence).await
    }

    /// Keeps a silence, then puts it in force and tells of it.
    async fn put_silence(&mut self, silence: Silence) -> Answer<Silence> {
        self.desk.ledger.save_silence(&silence).await?;
        self.cases.put_silence(silence.clone());
        self.settle().await;
        self.list_silences();
        Ok(silence)
    }
}
