//! The owner of the training runs: begins, changes and ends them, one request after the other, keeps them, and tells
//! everybody.

mod steps;

use std::sync::Arc;

use netloom_core::{
    event::LiveEvent,
    run::{
        self, Run, RunEvent,
        request::{ChangeRun, EndRun, NewRun, NewRunEvent},
        search::RunSearch,
        step::{Decision, NewStep},
    },
    settings::FieldError,
    time::Timestamp,
};
use tokio::sync::{Mutex, watch};

use crate::{
    clock,
    live::Live,
    store::{StoreError, ledger::Ledger},
};

/// Runs that one search looks at: a few years of them. What is older is found with `before`.
const SEARCH_MAX_RUNS: usize = 20_000;
/// Runs that are read at once while searching.
const READ_RUNS: usize = 200;
/// Attempts to find an id that is free; a second one is needed once in a million runs.
const ID_ATTEMPTS: usize = 5;

/// Runs that have not ended and that others are told of: more than a cluster has jobs. Of more, the newest.
const OPEN_MAX: usize = 1_000;

/// Why something cannot be done with a run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A field is wrong.
    #[error("{}: {}", .0.field, .0.message)]
    Invalid(FieldError),
    /// There is no such run.
    #[error("no run has the id {0:?}")]
    Unknown(String),
    /// The run is not in a state for it.
    #[error("{}: {}", .0.field, .0.message)]
    Conflict(FieldError),
    /// It cannot be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Where a list of runs begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Before {
    /// With the newest.
    End,
    /// With what started before a moment.
    Moment(Timestamp),
    /// With what is behind a run in the list.
    Run(String),
}

/// The owner of the runs.
pub struct RunKeeper {
    ledger: Arc<Ledger>,
    live: Arc<Live>,
    // Held while a run is read, changed and kept, so that no change overtakes another.
    turn: Mutex<()>,
    /// The runs that have not ended; some of them may be lost.
    open: watch::Sender<Vec<Run>>,
    /// Where runs are that tell their steps.
    steps: steps::StepBook,
}

