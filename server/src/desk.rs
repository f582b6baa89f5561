//! The desk: the owner of incidents as people see them.
//!
//! The engine says what is wrong; the desk lays over it what people did (who took it on, what silences it), adds what jobs
//! raise, keeps all of it with its timeline, and tells everybody: the board, the live bus, and whoever notifies. What it
//! decides is decided in `cases`, which is pure.

mod bucket;
mod cases;
mod handle;
mod quiet;
mod raised;
mod silences;
mod window;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use netloom_core::{
    event::LiveEvent,
    incident::{Acknowledgement, Incident, RaiseRequest, TimelineEntry},
    settings::Settings,
    silence::Silence,
    time::Timestamp,
};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

use self::{
    bucket::Bucket,
    cases::{Cases, Change, Outcome},
    handle::{Answer, Request, Shared},
    raised::Refusal,
    silences::{RECENT_MS, listed},
};
use crate::{
    board::Board,
    clock,
    incident_ids::IncidentIds,
    live::Live,
    store::{StoreError, ledger::Ledger},
};

pub use handle::{DeskCounts, DeskError, DeskHandle};

/// Requests that wait for the desk; whoever comes when it is full waits, too.
const QUEUE_MAX_REQUESTS: usize = 256;
/// How often it is looked whether something begins or ends by itself, and whether what could not be kept can be now.
const TICK: Duration = Duration::from_millis(250);
/// Incidents that could not be kept and wait for the database; those beyond are told, and missing in the history.
const UNSAVED_MAX: usize = 2_000;
/// Requests of jobs: as many at once as there are ranks in a node several times over, and a steady stream after that.
const RAISES_AT_ONCE: u32 = 200;
const RAISES_PER_S: f64 = 20.0;

/// Who notifies: called with every change of an incident that fires or fired, after it was kept. Must not wait.
pub type Notify = Box<dyn Fn(&Incident) + Send + Sync>;

/// What the desk works with.
pub struct Desk {
    /// Where incidents and silences are kept.
    pub ledger: Arc<Ledger>,
    /// What is known now.
    pub board: Arc<Board>,
    /// Who is told.
    pub live: Arc<Live>,
    /// The numbers of incidents.
    pub ids: IncidentIds,
    /// Settings, now and later: maintenance windows come from them.
    pub settings: watch::Receiver<Settings>,
    /// Who notifies, if anybody does.
    pub notify: Option<Notify>,
    /// Takes nothing new any more, finishes what is queued, and ends.
    pub finish: CancellationToken,
}

/// Requests that wait.
pub struct DeskQueue {
    incoming: mpsc::Receiver<Request>,
    shared: Arc<Shared>,
}

/// The desk at work.
struct Clerk {
    desk: Desk,
    cases: Cases,
    shared: Arc<Shared>,
    raises: Bucket,
    /// What could not be kept, by the number of the incident.
    unsaved: BTreeMap<u64, (Incident, Vec<TimelineEntry>)>,
    is_failing: bool,
}

impl Desk {
    /// The handle for others, and the queue that the desk empties.
    pub fn channel() -> (DeskHandle, DeskQueue) {
        let (queue, incoming) = mpsc::channel(QUEUE_MAX_REQUESTS);
        let shared = Arc::<Shared>::default();
        (DeskHandle { queue, shared: shared.clone() }, DeskQueue { incoming, shared })
    }

    /// Starts the task, which runs until it is to finish, or every handle is gone, and the queue is empty. `known` are the incidents that were open
    /// when the hub stopped, and the newest others.
    ///
    /// # Errors
    /// When the silences cannot be read.
    pub async fn start(self, queue: DeskQueue, known: &[Incident]) -> Result<JoinHandle<()>, StoreError> {
        let silences = self.ledger.silences(clock::now().ms() - RECENT_MS).await?;
        let mut clerk = Clerk {
            cases: Cases::new(known, silences),
            shared: queue.shared.clone(),
            raises: Bucket::new(RAISES_AT_ONCE, RAISES_PER_S),
            unsaved: BTreeMap::new(),
            is_failing: false,
            desk: self,
        };
        clerk.take_settings();
        let ended = clerk.end_orphans();
        clerk.list_silences();
        clerk.tell(ended).await;
        Ok(tokio::spawn(clerk.run(queue.incoming)))
    }
}

