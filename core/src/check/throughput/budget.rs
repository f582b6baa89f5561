//! What a test takes at most, told before it starts and kept by both ends.

use serde::{Deserialize, Serialize};

use super::{Direction, IperfSpec, Protocol, STREAMS_MAX, ThroughputSpec, rate::words_bytes};

/// The longest test, ms, whatever settings say: an hour of full links is no test any more.
pub const DURATION_MAX_MS: u64 = 3_600_000;
/// The shortest test, ms: TCP has hardly begun before.
pub const DURATION_MIN_MS: u64 = 100;
/// The longest warm-up, ms.
pub const WARM_UP_MAX_MS: u64 = 60_000;
/// What is left out at the start unless told otherwise, ms: slow start is over by then on most ways.
pub const WARM_UP_MS: u64 = 500;
/// The rate of UDP unless told otherwise, bit/s: that of `iperf3`, which disturbs nobody.
pub const UDP_RATE_BPS: u64 = 1_000_000;
/// The lowest rate of UDP, bit/s for each stream: a datagram a second, or nobody could tell a thin stream from none.
pub const UDP_RATE_MIN_BPS: u64 = 12_000;
/// The highest rate of UDP, bit/s.
pub const UDP_RATE_MAX_BPS: u64 = 1_000_000_000_000;
/// No limit of bytes, and yet a number that can be reckoned with: half a year of a terabit a second.
pub const BYTES_ANY: u64 = 1 << 61;
/// What comes on top of warm-up and test at most, ms: looking up, connecting, waiting for one's turn, agreeing, and the
/// last answer of a way with long queues.
pub const AROUND_MS: u64 = 20_000;

/// What a test takes at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Budget {
    /// For how long the network is loaded, ms, the warm-up included.
    pub time_ms: u64,
    /// How much is sent, bytes of payload, both directions together.
    pub bytes: u64,
}

fn of(direction: Direction, time_ms: u64, bytes_max: u64, rate_bps: Option<u64>) -> Budget {
    let each = rate_bps.map_or(bytes_max, |rate_bps| {
        let paced = u128::from(rate_bps) * u128::from(time_ms) / 8_000;
        bytes_max.min(u64::try_from(paced).unwrap_or(u64::MAX))
    });
    let ways = 1 + u64::from(direction == Direction::Both);
    Budget { time_ms, bytes: each.saturating_mul(ways) }
}

/// What is told before a test starts.
fn words(host: &str, port: u16, time_ms: u64, bytes: Option<u64>) -> String {
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let bytes = bytes.map_or("as much as fits".to_owned(), |bytes| format!("at most {}", words_bytes(bytes)));
    format!("Loads the network to {host}:{port} for {} s, {bytes}", time_ms as f64 / 1e3)
}

impl ThroughputSpec {
    /// What it takes at most.
    pub fn budget(&self) -> Budget {
        let paced = (self.protocol == Protocol::Udp).then_some(self.rate_bps);
        of(self.direction, self.duration_ms.saturating_add(self.warm_up_ms), self.bytes_max, paced)
    }

    /// What it takes at most, in words: `Loads the network to gpu-7:40000 for 11 s, as much as fits`.
    pub fn budget_words(&self) -> String {
        let budget = self.budget();
        let is_open = self.protocol == Protocol::Tcp && self.bytes_max >= BYTES_ANY;
        words(&self.host, self.port, budget.time_ms, (!is_open).then_some(budget.bytes))
    }

    /// The longest that the check takes with everything around the test, ms.
    pub fn longest_ms(&self) -> u64 {
        self.duration_ms.saturating_add(self.warm_up_ms).saturating_add(AROUND_MS)
    }

    /// Checks what people or programs ask for.
    ///
    /// # Errors
    /// The field, and what is allowed.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        check_shape(self.streams, self.duration_ms, self.warm_up_ms)?;
        if self.bytes_max == 0 {
            return Err(("bytes_max", "must be at least 1".to_owned()));
        }
        check_rate(self.protocol, self.streams, self.rate_bps)
    }
}

