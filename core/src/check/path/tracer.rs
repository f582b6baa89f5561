//! Decides which probe of a trace is sent when, takes the answers, and makes flows and hops of them.
//!
//! Probes of all flows go out side by side, a few hops ahead of the farthest that has answered. So a trace takes about as
//! long as one probe may wait, however many hops there are, and the host at the end is not swamped with probes that all
//! reach it: systems answer a few of those and leave the rest. When nothing comes for a moment, the view goes farther, up
//! to [`SILENT_MAX`] hops that say nothing; the same moment later a silent hop is asked again.

use std::net::IpAddr;

use super::{Flow, Hop};
use crate::icmp::Word;

/// Flows of one trace at most: routers share among 2 to 16 equal ways.
pub const FLOWS_MAX: u16 = 16;
/// Probes for a hop of a flow at most.
pub const PROBES_MAX: u16 = 10;
/// The farthest hop at most: what `traceroute` looks for, twice.
pub const HOPS_MAX: u8 = 64;
/// Hops beyond the last answer that are asked before the trace ends: networks that hide their inside hide about as many.
pub const SILENT_MAX: u8 = 8;
/// How far probes go ahead while answers come.
const AHEAD: u8 = 3;
/// The moment after which nothing will come soon: this part of the timeout, and not longer than [`QUIET_MOST_US`].
const QUIET_PART: u64 = 8;
/// Longer than most round-trip times in the world.
const QUIET_MOST_US: u64 = 250_000;
/// A flow that sends one probe at a time waits for this many of the longest round-trip time.
const PATIENCE_FACTOR: f64 = 4.0;
/// And for this long at least, µs: routers make their answers beside their work.
const PATIENCE_LEAST_US: u64 = 100_000;
/// No trace takes longer than this many timeouts.
const WHOLE_TIMEOUTS: u64 = 3;

/// What is wanted of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// How many flows.
    pub flows: u16,
    /// Probes for each hop of a flow.
    pub probes: u16,
    /// The farthest hop that is looked for.
    pub hops_max: u8,
    /// How long a probe waits, µs.
    pub timeout_us: u64,
    /// Whether a flow can have one probe on its way only: a connection of TCP takes its ports for itself.
    pub one_at_a_time: bool,
}

/// Which probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Probe {
    /// The flow, counted from 0.
    pub flow: u16,
    /// How many hops it may take.
    pub ttl: u8,
    /// The how many-th for this hop, counted from 0.
    pub turn: u16,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Send this one, then tell [`Tracer::sent`].
    Send(Probe),
    /// Nothing before this moment, unless an answer comes.
    Wait {
        /// The moment, µs.
        until_us: u64,
    },
    /// Nothing any more.
    Done,
}

/// An answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Answer {
    /// Who.
    pub from: IpAddr,
    /// The round-trip time, µs.
    pub rtt_us: f64,
    /// What it says.
    pub word: Word,
}

struct Slot {
    sent_us: u64,
    until_us: u64,
    answer: Option<Answer>,
}

#[derive(Default)]
struct Way {
    /// The slots of each hop, the first hop first.
    hops: Vec<Vec<Slot>>,
    /// The hop at which it ends.
    end: Option<u8>,
    /// The farthest hop that has answered.
    reach: u8,
    /// When anything was heard last.
    heard_us: u64,
}

/// A trace under way. It reads no clock: moments come in as arguments.
pub struct Tracer {
    wanted: Wanted,
    host: IpAddr,
    began_us: u64,
    ways: Vec<Way>,
    longest_us: f64,
}

impl Tracer {
    /// A trace to a host that begins now.
    pub fn new(wanted: Wanted, host: IpAddr, now_us: u64) -> Self {
        let wanted = Wanted {
            flows: wanted.flows.clamp(1, FLOWS_MAX),
            probes: wanted.probes.clamp(1, PROBES_MAX),
            hops_max: wanted.hops_max.clamp(1, HOPS_MAX),
            ..wanted
        };
        let ways = (0..wanted.flows).map(|_| Way { heard_us: now_us, ..Way::default() }).collect();
        Self { wanted, host, began_us: now_us, ways, longest_us: 0.0 }
    }

