//! Loads a hub as a mesh does, for `cargo xtask bench mesh`: nodes that report every pair once a second, and tabs that
//! listen to the matrix. Prints what it saw as one line of JSON.
//!
//! Every reported value is the moment at which it was made ([`moment`]), so a listener knows how long it took from the
//! sample to the client.

mod agents;
mod listen;
mod push;

use std::{net::SocketAddr, time::Duration};

use clap::{Parser, Subcommand};

/// Values repeat after this long, ms: four digits, as many as a matrix carries. Nothing may take longer.
const MOMENTS: i64 = 9_000;

#[derive(Parser)]
struct Load {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Agents that join and deliver the figures of every peer once a second
    Agents {
        hub: SocketAddr,
        #[arg(long, default_value_t = 64)]
        agents: usize,
        /// Peers of each
        #[arg(long, default_value_t = 63)]
        peers: usize,
        #[arg(long, default_value_t = 30)]
        seconds: u64,
    },
    /// Nodes that push every pair once a second over the public API
    Push {
        hub: SocketAddr,
        #[arg(long, default_value_t = 64)]
        nodes: usize,
        #[arg(long, default_value_t = 30)]
        seconds: u64,
    },
    /// Tabs that show the matrix
    Listen {
        hub: SocketAddr,
        #[arg(long, default_value_t = 500)]
        clients: usize,
        /// Clients besides them that read nothing
        #[arg(long, default_value_t = 1)]
        stuck: usize,
        #[arg(long, default_value_t = 30)]
        seconds: u64,
    },
}

/// A moment as a value of four digits.
fn moment(now_ms: i64) -> f64 {
    (1_000 + now_ms.rem_euclid(MOMENTS)) as f64
}

/// How long ago a value was made, ms.
fn age_ms(value: f64, now_ms: i64) -> i64 {
    (now_ms - (value as i64 - 1_000)).rem_euclid(MOMENTS)
}

#[tokio::main]
async fn main() {
    let report = match Load::parse().what {
        What::Agents { hub, agents, peers, seconds } => {
            agents::run(hub, (agents, peers), Duration::from_secs(seconds)).await
        }
        What::Push { hub, nodes, seconds } => push::run(hub, nodes, Duration::from_secs(seconds)).await,
        What::Listen { hub, clients, stuck, seconds } => {
            listen::run(hub, (clients, stuck), Duration::from_secs(seconds)).await
        }
    };
    println!("{report}");
}
