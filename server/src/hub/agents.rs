//! Wires what the hub has for agents: its own, and those of other machines when they may join.

use std::{
    net::{SocketAddr, UdpSocket},
    sync::Arc,
};

use anyhow::Context as _;
use netloom_core::{api::AgentConfig, mesh::Echo};
use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
    task::JoinHandle,
};

use crate::{
    agent::{
        Agent, LINGER, echo,
        errands::{ERRANDS_MAX, REPORTS_MAX},
        hub_clock::HubClock,
        status::StatusBoard,
    },
    clock,
    config::Config,
    mesh::{Detour, Mesh, Own},
    uplink::{self, Uplink, UplinkPlace, certificate::Certificate},
    web::WebState,
};

/// The listener for agents of other machines, and the socket that answers their probes, when they may join.
pub struct Sockets {
    listener: Option<TcpListener>,
    /// What answers their probes, if anything.
    pub echo: Option<UdpSocket>,
    /// Where probes of a pair go instead of straight to the other.
    pub detour: Option<Detour>,
}

impl Sockets {
    /// Binds them, before anything else begins.
    ///
    /// # Errors
    /// When one cannot be bound, with the flag that chooses another address.
    pub async fn bind(config: &Config) -> anyhow::Result<Self> {
        let Some(listen) = config.agent_listen else { return Ok(Self { listener: None, echo: None, detour: None }) };
        let listener = TcpListener::bind(listen).await;
        let listener = listener.with_context(|| format!("cannot listen for agents on {listen} (--agent-listen)"))?;
        let bind = |address: SocketAddr| {
            echo::bind(address).with_context(|| format!("cannot answer probes at {address} (--echo-listen)"))
        };
        Ok(Self { listener: Some(listener), echo: config.echo_address().map(bind).transpose()?, detour: None })
    }

    /// Where agents join, if they may.
    pub fn agent_address(&self) -> Option<SocketAddr> {
        self.listener.as_ref()?.local_addr().ok()
    }
}

/// The agents' part of the hub, running.
pub(super) struct Agents {
    own: JoinHandle<()>,
    orders: JoinHandle<()>,
    uplink: Option<JoinHandle<()>>,
}

impl Agents {
    /// Starts them. `address` is where pages and API are.
    pub(super) fn start(
        sockets: Sockets,
        config: &Config,
        address: SocketAddr,
        state: &mut WebState,
    ) -> anyhow::Result<Self> {
        let (keeper, settings) = (state.agents.clone(), state.keeper.subscribe());
        let first = AgentConfig { settings: settings.borrow().clone(), hub: address, mesh: None, run_active: false };
        let own =
            Own { node: config.node.clone(), config: first.clone(), echo: sockets.echo.as_ref().and_then(echo_of) };
        let uplink_port = sockets.agent_address().map(|listens| listens.port());
        let mesh =
            Arc::new(Mesh::open(&config.data_dir, own, sockets.detour).context("cannot use the keys of the mesh")?);
        state.diagnoses.connect(mesh.clone(), address, uplink_port);
        state.arranger.connect(mesh.clone());
        let (told, orders) = watch::channel(first);
        let telling = tokio::spawn(mesh.clone().run(keeper.clone(), (settings, state.runs.subscribe()), told));
        let (given, errands) = mpsc::channel(ERRANDS_MAX);
        let (reports, mut told) = mpsc::channel(REPORTS_MAX);
        state.errands.connect(&config.node, given);
        let (desk, node) = (state.errands.clone(), config.node.clone());
        tokio::spawn(async move {
            while let Some(report) = told.recv().await {
                desk.hear(&node, report);
            }
        });
        let agent = Agent {
            node: config.node.clone(),
            uplink: Arc::new(state.ingest.clone()),
            config: orders,
            clock: HubClock::local(),
            linger: LINGER,
            echo: sockets.echo,
            collects: true,
            status: StatusBoard::new(&config.node, clock::now()),
            errands,
            reports,
            shutdown: state.shutdown.clone(),
        };
        let own = tokio::spawn(agent.run());
        let mut agents = Self { own, orders: telling, uplink: None };
        if let Some(listener) = sockets.listener {
            let uplink = Uplink {
                agents: keeper,
                ingest: state.ingest.clone(),
                mesh,
                errands: state.errands.clone(),
                session: fastrand::u64(1..),
                counts: Arc::default(),
            };
            let certificate = uplink::certificate::open(&config.data_dir).context("cannot use the certificate")?;
            agents.listen(listener, uplink, certificate, state)?;
        }
        Ok(agents)
    }

    fn listen(
        &mut self,
        listener: TcpListener,
        uplink: Uplink,
        certificate: Certificate,
        state: &mut WebState,
    ) -> anyhow::Result<()> {
        let (address, counts) = (listener.local_addr()?, uplink.counts.clone());
        tracing::info!(%address, fingerprint = %certificate.fingerprint, "agents may join");
        state.uplink = Some(UplinkPlace { address, certificate: certificate.clone(), counts });
        self.uplink = Some(tokio::spawn(uplink.serve(listener, certificate, state.shutdown.clone())));
        Ok(())
    }

    /// Waits until everything that agents send is handed in. The shutdown was asked for before.
    pub(super) async fn end(self) -> anyhow::Result<()> {
        if let Some(uplink) = self.uplink {
            uplink.await?;
        }
        self.own.await?;
        self.orders.abort();
        Ok(())
    }
}

/// Where the hub's own node answers probes. Its address is the one at which an agent reaches the hub.
fn echo_of(socket: &UdpSocket) -> Option<Echo> {
    Some(Echo { port: socket.local_addr().ok()?.port(), address: None })
}
