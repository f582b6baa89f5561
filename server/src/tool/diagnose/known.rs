//! Who else is there, as far as a hub tells, or the agent of this machine was told.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    time::{Duration, Instant},
};

use netloom_core::{
    api::{NodeRole, NodeStatus},
    diagnosis::plan::PEERS_MAX,
    errand::{Host, HostKind},
};
use reqwest::Url;

use crate::{
    client::api::Hub,
    config,
    diagnose::{self, Joined, LOOK_LIMIT},
};

/// How long a hub that nobody named is waited for: it is on this machine, or there is none, and all has to end within five
/// seconds.
const ASK_LIMIT: Duration = Duration::from_millis(250);
/// The same for one that somebody named, which may be far away or busy. What it takes beyond the above is taken off the
/// limit of the checks, which leaves the four seconds of the most patient ones.
const ASK_NAMED_LIMIT: Duration = Duration::from_millis(900);

/// What a hub tells, or the agent here.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// The name of this machine.
    pub(super) own_name: String,
    /// How long the checks may take, so that all ends within five seconds.
    pub(super) look_limit: Duration,
    /// What somebody who named a hub should know.
    pub(super) note: Option<String>,
    hub: Option<Host>,
    nodes: Vec<Host>,
}

impl Known {
    /// Asks a hub, and where none answers looks for what the agent here knows. A hub that somebody named is looked at also
    /// when it does not answer.
    pub(super) async fn ask(hub: &Hub, is_named: bool) -> Self {
        let chosen = std::env::var("NETLOOM_NODE").ok().filter(|name| !name.is_empty());
        let own_name = config::node_name(chosen.as_deref()).unwrap_or_else(|_| "this machine".to_owned());
        let asked = Instant::now();
        let told = hub.nodes(if is_named { ASK_NAMED_LIMIT } else { ASK_LIMIT }).await;
        let look_limit = look_limit(asked.elapsed());
        let at = hub_at(hub.url());
        match told {
            Ok(nodes) => Self { look_limit, ..Self::of_hub(own_name, at, &nodes) },
            Err(why) => {
                let joined = diagnose::joined();
                let instead = if joined.is_some() { "those that the agent here knows" } else { "no other nodes" };
                let note = format!("the hub at {} does not tell its nodes ({why}): {instead} are looked at", hub.url());
                let own_name = joined.as_ref().filter(|_| chosen.is_none()).map_or(own_name, |told| told.node.clone());
                let known = Self::of_agent(own_name, at.filter(|_| is_named), joined);
                Self { look_limit, note: is_named.then_some(note), ..known }
            }
        }
    }

    fn of_hub(own_name: String, hub: Option<Host>, nodes: &[NodeStatus]) -> Self {
        let host = hub.as_ref().map_or("", |hub| &hub.host);
        let others = nodes.iter().filter(|status| status.info.node != own_name);
        let nodes = others.filter_map(|status| node(status, host)).collect();
        Self { own_name, hub, nodes, ..Self::default() }
    }

    /// With a hub that was named instead of the agent's, its peers are still those of this machine.
    fn of_agent(own_name: String, named: Option<Host>, joined: Option<Joined>) -> Self {
        let hub = named.or_else(|| hub_at(&joined.as_ref()?.hub));
        let peers = joined.map(|joined| joined.peers).unwrap_or_default();
        let nodes = peers.into_iter().map(|(name, at)| {
            let host = at.ip().to_canonical().to_string();
            Host { name, host, port: Some(at.port()), kind: HostKind::Peer }
        });
        Self { own_name, hub, nodes: nodes.collect(), ..Self::default() }
    }

    /// The hub, and nodes.
    pub(super) fn all(&self) -> Vec<Host> {
        let step = self.nodes.len().div_ceil(PEERS_MAX).max(1);
        self.hub.iter().chain(self.nodes.iter().step_by(step)).cloned().collect()
    }

    /// The node of that name.
    pub(super) fn node(&self, name: &str) -> Option<Host> {
        self.nodes.iter().find(|node| node.name == name).cloned()
    }

    /// Names of nodes by their addresses. Where several share one, it is no name.
    pub(super) fn names(&self) -> BTreeMap<IpAddr, String> {
        let with_address = |node: &Host| Some((node.host.parse::<IpAddr>().ok()?, node.name.clone()));
        let mut names: BTreeMap<IpAddr, String> = BTreeMap::new();
        for (address, name) in self.nodes.iter().filter_map(with_address).filter(|(address, _)| !address.is_loopback())
        {
            names.entry(address).or_insert(name);
        }
        names
    }
}

