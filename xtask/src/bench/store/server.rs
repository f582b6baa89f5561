//! One engine as a process, which never outlives its owner.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::engine::{self, Engine};
use super::http::{Client, Get};
use super::procfs::Process;
use crate::interrupt;
use crate::process::{self, Owned};

/// How long a start may take: logs of hours of data are replayed.
const START_LIMIT: Duration = Duration::from_mins(2);
/// How often a starting server is asked whether it is ready: this is how exact the time of a start is.
const START_POLL: Duration = Duration::from_millis(5);
/// How long an orderly end may take before it is forced.
const STOP_LIMIT: Duration = Duration::from_mins(1);
/// How many of the last bytes of the log an error shows.
const SHOWN_LOG_BYTES: usize = 600;

/// A running engine.
#[derive(Debug)]
pub(crate) struct Server {
    /// Which engine it is.
    pub(crate) engine: Engine,
    /// How long the last start took until it was ready.
    pub(crate) start: Duration,
    program: PathBuf,
    home: PathBuf,
    port: u16,
    child: Owned,
}

impl Server {
    /// Starts an engine with everything it keeps below `home`, and waits until it is ready.
    pub(crate) fn start(engine: Engine, program: &Path, home: &Path) -> Result<Self> {
        let port = free_port()?;
        let child = spawn(engine, program, home, port)?;
        let (program, home) = (program.to_owned(), home.to_owned());
        let mut server = Self { engine, start: Duration::ZERO, program, home, port, child };
        server.start = server.wait_until_ready()?;
        Ok(server)
    }

    /// A client with connections of its own.
    pub(crate) fn client(&self) -> Client {
        Client::new(self.port)
    }

    /// What the kernel counts about it.
    pub(crate) fn process(&self) -> Process {
        Process(self.child.id())
    }

    /// The folder with its data.
    pub(crate) fn data(&self) -> PathBuf {
        engine::data(&self.home)
    }

    /// Stops it in an orderly way and starts it again with the same data.
    pub(crate) fn restart(&mut self) -> Result<()> {
        self.stop()?;
        self.child = spawn(self.engine, &self.program, &self.home, self.port)?;
        self.start = self.wait_until_ready()?;
        Ok(())
    }

    fn stop(&mut self) -> Result<()> {
        process::run(Command::new("sh").args(["-c", "kill -TERM \"$0\"", &self.child.id().to_string()]))?;
        let deadline = Instant::now() + STOP_LIMIT;
        while self.child.try_wait().context("could not wait for the server")?.is_none() {
            if Instant::now() > deadline {
                bail!("{} did not stop within {} s", self.engine.name(), STOP_LIMIT.as_secs());
            }
            interrupt::sleep(START_POLL)?;
        }
        Ok(())
    }

    fn wait_until_ready(&mut self) -> Result<Duration> {
        let began = Instant::now();
        let (client, ready) = (self.client(), Get::path(self.engine.ready_path()));
        let mut body = Vec::new();
        while client.get(&ready, &mut body).is_err() {
            if let Some(status) = self.child.try_wait().context("could not wait for the server")? {
                bail!("{} ended ({status}): {}", self.engine.name(), last_words(&self.home));
            }
            if began.elapsed() > START_LIMIT {
                bail!("{} is not ready after {} s", self.engine.name(), START_LIMIT.as_secs());
            }
            interrupt::sleep(START_POLL)?;
        }
        Ok(began.elapsed())
    }
}

/// Starts the program with its output in a file beside the data.
fn spawn(engine: Engine, program: &Path, home: &Path, port: u16) -> Result<Owned> {
    let log = File::create(log(home)).context("could not make the server's log")?;
    let errors = log.try_clone().context("could not make the server's log")?;
    let mut command = engine.serve(program, home, port)?;
    command.stdin(Stdio::null()).stdout(log).stderr(errors);
    Owned::start(&mut command)
}

fn log(home: &Path) -> PathBuf {
    home.join("server.log")
}

/// The end of the server's log.
fn last_words(home: &Path) -> String {
    let log = std::fs::read(log(home)).unwrap_or_default();
    String::from_utf8_lossy(&log[log.len().saturating_sub(SHOWN_LOG_BYTES)..]).trim().to_owned()
}

/// A port of loopback that nobody uses now.
fn free_port() -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("could not find a free port")?;
    Ok(listener.local_addr().context("could not find a free port")?.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_ends_at_once_is_reported_with_its_last_words() {
        let home = tempfile::tempdir().unwrap();
        let program = home.path().join("engine");
        std::fs::write(&program, "#!/bin/sh\necho no disk left\nexit 3\n").unwrap();
        process::run(Command::new("chmod").arg("+x").arg(&program)).unwrap();
        let error = Server::start(Engine::Victoria, &program, home.path()).unwrap_err().to_string();
        assert!(error.contains("no disk left"), "{error}");
    }
}
