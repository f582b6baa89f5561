//! The owner of the marks on the time axis: keeps them, and tells everybody. They are deleted with the hours of samples.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use netloom_core::{
    event::LiveEvent,
    mark::{Mark, MarkKind, NewMark},
    settings::FieldError,
    time::Timestamp,
};

use crate::{
    clock,
    live::Live,
    store::{
        StoreError,
        ledger::{Ledger, MarkSearch},
    },
};

/// Why a mark was not set.
#[derive(Debug, thiserror::Error)]
pub enum MarkError {
    /// A field is wrong.
    #[error("{}: {}", .0.field, .0.message)]
    Invalid(FieldError),
    /// There is no such mark, or not any more.
    #[error("there is no mark {0}")]
    Unknown(u64),
    /// The store refuses.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Marks of one pair that cover a moment: a pair is in one test at a time.
const SAME_MAX: usize = 8;
/// What is added to the text of a mark whose end nobody saw.
const UNSEEN_END: &str = " (its end was not seen: the hub was started anew)";

/// The owner of the marks.
pub struct MarkKeeper {
    ledger: Arc<Ledger>,
    live: Arc<Live>,
    /// Marks that were refused, or could not be kept.
    pub refused: AtomicU64,
}

impl MarkKeeper {
    /// The owner of the marks in a ledger.
    pub fn new(ledger: Arc<Ledger>, live: Arc<Live>) -> Self {
        Self { ledger, live, refused: AtomicU64::new(0) }
    }

    /// Sets a mark.
    ///
    /// # Errors
    /// When a field is wrong, or the store refuses.
    pub async fn add(&self, new: NewMark) -> Result<Mark, MarkError> {
        let added = match new.check(clock::now()) {
            Ok(()) => self.ledger.add_mark(new).await.map_err(MarkError::Store),
            Err(wrong) => Err(MarkError::Invalid(wrong)),
        };
        if added.is_err() {
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
        let mark = added?;
        self.live.publish(&LiveEvent::Mark(Box::new(mark.clone())));
        Ok(mark)
    }

    /// Ends what a mark is about, with what came of it. An empty text leaves the one that it has.
    ///
    /// # Errors
    /// When there is no such mark, a field is wrong, or the store refuses.
    pub async fn end(
        &self,
        id: u64,
        until: Timestamp,
        text: String,
        figures: BTreeMap<String, f64>,
    ) -> Result<Mark, MarkError> {
        let mut mark = self.ledger.mark(id).await?.ok_or(MarkError::Unknown(id))?;
        mark.mark.until = Some(until.max(mark.mark.at));
        mark.mark.figures.extend(figures);
        if !text.is_empty() {
            mark.mark.text = text;
        }
        mark.mark.check(clock::now()).map_err(MarkError::Invalid)?;
        if !self.ledger.save_mark(&mark).await? {
            return Err(MarkError::Unknown(id));
        }
        self.live.publish(&LiveEvent::Mark(Box::new(mark.clone())));
        Ok(mark)
    }

    /// The open mark of what is over now, or one whose end nobody saw.
    pub async fn begun(&self, over: &NewMark) -> Option<u64> {
        let (from, to, kind) = (Some(over.at), Some(over.at), Some(over.kind));
        let (src, dst) = (Some(over.src.clone()), Some(over.dst.clone()));
        let found = self.ledger.marks(&MarkSearch { from, to, kind, src, dst, limit: SAME_MAX }).await.ok()?;
        found.into_iter().find(|mark| mark.mark.at == over.at).map(|mark| mark.id)
    }

    /// Ends the tests that went on when the hub ended: nobody else would, and they would cover the time axis for ever.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn end_left_over(&self) -> Result<(), StoreError> {
        for mut left in self.ledger.open_marks(MarkKind::Throughput).await? {
            left.mark.until = Some(left.mark.at);
            left.mark.text = format!("{}{UNSEEN_END}", left.mark.text);
            self.ledger.save_mark(&left).await?;
        }
        Ok(())
    }

    /// Marks, the newest first.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn search(&self, search: &MarkSearch) -> Result<Vec<Mark>, StoreError> {
        self.ledger.marks(search).await
    }
}
