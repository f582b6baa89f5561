//! Who has nodes test throughput: never two tests on a node, only what settings allow, and not into a training run unless
//! somebody says yes to that. Both ends are held from the agreement until the test is over, and the time axis shows it.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use netloom_core::{
    check::{
        Check, Finding, Outcome,
        throughput::{
            ThroughputSpec,
            rate::{words_bps, words_bytes},
            request::{TestBudget, TestRequest},
        },
    },
    errand::{Errand, Report},
    mark::{MarkKind, NewMark},
    run::{Run, RunStatus},
    settings::{FieldError, Settings},
    time::Timestamp,
    uplink::hex,
};
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};

use crate::{
    clock,
    errands::{ErrandDesk, Handed},
    mesh::Mesh,
    private,
};

/// How long the far end may take to listen: as long as an errand may wait to be fetched, and a moment more.
const SERVING_LIMIT: Duration = Duration::from_secs(15);
/// How long the near end may take to come, ms: it may have other checks to begin with.
const COME_MS: u64 = 30_000;
/// Random bytes of a ticket.
const TICKET_BYTES: usize = 16;

/// Takes marks for the time axis. A test is announced when it begins, and marked again with the same beginning when it is
/// over.
pub type MarkSink = Arc<dyn Fn(NewMark) + Send + Sync>;

/// Why there is no test.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Settings say no.
    #[error("tests of throughput are switched off: the setting active.throughput allows them")]
    Off,
    /// It would disturb somebody.
    #[error("the training run {0} is active, and a test would disturb it: say during_run to test all the same")]
    RunActive(String),
    /// A node has a test already.
    #[error("{0} takes part in another test of throughput: try again when that has ended")]
    Busy(String),
    /// Nobody knows a node.
    #[error("no node is called {0:?}, or it was not heard of for a while")]
    UnknownNode(String),
    /// It makes no sense.
    #[error("{}: {}", .0.field, .0.message)]
    Invalid(FieldError),
    /// The far end does not do it.
    #[error("{node} does not take the test: {why}")]
    NotServed {
        /// Which node.
        node: String,
        /// Why.
        why: String,
    },
}

impl Refusal {
    /// Its lasting name in problem documents.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Off => "throughput-off",
            Self::RunActive(_) => "run-active",
            Self::Busy(_) => "throughput-busy",
            Self::UnknownNode(_) => "unknown-node",
            Self::Invalid(_) => "invalid-test",
            Self::NotServed { .. } => "throughput-not-served",
        }
    }
}

/// Arranges tests.
pub struct Arranger {
    errands: Arc<ErrandDesk>,
    settings: watch::Receiver<Settings>,
    runs: watch::Receiver<Vec<Run>>,
    mesh: OnceLock<Arc<Mesh>>,
    marks: Arc<OnceLock<MarkSink>>,
    busy: Busy,
}

/// The nodes that take part in a test.
type Busy = Arc<Mutex<BTreeSet<String>>>;

