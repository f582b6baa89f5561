//! What the kernel knows of a TCP connection (`struct tcp_info`, tcp(7)).

use crate::netlink::{read_u32, read_u64};

/// Where things stand in the structure. It only ever grew at its end, so what is there is where it always was.
mod at {
    pub(super) const STATE: usize = 0;
    pub(super) const RTT: usize = 68;
    pub(super) const RTTVAR: usize = 72;
    pub(super) const SND_CWND: usize = 80;
    pub(super) const TOTAL_RETRANS: usize = 100;
    pub(super) const BYTES_ACKED: usize = 120;
    pub(super) const BYTES_RECEIVED: usize = 128;
    pub(super) const MIN_RTT: usize = 148;
    pub(super) const DATA_SEGS_OUT: usize = 156;
    pub(super) const DELIVERY_RATE: usize = 160;
    pub(super) const BYTES_SENT: usize = 200;
    pub(super) const BYTES_RETRANS: usize = 208;
}

/// The state of a connection, as the kernel numbers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TcpState(pub u8);

impl TcpState {
    /// Data flows in both directions.
    pub const ESTABLISHED: Self = Self(1);
    /// A SYN was sent and not answered.
    pub const SYN_SENT: Self = Self(2);
    /// It waits for connections and is none.
    pub const LISTEN: Self = Self(10);
}

/// What the kernel knows of a connection. What its version does not tell is `None`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TcpInfo {
    /// Its state.
    pub state: TcpState,
    /// The smoothed round-trip time, µs; right after the handshake it is that of the handshake. `None` before.
    pub rtt_us: Option<f64>,
    /// How much it varies, µs.
    pub rttvar_us: Option<f64>,
    /// The smallest round-trip time of the last minutes, µs.
    pub rtt_min_us: Option<f64>,
    /// Segments that were sent again, SYNs included.
    pub total_retrans: u32,
    /// SYNs that were sent again. `None` when other segments were, too, because the kernel does not tell them apart.
    pub syn_retransmits: Option<u32>,
    /// The congestion window, segments.
    pub snd_cwnd: u32,
    /// The newest estimate of what arrives at the other end, bytes/s. `None` before anything did.
    pub delivery_rate: Option<u64>,
    /// Bytes that arrived at the other end.
    pub bytes_acked: Option<u64>,
    /// Bytes received.
    pub bytes_received: Option<u64>,
    /// Bytes that were sent again.
    pub bytes_retrans: Option<u64>,
    /// Bytes sent, those that were sent again included.
    pub bytes_sent: Option<u64>,
}

impl TcpInfo {
    /// Reads the structure of any kernel since 2.6. `None` when it is too short to be one.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        /// What the kernel says when it has seen no round trip.
        const NEVER: u32 = u32::MAX;
        let us = |at: usize| read_u32(bytes, at).filter(|us| *us > 0 && *us != NEVER).map(f64::from);
        let total_retrans = read_u32(bytes, at::TOTAL_RETRANS)?;
        let bytes_retrans = read_u64(bytes, at::BYTES_RETRANS);
        let nothing_else_again = match (bytes_retrans, read_u32(bytes, at::DATA_SEGS_OUT)) {
            // A SYN carries no bytes.
            (Some(again), _) => again == 0,
            (None, Some(data)) => data == 0,
            (None, None) => false,
        };
        Some(Self {
            state: TcpState(*bytes.get(at::STATE)?),
            rtt_us: us(at::RTT),
            rttvar_us: us(at::RTTVAR),
            rtt_min_us: us(at::MIN_RTT),
            total_retrans,
            syn_retransmits: (nothing_else_again || total_retrans == 0).then_some(total_retrans),
            snd_cwnd: read_u32(bytes, at::SND_CWND)?,
            delivery_rate: read_u64(bytes, at::DELIVERY_RATE).filter(|rate| *rate > 0),
            bytes_acked: read_u64(bytes, at::BYTES_ACKED),
            bytes_received: read_u64(bytes, at::BYTES_RECEIVED),
            bytes_retrans,
            bytes_sent: read_u64(bytes, at::BYTES_SENT),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes() -> Vec<u8> {
        let mut bytes = vec![0; 248];
        bytes[at::STATE] = 1;
        let mut u32_at = |at: usize, value: u32| bytes[at..at + 4].copy_from_slice(&value.to_ne_bytes());
        u32_at(at::RTT, 1_500);
        u32_at(at::MIN_RTT, 900);
        u32_at(at::TOTAL_RETRANS, 2);
        u32_at(at::DATA_SEGS_OUT, 5);
        bytes[at::BYTES_SENT..at::BYTES_SENT + 8].copy_from_slice(&7_000_u64.to_ne_bytes());
        bytes
    }

    #[test]
    fn structures_of_all_kernels_are_read() {
        let newest = TcpInfo::parse(&bytes()).expect("whole");
        assert_eq!(
            (newest.state, newest.rtt_us, newest.rtt_min_us),
            (TcpState::ESTABLISHED, Some(1_500.0), Some(900.0))
        );
        assert_eq!((newest.bytes_sent, newest.delivery_rate), (Some(7_000), None));
        let oldest = TcpInfo::parse(&bytes()[..104]).expect("all that Linux 2.6 had");
        assert_eq!((oldest.rtt_us, oldest.total_retrans, oldest.bytes_sent), (Some(1_500.0), 2, None));
        assert_eq!(TcpInfo::parse(&bytes()[..103]), None);
        let longer = [bytes(), vec![9; 100]].concat();
        assert_eq!(TcpInfo::parse(&longer), Some(newest));
    }

    #[test]
    fn syns_are_told_apart_from_data_where_that_can_be() {
        let mut bytes = bytes();
        assert_eq!(TcpInfo::parse(&bytes).and_then(|info| info.syn_retransmits), Some(2), "no byte went twice");
        assert_eq!(TcpInfo::parse(&bytes[..200]).and_then(|info| info.syn_retransmits), None, "data may have");
        bytes[at::BYTES_RETRANS] = 1;
        assert_eq!(TcpInfo::parse(&bytes).and_then(|info| info.syn_retransmits), None);
    }

    proptest! {
        #[test]
        fn rubbish_does_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let info = TcpInfo::parse(&bytes);
            prop_assert_eq!(info.is_some(), bytes.len() >= 104);
        }
    }
}
