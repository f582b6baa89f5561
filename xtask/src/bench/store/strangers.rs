//! How busy the machine is with programs that have no part in the measurement. They make every figure worse, and not
//! every engine's alike, so they are shown beside the figures.

use std::time::Instant;

use anyhow::Result;

use super::procfs::{self, Process};
use super::server::Server;

/// What was counted when the measurement began.
#[derive(Debug)]
pub(crate) struct Strangers {
    began: Instant,
    foreign_s: f64,
}

impl Strangers {
    /// Begins to watch beside a server that has just been started.
    pub(crate) fn watch(server: &Server) -> Result<Self> {
        Ok(Self { began: Instant::now(), foreign_s: foreign_s(server)? })
    }

    /// Which part of all cores others have taken since.
    pub(crate) fn ratio(&self, server: &Server) -> Result<f64> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let available_s = self.began.elapsed().as_secs_f64() * cores as f64;
        // Ticks are rounded for each process by itself, so a quiet machine may come out just below zero.
        Ok(((foreign_s(server)? - self.foreign_s) / available_s).max(0.0))
    }
}

/// The machine's time without the server's and our own, seconds.
fn foreign_s(server: &Server) -> Result<f64> {
    let own_s = Process(std::process::id()).cpu_s()? + server.process().cpu_s()?;
    Ok(procfs::machine_busy_s()? - own_s)
}
