//! Runs checks: one arm per kind, each in a file of its own under [`crate::probe`] or [`crate::collect`].

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use netloom_core::{
    api::AgentConfig,
    check::{Check, Finding, Phase, Progress, redis::PASSWORD_VARIABLE, spec::Family},
    settings::active::ActiveSettings,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    collect,
    probe::{self, icmp::IcmpProber, throughput::turn::Turns},
    resolve::resolve_all,
};

/// What checks share on one machine.
#[derive(Clone)]
pub struct Means {
    /// The sockets of ICMP. Checks run on the runtime that opened them.
    pub icmp: Arc<IcmpProber>,
    /// Where a test of throughput takes its turn: two on one machine would measure each other.
    pub throughput: Turns,
    /// What tests that load the network may take here; asked anew before each.
    pub active: Arc<dyn Fn() -> ActiveSettings + Send + Sync>,
    /// Names of nodes by their addresses.
    pub nodes: Nodes,
    /// The password of Redis servers, out of the environment: it stands in no address and no settings.
    pub redis_password: Option<String>,
    /// Cancelled by somebody who waits no longer and wants what there is. A check that cannot tell a part of its result goes on.
    pub stop: CancellationToken,
}

impl Means {
    /// The means of this machine. Must be made inside the runtime that will check.
    pub fn new() -> Self {
        Self::with(Arc::new(IcmpProber::new()))
    }

    /// The same for a command at a terminal, whose tests of throughput take turns with those of all other processes here.
    pub fn of_terminal() -> Self {
        Self { throughput: Turns::of_machine(), ..Self::new() }
    }

    /// The means with sockets that others use, too.
    pub fn with(icmp: Arc<IcmpProber>) -> Self {
        let redis_password = std::env::var(PASSWORD_VARIABLE).ok().filter(|password| !password.is_empty());
        Self {
            icmp,
            throughput: Turns::default(),
            active: Arc::new(ActiveSettings::unbounded),
            nodes: Nodes::default(),
            redis_password,
            stop: CancellationToken::new(),
        }
    }
}

/// Which nodes there are, as the orders of the hub say at the time, or as they were told. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Nodes {
    orders: Option<watch::Receiver<AgentConfig>>,
    told: Arc<BTreeMap<IpAddr, String>>,
}

impl Nodes {
    /// The nodes of these orders.
    pub fn of(orders: watch::Receiver<AgentConfig>) -> Self {
        Self { orders: Some(orders), told: Arc::default() }
    }

    /// Nodes by their addresses, once and for all.
    pub fn told(names: BTreeMap<IpAddr, String>) -> Self {
        Self { orders: None, told: Arc::new(names) }
    }

    /// Their names by their addresses; of a hub none before it gave orders.
    pub fn names(&self) -> BTreeMap<IpAddr, String> {
        let orders = self.orders.as_ref().map(watch::Receiver::borrow);
        let peers = orders.as_ref().and_then(|orders| Some(&orders.mesh.as_ref()?.peers));
        let ordered = peers.into_iter().flatten().map(|peer| (peer.address.ip().to_canonical(), peer.node.clone()));
        ordered.chain(self.told.iter().map(|(address, name)| (*address, name.clone()))).collect()
    }
}

impl Default for Means {
    fn default() -> Self {
        Self::new()
    }
}

/// Is told how far a check is.
pub type Told<'a> = &'a (dyn Fn(Progress) + Send + Sync);

/// Runs one check to its end. It ends in the time that it says of itself; a check that hangs beyond `limit` all the same is
/// cut off, so that no other has to wait for it.
pub async fn run(check: &Check, means: &Means, limit: Duration, told: Told<'_>) -> Finding {
    let started = Instant::now();
    let ran = tokio::time::timeout(limit, dispatch(check, means, told)).await;
    let mut finding = ran.unwrap_or_else(|_| Finding::cut_off(limit.as_secs_f64()));
    finding.took_us = started.elapsed().as_nanos() as f64 / 1e3;
    finding
}

async fn dispatch(check: &Check, means: &Means, told: Told<'_>) -> Finding {
    match check {
        Check::Icmp(spec) => probe::icmp::check(spec, means, told).await,
        Check::Tcp(spec) => probe::tcp::check(spec, means, told).await,
        Check::Udp(spec) => probe::udp::check(spec, means, told).await,
        Check::Dns(spec) => probe::dns::check(spec, means, told).await,
        Check::Http(spec) => probe::http::check(spec, means, told).await,
        Check::Path(spec) => probe::path::check(spec, means, told).await,
        Check::Mtu(spec) => probe::mtu::check(spec, means, told).await,
        Check::Throughput(spec) => probe::throughput::check(spec, means, told).await,
        Check::Iperf3(spec) => probe::iperf3::check(spec, means, told).await,
        Check::Download(spec) => probe::download::check(spec, means, told).await,
        Check::Redis(spec) => probe::redis::check(spec, means, told).await,
        Check::Interfaces => collect::depth::check(means).await,
        Check::Connections => collect::connection::check(means).await,
    }
}

/// What helps when a name has no address.
pub(crate) const NAME_CURE: &str = "check the spelling, and that a name server of this machine knows the name";

/// The address of a host in the family that is wanted.
///
/// # Errors
/// The finding that says why there is none.
pub async fn address_of(host: &str, family: Family) -> Result<IpAddr, Finding> {
    let addresses = resolve_all(host).await.map_err(|cause| Finding::failed(Phase::Resolve, cause, NAME_CURE))?;
    let fits = |address: &&IpAddr| match family {
        Family::Any => true,
        Family::V4 => address.is_ipv4(),
        Family::V6 => address.is_ipv6(),
    };
    addresses.iter().find(fits).copied().ok_or_else(|| {
        let (wanted, has) = if family == Family::V4 { ("IPv4", "IPv6") } else { ("IPv6", "IPv4") };
        let cause = format!("{host} has no {wanted} address, only {has} ones");
        Finding::failed(Phase::Resolve, cause, format!("leave the choice open, or ask for {has}"))
    })
}
