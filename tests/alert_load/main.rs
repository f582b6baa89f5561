//! Loads the alert engine, for `cargo xtask bench alerts`: many series with many rules in this process, or incidents of a
//! running hub, one after the other, from the sample to the stream. Prints what it saw as one line of JSON.

mod evaluate;
mod latency;

use std::net::SocketAddr;

use clap::{Parser, Subcommand};

#[derive(Parser)]
struct Load {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Judges series by rules, every series touched in every tick
    Evaluate {
        #[arg(long, default_value_t = 10_000)]
        series: usize,
        /// How many ticks are measured
        #[arg(long, default_value_t = 60)]
        ticks: usize,
    },
    /// Pushes samples that fire at once, and waits for each on the stream
    Latency {
        hub: SocketAddr,
        #[arg(long, default_value_t = 120)]
        incidents: usize,
    },
}

#[tokio::main]
async fn main() {
    let report = match Load::parse().what {
        What::Evaluate { series, ticks } => evaluate::run(series, ticks),
        What::Latency { hub, incidents } => latency::run(hub, incidents).await,
    };
    println!("{report}");
}

/// The value below which a share of the sorted values lies.
fn at_share(sorted: &[f64], share: f64) -> f64 {
    let at = (sorted.len() as f64 * share) as usize;
    sorted.get(at).or(sorted.last()).copied().unwrap_or(f64::NAN)
}