fn lock(busy: &Busy) -> MutexGuard<'_, BTreeSet<String>> {
    busy.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Arranger {
    /// Nobody can be tested before it is [connected](Self::connect).
    pub fn new(errands: Arc<ErrandDesk>, settings: watch::Receiver<Settings>, runs: watch::Receiver<Vec<Run>>) -> Self {
        Self { errands, settings, runs, mesh: OnceLock::new(), marks: Arc::default(), busy: Busy::default() }
    }

    /// Says where nodes are.
    pub fn connect(&self, mesh: Arc<Mesh>) {
        // There is one mesh in the life of a hub.
        let _ = self.mesh.set(mesh);
    }

    /// Says where marks go; until then tests leave none.
    pub fn mark_with(&self, marks: MarkSink) {
        let _ = self.marks.set(marks);
    }

    /// What a test would take, and whether it would be refused.
    ///
    /// # Errors
    /// When it makes no sense at all.
    pub fn budget(&self, request: &TestRequest) -> Result<TestBudget, Refusal> {
        let spec = self.spec(request)?;
        let refusal = self.admit(request).err().or_else(|| self.first_busy(request).map(Refusal::Busy));
        let refusal = refusal.map(|refusal| refusal.to_string()).unwrap_or_default();
        Ok(TestBudget { budget: spec.budget(), streams: spec.streams, refusal })
    }

    /// Has `dst` wait for a test from `src`. What comes back is the check for `src`, and what holds both nodes until it is
    /// dropped, or [ended](Guard::end) with what came of it.
    ///
    /// # Errors
    /// Why there is no test.
    pub async fn arrange(
        &self,
        src: &str,
        dst: &str,
        by: &str,
        request: &TestRequest,
    ) -> Result<(Check, Guard), Refusal> {
        let request = TestRequest { src: src.to_owned(), dst: dst.to_owned(), ..request.clone() };
        self.admit(&request)?;
        let spec = self.spec(&request)?;
        let address = self.mesh.get().and_then(|mesh| mesh.address(src, dst));
        let address = address.ok_or_else(|| Refusal::UnknownNode(self.first_unknown(src, dst)))?;
        let mut guard = self.hold(src, dst)?;
        let not_served = |why: String| Refusal::NotServed { node: dst.to_owned(), why };
        let random = private::random::<TICKET_BYTES>().map_err(|error| not_served(error.to_string()))?;
        let ticket = hex(&random);
        let within_ms = COME_MS + spec.duration_ms + spec.warm_up_ms;
        let serve = Errand::Serve { ticket: ticket.clone(), within_ms, bytes_max: spec.bytes_max };
        let handed = self.errands.give(dst, serve).map_err(|error| not_served(error.to_string()))?;
        let handed = guard.handed.insert(handed);
        let at = serving(handed).await.map_err(not_served)?;
        let host = if at.ip().is_unspecified() { address } else { at.ip() };
        let spec = ThroughputSpec { host: host.to_string(), port: at.port(), ticket, ..spec };
        guard.announce(&spec, by);
        Ok((Check::Throughput(spec), guard))
    }

    /// Runs a whole test: arranges it, has `src` do it, and waits for what comes of it.
    ///
    /// # Errors
    /// Why there is no test.
    pub async fn test(&self, by: &str, request: &TestRequest) -> Result<Finding, Refusal> {
        let (src, dst) = (request.src.as_str(), request.dst.as_str());
        let (check, guard) = self.arrange(src, dst, by, request).await?;
        let not_done = |why: String| Refusal::NotServed { node: src.to_owned(), why };
        let longest_ms = if let Check::Throughput(spec) = &check { spec.longest_ms() } else { 0 };
        let handed = self.errands.give(src, Errand::Check { check }).map_err(|error| not_done(error.to_string()))?;
        let mut near = GivenUp { errands: self.errands.clone(), node: src.to_owned(), handed };
        let until = Instant::now() + SERVING_LIMIT + Duration::from_millis(longest_ms);
        loop {
            match timeout_at(until, near.handed.reports.recv()).await {
                Ok(Some(Report::Item { finding: Some(finding), .. })) => {
                    guard.end(&finding);
                    return Ok(*finding);
                }
                Ok(Some(Report::Failed { why, .. })) => return Err(not_done(why)),
                Ok(Some(_)) => {}
                Ok(None) => return Err(not_done("it says nothing more".to_owned())),
                Err(_) => return Err(not_done("it did not tell in time what came of it".to_owned())),
            }
        }
    }

    fn spec(&self, request: &TestRequest) -> Result<ThroughputSpec, Refusal> {
        if request.src == request.dst {
            return Err(Refusal::Invalid(FieldError::new("dst", "must be another node than src")));
        }
        request.spec(&self.settings.borrow().active).map_err(Refusal::Invalid)
    }

    fn admit(&self, request: &TestRequest) -> Result<(), Refusal> {
        if !self.settings.borrow().active.throughput {
            return Err(Refusal::Off);
        }
        let now = clock::now();
        let runs = self.runs.borrow();
        let active = runs.iter().find(|run| run.status_at(now) == RunStatus::Running);
        match active {
            Some(run) if !request.during_run => Err(Refusal::RunActive(run.name.clone())),
            _ => Ok(()),
        }
    }

    fn first_busy(&self, request: &TestRequest) -> Option<String> {
        let busy = lock(&self.busy);
        [&request.src, &request.dst].into_iter().find(|node| busy.contains(*node)).cloned()
    }

    fn first_unknown(&self, src: &str, dst: &str) -> String {
        let is_known = |node: &str| self.mesh.get().is_some_and(|mesh| mesh.address(node, node).is_some());
        if is_known(src) { dst } else { src }.to_owned()
    }

    /// Takes both nodes, or neither.
    fn hold(&self, src: &str, dst: &str) -> Result<Guard, Refusal> {
        let mut busy = lock(&self.busy);
        if let Some(node) = [src, dst].into_iter().find(|node| busy.contains(*node)) {
            return Err(Refusal::Busy(node.to_owned()));
        }
        busy.extend([src.to_owned(), dst.to_owned()]);
        Ok(Guard {
            busy: self.busy.clone(),
            errands: self.errands.clone(),
            marks: self.marks.clone(),
            nodes: [src.to_owned(), dst.to_owned()],
            handed: None,
            mark: None,
        })
    }
}

