//! Reading everything back out of Netloom, and what that costs the hub.

use std::time::Instant;

use anyhow::{Result, ensure};

use super::http::Get;
use super::mesh::PAIRS;
use super::payload::Payload;
use super::server::Server;

/// How much is read between two looks at the memory, bytes.
const LOOK_BYTES: u64 = 8 * 1024 * 1024;

/// How an export went.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Export {
    /// Samples, one per line.
    pub(crate) samples: u64,
    /// Samples in a second.
    pub(crate) samples_per_s: f64,
    /// By how much the hub's memory exceeded what it was before, bytes.
    pub(crate) rss_growth_bytes: u64,
}

/// Exports every latency of the run, and throws it away.
pub(crate) fn measure(server: &Server, payload: &Payload) -> Result<Export> {
    let begin_ms = payload.end_ms - u64::from(payload.seconds) * 1_000;
    let query = [("format", "jsonl".into()), ("metric", "rtt_us".into()), ("from", begin_ms.to_string())];
    let mut get = Get { path: "/api/v1/export", query: query.to_vec() };
    get.query.push(("to", payload.end_ms.to_string()));

    let process = server.process();
    let before_bytes = process.rss_bytes()?;
    let (mut most_bytes, mut samples, mut unseen_bytes) = (before_bytes, 0, 0);
    let began = Instant::now();
    server.client().stream(&get, |chunk| {
        samples += lines(chunk);
        unseen_bytes += chunk.len() as u64;
        if unseen_bytes >= LOOK_BYTES {
            unseen_bytes = 0;
            most_bytes = most_bytes.max(process.rss_bytes()?);
        }
        Ok(())
    })?;
    let samples_per_s = samples as f64 / began.elapsed().as_secs_f64();
    let expected = PAIRS as u64 * u64::from(payload.seconds);
    ensure!(samples == expected, "the export has {samples} lines, not {expected}");
    Ok(Export { samples, samples_per_s, rss_growth_bytes: most_bytes - before_bytes })
}

/// How many lines end in a piece of text.
fn lines(text: &[u8]) -> u64 {
    text.iter().map(|byte| u64::from(*byte == b'\n')).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_across_pieces() {
        assert_eq!(lines(b"{\"a\":1}\n{\"a\"") + lines(b":2}\n"), 2);
    }
}
