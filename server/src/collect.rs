//! Collectors: each reads one source of figures on this machine. Adding one: a file here and a line in [`all`].

pub mod connection;
pub mod depth;
pub mod interface;
pub mod inventory;
#[cfg(target_os = "linux")]
mod netlink;
pub mod socket;

use netloom_core::{sample::Readings, topology::Interface};

/// One reading's moment on both clocks.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// Monotonic, ns: for rates.
    pub mono_ns: u64,
    /// Wall clock, ms: for people.
    pub ts_ms: i64,
}

/// Reads one source of figures.
pub trait Collector: Send {
    /// The lasting name of the measurement.
    fn name(&self) -> &'static str;
    /// Reads the source now and adds what can be said.
    ///
    /// # Errors
    /// Why the source cannot be read, in a phrase.
    fn collect(&mut self, now: Moment, interfaces: &[Interface], readings: &mut Readings) -> Result<(), String>;
}

/// Every collector.
pub fn all(node: &str) -> Vec<Box<dyn Collector>> {
    vec![
        Box::new(interface::InterfaceCollector::new(node)),
        #[cfg(target_os = "linux")]
        Box::new(socket::SocketCollector::new(node)),
    ]
}