/// Waits until the far end listens.
async fn serving(handed: &mut Handed) -> Result<SocketAddr, String> {
    let until = Instant::now() + SERVING_LIMIT;
    loop {
        match timeout_at(until, handed.reports.recv()).await {
            Ok(Some(Report::Serving { at, .. })) => return Ok(at),
            Ok(Some(Report::Failed { why, .. })) => return Err(why),
            Ok(Some(_)) => {}
            Ok(None) => return Err("it says nothing".to_owned()),
            Err(_) => return Err(format!("it did not listen within {} s", SERVING_LIMIT.as_secs())),
        }
    }
}

/// An errand that is given up when nobody waits for it any more.
struct GivenUp {
    errands: Arc<ErrandDesk>,
    node: String,
    handed: Handed,
}

impl Drop for GivenUp {
    fn drop(&mut self) {
        self.errands.give_up(&self.node, self.handed.errand);
    }
}

/// Holds both nodes of a test. Dropped, they are free again, the far end listens no more, and the mark on the time axis has
/// its end.
pub struct Guard {
    busy: Busy,
    errands: Arc<ErrandDesk>,
    marks: Arc<OnceLock<MarkSink>>,
    nodes: [String; 2],
    handed: Option<Handed>,
    mark: Option<NewMark>,
}

impl Guard {
    /// Ends the test with what came of it.
    pub fn end(mut self, finding: &Finding) {
        if let Some(mark) = &mut self.mark {
            mark.text = match (&finding.outcome, finding.value("throughput_bps")) {
                (Outcome::Reply, Some(bps)) => format!("throughput {}", words_bps(bps)),
                (Outcome::Failed { cause, .. }, _) => format!("test of throughput failed: {cause}"),
                _ => "test of throughput without a result".to_owned(),
            };
            mark.text = mark.text.chars().take(netloom_core::mark::TEXT_MAX_CHARS).collect();
            mark.figures = finding.figures.iter().map(|figure| (figure.name.clone(), figure.value)).collect();
        }
    }

    fn announce(&mut self, spec: &ThroughputSpec, by: &str) {
        let budget = spec.budget();
        let (seconds, most) = (budget.time_ms as f64 / 1e3, words_bytes(budget.bytes));
        let who = if by.is_empty() { String::new() } else { format!(", for {by}") };
        let [src, dst] = self.nodes.clone();
        let text = format!("test of throughput, {seconds:.1} s and {most} at most{who}");
        let text = text.chars().take(netloom_core::mark::TEXT_MAX_CHARS).collect();
        let (at, kind) = (clock::now(), MarkKind::Throughput);
        let mark = NewMark { at, until: None, kind, src, dst, text, figures: [].into() };
        self.set(mark.clone());
        self.mark = Some(mark);
    }

    fn set(&self, mark: NewMark) {
        if let Some(sink) = self.marks.get() {
            sink(mark);
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(handed) = self.handed.take() {
            self.errands.give_up(&self.nodes[1], handed.errand);
        }
        if let Some(mark) = self.mark.take() {
            let until = Timestamp(clock::now().ms().max(mark.at.ms()));
            self.set(NewMark { until: Some(until), ..mark });
        }
        let mut busy = lock(&self.busy);
        busy.retain(|node| !self.nodes.contains(node));
    }
}
