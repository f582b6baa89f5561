//! The network of the lab: a namespace per node, and one for the switch they all hang on.

use std::fs::File;
use std::os::fd::AsFd;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::process;

/// What everything that the lab makes is called by, and known by when it was left over.
const PREFIX: &str = "nlab-";
/// The namespace of the switch.
const SWITCH: &str = "nlab-sw";
/// The interface of a node.
pub(crate) const WIRE: &str = "eth0";
/// Nodes at most: each takes a port of the switch, and the last number of an address.
pub(crate) const NODES_MAX: u8 = 64;
/// The last number of the hub's address.
const HUB_OCTET: u8 = 254;

/// A place in the lab.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    /// Where the hub runs.
    Hub,
    /// A node, from 1.
    Node(u8),
}

impl Place {
    /// The name of its namespace, and of its node.
    pub(crate) fn name(self) -> String {
        match self {
            Place::Hub => format!("{PREFIX}hub"),
            Place::Node(number) => format!("{PREFIX}{number}"),
        }
    }

    /// Its address on the switch.
    pub(crate) fn address(self) -> String {
        format!("10.77.0.{}", self.octet())
    }

    /// The last number of its address.
    pub(crate) fn octet(self) -> u8 {
        match self {
            Place::Hub => HUB_OCTET,
            Place::Node(number) => number,
        }
    }

    fn port(self) -> String {
        format!("p{}", self.octet())
    }

    /// A program that will run there.
    pub(crate) fn command(self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name(), program]);
        command
    }

    /// Takes the thread that calls this there: whatever it opens from now on belongs to this namespace.
    pub(crate) fn enter(self) -> Result<()> {
        let path = format!("/var/run/netns/{}", self.name());
        let namespace = File::open(&path).with_context(|| format!("could not open {path}"))?;
        let entered = move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network));
        entered.with_context(|| format!("could not enter {path}"))
    }

    /// Makes its namespace and connects it with the switch.
    fn plug_in(self) -> Result<()> {
        let (name, port) = (self.name(), self.port());
        ip(&["netns", "add", &name])?;
        ip(&["link", "add", &port, "netns", SWITCH, "type", "veth", "peer", "name", WIRE, "netns", &name])?;
        ip(&["-n", SWITCH, "link", "set", &port, "master", "br0", "up"])?;
        ip(&["-n", &name, "link", "set", "lo", "up"])?;
        ip(&["-n", &name, "address", "add", &format!("{}/24", self.address()), "dev", WIRE])?;
        ip(&["-n", &name, "link", "set", WIRE, "up"])
    }

    /// Pulls its plug out of the switch, or puts it back.
    pub(crate) fn plug(self, is_in: bool) -> Result<()> {
        ip(&["-n", SWITCH, "link", "set", &self.port(), if is_in { "up" } else { "down" }])
    }

    /// Limits what it may send (a token bucket, tc-tbf(8)); `rate` in the words of `tc`, such as `100mbit`.
    pub(crate) fn limit_rate(self, rate: &str) -> Result<()> {
        let mut tc = Command::new("tc");
        tc.args(["-n", &self.name(), "qdisc", "replace", "dev", WIRE, "root", "tbf", "rate", rate]);
        process::run(tc.args(["burst", "32kb", "latency", "50ms"]))
    }

    /// Takes that limit back.
    pub(crate) fn free_rate(self) -> Result<()> {
        process::run(Command::new("tc").args(["-n", &self.name(), "qdisc", "delete", "dev", WIRE, "root"]))
    }
}

/// Sends what goes from one place to another, and back, through an interface that both have.
pub(crate) fn detour(a: Place, b: Place, device: &str) -> Result<()> {
    for (from, to) in [(a, b), (b, a)] {
        let to = format!("{}/32", to.address());
        ip(&["-n", &from.name(), "route", "replace", &to, "dev", device, "src", &from.address()])?;
    }
    Ok(())
}

/// Takes such a detour back.
pub(crate) fn straight(a: Place, b: Place) -> Result<()> {
    for (from, to) in [(a, b), (b, a)] {
        ip(&["-n", &from.name(), "route", "delete", &format!("{}/32", to.address())])?;
    }
    Ok(())
}

/// The namespaces, and the switch between them. Removed when dropped.
pub(crate) struct Net {
    places: Vec<Place>,
    /// Held as long as the lab is there: a second one would remove the first as something left over.
    _lock: File,
}

impl Net {
    /// Removes what an earlier lab left over, and makes the network anew.
    pub(crate) fn make(nodes: u8) -> Result<Self> {
        let lock = lock()?;
        remove()?;
        let places: Vec<Place> = std::iter::once(Place::Hub).chain((1..=nodes).map(Place::Node)).collect();
        // From here on whatever fails removes what was made.
        let net = Self { places, _lock: lock };
        ip(&["netns", "add", SWITCH])?;
        ip(&["-n", SWITCH, "link", "add", "br0", "type", "bridge"])?;
        ip(&["-n", SWITCH, "link", "set", "br0", "up"])?;
        for place in &net.places {
            place.plug_in()?;
        }
        Ok(net)
    }

    /// All places, the hub first.
    pub(crate) fn places(&self) -> &[Place] {
        &self.places
    }

    /// The nodes.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = Place> {
        self.places.iter().copied().filter(|place| *place != Place::Hub)
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        if let Err(error) = remove() {
            eprintln!("lab: could not remove everything: {error:#}");
        }
    }
}

/// Fails unless this process may make namespaces and the programs for it, and these, are there.
pub(crate) fn require(more: &[&str]) -> Result<()> {
    ensure!(rustix::process::geteuid().is_root(), "the lab makes network namespaces, which only root may");
    let tools = ["ip", "tc", "nft", "ping", "fping"];
    let missing: Vec<_> = tools.iter().chain(more).copied().filter(|tool| process::find(tool).is_none()).collect();
    if !missing.is_empty() {
        bail!(
            "missing: {} (packages iproute2, nftables, iputils-ping, fping, mtr-tiny, bind9-dnsutils, iperf3, redis)",
            missing.join(", ")
        );
    }
    Ok(())
}

/// Removes every namespace of the lab with the processes in them. Interfaces, rules and limits go with the namespaces.
pub(crate) fn remove() -> Result<()> {
    let list = process::output(Command::new("ip").args(["netns", "list"]))?;
    let ours = list.lines().filter_map(|line| line.split_whitespace().next()).filter(|name| name.starts_with(PREFIX));
    for name in ours {
        let pids = process::output(Command::new("ip").args(["netns", "pids", name]))?;
        for pid in pids.split_whitespace().filter_map(|pid| pid.parse().ok()).filter_map(rustix::process::Pid::from_raw)
        {
            // It may have ended by itself.
            if pid != rustix::process::getpid() {
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
        }
        ip(&["netns", "delete", name])?;
    }
    Ok(())
}

/// Fails when another lab is running.
pub(crate) fn lock() -> Result<File> {
    let path = "/run/netloom-lab.lock";
    let file = File::create(path).with_context(|| format!("could not make {path}"))?;
    ensure!(file.try_lock().is_ok(), "another lab is running ({path} is held)");
    Ok(file)
}

/// Runs `ip`.
pub(crate) fn ip(args: &[&str]) -> Result<()> {
    process::output(Command::new("ip").args(args)).map(drop)
}
