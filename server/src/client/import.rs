//! `netloom import`: lines of JSON into a hub.

mod lines;

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, BufRead, BufReader},
    path::Path,
    time::Duration,
};

use anyhow::{Context, bail};
use reqwest::StatusCode;
use tokio::time::sleep;

use self::lines::{Line, read_line};
use super::{
    hub::{Hub, problem_of},
    progress::Progress,
};
use crate::{cli::ImportArgs, exit};

/// Lines of one request: half of what the hub takes, so that others get their turn.
const BATCH_MAX_LINES: usize = 5_000;
/// Bytes of one request: an eighth of what the hub takes.
const BATCH_MAX_BYTES: usize = 1_000_000;
/// The first wait when the hub cannot take samples now, and the longest; each is twice the one before.
const WAIT_FIRST: Duration = Duration::from_millis(500);
const WAIT_MAX: Duration = Duration::from_secs(8);
/// Tries of one request: the better part of a minute.
const TRIES_MAX: u32 = 10;
/// Skipped lines that are shown; a file that is wrong from end to end would scroll everything else away.
const SHOWN_MAX: u64 = 10;

/// Puts lines of JSON into a hub.
///
/// # Errors
/// One line: the place that was refused and why, or what does not work.
pub async fn run(args: &ImportArgs) -> anyhow::Result<u8> {
    let hub = Hub::new(&args.hub)?;
    let is_stdin = args.file == Path::new("-");
    let name = if is_stdin { "standard input".to_owned() } else { args.file.display().to_string() };
    let (reader, bytes): (Box<dyn BufRead>, _) = if is_stdin {
        (Box::new(io::stdin().lock()), None)
    } else {
        let file = File::open(&args.file).with_context(|| format!("cannot read {name}"))?;
        let bytes = file.metadata().ok().map(|metadata| metadata.len()).filter(|bytes| *bytes > 0);
        (Box::new(BufReader::new(file)), bytes)
    };
    let mut import = Import {
        hub,
        reader,
        name,
        skip_bad: args.skip_bad,
        progress: Progress::new(bytes),
        queue: VecDeque::new(),
        queued_bytes: 0,
        is_read: false,
        limit: BATCH_MAX_LINES,
        number: 0,
        done_bytes: 0,
        sent: 0,
        skipped: 0,
    };
    let result = import.run().await;
    let (sent, skipped) = (import.sent, import.skipped);
    // The bar goes before the last word.
    drop(import);
    if sent > 0 {
        result.with_context(|| format!("{sent} samples were sent, then"))?;
    } else {
        result?;
    }
    if skipped == 0 {
        println!("{sent} samples were sent");
        return Ok(exit::FINE);
    }
    println!("{sent} samples were sent, skipped lines: {skipped}");
    Ok(exit::WARNING)
}

struct Import {
    hub: Hub,
    reader: Box<dyn BufRead>,
    name: String,
    skip_bad: bool,
    progress: Progress,
    queue: VecDeque<Line>,
    queued_bytes: usize,
    is_read: bool,
    /// Lines of the next request: fewer after a refusal, because a request is taken as a whole.
    limit: usize,
    number: u64,
    done_bytes: u64,
    sent: u64,
    skipped: u64,
}

/// A line that the hub does not take.
struct Refused {
    /// Its place in the request.
    at: usize,
    why: String,
}

impl Import {
    async fn run(&mut self) -> anyhow::Result<()> {
        loop {
            self.read().with_context(|| format!("cannot read {}", self.name))?;
            let Some(first) = self.queue.front() else { return Ok(()) };
            if let Some(why) = first.fault.clone() {
                self.refuse(&why)?;
                continue;
            }
            let (count, body) = self.batch();
            match self.send(body).await? {
                None => {
                    self.queue.drain(..count).for_each(|line| {
                        self.queued_bytes -= line.text.len();
                        self.done_bytes += line.bytes;
                    });
                    self.sent += count as u64;
                    self.limit = (self.limit * 2).min(BATCH_MAX_LINES);
                    self.progress.show(self.done_bytes, self.sent);
                }
                Some(Refused { at, why }) => {
                    // What stands before it is good and goes next. Where there is one there may be more.
                    self.limit = (self.limit / 4).max(at).max(1);
                    if let Some(line) = self.queue.get_mut(at) {
                        line.fault = Some(why);
                    }
                }
            }
        }
    }

    /// Reads until a request can be filled.
    fn read(&mut self) -> io::Result<()> {
        while !self.is_read && self.queue.len() < BATCH_MAX_LINES && self.queued_bytes < BATCH_MAX_BYTES {
            let Some(line) = read_line(&mut self.reader, &mut self.number)? else {
                self.is_read = true;
                return Ok(());
            };
            self.queued_bytes += line.text.len();
            self.queue.push_back(line);
        }
        Ok(())
    }

    /// The next lines that nothing is known against, and how many they are.
    fn batch(&self) -> (usize, Vec<u8>) {
        let (mut count, mut body) = (0, Vec::new());
        for line in self.queue.iter().take(self.limit).take_while(|line| line.fault.is_none()) {
            body.extend_from_slice(&line.text);
            body.push(b'\n');
            count += 1;
        }
        (count, body)
    }

    /// Leaves the first line out, or ends because of it.
    fn refuse(&mut self, why: &str) -> anyhow::Result<()> {
        let Some(line) = self.queue.pop_front() else { return Ok(()) };
        self.queued_bytes -= line.text.len();
        self.done_bytes += line.bytes;
        let place = format!("{}:{}: {why}", self.name, line.number);
        if !self.skip_bad {
            bail!("{place}");
        }
        self.skipped += 1;
        if self.skipped <= SHOWN_MAX {
            self.progress.say(&format!("netloom: skipped {place}"));
        }
        Ok(())
    }

    /// Sends a request until it is taken or refused. What was sent twice is stored once.
    async fn send(&self, body: Vec<u8>) -> anyhow::Result<Option<Refused>> {
        let url = self.hub.url("/api/v1/samples", std::iter::empty());
        let mut wait = WAIT_FIRST;
        for attempt in 1.. {
            let request = self.hub.client.post(url.clone()).header("content-type", "application/x-ndjson");
            let failure = match request.body(body.clone()).send().await {
                Ok(response) if response.status().is_success() => return Ok(None),
                Ok(response) => {
                    let status = response.status();
                    let problem = problem_of(response).await;
                    let line = problem.field.as_deref().and_then(|field| field.strip_prefix("line ")?.parse().ok());
                    if let Some(line @ 1_usize..) = line {
                        let why = problem.detail.strip_prefix(&format!("line {line}: ")).unwrap_or(&problem.detail);
                        return Ok(Some(Refused { at: line - 1, why: why.to_owned() }));
                    }
                    if status != StatusCode::SERVICE_UNAVAILABLE {
                        bail!("{}", problem.detail);
                    }
                    anyhow::anyhow!("{}", problem.detail)
                }
                // A hub that was never there does not come back.
                Err(error) if self.sent == 0 => return Err(self.hub.unreachable(&error)),
                Err(error) => self.hub.unreachable(&error),
            };
            if attempt >= TRIES_MAX {
                return Err(failure);
            }
            sleep(wait).await;
            wait = (wait * 2).min(WAIT_MAX);
        }
        Ok(None)
    }
}
