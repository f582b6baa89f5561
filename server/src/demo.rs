//! The demo: a hub and many agents in one process, with a made-up network between them that real packets cross.
//!
//! The agents are those of a cluster: they join with codes, report over TLS, and probe each other over UDP, each on a
//! loopback address of its own. Only the network is made up: the hub sends their probes to the [`relay`], which treats
//! them as the links of a [`Preset`] would, and the [`player`] has links and nodes fail. They read no counters, because
//! those would all be this machine's.

mod folder;
pub mod player;
pub mod relay;

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context;
use netloom_core::{
    api::EnrolmentCode,
    impair::{preset::Preset, script::FaultScript},
};
use tokio::{net::TcpListener, sync::oneshot, task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;

use self::{folder::Folder, player::Player, relay::Relay};
use crate::{
    agent::remote::role,
    cli::DemoArgs,
    clock,
    config::Config,
    hub::{self, Sockets},
};

/// What waits on disk for a hub in the same process, bytes: it never waits long.
const SPOOL_MAX_BYTES: u64 = 16 * 1_024 * 1_024;
/// How long the hub may take to give a code.
const CODE_LIMIT: Duration = Duration::from_secs(10);
/// How long agents may take to end.
const END_LIMIT: Duration = Duration::from_secs(5);
/// What is logged unless told otherwise: what the demo does, and what goes wrong. A line for each of many agents says
/// nothing here.
pub const LOG: &str = "warn,netloom_server::demo=info";
/// Where chance begins: every demo has the same luck.
const SEED: u64 = 6_385;

/// Runs the demo until the token is cancelled.
///
/// # Errors
/// In one line: the script is wrong, or something that hub and agents need is not to be had.
pub async fn run(args: &DemoArgs, mut config: Config, shutdown: CancellationToken) -> anyhow::Result<()> {
    let names = args.preset.node_names(args.nodes.into());
    let script = script(args, &names)?;
    let folder = Folder::open(args.data_dir.as_deref())?;
    prepare(&mut config, args.preset, folder.path());

    let player = Player { preset: args.preset, names: names.clone(), script };
    let addresses: Vec<IpAddr> = (1..=args.nodes).map(|node| IpAddr::from([127, 0, 1, node])).collect();
    let relay = Relay::start(&addresses, IpAddr::V4(Ipv4Addr::LOCALHOST), player.ways(0.0), SEED);
    let relay = relay.context("cannot start the relay of the demo")?;

    let mut demo = Demo::start(config, &names, &relay).await?;
    let hub_ended = demo.hub_ended.clone();
    let showing = async {
        demo.join(&names, &addresses, &folder).await?;
        println!("{}", greeting(&player, demo.pages));
        player.play(&relay).await;
        std::future::pending().await
    };
    let shown: anyhow::Result<()> = tokio::select! {
        shown = showing => shown,
        () = shutdown.cancelled() => Ok(()),
        () = hub_ended.cancelled() => Ok(()),
    };
    let ended = demo.end().await;
    tell(&relay);
    shown.and(ended)
}

/// The script that was asked for.
fn script(args: &DemoArgs, names: &[String]) -> anyhow::Result<FaultScript> {
    let Some(file) = &args.script else { return Ok(args.preset.script(names.len())) };
    if file == Path::new("none") {
        return Ok(FaultScript::default());
    }
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read the script {}", file.display()))?;
    let blame = |why: String| anyhow::anyhow!("script {}: {}", file.display(), why.replace('\n', " "));
    let script: FaultScript = toml::from_str(&text).map_err(|error| blame(error.to_string()))?;
    script.validate(names).map_err(blame)?;
    Ok(script)
}

/// What a demo wants otherwise than a hub does.
fn prepare(config: &mut Config, preset: Preset, folder: &Path) {
    config.is_demo = true;
    config.cluster = format!("demo: {}", preset.name());
    folder.clone_into(&mut config.data_dir);
    config.agent_listen = Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    // Nobody asked for packets to a gateway.
    config.settings.probe.default_targets = false;
    // Only the packets of the mesh cross the made-up network; others would measure loopback.
    config.settings.mesh.other_modes_s = 0;
    config.settings.alerts.latency.limit_ms = preset.latency_limit_ms();
}

/// Where it is, what it is, and what will happen.
fn greeting(player: &Player, pages: SocketAddr) -> String {
    let (count, preset) = (player.names.len(), player.preset);
    let outlook = player.outlook(0.0);
    format!("Netloom's demo is at http://{pages}\n{count} nodes, {}: {}; {outlook}", preset.name(), preset.summary())
}

/// What the relay did, for those who wonder whether the packets were real.
fn tell(relay: &Relay) {
    let figures = relay.figures();
    let packets: u64 = figures.ways.iter().map(|way| way.offered).sum();
    let dropped: u64 = figures.ways.iter().map(netloom_core::impair::WayCounts::dropped).sum();
    let late_us = |q| figures.late_us.quantile(q).unwrap_or_default().round();
    tracing::info!(
        packets,
        dropped,
        overflowed = figures.overflowed,
        late_us_median = late_us(0.5),
        late_us_p99 = late_us(0.99),
        "demo: the made-up network carried"
    );
}

/// The running hub and agents.
struct Demo {
    pages: SocketAddr,
    /// Where agents join.
    uplink: SocketAddr,
    hub: tokio::task::JoinHandle<anyhow::Result<()>>,
    hub_ended: CancellationToken,
    stop_hub: CancellationToken,
    agents: JoinSet<()>,
    stop_agents: CancellationToken,
}

impl Demo {
    /// Starts the hub and waits until it answers.
    async fn start(config: Config, names: &[String], relay: &Relay) -> anyhow::Result<Self> {
        let listen = config.listen;
        let listener = TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
        let pages = listener.local_addr()?;
        let faces: HashMap<String, SocketAddr> =
            names.iter().enumerate().map(|(index, name)| (name.clone(), relay.face(index))).collect();
        let mut sockets = Sockets::bind(&config).await?;
        // The hub is no node of the made-up network.
        sockets.echo = None;
        sockets.detour = Some(Arc::new(move |_, dst| faces.get(dst).copied()));
        let uplink = sockets.agent_address().context("the hub of the demo does not listen for agents")?;
        let (stop_hub, hub_ended) = (CancellationToken::new(), CancellationToken::new());
        let (ready, is_ready) = oneshot::channel();
        let (stop, ended) = (stop_hub.clone(), hub_ended.clone().drop_guard());
        let mut hub = tokio::spawn(async move {
            let _ended = ended;
            let on_ready = || {
                // Whoever waited may have given up.
                let _ = ready.send(());
            };
            hub::run_on(config, listener, sockets, stop, on_ready).await
        });
        tokio::select! {
            _ = is_ready => {}
            result = &mut hub => {
                result??;
                anyhow::bail!("the hub of the demo ended");
            }
        }
        let (agents, stop_agents) = (JoinSet::new(), CancellationToken::new());
        Ok(Self { pages, uplink, hub, hub_ended, stop_hub, agents, stop_agents })
    }

    /// Starts the agents; they join with codes from the API, unless they did so before.
    async fn join(&mut self, names: &[String], addresses: &[IpAddr], folder: &Folder) -> anyhow::Result<()> {
        for (name, address) in names.iter().zip(addresses) {
            let echo = UdpSocket::bind((*address, 0))
                .with_context(|| format!("cannot open a socket on {address} (Linux has all of 127.0.0.0/8)"))?;
            let state_dir: PathBuf = folder.path().join("agents").join(name);
            let options = role::Options {
                hub: format!("https://{}", self.uplink),
                code: Some(self.code().await?),
                node: name.clone(),
                state_dir,
                echo,
                collects: false,
                spool_max_bytes: SPOOL_MAX_BYTES,
                wall: Arc::new(clock::now_us),
            };
            let (stop, node) = (self.stop_agents.clone(), name.clone());
            self.agents.spawn(async move {
                if let Err(error) = Box::pin(role::run(options, stop)).await {
                    tracing::error!(node, "demo: an agent ended: {error:#}");
                }
            });
        }
        Ok(())
    }

    async fn code(&self) -> anyhow::Result<String> {
        let client = reqwest::Client::builder().no_proxy().timeout(CODE_LIMIT).build()?;
        let answer = client.post(format!("http://{}/api/v1/agents/codes", self.pages)).send().await?;
        let code: EnrolmentCode = answer.error_for_status()?.json().await?;
        Ok(code.code)
    }

    /// Ends the agents, then the hub, so that what was measured arrives.
    async fn end(mut self) -> anyhow::Result<()> {
        self.stop_agents.cancel();
        let ended = timeout(END_LIMIT, async { while self.agents.join_next().await.is_some() {} }).await;
        if ended.is_err() {
            tracing::warn!("demo: some agents did not end in time");
        }
        self.stop_hub.cancel();
        self.hub.await?
    }
}