/// How long the checks may take when the hub took so long.
fn look_limit(asked: Duration) -> Duration {
    LOOK_LIMIT.saturating_sub(asked.saturating_sub(ASK_LIMIT))
}

/// The hub at a URL.
fn hub_at(url: &str) -> Option<Host> {
    let url = Url::parse(url).ok()?;
    let host = url.host_str()?.trim_start_matches('[').trim_end_matches(']').to_owned();
    Some(Host { name: "hub".into(), host, port: url.port_or_known_default(), kind: HostKind::Hub })
}

/// A node as this machine reaches it: those that the hub sees on its own machine are where the hub is.
fn node(status: &NodeStatus, hub: &str) -> Option<Host> {
    let told = status.info.echo.as_ref().and_then(|echo| echo.address);
    let seen = status.address.parse::<IpAddr>().ok().filter(|address| !address.is_loopback());
    let beside_hub = status.role == NodeRole::Hub || status.address.parse::<IpAddr>().is_ok();
    let host = told.or(seen).map(|address| address.to_string()).or_else(|| beside_hub.then(|| hub.to_owned()))?;
    let port = status.info.echo.as_ref().map(|echo| echo.port);
    Some(Host { name: status.info.node.clone(), host, port, kind: HostKind::Peer })
}

/// A host that somebody named.
pub(super) fn named(name: &str, host: String, port: Option<u16>) -> Host {
    Host { name: name.to_owned(), host, port, kind: HostKind::Named }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::*;

    fn at(host: &Host) -> (&str, &str, Option<u16>) {
        (&host.name, &host.host, host.port)
    }

    #[test]
    fn without_a_hub_it_is_what_the_agent_was_told() {
        let joined = || Joined {
            node: "n1".into(),
            hub: "https://[fd00::1]:6387".into(),
            peers: vec![("n7".into(), "[::ffff:10.0.0.7]:6386".parse().expect("an address"))],
        };
        let known = Known::of_agent("n1".into(), None, Some(joined()));
        let all = known.all();
        assert_eq!(
            all.iter().map(at).collect::<Vec<_>>(),
            [("hub", "fd00::1", Some(6387)), ("n7", "10.0.0.7", Some(6386))]
        );
        assert_eq!(all.iter().map(|host| host.kind).collect::<Vec<_>>(), [HostKind::Hub, HostKind::Peer]);
        assert!(known.node("n7").is_some() && known.node("n1").is_none());

        let known = Known::of_agent("n1".into(), hub_at("http://other:6385"), Some(joined()));
        assert_eq!(at(&known.all()[0]), ("hub", "other", Some(6385)), "the one that was named comes first");
        assert!(Known::of_agent("n1".into(), None, None).all().is_empty());
    }

    #[test]
    fn what_a_slow_hub_takes_is_taken_off_the_checks() {
        assert_eq!(look_limit(Duration::from_millis(3)), LOOK_LIMIT);
        assert_eq!(look_limit(ASK_LIMIT), LOOK_LIMIT);
        let least = look_limit(ASK_NAMED_LIMIT);
        assert_eq!(least + ASK_NAMED_LIMIT, LOOK_LIMIT + ASK_LIMIT);
        assert!(least > Duration::from_secs(4), "the most patient checks end by themselves: {least:?}");
    }

    /// A hub on loopback that gives one answer, or none.
    async fn hub(answer: &'static [u8]) -> Hub {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("somebody asks");
            let mut heard = [0; 1_024];
            let _ = stream.read(&mut heard).await;
            let _ = stream.write_all(answer).await;
            // Held open: whoever gets no answer waits for it.
            while answer.is_empty() && stream.read(&mut heard).await.is_ok_and(|count| count > 0) {}
        });
        Hub::at(&url).expect("a URL")
    }

    #[tokio::test]
    async fn a_named_hub_that_tells_nothing_is_told_of_and_looked_at() {
        for (answer, part) in [
            (&b""[..], "timed out"),
            (b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n", "503"),
            (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}", "not understood"),
        ] {
            let known = Known::ask(&hub(answer).await, true).await;
            let note = known.note.expect("it was named");
            assert!(note.contains(part) && note.contains("http://127.0.0.1:"), "{note}");
            assert!(known.hub.is_some_and(|hub| hub.host == "127.0.0.1"));
        }
        let known = Known::ask(&hub(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]").await, true).await;
        assert_eq!(known.note, None);
        let known = Known::ask(&hub(b"").await, false).await;
        assert_eq!(known.note, None, "nobody counts on a hub on this machine");
    }
}
