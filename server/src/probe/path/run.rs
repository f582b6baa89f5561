//! Runs a trace on a thread: sends what the tracer asks for, and tells it what is heard.

use std::{
    collections::HashMap,
    io,
    time::{Duration, Instant},
};

use netloom_core::{
    check::path::{
        PathTrace,
        tracer::{Answer, Probe, Step, Tracer, Wanted},
    },
    icmp::Word,
    probe::ProbeMode,
};
use nix::{
    errno::Errno,
    poll::{PollFd, ppoll},
    sys::time::TimeSpec,
};

use super::line::{Aim, Heard, Line};
use crate::clock;

/// What a trace saw.
pub(super) struct Seen {
    pub(super) trace: PathTrace,
    /// Answers that quoted too little to tell which probe they were about.
    pub(super) unclear: u32,
}

/// A trace and its sockets.
struct Run {
    line: Box<dyn Line>,
    tracer: Tracer,
    began: Instant,
    /// When each probe was sent by the clock on the wall, ns, to be held against the kernel's stamps.
    sent_at_ns: HashMap<Probe, u64>,
    unclear: u32,
}

/// Traces to the end. `Err` is why the first probe could not be sent.
pub(super) fn run(line: Box<dyn Line>, wanted: Wanted, mode: ProbeMode, aim: Aim) -> io::Result<Seen> {
    let wanted = Wanted { one_at_a_time: line.one_at_a_time(), ..wanted };
    let host = aim.to.ip();
    let tracer = Tracer::new(wanted, host, 0);
    let mut run = Run { line, tracer, began: Instant::now(), sent_at_ns: HashMap::new(), unclear: 0 };
    run.finish()?;
    let Run { line, tracer, unclear, .. } = run;
    let flows = tracer.flows(|flow| line.name(flow));
    Ok(Seen { trace: PathTrace { mode, address: host, is_reached: tracer.is_reached(), flows }, unclear })
}

impl Run {
    fn now_us(&self) -> u64 {
        self.began.elapsed().as_micros() as u64
    }

    fn finish(&mut self) -> io::Result<()> {
        loop {
            match self.tracer.step(self.now_us()) {
                Step::Send(probe) => {
                    let (at_ns, now_us) = (clock::now_ns(), self.now_us());
                    let sent = self.line.send(probe);
                    if self.sent_at_ns.is_empty() {
                        sent?;
                    }
                    // One of many that the system did not take is lost like one on the way.
                    self.tracer.sent(probe, now_us);
                    self.sent_at_ns.insert(probe, at_ns);
                }
                Step::Wait { until_us } => {
                    if !self.receive() {
                        self.wait(until_us)?;
                        self.receive();
                    }
                }
                Step::Done => return Ok(()),
            }
        }
    }

    fn wait(&self, until_us: u64) -> io::Result<()> {
        let time = Duration::from_micros(until_us.saturating_sub(self.now_us()));
        let flags = self.line.waits_for();
        let mut sockets: Vec<PollFd> = self.line.sockets().into_iter().map(|fd| PollFd::new(fd, flags)).collect();
        match ppoll(&mut sockets, Some(TimeSpec::from(time)), None) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Takes what came. Returns whether anything did.
    fn receive(&mut self) -> bool {
        let mut heard = Vec::new();
        self.line.receive(&mut heard);
        let now_us = self.now_us();
        for heard in &heard {
            self.take(heard, now_us);
        }
        !heard.is_empty()
    }

    fn take(&mut self, heard: &Heard, now_us: u64) {
        let probe = heard.probe.or_else(|| {
            self.unclear += 1;
            self.tracer.first_open(heard.flow, heard.word == Word::Expired, now_us)
        });
        let Some(probe) = probe else { return };
        let (Some(sent_us), Some(sent_at_ns)) = (self.tracer.sent_us(probe), self.sent_at_ns.get(&probe)) else {
            return;
        };
        let read_us = now_us.saturating_sub(sent_us) as f64;
        // The kernel's stamp is better than the moment at which it was read, unless the clock was set in between.
        let stamped_us = heard.at_ns.and_then(|at_ns| at_ns.checked_sub(*sent_at_ns)).map(|ns| ns as f64 / 1e3);
        let rtt_us = stamped_us.filter(|stamped_us| *stamped_us <= read_us + 1.0).unwrap_or(read_us);
        self.tracer.answer(probe, Answer { from: heard.from, rtt_us, word: heard.word }, now_us);
    }
}
