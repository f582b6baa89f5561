//! What a node is to check: names of nodes become their addresses, as that node reaches them.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
};

use netloom_core::{
    diagnosis::{DiagnosisRequest, HOSTS_MAX, asked::Asked, plan},
    errand::{Host, HostKind, Plan},
    settings::FieldError,
};

/// What there is to plan with.
pub(super) struct Known<'a> {
    /// Where the node reaches the hub, as far as that is known.
    pub(super) hub: Option<SocketAddr>,
    /// Where it reaches the others, and the port at which they answer probes, if they do.
    pub(super) places: BTreeMap<String, (IpAddr, Option<u16>)>,
    /// Names of all nodes, those included that were not heard of for long.
    pub(super) nodes: &'a BTreeSet<String>,
}

/// The plan, and the first node among the hosts, to which throughput can be tested.
pub(super) fn plan(request: &DiagnosisRequest, known: &Known) -> Result<(Plan, Option<String>), FieldError> {
    let wrong = |field: String, message: String| FieldError { field, message };
    if request.hosts.len() > HOSTS_MAX {
        return Err(wrong("hosts".into(), format!("at most {HOSTS_MAX} in one diagnosis")));
    }
    if request.hosts.is_empty() {
        return Ok((usual(known), None));
    }
    let (mut made, mut first_node) = (Plan::default(), None);
    for (at, text) in request.hosts.iter().enumerate() {
        let field = || format!("hosts[{at}]");
        let text = text.trim();
        if let Some((address, port)) = known.places.get(text) {
            first_node.get_or_insert_with(|| text.to_owned());
            made.hosts.push(node(text, SocketAddr::new(*address, port.unwrap_or(0))));
            continue;
        }
        if text == request.node {
            return Err(wrong(field(), format!("{text} is the node that checks: name another one")));
        }
        if known.nodes.contains(text) {
            return Err(wrong(field(), format!("{text} was not heard of for long: name it by its address")));
        }
        match Asked::parse(text).map_err(|why| wrong(field(), why))? {
            Asked::Host { host, port } => {
                let name = text.to_owned();
                made.hosts.push(Host { name, host, port, kind: HostKind::Named });
            }
            Asked::Check(check) if plan::is_load(&check) => {
                let why = "a test of throughput is asked for with throughput, to a node, so that no two meet";
                return Err(wrong(field(), why.to_owned()));
            }
            Asked::Check(check) => made.checks.push((text.to_owned(), check)),
        }
    }
    let mut met = BTreeSet::new();
    made.hosts.retain(|host| met.insert(host.name.clone()));
    Ok((made, first_node))
}

/// What every node depends on, as far as the hub knows it.
fn usual(known: &Known) -> Plan {
    let hub = known.hub.map(|at| Host {
        name: "hub".into(),
        host: at.ip().to_string(),
        port: Some(at.port()),
        kind: HostKind::Hub,
    });
    let all: Vec<_> = known.places.iter().collect();
    // Of very many some, spread over all of them.
    let step = all.len().div_ceil(plan::PEERS_MAX).max(1);
    let peers = all.into_iter().step_by(step);
    let peers = peers.map(|(name, (address, port))| node(name, SocketAddr::new(*address, port.unwrap_or(0))));
    Plan { hosts: hub.into_iter().chain(peers).collect(), is_usual: true, checks: Vec::new() }
}

fn node(name: &str, at: SocketAddr) -> Host {
    let port = Some(at.port()).filter(|port| *port > 0);
    Host { name: name.to_owned(), host: at.ip().to_string(), port, kind: HostKind::Peer }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(hosts: &[&str]) -> DiagnosisRequest {
        let hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
        DiagnosisRequest { node: "n1".into(), hosts, ..DiagnosisRequest::default() }
    }

    fn with<T>(nodes: usize, look: impl FnOnce(&Known) -> T) -> T {
        let name = |at: usize| format!("n{at}");
        let places = (2..=nodes).map(|at| (name(at), ([10, 0, (at / 256) as u8, (at % 256) as u8].into(), Some(6386))));
        let names = (1..=nodes).map(name).chain(["gone".to_owned()]).collect();
        let hub = Some(SocketAddr::from(([10, 0, 0, 1], 6387)));
        look(&Known { hub, places: places.collect(), nodes: &names })
    }

    #[test]
    fn names_of_nodes_become_their_addresses() {
        let (made, node) = with(3, |known| plan(&request(&["n3", "db:5432", " n2 ", "n3"]), known)).expect("is right");
        let hosts: Vec<_> = made.hosts.iter().map(|host| (host.host.as_str(), host.port, host.kind)).collect();
        let (three, two) = (("10.0.0.3", Some(6386), HostKind::Peer), ("10.0.0.2", Some(6386), HostKind::Peer));
        assert_eq!(hosts, [three, ("db", Some(5432), HostKind::Named), two]);
        assert_eq!((node.as_deref(), made.is_usual), (Some("n3"), false));
    }

    #[test]
    fn what_is_wrong_names_its_place() {
        for (hosts, field, part) in [
            (&["n1"][..], "hosts[0]", "is the node that checks"),
            (&["n2", "gone"], "hosts[1]", "not heard of for long"),
            (&["n2", "a b"], "hosts[1]", "neither a host"),
            (&["a"; 9], "hosts", "at most 8"),
        ] {
            let wrong = with(2, |known| plan(&request(hosts), known)).expect_err("is wrong");
            assert_eq!(wrong.field, field);
            assert!(wrong.message.contains(part), "{wrong:?}");
        }
    }

    #[test]
    fn of_many_nodes_some_are_looked_at_and_the_hub_always() {
        let (made, _) = with(300, |known| plan(&request(&[]), known)).expect("is right");
        assert!(made.is_usual && made.hosts[0].kind == HostKind::Hub);
        assert!(made.hosts.len() <= plan::PEERS_MAX + 1 && made.hosts.len() > plan::PEERS_MAX / 2);
    }

    #[test]
    fn a_hub_whose_address_nobody_knows_is_left_out() {
        let nodes = BTreeSet::new();
        let known = Known { hub: None, places: BTreeMap::new(), nodes: &nodes };
        let (made, _) = plan(&request(&[]), &known).expect("is right");
        assert!(made.is_usual && made.hosts.is_empty(), "{made:?}");
    }
}
