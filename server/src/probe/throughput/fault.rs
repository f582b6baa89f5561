//! Why a test came to no result.

use std::{io, net::SocketAddr};

use netloom_core::check::{
    Phase,
    throughput::wire::{FrameError, Refused},
};

/// Why a test came to no result: where it ended, why, and what would help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where it ended.
    pub phase: Phase,
    /// Why.
    pub cause: String,
    /// What would help.
    pub cure: String,
}

/// What helps when the far end was there and is not any more.
const GONE_CURE: &str = "look whether the other end still runs and whether the way to it holds, and try again";
/// What helps when something else listens there.
const FOREIGN_CURE: &str =
    "check the port: the other end must be netloom throughput serve, or an agent that the hub told to";

impl Fault {
    pub(super) fn new(phase: Phase, cause: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { phase, cause: cause.into(), cure: cure.into() }
    }

    pub(super) fn gone(cause: impl Into<String>) -> Self {
        Self::new(Phase::Transfer, cause, GONE_CURE)
    }

    pub(super) fn prepare(error: &io::Error) -> Self {
        let cure = "this machine has too many sockets or threads in use: try again with fewer streams";
        Self::new(Phase::Prepare, error.to_string(), cure)
    }

    pub(super) fn connect(address: SocketAddr, error: &io::Error) -> Self {
        let cure = match error.kind() {
            io::ErrorKind::ConnectionRefused => {
                "nothing listens there: start netloom throughput serve on the other machine, and take the port that it prints"
            }
            io::ErrorKind::TimedOut => "let a firewall on the way pass this port for TCP, and check the address",
            io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
                "no way leads there: check the address and the routes of this machine"
            }
            _ => "",
        };
        let cause = if error.kind() == io::ErrorKind::TimedOut {
            format!("no answer from {address}")
        } else {
            format!("cannot connect to {address}: {error}")
        };
        Self::new(Phase::Connect, cause, cure)
    }

    pub(super) fn refused(why: &Refused) -> Self {
        match why {
            Refused::Busy => Self::new(
                Phase::Authenticate,
                "the other end is busy with another test",
                "try again when that has ended",
            ),
            Refused::Ticket => Self::new(
                Phase::Authenticate,
                "the other end does not know this ticket",
                "take the ticket that it prints; one that was used, or is too old, is good no more",
            ),
            Refused::TooMuch { what } => Self::new(
                Phase::Authenticate,
                format!("the other end refuses the test: {what}"),
                "ask for a shorter or smaller test, or raise the limits in the settings under active",
            ),
        }
    }

    /// What was read in a phase is no frame, or nothing came.
    pub(super) fn heard(phase: Phase, error: &Heard) -> Self {
        match error {
            Heard::Frame(FrameError::Foreign(_)) => {
                Self::new(phase, format!("another program answers: {error}"), FOREIGN_CURE)
            }
            Heard::Frame(_) => Self::new(phase, error.to_string(), "use the same version of netloom at both ends"),
            Heard::Closed if phase == Phase::Transfer => {
                Self::gone("the other end went away in the middle of the test")
            }
            Heard::Closed => Self::new(phase, "the other end hung up without a word", FOREIGN_CURE),
            Heard::Silent if phase == Phase::Transfer => Self::gone("the other end does not answer any more"),
            Heard::Silent => Self::new(phase, "the other end takes connections and says nothing", FOREIGN_CURE),
            Heard::Broke(what) if phase == Phase::Transfer => Self::gone(format!("the connection broke: {what}")),
            Heard::Broke(what) => Self::new(phase, format!("the connection broke: {what}"), FOREIGN_CURE),
        }
    }
}

/// Why no message came.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Heard {
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error("the other end hung up")]
    Closed,
    #[error("no answer")]
    Silent,
    #[error("{0}")]
    Broke(String),
}