impl RunKeeper {
    /// The owner of the runs in a ledger.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn open(ledger: Arc<Ledger>, live: Arc<Live>) -> Result<Self, StoreError> {
        let open = ledger.open_runs(OPEN_MAX).await?;
        Ok(Self {
            ledger,
            live,
            turn: Mutex::new(()),
            open: watch::Sender::new(open),
            steps: steps::StepBook::default(),
        })
    }

    /// The runs that have not ended, now and later; some of them may be lost.
    pub fn subscribe(&self) -> watch::Receiver<Vec<Run>> {
        self.open.subscribe()
    }

    /// Begins a run, or records one. A request that was sent before is answered with the run as it is now, and `false`.
    ///
    /// # Errors
    /// When a field is wrong, or the id belongs to another run.
    pub async fn create(&self, new: NewRun) -> Result<(Run, bool), RunError> {
        let (now, has_id) = (clock::now(), new.id.is_some());
        let mut run = new.build(|| run::id_from(fastrand::u64(..)), now).map_err(RunError::Invalid)?;
        let _turn = self.turn.lock().await;
        for _ in 0..ID_ATTEMPTS {
            if self.ledger.add_run(&run).await? {
                self.publish(&run);
                return Ok((run, true));
            }
            if has_id {
                let known = self.find(&run.id).await?;
                let is_same = known.started_at == run.started_at;
                return if is_same {
                    Ok((known.at(now), false))
                } else {
                    Err(conflict("id", "belongs to another run"))
                };
            }
            run.id = run::id_from(fastrand::u64(..));
        }
        Err(conflict("id", "no free one was found, try again"))
    }

    /// Changes a run.
    ///
    /// # Errors
    /// When there is none, or a field is wrong.
    pub async fn change(&self, id: &str, change: ChangeRun) -> Result<Run, RunError> {
        let now = clock::now();
        let _turn = self.turn.lock().await;
        let before = self.find(id).await?;
        let mut run = before.clone();
        change.apply(&mut run, now).map_err(RunError::Invalid)?;
        if run != before {
            self.ledger.save_run(&run).await?;
            self.publish(&run);
        }
        Ok(run.at(now))
    }

    /// Ends a run. One that has ended in just this way is answered as it is.
    ///
    /// # Errors
    /// When there is none, a field is wrong, or it has ended in another way.
    pub async fn end(&self, id: &str, end: &EndRun) -> Result<Run, RunError> {
        let now = clock::now();
        let _turn = self.turn.lock().await;
        let mut run = self.find(id).await?;
        if run.status.is_end() {
            let how = format!("the run has ended already, as {}", run.status.word());
            return if end.is_same(&run) { Ok(run) } else { Err(conflict("status", how)) };
        }
        end.apply(&mut run, now).map_err(RunError::Invalid)?;
        self.ledger.save_run(&run).await?;
        self.publish(&run);
        Ok(run)
    }

    /// Notes that something happened in a run.
    ///
    /// # Errors
    /// When there is none, or a field is wrong.
    pub async fn add_event(&self, id: &str, new: NewRunEvent) -> Result<RunEvent, RunError> {
        let now = clock::now();
        let _turn = self.turn.lock().await;
        let mut run = self.find(id).await?;
        let event = new.build(&run, now).map_err(RunError::Invalid)?;
        run.events += 1;
        self.ledger.add_run_event(&run, &event).await?;
        self.publish(&run);
        Ok(event)
    }

    /// Takes a step of a run. Returns what it leads to, and the nodes of the run, all when there are none. Nothing is read
    /// from or written to the database for a run that is under way.
    ///
    /// # Errors
    /// When there is none, it has ended, or a field is wrong.
    pub async fn step(&self, id: &str, new: NewStep) -> Result<(Decision, Vec<String>), RunError> {
        new.check().map_err(RunError::Invalid)?;
        let find = || self.open.borrow().iter().find(|run| run.id == id).map(|run| run.nodes.clone());
        let nodes = match find() {
            Some(nodes) => nodes,
            // Of very many open runs, not all are at hand.
            None => match self.find(id).await? {
                run if run.status.is_end() => {
                    let how = format!("the run has ended, as {}", run.status.word());
                    return Err(conflict("status", how));
                }
                run => run.nodes,
            },
        };
        Ok((self.steps.decide(id, new, clock::now()), nodes))
    }

    /// The run of an id.
    ///
    /// # Errors
    /// When there is none.
    pub async fn run(&self, id: &str) -> Result<Run, RunError> {
        Ok(self.find(id).await?.at(clock::now()))
    }

    /// What happened in a run, in order of time.
    ///
    /// # Errors
    /// When there is none.
    pub async fn events(&self, id: &str) -> Result<Vec<RunEvent>, RunError> {
        self.find(id).await?;
        Ok(self.ledger.run_events(id).await?)
    }

    /// The runs that a search finds, newest first.
    ///
    /// # Errors
    /// When the list is to begin behind a run that does not exist.
    pub async fn search(&self, search: &RunSearch, before: Before, limit: usize) -> Result<Vec<Run>, RunError> {
        let now = clock::now();
        let mut behind = match before {
            Before::End => (i64::MAX, String::new()),
            Before::Moment(at) => (at.ms(), String::new()),
            Before::Run(id) => (self.find(&id).await?.started_at.ms(), id),
        };
        let mut found = Vec::new();
        for _ in 0..SEARCH_MAX_RUNS.div_ceil(READ_RUNS) {
            let runs = self.ledger.runs((behind.0, &behind.1), READ_RUNS).await?;
            let Some(last) = runs.last() else { break };
            behind = (last.started_at.ms(), last.id.clone());
            found.extend(runs.into_iter().map(|run| run.at(now)).filter(|run| search.finds(run)));
            if found.len() >= limit {
                break;
            }
        }
        found.truncate(limit);
        Ok(found)
    }

    async fn find(&self, id: &str) -> Result<Run, RunError> {
        self.ledger.run(id).await?.ok_or_else(|| RunError::Unknown(id.to_owned()))
    }

    fn publish(&self, run: &Run) {
        if run.status.is_end() {
            self.steps.forget(&run.id);
        }
        self.open.send_modify(|open| {
            open.retain(|known| known.id != run.id);
            if !run.status.is_end() {
                open.push(run.clone());
                let more = open.len().saturating_sub(OPEN_MAX);
                open.drain(..more);
            }
        });
        self.live.publish(&LiveEvent::Run(Box::new(run.clone().at(clock::now()))));
    }
}

fn conflict(field: &str, message: impl Into<String>) -> RunError {
    RunError::Conflict(FieldError { field: field.to_owned(), message: message.into() })
}
