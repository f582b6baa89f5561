//! Collectors in network namespaces of their own, where nothing else happens. Making them needs root; without it these tests
//! say that they are left out.

use std::{
    fs::File,
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    os::fd::AsFd,
    process::Command,
    thread,
};

use netloom_core::{
    api::AgentConfig,
    check::{connection::group::group, interface::link},
    mesh::{KEY_BYTES, MeshKey, MeshOrders, Peer},
    metric,
    sample::Readings,
    settings::Settings,
};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tokio::sync::watch;

use super::{
    Collector, Moment,
    connection::{self, ConnectionCollector},
    link::links,
};
use crate::check::Nodes;

/// A namespace that ends with its owner.
struct Namespace(String);

impl Namespace {
    fn make(name: &str) -> Option<Self> {
        let name = format!("nlcollect-{name}-{}", std::process::id());
        let is_made = rustix::process::geteuid().is_root() && ip(&["netns", "add", &name]);
        if !is_made {
            eprintln!("left out: network namespaces need root and the program `ip`");
        }
        let made = is_made.then(|| Self(name))?;
        assert!(made.ip(&["link", "set", "lo", "up"]));
        Some(made)
    }

    fn ip(&self, args: &[&str]) -> bool {
        ip(&[&["-netns", &self.0], args].concat())
    }

    /// Does something in there, on a thread that never leaves.
    fn run<T: Send + 'static>(&self, what: impl FnOnce() -> T + Send + 'static) -> thread::JoinHandle<T> {
        let namespace = File::open(format!("/var/run/netns/{}", self.0)).expect("it is there");
        thread::spawn(move || {
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).expect("root may");
            what()
        })
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        ip(&["netns", "delete", &self.0]);
    }
}

fn ip(args: &[&str]) -> bool {
    Command::new("ip").args(args).output().is_ok_and(|output| output.status.success())
}

/// Two namespaces with a wire between them.
fn pair() -> Option<[Namespace; 2]> {
    let pair = [Namespace::make("a")?, Namespace::make("b")?];
    assert!(pair[0].ip(&["link", "add", "wire", "type", "veth", "peer", "name", "wire", "netns", &pair[1].0]));
    for (at, namespace) in pair.iter().enumerate() {
        assert!(namespace.ip(&["address", "add", &format!("10.99.0.{}/24", at + 1), "dev", "wire"]));
        assert!(namespace.ip(&["link", "set", "wire", "up"]));
    }
    Some(pair)
}

fn orders(peer: &str, address: SocketAddr) -> AgentConfig {
    let key = MeshKey([0; KEY_BYTES]);
    let peers = vec![Peer { node: peer.to_owned(), number: 2, address, key }];
    let hub = SocketAddr::from(([127, 0, 0, 1], 1));
    AgentConfig {
        settings: Settings::default(),
        hub,
        mesh: Some(MeshOrders { number: 1, key, peers }),
        run_active: false,
    }
}

#[test]
fn connections_to_a_node_are_told_under_its_name() {
    const BYTES: usize = 200_000;
    let Some([here, there]) = pair() else { return };
    let address = SocketAddr::from((Ipv4Addr::new(10, 99, 0, 2), 7_000));
    let listener = there.run(move || TcpListener::bind(address).expect("the wire is up")).join().expect("listens");
    let served = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("accepts");
        stream.read_exact(&mut vec![0; BYTES]).expect("comes");
        stream.write_all(&[1]).expect("answers");
        stream
    });
    let looked = here.run(move || {
        let (_keep, orders) = watch::channel(orders("n2", SocketAddr::new(address.ip(), 6386)));
        let nodes = Nodes::of(orders);
        let mut collector = ConnectionCollector::new("n1", nodes.clone());
        let mut look = |at_s: u64| {
            let mut readings = Readings::default();
            let now = Moment { mono_ns: at_s * 1_000_000_000, ts_ms: at_s as i64 * 1_000 };
            collector.collect(now, &[], &mut readings).expect("the kernel tells");
            readings
        };
        let before = look(0);
        let mut stream = TcpStream::connect(address).expect("connects");
        stream.write_all(&vec![7; BYTES]).expect("sent");
        stream.read_exact(&mut [0]).expect("all of it came");
        let too_soon = look(5);
        let after = look(20);
        let remotes = group(&connection::all().expect("the kernel tells"), &nodes.names());
        (before, too_soon, after, remotes)
    });
    let (before, too_soon, after, remotes) = looked.join().expect("looks");
    drop(served.join().expect("serves"));
    assert!(before.samples.is_empty() && too_soon.samples.is_empty());
    let value = |name: &str| {
        let found = after.iter().find(|(series, _)| series.metric == name);
        let (series, reading) = found.unwrap_or_else(|| panic!("no {name} in {after:?}"));
        assert_eq!([series.label("src"), series.label("dst"), series.label("mode")], ["n1", "n2", "sock"]);
        reading.value
    };
    assert_eq!((value(metric::CONN_SOCKETS), value(metric::CONN_RETRANSMIT_RATIO)), (1.0, 0.0));
    assert!(value(metric::CONN_RTT_US) > 0.0 && value(metric::CONN_DELIVERY_BPS) > 0.0);
    assert_eq!(remotes.len(), 1, "{remotes:?}");
    assert_eq!((remotes[0].remote.as_str(), remotes[0].sent_bytes, remotes[0].received_bytes), ("n2", BYTES as u64, 1));
}

#[test]
fn interfaces_made_in_software_are_told_with_their_kind() {
    let Some(namespace) = Namespace::make("kinds") else { return };
    assert!(namespace.ip(&["link", "add", "v0", "type", "veth", "peer", "name", "v1"]));
    assert!(namespace.ip(&["link", "set", "v0", "up"]));
    // Not every kernel has these.
    let has_dummy = namespace.ip(&["link", "add", "d0", "type", "dummy"]);
    let has_bond = namespace.ip(&["link", "add", "bond0", "type", "bond", "mode", "active-backup"])
        && namespace.ip(&["link", "set", "v1", "master", "bond0"]);
    let told = namespace.run(|| links().expect("the kernel tells")).join().expect("asks");
    let find = |name: &str| told.iter().find(|link| link.name == name).expect("it was made");
    assert_eq!((find("v0").kind.as_deref(), find("v0").is_up), (Some("veth"), false), "the other end is down");
    assert!(find("v0").mtu_bytes.is_some() && find("v0").carrier_changes.is_some());
    assert!(find("lo").kind.is_none() && find("lo").is_up);
    if has_dummy {
        assert_eq!(find("d0").kind.as_deref(), Some("dummy"));
    } else {
        eprintln!("left out: this kernel has no dummy interfaces");
    }
    if has_bond {
        let bond = link::bond(find("bond0"), &told, |_| None).expect("a bond");
        assert_eq!((bond.mode.as_str(), bond.members.len()), ("active-backup", 1));
        assert_eq!(bond.members[0].name, "v1");
    } else {
        eprintln!("left out: this kernel has no bonds");
    }
}