    /// What is to be done now.
    pub fn step(&self, now_us: u64) -> Step {
        let end_us = self.began_us + WHOLE_TIMEOUTS * self.wanted.timeout_us;
        if now_us >= end_us {
            return Step::Done;
        }
        let mut wake = None;
        // Hop by hop, all flows of one before the next: of a host that answers few, each flow gets the first.
        for ttl in 1..=self.wanted.hops_max {
            for (flow, way) in (0..).zip(&self.ways) {
                match self.due(way, ttl, now_us) {
                    Some(due) if due <= now_us => {
                        let turn = way.hops.get(usize::from(ttl) - 1).map_or(0, Vec::len) as u16;
                        return Step::Send(Probe { flow, ttl, turn });
                    }
                    due => wake = earlier(wake, due),
                }
            }
        }
        for way in &self.ways {
            let open = way.open().map(|slot| slot.until_us).filter(|until| *until > now_us);
            wake = earlier(wake, open.min());
        }
        wake.map_or(Step::Done, |wake| Step::Wait { until_us: wake.min(end_us) })
    }

    /// When the next probe for a hop is due, if one is.
    fn due(&self, way: &Way, ttl: u8, now_us: u64) -> Option<u64> {
        let sent = way.hops.get(usize::from(ttl) - 1).map_or(&[][..], Vec::as_slice);
        if way.end.is_some_and(|end| ttl > end) || sent.len() >= usize::from(self.wanted.probes) {
            return None;
        }
        let due = match sent.last() {
            None if usize::from(ttl) != way.hops.len() + 1 || ttl > way.reach + SILENT_MAX => return None,
            None if ttl <= way.reach + AHEAD || self.wanted.one_at_a_time => way.heard_us,
            None => way.heard_us + self.quiet_us(),
            Some(slot) if slot.answer.is_some() => slot.sent_us,
            // One at a time, each silent hop costs its wait: it is asked twice, in case a packet was lost.
            Some(_) if self.wanted.one_at_a_time && (sent.len() > 1 || ttl > way.reach) => return None,
            Some(slot) => slot.sent_us + self.quiet_us(),
        };
        if !self.wanted.one_at_a_time {
            return Some(due);
        }
        // Forward first, and only when nothing is on its way; again only while there is time.
        let goes_on =
            way.end.is_none() && way.hops.len() < usize::from((way.reach + SILENT_MAX).min(self.wanted.hops_max));
        let is_late = now_us > self.began_us + self.wanted.timeout_us;
        if !sent.is_empty() && (goes_on || is_late) {
            return None;
        }
        let free = way.open().map(|slot| slot.until_us).filter(|until| *until > now_us).max();
        Some(due.max(free.unwrap_or(0)))
    }

    fn quiet_us(&self) -> u64 {
        (self.wanted.timeout_us / QUIET_PART).min(QUIET_MOST_US)
    }

    fn patience_us(&self) -> u64 {
        let timeout = self.wanted.timeout_us;
        match self.wanted.one_at_a_time {
            false => timeout,
            true if self.longest_us > 0.0 => {
                ((self.longest_us * PATIENCE_FACTOR) as u64).max(PATIENCE_LEAST_US).min(timeout)
            }
            true => timeout / PATIENCE_FACTOR as u64,
        }
    }

    /// Notes that a probe was sent.
    pub fn sent(&mut self, probe: Probe, now_us: u64) {
        let until_us = now_us + self.patience_us();
        let Some(way) = self.ways.get_mut(usize::from(probe.flow)) else { return };
        let at = usize::from(probe.ttl.max(1)) - 1;
        if way.hops.len() <= at {
            way.hops.resize_with(at + 1, Vec::new);
        }
        way.hops[at].push(Slot { sent_us: now_us, until_us, answer: None });
    }

    /// When a probe was sent, if it was.
    pub fn sent_us(&self, probe: Probe) -> Option<u64> {
        self.slot(probe).map(|slot| slot.sent_us)
    }

    fn slot(&self, probe: Probe) -> Option<&Slot> {
        let hop = self.ways.get(usize::from(probe.flow))?.hops.get(usize::from(probe.ttl).checked_sub(1)?)?;
        hop.get(usize::from(probe.turn))
    }

