//! `netloom agent`: joins a hub, once, and from then on measures for it.

use std::{net::UdpSocket, path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context, anyhow, bail};
use hyper::Method;
use netloom_core::{
    api::AgentConfig,
    schedule::backoff_ms,
    settings::Settings,
    uplink::{Enrol, Enrolled, Fingerprint, JoinCode, hex},
};
use tokio::{
    sync::{mpsc, watch},
    time::{MissedTickBehavior, interval, sleep},
};
use tokio_util::sync::CancellationToken;

use super::{
    super::{
        Agent,
        errands::{ERRANDS_MAX, REPORTS_MAX},
        hub_clock::HubClock,
        status::StatusBoard,
    },
    RETRY_FIRST_MS, RETRY_MOST_MS, RemoteUplink,
    client::{CallError, Client, HubPlace},
    orders::{self, Asking},
    rows,
    spool::Spool,
    state::{Membership, StateFolder},
};
pub use crate::agent::hub_clock::WallClock;

/// How long a burst waits for others before it is sent: a request costs the hub more than the samples in it, and people see
/// a figure within a third of a second all the same.
const LINGER: Duration = Duration::from_millis(200);
/// How long the hub may take to answer at the start; with what is known from last time the agent does not wait longer.
const HELLO_LIMIT: Duration = Duration::from_secs(10);
/// How often it is noted where the hub's clock is, and what is too old is dropped from the spool.
const UPKEEP_INTERVAL: Duration = Duration::from_mins(1);

/// What an agent is started with.
pub struct Options {
    /// Where the hub listens for agents.
    pub hub: String,
    /// The code to join with, when it has not joined yet.
    pub code: Option<String>,
    /// The name of its node.
    pub node: String,
    /// Where it keeps what it must not forget.
    pub state_dir: PathBuf,
    /// Where it answers the probes of others.
    pub echo: UdpSocket,
    /// Whether it reads the counters of this machine.
    pub collects: bool,
    /// Bytes that the spool takes at most.
    pub spool_max_bytes: u64,
    /// This machine's clock.
    pub wall: WallClock,
}

/// Runs an agent until the shutdown.
///
/// # Errors
/// One line: it cannot join, or the hub does not take it any more.
pub async fn run(options: Options, shutdown: CancellationToken) -> anyhow::Result<()> {
    let place = HubPlace::parse(&options.hub).map_err(|why| anyhow!(why))?;
    let state = Arc::new(StateFolder::claim(&options.state_dir)?);
    let clock = HubClock::followed(options.wall.clone(), state.clock_offset_us());
    let status = StatusBoard::new(&options.node, clock.now());
    let asking = Asking::new(status.clone(), clock.clone());
    let mut start = Start { options: &options, place, state: &state, clock: &clock, asking: &asking };
    let (membership, orders) = tokio::select! {
        joined = start.member() => joined?,
        () = shutdown.cancelled() => return Ok(()),
    };
    let fingerprint = membership.fingerprint()?;
    let client = || Client::new(start.place.clone(), fingerprint, clock.clone(), Some(membership.token.clone()));
    let spool = Spool::open(&state.spool(), options.spool_max_bytes)
        .with_context(|| format!("cannot use the spool {}", state.spool().display()))?;
    tracing::info!(node = membership.node, number = membership.number, hub = %start.place, waiting = spool.waiting(), "measuring");
    let uplink =
        RemoteUplink::new(membership.node.clone(), [client()?, client()?], clock.clone(), spool, shutdown.clone());
    let uplink = Arc::new(uplink);
    let (told, config) = watch::channel(orders);
    let (given, errands) = mpsc::channel(ERRANDS_MAX);
    let (reports, telling) = mpsc::channel(REPORTS_MAX);
    // People wait for these: they have connections of their own.
    let [errand_client, report_client] = [client()?, client()?];
    let standing = status.clone();
    let agent = Agent {
        node: membership.node,
        uplink: uplink.clone(),
        config,
        clock: clock.clone(),
        linger: LINGER,
        echo: Some(options.echo),
        collects: options.collects,
        status,
        errands,
        reports,
        shutdown: shutdown.clone(),
    };
    let beside = async {
        tokio::join!(
            uplink.drain(),
            orders::follow(&uplink, &asking, &state, &told),
            uplink.fetch_errands(&errand_client, given),
            uplink.tell_reports(&report_client, telling),
            keep(&uplink, &state, &told),
            rows::note(&uplink, &standing),
        );
    };
    tokio::select! {
        () = agent.run() => {}
        () = beside => {}
    }
    uplink.with_spool(|spool| spool.sync()).await.context("cannot write the spool")?;
    note_clock(&state, &clock);
    match uplink.denied.get() {
        Some(why) => bail!("{why}"),
        None => Ok(()),
    }
}

/// The start of an agent.
struct Start<'a> {
    options: &'a Options,
    place: HubPlace,
    state: &'a StateFolder,
    clock: &'a HubClock,
    asking: &'a Asking,
}