impl IperfSpec {
    /// For how long it measures, and what it leaves out before, s: `iperf3` takes whole seconds, so each is rounded up.
    pub fn seconds(&self) -> (u64, u64) {
        (self.duration_ms.div_ceil(1_000), self.warm_up_ms.div_ceil(1_000))
    }

    fn is_paced(&self) -> bool {
        self.protocol == Protocol::Udp || self.rate_bps > 0
    }

    /// For how long the network is loaded, ms, and how much is sent at most, where that is known: only a rate bounds
    /// the bytes, because `iperf3` keeps either a time or a number of bytes.
    pub fn budget(&self) -> (u64, Option<u64>) {
        let (measured, left_out) = self.seconds();
        let time_ms = measured.saturating_add(left_out).saturating_mul(1_000);
        let paced = self.is_paced().then(|| of(self.direction, time_ms, u64::MAX, Some(self.rate_bps)));
        (time_ms, paced.map(|budget| budget.bytes))
    }

    /// What it takes at most, in words.
    pub fn budget_words(&self) -> String {
        let (time_ms, bytes) = self.budget();
        words(&self.host, self.port, time_ms, bytes)
    }

    /// The same test held to a rate at which it sends no more than so many bytes, both directions together; the rate, if it
    /// had none of its own and this one is no faster than any network.
    pub fn within(mut self, bytes: u64) -> (Self, Option<u64>) {
        let ways = 1 + u64::from(self.direction == Direction::Both);
        let bits = u128::from(bytes / ways) * 8_000 / u128::from(self.budget().0.max(1));
        // Each stream has its share, in whole bits.
        let streams = u64::from(self.streams.max(1));
        let rate_bps = u64::try_from(bits).unwrap_or(u64::MAX) / streams * streams;
        if self.is_paced() || rate_bps > UDP_RATE_MAX_BPS {
            return (self, None);
        }
        self.rate_bps = rate_bps.max(streams);
        let held = Some(self.rate_bps);
        (self, held)
    }

    /// The longest that the check takes with everything around the test, ms.
    pub fn longest_ms(&self) -> u64 {
        self.budget().0.saturating_add(AROUND_MS)
    }

    /// Checks what people or programs ask for.
    ///
    /// # Errors
    /// The field, and what is allowed.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        check_shape(self.streams, self.duration_ms, self.warm_up_ms)?;
        check_rate(self.protocol, self.streams, self.rate_bps)
    }
}

fn check_shape(streams: u16, duration_ms: u64, warm_up_ms: u64) -> Result<(), (&'static str, String)> {
    if !(1..=STREAMS_MAX).contains(&streams) {
        return Err(("streams", format!("must be from 1 to {STREAMS_MAX}")));
    }
    if !(DURATION_MIN_MS..=DURATION_MAX_MS).contains(&duration_ms) {
        return Err(("duration_ms", format!("must be from {DURATION_MIN_MS} to {DURATION_MAX_MS}")));
    }
    if warm_up_ms > WARM_UP_MAX_MS {
        return Err(("warm_up_ms", format!("must be at most {WARM_UP_MAX_MS}")));
    }
    Ok(())
}

