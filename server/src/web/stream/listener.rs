//! One listener of the stream: what it still has to be told, then what comes.

use std::{collections::VecDeque, future::pending, sync::Arc, time::Duration};

use bytes::Bytes;
use netloom_core::event::{Cursor, Hello, LiveEvent, Topic, Wanted};
use tokio::{
    sync::{
        broadcast::{self, error::RecvError},
        watch,
    },
    time::timeout,
};

use super::{super::WebState, connections::Connection};
use crate::{
    clock,
    live::{Frame, Selection, Subscription},
    matrix::{MatrixFrame, MatrixWatch},
};

/// A comment after this long without events keeps proxies from closing the connection.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How long browsers wait before they come back, ms.
const RETRY_MS: u64 = 1_000;

/// One listener.
pub struct Listener {
    state: WebState,
    topics: Vec<Topic>,
    waiting: VecDeque<Bytes>,
    events: broadcast::Receiver<Arc<Frame>>,
    selection: Arc<Selection>,
    matrices: Option<MatrixWatch>,
    wanted: watch::Receiver<Wanted>,
    _connection: Connection,
    /// The number of the newest event that was told or passed over.
    seq: u64,
}

/// What woke a listener.
enum Woken {
    Event(Result<Arc<Frame>, RecvError>),
    Matrix(Result<Arc<MatrixFrame>, RecvError>),
    Wanted,
    End,
}

impl Listener {
    /// Begins to listen, after the last event that was seen if that is still known.
    pub fn start(state: WebState, topics: Vec<Topic>, wanted: Wanted, seen: Option<&str>) -> Self {
        let Subscription { missed, head, receiver } = state.live.subscribe(seen.and_then(Cursor::parse));
        let selection = state.live.selection(wanted.samples.clone());
        let metrics = wanted.matrix.clone();
        let (connection, wanted) = state.connections.open(wanted);
        let hello = Hello {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            now: clock::now(),
            stream: connection.name.clone(),
            demo: state.is_demo,
        };
        let mut listener = Self {
            state,
            topics,
            waiting: VecDeque::new(),
            events: receiver,
            selection,
            matrices: None,
            wanted,
            _connection: connection,
            seq: head.seq,
        };
        let replay_from = missed.as_ref().and_then(|frames| Some(frames.first()?.seq - 1)).unwrap_or(head.seq);
        listener.waiting.push_back(Bytes::from(format!("retry: {RETRY_MS}\n\n")));
        listener.push(&LiveEvent::Hello(hello), replay_from);
        if let Some(frames) = missed {
            for frame in frames {
                listener.pass_on(&frame);
            }
        } else {
            if seen.is_some() {
                listener.push(&LiveEvent::Resync, head.seq);
            }
            listener.push_everything();
        }
        listener.look_at(metrics);
        listener
    }

    /// The next bytes; `None` ends the stream.
    pub async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(bytes) = self.waiting.pop_front() {
                return Some(bytes);
            }
            let Ok(woken) = timeout(KEEP_ALIVE, self.wake()).await else {
                return Some(Bytes::from_static(b": still here\n\n"));
            };
            match woken {
                Woken::Event(Ok(frame)) => {
                    self.seq = frame.seq;
                    self.pass_on(&frame);
                }
                Woken::Event(Err(RecvError::Lagged(_))) => self.start_anew(),
                Woken::Matrix(Ok(frame)) => {
                    let is_wanted = self.matrices.as_ref().is_some_and(|matrices| matrices.wants(&frame));
                    self.waiting.extend(is_wanted.then(|| frame.bytes.clone()));
                }
                Woken::Matrix(Err(RecvError::Lagged(_))) => {
                    self.waiting.extend(self.matrices.iter_mut().flat_map(MatrixWatch::again));
                }
                Woken::Wanted => self.take_wanted(),
                Woken::Event(Err(RecvError::Closed)) | Woken::Matrix(Err(RecvError::Closed)) | Woken::End => {
                    return None;
                }
            }
        }
    }

    async fn wake(&mut self) -> Woken {
        let change = async {
            match &mut self.matrices {
                Some(matrices) => matrices.changes.recv().await,
                None => pending().await,
            }
        };
        tokio::select! {
            received = self.events.recv() => Woken::Event(received),
            received = change => Woken::Matrix(received),
            Ok(()) = self.wanted.changed() => Woken::Wanted,
            () = self.state.shutdown.cancelled() => Woken::End,
        }
    }

    /// Takes what is wanted now. The newest samples of what is new follow at once.
    fn take_wanted(&mut self) {
        let wanted = self.wanted.borrow_and_update().clone();
        let selection = self.state.live.selection(wanted.samples);
        if selection.id() != self.selection.id() {
            self.selection = selection;
            self.push_newest();
        }
        self.look_at(wanted.matrix);
    }

    fn look_at(&mut self, metrics: Vec<String>) {
        // Looked at before the old ones are let go, so that a matrix that stays is not computed anew.
        let (whole, watch) = self.state.matrices.watch(metrics);
        self.waiting.extend(whole);
        self.matrices = Some(watch);
    }

    /// For a listener that was too slow.
    fn start_anew(&mut self) {
        self.state.live.count_lag();
        let subscription = self.state.live.subscribe(None);
        self.events = subscription.receiver;
        self.seq = subscription.head.seq;
        self.push(&LiveEvent::Resync, self.seq);
        self.push_everything();
    }

    fn pass_on(&mut self, frame: &Frame) {
        if self.wants(frame.topic) {
            self.waiting.extend(frame.bytes_for(&self.selection));
        }
    }

    fn wants(&self, topic: Option<Topic>) -> bool {
        topic.is_none_or(|topic| self.topics.contains(&topic))
    }

    fn push(&mut self, event: &LiveEvent, seq: u64) {
        if self.wants(event.topic()) {
            self.waiting.push_back(self.state.live.write(event, seq));
        }
    }

    fn push_newest(&mut self) {
        if self.wants(Some(Topic::Samples)) {
            let rows = self.state.board.newest_rows(|catalog| self.selection.series(catalog));
            self.waiting.push_back(self.state.live.write_samples(&rows, self.seq));
        }
    }

    /// Everything as it is now. Read after the subscription began, so that nothing falls between; what is told twice
    /// says the same.
    fn push_everything(&mut self) {
        let (board, seq) = (self.state.board.clone(), self.seq);
        for node in board.nodes() {
            self.push(&LiveEvent::Node(Box::new(node)), seq);
        }
        for incident in board.incidents().into_iter().rev() {
            self.push(&LiveEvent::Incident(Box::new(incident)), seq);
        }
        self.push(&LiveEvent::Silences(self.state.desk.silences()), seq);
        if let Some(problem) = board.storage_problem() {
            self.push(&LiveEvent::Storage { problem: Some(problem) }, seq);
        }
        self.push(&LiveEvent::Health(board.health()), seq);
        self.push(&LiveEvent::Verdict(Box::new(board.verdict())), seq);
        self.push_newest();
    }
}
