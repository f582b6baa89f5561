//! Round-trip times beside those of `ping` and `fping`, on the same path at the same time.

use anyhow::{Result, anyhow};
use netloom_core::impair::Impairment;

use super::{Lab, pair};
use crate::lab::api::now_ms;
use crate::lab::net::{self, Place};
use crate::lab::relay::DEVICE;
use crate::lab::report::Row;
use crate::lab::truth::{self, Reading, median};

/// How far Netloom may be from what the others read: on a bare path, and through the relay, whose own wake-ups differ from
/// packet to packet; ms.
const BARE_LIMIT_MS: f64 = 0.02;
const RELAY_LIMIT_MS: f64 = 0.1;

/// The paths: two nodes, and how much the relay adds to a round trip, ms.
const PATHS: [(u8, u8, f64); 4] = [(1, 2, 0.0), (1, 3, 1.0), (1, 4, 20.0), (2, 4, 100.0)];

/// Compares on every path.
pub(crate) fn run(lab: &Lab, is_quick: bool) -> Result<Vec<Row>> {
    let count = if is_quick { 50 } else { 150 };
    let mut rows = Vec::new();
    for (a, b, added_ms) in PATHS {
        let (a, b) = (Place::Node(a), Place::Node(b));
        if added_ms > 0.0 {
            let way = Impairment { delay_us: added_ms * 500.0, ..Impairment::default() };
            lab.relay.set_link(a, b, &way);
            net::detour(a, b, DEVICE)?;
            // What is under way comes back before anything is compared.
            crate::interrupt::sleep(std::time::Duration::from_secs(3))?;
        }
        rows.extend(compare(lab, (a, b), added_ms, count)?);
        if added_ms > 0.0 {
            net::straight(a, b)?;
        }
    }
    Ok(rows)
}

fn compare(lab: &Lab, (a, b): (Place, Place), added_ms: f64, count: u32) -> Result<Vec<Row>> {
    let from_ms = now_ms()?;
    // At the same time: what the machine is busy with besides must meet all of them alike.
    let (ping, fping) = std::thread::scope(|scope| {
        let fping = scope.spawn(|| truth::fping(a, b, count, truth::interval_ms()));
        (truth::ping(a, b, count, added_ms), fping.join())
    });
    let (ping, fping) = (ping?, fping.map_err(|_| anyhow!("fping could not be followed"))??);
    let mut rows = Vec::new();
    for mode in ["udp", "icmp"] {
        let labels = format!("{}&mode={mode}", pair(a, b));
        let points = lab.netloom.api.points("rtt_us", &labels, from_ms)?;
        let values: Vec<f64> = points.iter().flat_map(|(_, points)| points).map(|(_, us)| us / 1_000.0).collect();
        rows.push(row(mode, added_ms, median(&values), [ping, fping]));
    }
    Ok(rows)
}

/// Netloom must lie between what the two read, give or take the limit and what they round off.
fn row(mode: &str, added_ms: f64, netloom_ms: f64, [ping, fping]: [Reading; 2]) -> Row {
    let limit_ms = if added_ms > 0.0 { RELAY_LIMIT_MS } else { BARE_LIMIT_MS };
    let low = (ping.median_ms - ping.resolution_ms).min(fping.median_ms - fping.resolution_ms) - limit_ms;
    let high = (ping.median_ms + ping.resolution_ms).max(fping.median_ms + fping.resolution_ms) + limit_ms;
    let path = if added_ms > 0.0 { format!("{added_ms} ms of relay") } else { "a bare path".into() };
    Row {
        check: format!("rtt by {mode}, {path}"),
        truth: format!("{:.3} ms (ping) {} ms (fping)", ping.median_ms, fping.median_ms),
        netloom: format!("{netloom_ms:.3} ms ({:+.3})", netloom_ms - ping.median_ms),
        limit: format!("{limit_ms} ms"),
        is_fine: (low..=high).contains(&netloom_ms),
    }
}
