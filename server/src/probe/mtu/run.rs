//! Sends packets of given sizes and looks what becomes of them, on a thread.

mod line;

use std::{
    collections::HashMap,
    io,
    net::IpAddr,
    time::{Duration, Instant},
};

use netloom_core::{
    check::{
        Finding,
        path::mtu::{Bound, Fate, Search},
    },
    icmp::Word,
    probe::ProbeMode,
};

use self::line::{Heard, Kind, Line};
use super::{super::path, Found};

/// How often a size is sent before it counts as vanished (`MAX_PROBES` of RFC 8899 section 5.1.2).
const COPIES: u32 = 3;
/// From one copy to the next: longer than a burst of losses in a queue.
const GAP: Duration = Duration::from_millis(20);
/// An answer is waited for as long as this many of the longest round-trip times, and for this long at least.
const WAIT_FACTOR: u32 = 4;
const WAIT_LEAST: Duration = Duration::from_millis(100);
/// The first answer is waited for as long as this part of the whole time.
const FIRST_PART: u32 = 4;
/// Between rounds of UDP: systems tell of closed ports about once a second, after a few at once (RFC 1812 section 4.3.2.8).
const PAUSE_UDP: Duration = Duration::from_millis(1_200);

/// Searches within a time. `Err` is the finding that says why not.
pub(super) fn run(to: IpAddr, limit: Duration) -> Result<Found, Box<Finding>> {
    let until = Instant::now() + limit;
    let echo = Line::open(Kind::Echo, to).or_else(|_| Line::open(Kind::Raw, to));
    let (mut why, mut has_opened) = (None, false);
    for open in [Box::new(|| echo) as Box<dyn FnOnce() -> io::Result<Line>>, Box::new(|| Line::open(Kind::Udp, to))] {
        let line = match open() {
            Ok(line) => line,
            Err(error) => {
                why = Some(error);
                continue;
            }
        };
        has_opened = true;
        let mut run = Run::new(line, limit, until);
        match run.search() {
            Ok(found) if found.size.is_some() => return Ok(found),
            Ok(_) => {}
            Err(error) => return Err(Box::new(path::unsent(&error))),
        }
        if Instant::now() >= until {
            break;
        }
    }
    match why.filter(|_| !has_opened) {
        Some(error) => Err(Box::new(path::refused(ProbeMode::Udp, &error))),
        None => Ok(Found { size: None, told_by: None, is_whole: true }),
    }
}

struct Run {
    line: Line,
    search: Search,
    until: Instant,
    /// How long the first answer is waited for.
    first: Duration,
    longest: Option<Duration>,
    /// The size and the moment of each packet, by its number.
    sent: HashMap<u16, (u32, Instant)>,
    next: u16,
    told_by: Option<IpAddr>,
}

impl Run {
    fn new(line: Line, limit: Duration, until: Instant) -> Self {
        let search = Search::new(line.is_v6());
        let first = limit / FIRST_PART;
        Self { line, search, until, first, longest: None, sent: HashMap::new(), next: 0, told_by: None }
    }

    fn search(&mut self) -> io::Result<Found> {
        // The smallest by itself first: it tells whether there are answers, and how long they take.
        self.round(&[self.search.least()])?;
        while self.search.found().is_some() && Instant::now() < self.until {
            if self.line.kind == Kind::Udp {
                std::thread::sleep(PAUSE_UDP.min(self.until.saturating_duration_since(Instant::now())));
            }
            let mut sizes = self.search.round();
            if sizes.is_empty() {
                return Ok(self.found(true));
            }
            // The largest first: where few are answered, it is that one that matters.
            sizes.reverse();
            self.round(&sizes)?;
        }
        let is_over = self.search.found().is_none() || self.search.round().is_empty();
        Ok(self.found(is_over))
    }

    fn found(&self, is_whole: bool) -> Found {
        let told_by = self.told_by.filter(|_| matches!(self.search.found(), Some((_, Bound::Told))));
        Found { size: self.search.found(), told_by, is_whole }
    }

    /// Sends sizes until of each is known what becomes of it.
    fn round(&mut self, sizes: &[u32]) -> io::Result<()> {
        let mut fates: HashMap<u32, Fate> = HashMap::new();
        for copy in 1..=COPIES {
            for size in sizes {
                if !is_known(&fates, *size) {
                    self.send(*size, &mut fates)?;
                }
            }
            let wait = if copy < COPIES { GAP } else { self.patience() };
            self.listen((Instant::now() + wait).min(self.until), sizes, &mut fates)?;
            if sizes.iter().all(|size| is_known(&fates, *size)) {
                break;
            }
        }
        let is_cut = Instant::now() >= self.until;
        // What passed first: what vanished below it did so by chance.
        for size in sizes.iter().filter(|size| fates.get(size) == Some(&Fate::Passed)) {
            self.search.take(*size, Fate::Passed);
        }
        for size in sizes {
            match fates.get(size) {
                Some(fate) => self.search.take(*size, *fate),
                None if is_cut || is_known(&fates, *size) => {}
                None => self.search.take(*size, Fate::Vanished),
            }
        }
        Ok(())
    }

    fn patience(&self) -> Duration {
        self.longest.map_or(self.first, |longest| (longest * WAIT_FACTOR).max(WAIT_LEAST))
    }

    fn send(&mut self, size: u32, fates: &mut HashMap<u32, Fate>) -> io::Result<()> {
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        self.sent.insert(number, (size, Instant::now()));
        match self.line.send(number, size) {
            Ok(()) => Ok(()),
            Err(error) if error.raw_os_error() == Some(nix::libc::EMSGSIZE) => {
                fates.insert(size, Fate::TooBigHere);
                Ok(())
            }
            // A full queue loses packets as a network does.
            Err(error) if error.raw_os_error() == Some(nix::libc::ENOBUFS) => Ok(()),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn listen(&mut self, until: Instant, sizes: &[u32], fates: &mut HashMap<u32, Fate>) -> io::Result<()> {
        loop {
            let mut heard = Vec::new();
            self.line.receive(&mut heard);
            for heard in heard {
                self.take(&heard, fates);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || sizes.iter().all(|size| is_known(fates, *size)) {
                return Ok(());
            }
            self.line.wait(left)?;
        }
    }

    fn take(&mut self, heard: &Heard, fates: &mut HashMap<u32, Fate>) {
        let Some((size, at)) = heard.number.and_then(|number| self.sent.get(&number)).copied() else { return };
        let fate = match heard.word {
            Word::Answered | Word::NoPort => {
                let took = at.elapsed();
                self.longest = Some(self.longest.map_or(took, |longest| longest.max(took)));
                Fate::Passed
            }
            Word::TooBig { mtu } => {
                self.told_by = Some(heard.from);
                Fate::TooBig { mtu }
            }
            Word::Expired | Word::Refused { .. } => return,
        };
        if fates.get(&size) != Some(&Fate::Passed) {
            fates.insert(size, fate);
        }
    }
}

/// Whether it is known of a size whether it passes: by itself, or because a larger one did.
fn is_known(fates: &HashMap<u32, Fate>, size: u32) -> bool {
    fates.contains_key(&size) || fates.iter().any(|(larger, fate)| *larger > size && *fate == Fate::Passed)
}