impl Clerk {
    async fn run(mut self, mut incoming: mpsc::Receiver<Request>) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let finish = self.desk.finish.clone();
        loop {
            tokio::select! {
                () = finish.cancelled(), if !incoming.is_closed() => incoming.close(),
                request = incoming.recv() => match request {
                    Some(request) => self.serve(request).await,
                    None => break,
                },
                Ok(()) = self.desk.settings.changed() => self.take_settings(),
                _ = ticks.tick() => {
                    if self.cases.forget_silences(Timestamp(clock::now().ms() - RECENT_MS)) {
                        self.list_silences();
                    }
                    if !self.unsaved.is_empty() {
                        self.save().await;
                    }
                }
            }
            self.settle().await;
        }
        if !self.unsaved.is_empty() {
            self.save().await;
        }
    }

    fn take_settings(&mut self) {
        let unknown = self.cases.set_windows(&self.desk.settings.borrow_and_update());
        for name in unknown {
            tracing::warn!(name, "a maintenance window is left out: its zone or its times mean nothing here");
        }
    }

    /// Ends what fires of rules that went while the hub was down: nobody would.
    fn end_orphans(&mut self) -> Vec<Change> {
        let rules = self.desk.settings.borrow().rules();
        self.cases.end_orphans(|id| rules.iter().any(|rule| *rule.id == *id), clock::now())
    }

    async fn settle(&mut self) {
        let changes = self.cases.settle(clock::now());
        self.tell(changes).await;
    }

    async fn serve(&mut self, request: Request) {
        // Whoever asked may have given up waiting.
        match request {
            Request::Offer(incidents) => self.take(incidents).await,
            Request::Acknowledge { id, wanted, who, answer } => {
                _ = answer.send(self.acknowledge(id, wanted, &who).await);
            }
            Request::Raise { request, who, answer } => _ = answer.send(self.raise(&request, &who).await),
            Request::Silence { request, who, answer } => _ = answer.send(self.silence(request, &who).await),
            Request::EndSilence { id, answer } => _ = answer.send(self.end_silence(&id).await),
        }
    }

    /// Takes what the engine says.
    async fn take(&mut self, incidents: Vec<Incident>) {
        // What begins at this very moment holds for them.
        self.settle().await;
        let now = clock::now();
        let mut changes = Vec::with_capacity(incidents.len());
        for incident in incidents {
            if let Some(change) = self.cases.lay(incident, now) {
                self.cases.apply(&change);
                changes.push(change);
            }
        }
        self.tell(changes).await;
    }

    async fn acknowledge(&mut self, id: u64, wanted: Option<Acknowledgement>, who: &str) -> Answer<Incident> {
        match self.cases.acknowledge(id, wanted, who, clock::now()) {
            Some(outcome) => Ok(self.put(outcome).await?.0),
            None if self.desk.board.incident(id).is_some() || self.desk.ledger.incident(id).await?.is_some() => {
                Err(DeskError::NotFiring(id))
            }
            None => Err(DeskError::UnknownIncident(id)),
        }
    }

    async fn raise(&mut self, request: &RaiseRequest, who: &str) -> Answer<(Incident, bool)> {
        request.check().map_err(DeskError::Invalid)?;
        let now = clock::now();
        if let Err(after_s) = self.raises.take(now.ms()) {
            self.shared.counts.refuse();
            return Err(DeskError::TooFast { after_s });
        }
        self.settle().await;
        let ids = &self.desk.ids;
        let outcome = self.cases.raise(request, who, now, || ids.next()).map_err(|refusal| {
            self.shared.counts.refuse();
            match refusal {
                Refusal::TooMany => DeskError::TooManyRaised,
                Refusal::NoneOpen => DeskError::NotRaised(request.kind.clone()),
            }
        })?;
        self.put(outcome).await
    }

    /// Puts in force what somebody asked for, once it is kept; when it cannot be, nothing changes. Returns the incident, and
    /// whether it is new.
    async fn put(&mut self, outcome: Outcome) -> Answer<(Incident, bool)> {
        let is_new = matches!(outcome, Outcome::New(_));
        let change = match outcome {
            Outcome::Same(incident) => return Ok((incident, false)),
            Outcome::Changed(change) | Outcome::New(change) => change,
        };
        // What waits for the database is older.
        self.flush().await?;
        self.desk.ledger.save_incidents([(&change.incident, change.steps.as_slice())].into_iter()).await?;
        self.cases.apply(&change);
        self.publish(&change);
        self.judge();
        Ok((change.incident, is_new))
    }

    /// Keeps and tells what changed.
    async fn tell(&mut self, changes: Vec<Change>) {
        if changes.is_empty() {
            return;
        }
        for change in changes.iter().filter(|change| change.is_kept()) {
            let incident = &change.incident;
            if !self.unsaved.contains_key(&incident.id) && self.unsaved.len() >= UNSAVED_MAX {
                self.shared.counts.leave_out();
                continue;
            }
            let (newest, steps) = self.unsaved.entry(incident.id).or_insert_with(|| (incident.clone(), Vec::new()));
            newest.clone_from(incident);
            steps.extend_from_slice(&change.steps);
        }
        if !self.unsaved.is_empty() {
            self.save().await;
        }
        changes.iter().for_each(|change| self.publish(change));
        self.judge();
    }

    /// Keeps what waits. What cannot be kept now is tried again.
    async fn save(&mut self) {
        let result = self.flush().await;
        if let (Err(error), false) = (&result, self.is_failing) {
            tracing::error!(%error, incidents = self.unsaved.len(), "cannot store incidents; it is tried again");
        }
        self.is_failing = result.is_err();
    }

    async fn flush(&mut self) -> Result<(), StoreError> {
        if !self.unsaved.is_empty() {
            let changes = self.unsaved.values().map(|(incident, steps)| (incident, steps.as_slice()));
            self.desk.ledger.save_incidents(changes).await?;
            self.unsaved.clear();
        }
        Ok(())
    }

    fn publish(&self, change: &Change) {
        let incident = &change.incident;
        self.desk.board.take_incident(incident);
        self.desk.live.publish(&LiveEvent::Incident(Box::new(incident.clone())));
        if !change.is_kept() || !change.is_news {
            return;
        }
        // As many lines as there were: one when it fires, one when it is over.
        if change.steps.iter().any(cases::is_turn) {
            tracing::info!(rule = incident.rule, state = ?incident.state, message = incident.message, "alert");
        }
        if let Some(notify) = &self.desk.notify {
            notify(incident);
        }
    }

    fn judge(&self) {
        if let Some(health) = self.desk.board.judge() {
            self.desk.live.publish(&LiveEvent::Health(health));
        }
    }

    /// Tells everybody which silences there are.
    fn list_silences(&self) {
        let silences: Vec<Silence> = listed(self.cases.silences());
        self.shared.set_silences(silences.clone());
        self.desk.live.publish(&LiveEvent::Silences(silences));
    }
}
