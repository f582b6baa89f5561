//! Wires what the hub has for agents: its own, and those of other machines when they may join.

use std::{
    net::{SocketAddr, UdpSocket},
    sync::Arc,
};

use anyhow::Context as _;
use netloom_core::{api::AgentConfig, mesh::Echo, settings::Settings};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{
    agent::{Agent, LINGER, hub_clock::HubClock},
    agents::AgentKeeper,
    config::Config,
    ingest::IngestHandle,
    mesh::{Detour, Mesh, Own},
    store::Stores,
    uplink::{self, Uplink, UplinkPlace, certificate::Certificate},
};

/// The listener for agents of other machines, and the socket that answers their probes, when they may join.
pub(super) struct Sockets {
    listener: Option<TcpListener>,
    echo: Option<UdpSocket>,
    /// Where probes of a pair go instead of straight to the other.
    detour: Option<Detour>,
}

impl Sockets {
    /// Binds them, before anything else begins.
    pub(super) async fn bind(config: &Config, detour: Option<Detour>) -> anyhow::Result<Self> {
        let Some(listen) = config.agent_listen else { return Ok(Self { listener: None, echo: None, detour }) };
        let listener = TcpListener::bind(listen).await;
        let listener = listener.with_context(|| format!("cannot listen for agents on {listen} (--agent-listen)"))?;
        let bind = |address: SocketAddr| {
            UdpSocket::bind(address).with_context(|| format!("cannot answer probes at {address} (--echo-listen)"))
        };
        Ok(Self { listener: Some(listener), echo: config.echo_address().map(bind).transpose()?, detour })
    }
}

/// What the agents' part of the hub is made of.
pub(super) struct Needs<'a> {
    pub(super) config: &'a Config,
    /// Where pages and API are.
    pub(super) address: SocketAddr,
    pub(super) stores: &'a Stores,
    pub(super) ingest: &'a IngestHandle,
    pub(super) settings: watch::Receiver<Settings>,
    pub(super) shutdown: &'a CancellationToken,
}

/// The agents' part of the hub, running.
pub(super) struct Agents {
    pub(super) keeper: Arc<AgentKeeper>,
    pub(super) place: Option<UplinkPlace>,
    own: JoinHandle<()>,
    orders: JoinHandle<()>,
    uplink: Option<JoinHandle<()>>,
}

impl Agents {
    pub(super) async fn start(sockets: Sockets, needs: Needs<'_>) -> anyhow::Result<Self> {
        let Needs { config, address, stores, ingest, settings, shutdown } = needs;
        let keeper = Arc::new(AgentKeeper::open(stores.ledger.clone(), config.node.clone()).await?);
        let first = AgentConfig { settings: settings.borrow().clone(), hub: address, mesh: None };
        let own =
            Own { node: config.node.clone(), config: first.clone(), echo: sockets.echo.as_ref().and_then(echo_of) };
        let mesh =
            Arc::new(Mesh::open(&config.data_dir, own, sockets.detour).context("cannot use the keys of the mesh")?);
        let (told, orders) = watch::channel(first);
        let telling = tokio::spawn(mesh.clone().run(keeper.clone(), settings, told));
        let agent = Agent {
            node: config.node.clone(),
            uplink: Arc::new(ingest.clone()),
            config: orders,
            clock: HubClock::local(),
            linger: LINGER,
            echo: sockets.echo,
            shutdown: shutdown.clone(),
        };
        let own = tokio::spawn(agent.run());
        let mut agents = Self { keeper: keeper.clone(), place: None, own, orders: telling, uplink: None };
        if let Some(listener) = sockets.listener {
            let uplink = Uplink {
                agents: keeper,
                ingest: ingest.clone(),
                mesh,
                session: fastrand::u64(1..),
                counts: Arc::default(),
            };
            let certificate = uplink::certificate::open(&config.data_dir).context("cannot use the certificate")?;
            agents.listen(listener, uplink, certificate, shutdown)?;
        }
        Ok(agents)
    }

    fn listen(
        &mut self,
        listener: TcpListener,
        uplink: Uplink,
        certificate: Certificate,
        shutdown: &CancellationToken,
    ) -> anyhow::Result<()> {
        let (address, counts) = (listener.local_addr()?, uplink.counts.clone());
        tracing::info!(%address, fingerprint = %certificate.fingerprint, "agents may join");
        self.place = Some(UplinkPlace { address, certificate: certificate.clone(), counts });
        self.uplink = Some(tokio::spawn(uplink.serve(listener, certificate, shutdown.clone())));
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
