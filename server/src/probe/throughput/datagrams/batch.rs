//! Many datagrams by one call where the system has one.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(not(target_os = "linux"))]
mod plain;

#[cfg(target_os = "linux")]
pub(super) use linux::{Incoming, Outgoing};
#[cfg(not(target_os = "linux"))]
pub(super) use plain::{Incoming, Outgoing};

/// Datagrams of one call. More do not make it faster.
pub(super) const BATCH: usize = 32;
/// Bytes of the longest datagram that is taken; longer ones are not of a test.
const TAKE_BYTES: usize = 2_048;
