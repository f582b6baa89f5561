//! How others speak with the desk.

use std::sync::{
    PoisonError, RwLock,
    atomic::{AtomicU64, Ordering},
};

use netloom_core::{
    incident::{Acknowledgement, Incident, RaiseRequest, raise::RAISED_OPEN_MAX},
    settings::FieldError,
    silence::{SILENCES_MAX, Silence, SilenceRequest},
};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

use crate::store::StoreError;

/// What the desk answers.
pub type Answer<T> = Result<T, DeskError>;

/// Why the desk does not do what somebody asked for.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// Fields are wrong.
    #[error("{}", .0.first().map(|error| format!("{}: {}", error.field, error.message)).unwrap_or_default())]
    Invalid(Vec<FieldError>),
    /// There is no such incident.
    #[error("no incident has the number {0}")]
    UnknownIncident(u64),
    /// There is no such silence.
    #[error("no silence has the id {0:?}")]
    UnknownSilence(String),
    /// Only what fires can be taken on.
    #[error("incident {0} does not fire: it is over, or has not lasted for long enough")]
    NotFiring(u64),
    /// There is nothing to end.
    #[error("no incident of the type {0:?} with these labels is open")]
    NotRaised(String),
    /// Too many raised incidents are open.
    #[error(
        "{RAISED_OPEN_MAX} incidents that jobs raised are open: end some, and put nothing into labels that changes"
    )]
    TooManyRaised,
    /// Too many silences hold or will.
    #[error("there are {SILENCES_MAX} silences already: end some, or match more with one")]
    TooManySilences,
    /// Too many requests of jobs.
    #[error("too many incidents are raised: wait {after_s} s")]
    TooFast {
        /// When there is room again, s.
        after_s: u64,
    },
    /// The hub is stopping.
    #[error("the hub is stopping")]
    Stopping,
    /// It cannot be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What the desk is asked for.
pub(super) enum Request {
    /// Incidents as the engine sees them.
    Offer(Vec<Incident>),
    /// An incident is taken on, or given back.
    Acknowledge { id: u64, wanted: Option<Acknowledgement>, who: String, answer: oneshot::Sender<Answer<Incident>> },
    /// A job raises an incident, or ends it.
    Raise { request: RaiseRequest, who: String, answer: oneshot::Sender<Answer<(Incident, bool)>> },
    /// Somebody silences something.
    Silence { request: SilenceRequest, who: String, answer: oneshot::Sender<Answer<(Silence, bool)>> },
    /// A silence is to end.
    EndSilence { id: String, answer: oneshot::Sender<Answer<Silence>> },
}

/// Counts of what the desk refused or left out, for `/metrics`.
#[derive(Debug, Default)]
pub struct DeskCounts {
    refused: AtomicU64,
    left_out: AtomicU64,
}

impl DeskCounts {
    /// Requests of jobs that were refused because there were too many, or nothing to end.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Changes of incidents that are missing in the history, because the database could not take them for too long.
    pub fn left_out(&self) -> u64 {
        self.left_out.load(Ordering::Relaxed)
    }

    pub(super) fn refuse(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn leave_out(&self) {
        self.left_out.fetch_add(1, Ordering::Relaxed);
    }
}

/// What handles read without asking.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) counts: DeskCounts,
    silences: RwLock<Vec<Silence>>,
}

impl Shared {
    pub(super) fn set_silences(&self, silences: Vec<Silence>) {
        *self.silences.write().unwrap_or_else(PoisonError::into_inner) = silences;
    }
}

/// A handle for whoever has to do with incidents. Cheap to clone.
#[derive(Clone)]
pub struct DeskHandle {
    pub(super) queue: mpsc::Sender<Request>,
    pub(super) shared: Arc<Shared>,
}

impl DeskHandle {
    /// Hands in incidents that changed. Waits when the desk is behind; does nothing when it is gone.
    pub async fn offer(&self, incidents: Vec<Incident>) {
        if !incidents.is_empty() {
            let _ = self.queue.send(Request::Offer(incidents)).await;
        }
    }

    /// Takes an incident on.
    ///
    /// # Errors
    /// When it does not fire, or that cannot be kept.
    pub async fn acknowledge(&self, id: u64, acknowledgement: Acknowledgement) -> Answer<Incident> {
        let who = acknowledgement.by.clone();
        self.ask(|answer| Request::Acknowledge { id, wanted: Some(acknowledgement), who, answer }).await
    }

    /// Gives an incident back.
    ///
    /// # Errors
    /// When it does not fire, or that cannot be kept.
    pub async fn give_back(&self, id: u64, who: String) -> Answer<Incident> {
        self.ask(|answer| Request::Acknowledge { id, wanted: None, who, answer }).await
    }

    /// Raises an incident, or ends one. Returns whether it is new.
    ///
    /// # Errors
    /// When a field is wrong, there are too many, or it cannot be kept.
    pub async fn raise(&self, request: RaiseRequest, who: String) -> Answer<(Incident, bool)> {
        self.ask(|answer| Request::Raise { request, who, answer }).await
    }

    /// Makes a silence. Returns whether it is new.
    ///
    /// # Errors
    /// When a field is wrong, there are too many, or it cannot be kept.
    pub async fn silence(&self, request: SilenceRequest, who: String) -> Answer<(Silence, bool)> {
        self.ask(|answer| Request::Silence { request, who, answer }).await
    }

    /// Ends a silence.
    ///
    /// # Errors
    /// When there is none, or that cannot be kept.
    pub async fn end_silence(&self, id: String) -> Answer<Silence> {
        self.ask(|answer| Request::EndSilence { id, answer }).await
    }

    /// The silences that hold or will, and those that ended lately.
    pub fn silences(&self) -> Vec<Silence> {
        self.shared.silences.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What was refused or left out.
    pub fn counts(&self) -> &DeskCounts {
        &self.shared.counts
    }

    async fn ask<T>(&self, request: impl FnOnce(oneshot::Sender<Answer<T>>) -> Request) -> Answer<T> {
        let (answer, answered) = oneshot::channel();
        self.queue.send(request(answer)).await.map_err(|_| DeskError::Stopping)?;
        answered.await.unwrap_or(Err(DeskError::Stopping))
    }
}