    /// Takes an answer. A second one to the same probe, and one that comes too late, change nothing.
    pub fn answer(&mut self, probe: Probe, answer: Answer, now_us: u64) {
        let (host, timeout_us) = (self.host, self.wanted.timeout_us);
        let Some(way) = self.ways.get_mut(usize::from(probe.flow)) else { return };
        let hop = usize::from(probe.ttl).checked_sub(1).and_then(|at| way.hops.get_mut(at));
        let Some(slot) = hop.and_then(|hop| hop.get_mut(usize::from(probe.turn))) else { return };
        if slot.answer.is_some() || answer.rtt_us > timeout_us as f64 {
            return;
        }
        slot.answer = Some(answer);
        way.heard_us = now_us;
        way.reach = way.reach.max(probe.ttl);
        if answer.from == host || answer.word != Word::Expired {
            way.end = Some(way.end.map_or(probe.ttl, |end| end.min(probe.ttl)));
        }
        self.longest_us = self.longest_us.max(answer.rtt_us);
    }

    /// The first hop of a flow that waits for an answer, for whoever answers without telling which probe he means: routers
    /// answer in the order of the hops, nearly always. What is no router's answer comes from beyond all that have answered.
    pub fn first_open(&self, flow: u16, is_router: bool, now_us: u64) -> Option<Probe> {
        let way = self.ways.get(usize::from(flow))?;
        let is_open = |slot: &Slot| slot.answer.is_none() && slot.until_us > now_us;
        let from = if is_router { 0 } else { way.reach };
        (1..).zip(&way.hops).filter(|(ttl, _)| *ttl > from).find_map(|(ttl, hop)| {
            // A hop that has answered quotes enough, or had its turn.
            let turn = hop.iter().position(is_open).filter(|_| hop.iter().all(|slot| slot.answer.is_none()))?;
            Some(Probe { flow, ttl, turn: turn as u16 })
        })
    }

    /// Whether any flow got to the host.
    pub fn is_reached(&self) -> bool {
        self.ways.iter().flat_map(|way| way.hops.iter().flatten()).any(|slot| {
            slot.answer.is_some_and(|answer| {
                answer.word == Word::Answered || answer.word == Word::NoPort && answer.from == self.host
            })
        })
    }

    /// The flows as they are now, each up to its end or the last hop that answered. `name` gives the name of a flow.
    pub fn flows(&self, name: impl Fn(u16) -> u16) -> Vec<Flow> {
        let flow = |(number, way): (u16, &Way)| {
            let last = way.end.unwrap_or(way.reach);
            let hops = (1..=last).zip(&way.hops).map(|(ttl, slots)| hop(ttl, slots, self.host)).collect();
            Flow { flow: name(number), hops }
        };
        (0..).zip(&self.ways).map(flow).collect()
    }
}

impl Way {
    fn open(&self) -> impl Iterator<Item = &Slot> {
        let last = self.end.unwrap_or(u8::MAX);
        self.hops.iter().take(usize::from(last)).flatten().filter(|slot| slot.answer.is_none())
    }
}

fn earlier(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    one.into_iter().chain(other).min()
}

/// The hop that these probes saw: of several that answered, the one that did so most often, the first of equals.
fn hop(ttl: u8, slots: &[Slot], host: IpAddr) -> Hop {
    let answers: Vec<Answer> = slots.iter().filter_map(|slot| slot.answer).collect();
    let count = |of: IpAddr| answers.iter().filter(|answer| answer.from == of).count();
    let address = answers.iter().rev().map(|answer| answer.from).max_by_key(|from| count(*from));
    let of_it = || answers.iter().filter(|answer| Some(answer.from) == address);
    let mut rtts: Vec<f64> = of_it().map(|answer| answer.rtt_us).collect();
    rtts.sort_by(f64::total_cmp);
    let is_refusal = |answer: &&Answer| {
        let is_end = answer.word == Word::NoPort && answer.from == host;
        !is_end && !answer.word.refusal().is_empty()
    };
    let said = of_it().find(is_refusal);
    Hop {
        ttl,
        address,
        sent: slots.len() as u16,
        answered: answers.len() as u16,
        rtt_us: median(&rtts),
        refusal: said.map(|answer| answer.word.refusal()).unwrap_or_default(),
    }
}

fn median(sorted: &[f64]) -> Option<f64> {
    let (low, high) = (sorted.get(sorted.len().checked_sub(1)? / 2)?, sorted.get(sorted.len() / 2)?);
    Some(f64::midpoint(*low, *high))
}

#[cfg(test)]
mod tests;