impl Start<'_> {
    /// Who the agent is to the hub, and what it is to do: as it was last time, else by joining.
    async fn member(&mut self) -> anyhow::Result<(Membership, AgentConfig)> {
        let code =
            self.options.code.as_deref().map(JoinCode::parse).transpose().map_err(|why| anyhow!("--token: {why}"))?;
        let known = self.state.membership()?;
        let Some(mut membership) = known else {
            let Some(code) = code else {
                bail!("this agent has not joined a hub yet: start it with --token CODE, which the hub's pages make");
            };
            return self.join(&code).await;
        };
        if membership.node != self.options.node {
            let (node, folder) = (&membership.node, self.options.state_dir.display());
            bail!(
                "the state folder {folder} belongs to node {node}, not to {}: use another --state-dir, or --node {node}",
                self.options.node
            );
        }
        // A code of another hub means that one.
        if let Some(code) = code.filter(|code| code.fingerprint.to_string() != membership.fingerprint) {
            return self.join(&code).await;
        }
        let client = self.client(membership.fingerprint()?, Some(membership.token.clone()))?;
        let orders = match (self.first_orders(&client).await, code) {
            (Ok(orders), _) => orders,
            (Err(CallError::Denied(_)), Some(code)) => return self.join(&code).await,
            (Err(error), _) => bail!("{error}"),
        };
        if membership.hub != self.place.to_string() {
            membership.hub = self.place.to_string();
            self.state.save_membership(&membership)?;
        }
        Ok((membership, orders))
    }

    /// What the hub tells now, or told last time when it is away or not understood. Without any orders there is nothing to
    /// do but to wait for a hub that is away.
    async fn first_orders(&self, client: &Client) -> Result<AgentConfig, CallError> {
        let mut attempt = 0;
        loop {
            let error = match self.hello(client).await {
                Err(error @ (CallError::Away(_) | CallError::Garbled(_))) => error,
                told => return told,
            };
            if attempt == 0 {
                tracing::warn!(%error, "starting without the hub");
                if let Some(orders) = self.state.orders() {
                    return Ok(orders);
                }
            }
            if !matches!(error, CallError::Away(_)) {
                return Err(error);
            }
            sleep(Duration::from_millis(backoff_ms(attempt, RETRY_FIRST_MS, RETRY_MOST_MS, fastrand::f64()))).await;
            attempt += 1;
        }
    }

    /// Trades a code for a token. It is tried once: whoever typed the command is there to read what is wrong.
    async fn join(&self, code: &JoinCode) -> anyhow::Result<(Membership, AgentConfig)> {
        let client = self.client(code.fingerprint, None)?;
        let (node, version) = (self.options.node.clone(), env!("CARGO_PKG_VERSION").to_owned());
        let body = serde_json::to_vec(&Enrol { secret: hex(&code.secret), node: node.clone(), version })?;
        let answer = client.call(Method::POST, "/uplink/v1/enrol", body, HELLO_LIMIT).await;
        let answer = answer.map_err(|error| match error {
            CallError::Away(why) => {
                anyhow!("{why}; does the hub run with --agent-listen, and does a firewall let its port through?")
            }
            error => anyhow!("{error}"),
        })?;
        let enrolled: Enrolled = serde_json::from_slice(&answer.body).context("the hub's answer is not understood")?;
        let membership = Membership {
            hub: self.place.to_string(),
            fingerprint: code.fingerprint.to_string(),
            token: enrolled.token,
            node,
            number: enrolled.number,
        };
        self.state.save_membership(&membership)?;
        note_clock(self.state, self.clock);
        tracing::info!(node = membership.node, number = membership.number, hub = membership.hub, "joined");
        let client = self.client(code.fingerprint, Some(membership.token.clone()))?;
        let orders = self.first_orders(&client).await.map_err(|error| anyhow!("{error}"))?;
        Ok((membership, orders))
    }

    async fn hello(&self, client: &Client) -> Result<AgentConfig, CallError> {
        let orders = self.asking.ask(client, HELLO_LIMIT).await?.config;
        orders::save(self.state, &orders);
        Ok(orders)
    }

    fn client(&self, fingerprint: Fingerprint, token: Option<String>) -> anyhow::Result<Client> {
        Ok(Client::new(self.place.clone(), fingerprint, self.clock.clone(), token)?)
    }
}

/// Looks after what is kept on disk.
async fn keep(uplink: &RemoteUplink, state: &StateFolder, orders: &watch::Sender<AgentConfig>) {
    let mut ticks = interval(UPKEEP_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Settings { storage, .. } = orders.borrow().settings.clone();
        uplink.forget_older_than(storage.raw_ms()).await;
        note_clock(state, &uplink.clock);
    }
}

/// Notes where the hub's clock is, for a start without the hub.
fn note_clock(state: &StateFolder, clock: &HubClock) {
    let Some(offset_us) = clock.wall_offset_us() else { return };
    if let Err(error) = state.save_clock_offset(offset_us) {
        tracing::warn!(%error, "cannot note the hub's clock");
    }
}
