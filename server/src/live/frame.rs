//! An event as it goes over the wire. Samples are kept as rows and written for each selection of series once, because a
//! tab gets only what it shows and many tabs show the same.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use netloom_core::{event::Topic, series::Row};

use super::selection::Selection;

/// Selections that one event is kept written for; more are written anew each time.
const WRITTEN_MAX: usize = 64;

/// An event with its number.
#[derive(Debug)]
pub struct Frame {
    /// Its number.
    pub seq: u64,
    /// What it is about; `None` goes to everybody.
    pub topic: Option<Topic>,
    epoch: i64,
    body: Body,
}

#[derive(Debug)]
enum Body {
    /// The lines of `text/event-stream`, the empty one included.
    Written(Bytes),
    Samples {
        rows: Vec<Row>,
        /// By the number of the selection; `None` when nothing of it is wanted.
        written: Mutex<Vec<(u64, Option<Bytes>)>>,
    },
}

impl Frame {
    /// An event that is the same for everybody.
    pub(super) fn written((epoch, seq): (i64, u64), topic: Option<Topic>, bytes: Bytes) -> Self {
        Self { seq, topic, epoch, body: Body::Written(bytes) }
    }

    /// Samples.
    pub(super) fn samples((epoch, seq): (i64, u64), rows: Vec<Row>) -> Self {
        Self { seq, topic: Some(Topic::Samples), epoch, body: Body::Samples { rows, written: Mutex::default() } }
    }

    /// Bytes that it takes in memory, what was written for selections apart.
    pub(super) fn size(&self) -> usize {
        match &self.body {
            Body::Written(bytes) => bytes.len(),
            Body::Samples { rows, .. } => size_of_val(&rows[..]),
        }
    }

    /// What a listener with a selection gets; `None` when nothing of it is wanted.
    pub fn bytes_for(&self, selection: &Arc<Selection>) -> Option<Bytes> {
        match &self.body {
            Body::Written(bytes) => Some(bytes.clone()),
            Body::Samples { rows, written } => {
                let known = lock(written).iter().find(|(id, _)| *id == selection.id()).map(|(_, bytes)| bytes.clone());
                known.unwrap_or_else(|| {
                    let bytes = selection.write(self.epoch, self.seq, rows);
                    let mut written = lock(written);
                    if written.len() < WRITTEN_MAX {
                        written.push((selection.id(), bytes.clone()));
                    }
                    bytes
                })
            }
        }
    }

    /// Forgets what was written for selections: those who were in time have it.
    pub(super) fn forget_written(&self) {
        if let Body::Samples { written, .. } = &self.body {
            *lock(written) = Vec::new();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
