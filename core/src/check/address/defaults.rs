//! What a check is made of where its address does not say.

/// Probes of a round: enough to tell loss and jitter, few enough for a look.
pub const PACKETS: u32 = 5;
/// From probe to probe, ms: what `ping` allows everybody.
pub const INTERVAL_MS: u64 = 200;
/// How long a probe waits, ms: longer than any way on earth.
pub const TIMEOUT_MS: u64 = 1_000;
/// How long a handshake waits, ms: a SYN that is lost is sent again after one second, and that should be seen.
pub const TCP_TIMEOUT_MS: u64 = 2_500;
/// The payload of a plain `ping`, bytes.
pub const PAYLOAD_BYTES: u16 = 56;
/// The port of the echo service (RFC 862).
pub const UDP_ECHO_PORT: u16 = 7;

/// The port of name servers.
pub const DNS_PORT: u16 = 53;
/// The type of record.
pub const DNS_RECORD: &str = "A";
/// How long a name server has, ms: resolvers of programs give up after some seconds.
pub const DNS_TIMEOUT_MS: u64 = 2_000;

/// How long a web server has for everything, ms.
pub const HTTP_TIMEOUT_MS: u64 = 5_000;
/// How long a download takes at most, ms.
pub const DOWNLOAD_MS: u64 = 5_000;
/// How much is downloaded at most, bytes.
pub const DOWNLOAD_BYTES: u64 = 100_000_000;

/// Flows of a path: routers mostly choose among two or four equal ways.
pub const PATH_FLOWS: u16 = 4;
/// Probes for each hop of a flow.
pub const PATH_PROBES: u16 = 2;
/// The farthest hop.
pub const PATH_HOPS_MAX: u8 = 30;
/// The port at which a path over UDP begins: that of `traceroute`.
pub const PATH_UDP_PORT: u16 = 33_434;
/// The port of a path over TCP.
pub const PATH_TCP_PORT: u16 = 443;
/// How long the search for the MTU of a path takes at most, ms.
pub const MTU_TIMEOUT_MS: u64 = 4_000;

/// The port of Redis.
pub const REDIS_PORT: u16 = 6_379;
/// The port of iperf3.
pub const IPERF3_PORT: u16 = 5_201;
/// Connections of a test of throughput.
pub const STREAMS: u16 = 4;
/// How long a test of throughput measures, ms.
pub const THROUGHPUT_MS: u64 = 5_000;
/// What it leaves out before, ms.
pub const WARM_UP_MS: u64 = 500;
/// How much it sends at most in each direction, bytes.
pub const THROUGHPUT_BYTES: u64 = 10_000_000_000;
/// The rate of a test over UDP, bit/s.
pub const UDP_RATE_BPS: u64 = 100_000_000;
