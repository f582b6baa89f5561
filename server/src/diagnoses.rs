//! The owner of the diagnoses: has a node begin one, hears what it finds, tells everybody how far it is, judges it when it
//! ended, and keeps it.

mod follow;
mod mesh;
mod plan;

use std::{
    collections::{BTreeSet, HashMap},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use netloom_core::{
    check::throughput::{Direction, request::TestRequest},
    diagnosis::{Diagnosis, DiagnosisBrief, DiagnosisRequest},
    errand::{Errand, Plan},
    event::LiveEvent,
    run,
    settings::FieldError,
};
use tokio_util::sync::CancellationToken;

use self::plan::Known;
use crate::{
    board::Board,
    clock,
    errands::{ErrandDesk, ErrandError},
    live::Live,
    mesh::Mesh,
    store::{StoreError, ledger::Ledger},
    throughput::{Arranger, Guard, Refusal},
};

/// Diagnoses at once, of all nodes: people look at one or two at a time.
const RUNNING_MAX: usize = 16;
/// Diagnoses of one node at once: more would measure each other.
const RUNNING_OF_NODE_MAX: usize = 2;

/// Why something cannot be done with a diagnosis.
#[derive(Debug, thiserror::Error)]
pub enum DiagnosisError {
    /// There is no such node.
    #[error("no node is called {0:?}")]
    UnknownNode(String),
    /// There is no such diagnosis.
    #[error("no diagnosis has the id {0:?}")]
    Unknown(String),
    /// A field is wrong.
    #[error("{}: {}", .0.field, .0.message)]
    Invalid(FieldError),
    /// Too much is under way.
    #[error("{0}")]
    TooMany(String),
    /// Throughput is not tested.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It cannot be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<ErrandError> for DiagnosisError {
    fn from(error: ErrandError) -> Self {
        Self::TooMany(error.to_string())
    }
}

/// How long a test of throughput within a diagnosis measures, s: people wait for it.
const TEST_S: f64 = 3.0;

/// What is known of the ways between nodes, once they may report.
struct Ways {
    mesh: Arc<Mesh>,
    pages: SocketAddr,
    uplink_port: Option<u16>,
}

/// One that goes on.
struct Running {
    diagnosis: Diagnosis,
    stop: CancellationToken,
}

/// The owner of the diagnoses.
pub struct DiagnosisKeeper {
    own_node: String,
    ledger: Arc<Ledger>,
    live: Arc<Live>,
    board: Arc<Board>,
    errands: Arc<ErrandDesk>,
    ways: OnceLock<Ways>,
    arranger: Arc<Arranger>,
    running: Mutex<HashMap<String, Running>>,
}

impl DiagnosisKeeper {
    /// The owner of the diagnoses in a ledger. Those that went on when the hub ended have failed.
    ///
    /// # Errors
    /// When the ledger cannot be used.
    pub async fn open(
        own_node: String,
        ledger: Arc<Ledger>,
        live: Arc<Live>,
        board: Arc<Board>,
        (errands, arranger): (Arc<ErrandDesk>, Arc<Arranger>),
    ) -> Result<Self, StoreError> {
        for mut left in ledger.open_diagnoses().await? {
            left.fail("the hub was started anew meanwhile", clock::now());
            ledger.save_diagnosis(&left).await?;
        }
        let (ways, running) = (OnceLock::new(), Mutex::default());
        Ok(Self { own_node, ledger, live, board, errands, ways, arranger, running })
    }

    /// Says where nodes reach each other: through the mesh; where the pages are; and at which port agents reach the hub, if
    /// they may.
    pub fn connect(&self, mesh: Arc<Mesh>, pages: SocketAddr, uplink_port: Option<u16>) {
        // Once for each start of the hub.
        let _ = self.ways.set(Ways { mesh, pages, uplink_port });
    }

    /// Has a node begin.
    ///
    /// # Errors
    /// When there is no such node, a field is wrong, too much is under way, or throughput is not to be tested.
    pub async fn start(
        self: &Arc<Self>,
        mut request: DiagnosisRequest,
        by: String,
    ) -> Result<Diagnosis, DiagnosisError> {
        if request.node.is_empty() {
            request.node.clone_from(&self.own_node);
        }
        let nodes: BTreeSet<String> = self.board.nodes().into_iter().map(|status| status.info.node).collect();
        if !nodes.contains(&request.node) {
            return Err(DiagnosisError::UnknownNode(request.node));
        }
        let (mut plan, first_node) = self.plan(&request, &nodes)?;
        let hosts = request.hosts.iter().map(|host| host.trim().to_owned()).collect();
        let asked = Diagnosis::asked(run::id_from(fastrand::u64(..)), request.node.clone(), hosts, clock::now());
        let diagnosis = Diagnosis { by: by.clone(), ..asked };
        let stop = self.enter(&diagnosis)?;
        let begun = self.begin(&request, (&mut plan, first_node), &by, &diagnosis).await;
        match begun {
            Ok((handed, held)) => {
                self.publish(&diagnosis);
                let following = follow::Following { id: diagnosis.id.clone(), node: request.node, plan, stop };
                tokio::spawn(self.clone().follow(following, handed, held));
                Ok(diagnosis)
            }
            Err(error) => {
                self.running().remove(&diagnosis.id);
                Err(error)
            }
        }
    }

    /// What the node is to check.
    fn plan(
        &self,
        request: &DiagnosisRequest,
        nodes: &BTreeSet<String>,
    ) -> Result<(Plan, Option<String>), DiagnosisError> {
        const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let is_own = request.node == self.own_node;
        let ways = self.ways.get();
        let places = ways.and_then(|ways| ways.mesh.places(&request.node));
        let pages = ways.map(|ways| ways.pages);
        // Pages at a particular address are at no other one of this machine.
        let bound = pages.map(|pages| pages.ip()).filter(|address| is_own && !address.is_unspecified());
        let told = places.as_ref().map(|places| places.hub);
        let hub_address = bound.or(told).or(is_own.then_some(LOOPBACK));
        let uplink_port = ways.and_then(|ways| ways.uplink_port).filter(|_| !is_own);
        let hub = hub_address.zip(uplink_port.or(pages.map(|pages| pages.port()))).map(SocketAddr::from);
        let known = Known { hub, places: places.map(|places| places.nodes).unwrap_or_default(), nodes };
        let (plan, first_node) = plan::plan(request, &known).map_err(DiagnosisError::Invalid)?;
        if request.throughput && first_node.is_none() {
            let message = "is tested between nodes: name one among the hosts".to_owned();
            return Err(DiagnosisError::Invalid(FieldError { field: "throughput".into(), message }));
        }
        Ok((plan, first_node))
    }

    /// Takes a place among those that go on.
    fn enter(&self, diagnosis: &Diagnosis) -> Result<CancellationToken, DiagnosisError> {
        let mut running = self.running();
        let of_node = running.values().filter(|other| other.diagnosis.node == diagnosis.node).count();
        if of_node >= RUNNING_OF_NODE_MAX {
            let why = format!("{} has {RUNNING_OF_NODE_MAX} diagnoses to do already: wait for them", diagnosis.node);
            return Err(DiagnosisError::TooMany(why));
        }
        if running.len() >= RUNNING_MAX {
            return Err(DiagnosisError::TooMany(format!("{RUNNING_MAX} diagnoses are under way: wait for some")));
        }
        let stop = CancellationToken::new();
        running.insert(diagnosis.id.clone(), Running { diagnosis: diagnosis.clone(), stop: stop.clone() });
        Ok(stop)
    }

    /// Arranges what needs an agreement, and gives the errand.
    async fn begin(
        &self,
        request: &DiagnosisRequest,
        (plan, first_node): (&mut Plan, Option<String>),
        by: &str,
        diagnosis: &Diagnosis,
    ) -> Result<(crate::errands::Handed, Option<Guard>), DiagnosisError> {
        let mut held = None;
        if let Some(dst) = first_node.filter(|_| request.throughput) {
            let wish = TestRequest {
                direction: Direction::Both,
                duration_s: Some(TEST_S),
                during_run: request.during_run,
                ..TestRequest::default()
            };
            let (check, guard) = self.arranger.arrange(&request.node, &dst, by, &wish).await?;
            plan.checks.push((dst, check));
            held = Some(guard);
        }
        self.ledger.save_diagnosis(diagnosis).await?;
        match self.errands.give(&request.node, Errand::Diagnose(plan.clone())) {
            Ok(handed) => Ok((handed, held)),
            Err(error) => {
                self.ledger.delete_diagnosis(&diagnosis.id).await?;
                Err(error.into())
            }
        }
    }

    /// The diagnosis of an id.
    ///
    /// # Errors
    /// When there is none.
    pub async fn get(&self, id: &str) -> Result<Diagnosis, DiagnosisError> {
        let running = self.running().get(id).map(|running| running.diagnosis.clone());
        match running {
            Some(diagnosis) => Ok(diagnosis),
            None => self.ledger.diagnosis(id).await?.ok_or_else(|| DiagnosisError::Unknown(id.to_owned())),
        }
    }

    /// Diagnoses in short, newest first, of one node or of all.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn list(&self, node: Option<&str>, limit: usize) -> Result<Vec<DiagnosisBrief>, DiagnosisError> {
        let mut briefs = self.ledger.diagnoses(node, limit).await?;
        let running = self.running();
        for brief in &mut briefs {
            if let Some(running) = running.get(&brief.id) {
                *brief = running.diagnosis.brief();
            }
        }
        Ok(briefs)
    }

    /// Forgets a diagnosis; one that goes on is given up.
    ///
    /// # Errors
    /// When there is none.
    pub async fn delete(&self, id: &str) -> Result<(), DiagnosisError> {
        let running = self.running().remove(id);
        if let Some(running) = &running {
            running.stop.cancel();
        }
        let was_kept = self.ledger.delete_diagnosis(id).await?;
        if was_kept || running.is_some() { Ok(()) } else { Err(DiagnosisError::Unknown(id.to_owned())) }
    }

    fn publish(&self, diagnosis: &Diagnosis) {
        self.live.publish(&LiveEvent::Diagnosis(Box::new(diagnosis.brief())));
    }

    fn running(&self) -> MutexGuard<'_, HashMap<String, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