fn check_rate(protocol: Protocol, streams: u16, rate_bps: u64) -> Result<(), (&'static str, String)> {
    let least = UDP_RATE_MIN_BPS * u64::from(streams);
    if protocol == Protocol::Udp && !(least..=UDP_RATE_MAX_BPS).contains(&rate_bps) {
        return Err(("rate_bps", format!("must be from {least} to {UDP_RATE_MAX_BPS} for UDP")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::spec::Family;

    fn spec() -> ThroughputSpec {
        ThroughputSpec {
            host: "h".into(),
            family: Family::Any,
            port: 1,
            ticket: String::new(),
            protocol: Protocol::Tcp,
            direction: Direction::Up,
            streams: 4,
            duration_ms: 10_000,
            warm_up_ms: 1_000,
            bytes_max: 1_000_000_000,
            rate_bps: 0,
        }
    }

    fn iperf(protocol: Protocol, rate_bps: u64) -> IperfSpec {
        let (host, family, direction) = ("h".into(), Family::Any, Direction::Up);
        let (port, streams, duration_ms, warm_up_ms) = (1, 2, 1_000, 0);
        IperfSpec { host, family, port, protocol, direction, streams, duration_ms, warm_up_ms, rate_bps }
    }

    #[test]
    fn a_budget_is_time_and_bytes_of_both_directions() {
        assert_eq!(spec().budget(), Budget { time_ms: 11_000, bytes: 1_000_000_000 });
        let both = ThroughputSpec { direction: Direction::Both, ..spec() };
        assert_eq!(both.budget().bytes, 2_000_000_000);
        let paced = ThroughputSpec { protocol: Protocol::Udp, rate_bps: 8_000_000, ..spec() };
        assert_eq!(paced.budget().bytes, 11_000_000);
    }

    #[test]
    fn a_budget_is_told_in_the_same_words_whoever_tests() {
        let open = ThroughputSpec { bytes_max: BYTES_ANY, duration_ms: 3_000, warm_up_ms: 750, ..spec() };
        assert_eq!(open.budget_words(), "Loads the network to h:1 for 3.75 s, as much as fits");
        assert_eq!(spec().budget_words(), "Loads the network to h:1 for 11 s, at most 1.00 GB");
        let udp = ThroughputSpec { protocol: Protocol::Udp, rate_bps: 8_000_000, ..open };
        assert_eq!(udp.budget_words(), "Loads the network to h:1 for 3.75 s, at most 3.75 MB");
        assert_eq!(iperf(Protocol::Tcp, 0).budget_words(), "Loads the network to h:1 for 1 s, as much as fits");
        let six = IperfSpec { host: "::1".into(), ..iperf(Protocol::Udp, 8_000_000) };
        assert_eq!(six.budget_words(), "Loads the network to [::1]:1 for 1 s, at most 1.00 MB");
    }

    #[test]
    fn a_rate_bounds_what_iperf3_sends_over_either_protocol() {
        assert_eq!(iperf(Protocol::Tcp, 0).budget(), (1_000, None));
        assert_eq!(iperf(Protocol::Tcp, 8_000_000).budget(), (1_000, Some(1_000_000)));
        assert_eq!(iperf(Protocol::Udp, 8_000_000).budget(), (1_000, Some(1_000_000)));
        let odd = IperfSpec { duration_ms: 9_500, warm_up_ms: 500, ..iperf(Protocol::Tcp, 8_000_000) };
        assert_eq!((odd.seconds(), odd.budget()), ((10, 1), (11_000, Some(11_000_000))));
    }

    #[test]
    fn iperf3_is_held_to_bytes_by_a_rate() {
        let both = IperfSpec { direction: Direction::Both, duration_ms: 4_500, ..iperf(Protocol::Tcp, 0) };
        let (held, rate_bps) = both.clone().within(10_000_000);
        assert_eq!((rate_bps, held.rate_bps, held.budget().1), (Some(8_000_000), 8_000_000, Some(10_000_000)));
        assert_eq!(both.within(u64::MAX).1, None, "faster than any network");
        let paced = iperf(Protocol::Udp, 8_000_000);
        assert_eq!(paced.clone().within(1), (paced, None), "its own rate is held against what is allowed");
    }

    #[test]
    fn what_is_out_of_bounds_is_named() {
        let blamed = |spec: ThroughputSpec| spec.check().expect_err("is wrong").0;
        assert_eq!(spec().check(), Ok(()));
        assert_eq!(blamed(ThroughputSpec { streams: 0, ..spec() }), "streams");
        assert_eq!(blamed(ThroughputSpec { streams: 17, ..spec() }), "streams");
        assert_eq!(blamed(ThroughputSpec { duration_ms: 1, ..spec() }), "duration_ms");
        assert_eq!(blamed(ThroughputSpec { warm_up_ms: u64::MAX, ..spec() }), "warm_up_ms");
        assert_eq!(blamed(ThroughputSpec { bytes_max: 0, ..spec() }), "bytes_max");
        assert_eq!(blamed(ThroughputSpec { protocol: Protocol::Udp, ..spec() }), "rate_bps");
    }
}
