//! How long a check may take by what it says of itself.

use super::Check;

/// Looking a name up, ms: whoever resolves gives up before.
const RESOLVE_MS: u64 = 3_500;
/// What a busy machine takes beside the waiting, ms.
const SLACK_MS: u64 = 1_500;
/// How long a download waits until no other test of throughput runs, ms.
pub const TURN_MS: u64 = 10_000;
/// How long a download has until the first byte is there, ms.
pub const DOWNLOAD_START_MS: u64 = 10_000;
/// What a test of throughput takes beside the test itself, ms: agreement, idle round trips, the exchange of results.
const AROUND_THROUGHPUT_MS: u64 = 30_000;
/// Answers that a Redis server is waited for beside PINGs and locks: the greeting, the password, the last release.
const REDIS_ANSWERS: u64 = 3;
/// Answers of one cycle of the lock at most: taken, released in one way, in another way of two steps.
const LOCK_ANSWERS: u64 = 4;

impl Check {
    /// After this long it has ended, ms; one that has not is to be cut off.
    pub fn longest_ms(&self) -> u64 {
        let own = match self {
            Check::Icmp(spec) | Check::Tcp(spec) | Check::Udp(spec) => u64::from(spec.packets.saturating_sub(1))
                .saturating_mul(spec.interval_ms)
                .saturating_add(spec.timeout_ms),
            Check::Dns(spec) => spec.timeout_ms,
            Check::Http(spec) => spec.timeout_ms,
            Check::Mtu(spec) => spec.timeout_ms,
            // At worst hop by hop, and every probe waits for nothing.
            Check::Path(spec) => {
                let probes = u64::from(spec.hops_max) * u64::from(spec.probes.max(1));
                spec.timeout_ms.saturating_mul(probes)
            }
            Check::Throughput(spec) => around(spec.duration_ms, spec.warm_up_ms),
            Check::Iperf3(spec) => around(spec.duration_ms, spec.warm_up_ms),
            Check::Download(spec) => spec.duration_ms.saturating_add(TURN_MS + DOWNLOAD_START_MS),
            Check::Redis(spec) => {
                let each = if spec.lock { 1 + LOCK_ANSWERS } else { 1 };
                spec.timeout_ms.saturating_mul(u64::from(spec.packets) * each + REDIS_ANSWERS)
            }
            Check::Interfaces | Check::Connections => 0,
        };
        own.saturating_add(RESOLVE_MS + SLACK_MS)
    }
}

fn around(duration_ms: u64, warm_up_ms: u64) -> u64 {
    duration_ms.saturating_add(warm_up_ms).saturating_add(AROUND_THROUGHPUT_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_takes_its_intervals_and_the_wait_for_the_last() {
        let longest = |address: &str| Check::parse(address).expect("an address").longest_ms();
        let around = RESOLVE_MS + SLACK_MS;
        assert_eq!(longest("icmp://a?packets=3&interval_ms=100&timeout_ms=500"), 700 + around);
        assert_eq!(longest("dns://a/b?timeout_ms=10"), 10 + around);
        assert!(longest("redis://a?lock=true") > longest("redis://a"));
    }
}
