//! The interfaces and their counters, as the kernel tells of them (rtnetlink(7)).

use std::{
    collections::HashMap,
    io,
    time::{Duration, Instant},
};

use netloom_core::{
    check::interface::{
        counters::Counters,
        link::{self, GET_LINK, GET_STATS, Link},
    },
    netlink::{DUMP, question},
};
use nix::libc::{EINVAL, EOPNOTSUPP};

use super::netlink::Netlink;

/// How often the names of interfaces are asked for when none was made in the meantime: a renamed one keeps its old name for
/// as long. All that the kernel knows of interfaces takes ten times as long as their counters.
const NAMES_INTERVAL: Duration = Duration::from_secs(10);

/// All interfaces of this machine, with everything that the kernel tells.
///
/// # Errors
/// Why it does not.
pub fn links() -> io::Result<Vec<Link>> {
    ask_links(&mut Netlink::route()?)
}

fn ask_links(socket: &mut Netlink) -> io::Result<Vec<Link>> {
    let mut links = Vec::new();
    let ask = |seq| question(GET_LINK, DUMP, seq, &link::question_for_links());
    socket.ask(ask, true, |message| links.extend(link::link(message.body)))?;
    Ok(links)
}

/// What an interface is called, and how often its carrier changed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Named {
    name: String,
    carrier_changes: Option<u64>,
}

/// Reads the counters of all interfaces again and again.
#[derive(Default)]
pub struct CounterReader {
    socket: Option<Netlink>,
    named: HashMap<u32, Named>,
    named_at: Option<Instant>,
    /// Linux before 4.7 has no question for counters alone.
    has_no_stats: bool,
    counters: Vec<(u32, Counters)>,
}

impl CounterReader {
    /// Reads them now.
    ///
    /// # Errors
    /// Why the kernel does not tell.
    pub fn read(&mut self) -> io::Result<()> {
        let read = self.try_read();
        if read.is_err() {
            // What is left of an answer must not be taken for the next one.
            self.socket = None;
        }
        read
    }

    fn try_read(&mut self) -> io::Result<()> {
        let socket = match &mut self.socket {
            Some(socket) => socket,
            None => self.socket.insert(Netlink::route()?),
        };
        self.counters.clear();
        if !self.has_no_stats {
            let ask = |seq| question(GET_STATS, DUMP, seq, &link::question_for_counters());
            let asked = socket.ask(ask, true, |message| self.counters.extend(link::counters(message.body)));
            match asked.as_ref().err().and_then(io::Error::raw_os_error) {
                Some(EOPNOTSUPP | EINVAL) => self.has_no_stats = true,
                _ => asked?,
            }
        }
        let is_old = self.named_at.is_none_or(|at| at.elapsed() >= NAMES_INTERVAL);
        let has_new = self.counters.iter().any(|(index, _)| !self.named.contains_key(index));
        if self.has_no_stats || is_old || has_new {
            let links = ask_links(socket)?;
            if self.has_no_stats {
                self.counters = links.iter().map(|link| (link.index, link.counters)).collect();
            }
            let named = |link: Link| (link.index, Named { name: link.name, carrier_changes: link.carrier_changes });
            self.named = links.into_iter().map(named).collect();
            self.named_at = Some(Instant::now());
        }
        Ok(())
    }

    /// What was read: names, counters, and how often the carrier came or went when that was last asked for.
    pub fn counters(&self) -> impl Iterator<Item = (&str, &Counters, Option<u64>)> {
        self.counters.iter().filter_map(|(index, counters)| {
            let named = self.named.get(index)?;
            Some((named.name.as_str(), counters, named.carrier_changes))
        })
    }
}

#[cfg(test)]
mod tests {
    use netloom_core::check::interface::counters::Counter;

    use super::*;

    #[test]
    fn counters_are_those_of_the_list_of_devices() {
        let mut reader = CounterReader::default();
        reader.read().expect("the kernel tells");
        reader.read().expect("and again");
        let listed = std::fs::read_to_string("/proc/net/dev").expect("readable");
        let names: Vec<&str> = listed.lines().filter_map(|line| Some(line.split_once(':')?.0.trim())).collect();
        let mut told: Vec<&str> = reader.counters().map(|(name, ..)| name).collect();
        assert!(told.contains(&"lo"), "{told:?}");
        // Others may make some in between.
        told.retain(|name| names.contains(name));
        assert!(!told.is_empty());
        let (_, lo, _) = reader.counters().find(|(name, ..)| *name == "lo").expect("loopback exists");
        assert_eq!(lo.get(Counter::RX_PACKETS), lo.get(Counter::TX_PACKETS), "what is sent there comes back");
    }

    #[test]
    fn a_kernel_without_the_short_question_is_asked_the_long_one() {
        let mut reader = CounterReader { has_no_stats: true, ..CounterReader::default() };
        reader.read().expect("the kernel tells");
        assert!(reader.counters().any(|(name, ..)| name == "lo"));
    }
}
