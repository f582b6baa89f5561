//! The owner of the ways of packets: a record for as long as a way stays the same, and a mark when it changes.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use netloom_core::{
    check::path::{
        PathTrace,
        change::{Course, Taken},
        record::{self, PathRecord},
    },
    mark::{MarkKind, NewMark, TEXT_MAX_CHARS},
    probe::ProbeMode,
    time::Timestamp,
};
use tokio::sync::Mutex;

use crate::{
    clock,
    marks::MarkKeeper,
    store::{
        StoreError,
        ledger::{Ledger, PathSearch},
    },
};

/// Pairs whose ways are followed at once: 64 nodes with each other. One that was not seen for longest makes room, and is
/// read anew when it comes again.
const PAIRS_MAX: usize = 4_096;

type Pair = (String, String, ProbeMode);

/// The owner of the ways.
pub struct PathKeeper {
    ledger: Arc<Ledger>,
    marks: Arc<MarkKeeper>,
    // Held while a trace is taken, so that the order in the store is that of the traces.
    courses: Mutex<HashMap<Pair, Course>>,
    /// Traces that were refused, or could not be kept.
    pub dropped: AtomicU64,
}

impl PathKeeper {
    /// The owner of the ways in a ledger.
    pub fn new(ledger: Arc<Ledger>, marks: Arc<MarkKeeper>) -> Self {
        Self { ledger, marks, courses: Mutex::default(), dropped: AtomicU64::new(0) }
    }

    /// Takes what a node saw of the way to a destination.
    pub async fn take(&self, src: &str, dst: &str, at: Timestamp, trace: PathTrace) {
        let at = at.min(clock::now());
        let taken = match record::check(dst, &trace) {
            Ok(()) => self.follow(src, dst, at, trace).await.map_err(|error| error.to_string()),
            Err(why) => Err(why.to_owned()),
        };
        if let Err(why) = taken {
            tracing::debug!(src, dst, why, "a way is not recorded");
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    async fn follow(&self, src: &str, dst: &str, at: Timestamp, trace: PathTrace) -> Result<(), StoreError> {
        let pair = (src.to_owned(), dst.to_owned(), trace.mode);
        let mut courses = self.courses.lock().await;
        if courses.len() >= PAIRS_MAX && !courses.contains_key(&pair) {
            let oldest = courses.iter().min_by_key(|(_, course)| course.record.last_at).map(|(pair, _)| pair.clone());
            oldest.and_then(|pair| courses.remove(&pair));
        }
        let course = match courses.remove(&pair) {
            Some(course) => Some(course),
            None => self.ledger.newest_path(src, dst, trace.mode).await?.map(Course::new),
        };
        let Some(mut course) = course else {
            let mut record = PathRecord::first(src, dst, at, trace);
            self.ledger.add_path(&mut record).await?;
            courses.insert(pair, Course::new(record));
            return Ok(());
        };
        let taken = course.take(at, trace);
        // What cannot be kept is forgotten here, too, and read anew with the next trace.
        match &taken {
            Taken::Late => {}
            // It may have been deleted, because there were too many.
            Taken::Same if self.ledger.save_path(&course.record).await? => {}
            Taken::Same | Taken::Changed { .. } => self.ledger.add_path(&mut course.record).await?,
        }
        let record = course.record.clone();
        courses.insert(pair, course);
        drop(courses);
        if let Taken::Changed { sentence, .. } = taken {
            self.mark(record, sentence).await;
        }
        Ok(())
    }

    async fn mark(&self, record: PathRecord, sentence: String) {
        let (kind, at) = (MarkKind::PathChange, record.first_at);
        let text = sentence.chars().take(TEXT_MAX_CHARS).collect();
        let mark = NewMark { at, until: None, kind, src: record.src, dst: record.dst, text, figures: BTreeMap::new() };
        if let Err(error) = self.marks.add(mark).await {
            tracing::warn!(%error, "a change of a way has no mark");
        }
    }

    /// Records, the newest first.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn search(&self, search: &PathSearch) -> Result<Vec<PathRecord>, StoreError> {
        self.ledger.paths(search).await
    }
}
