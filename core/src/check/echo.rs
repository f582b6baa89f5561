//! The packets of the UDP echo check: any echo service (RFC 862) sends them back as they are.

/// A token, which tells the packets of one check from all others, and a number.
pub const HEADER_BYTES: usize = 12;

/// A packet of this many bytes, at least [`HEADER_BYTES`].
pub fn packet(token: u64, seq: u32, bytes: usize) -> Vec<u8> {
    let mut packet = Vec::with_capacity(bytes.max(HEADER_BYTES));
    packet.extend(token.to_be_bytes());
    packet.extend(seq.to_be_bytes());
    // What is not all zeros shows when something in between rewrites it.
    packet.extend((HEADER_BYTES..bytes).map(|at| at as u8));
    packet
}

/// The number of a packet that came back as it was sent.
pub fn read(token: u64, sent_bytes: usize, came: &[u8]) -> Option<u32> {
    let seq = u32::from_be_bytes(came.get(8..HEADER_BYTES)?.try_into().ok()?);
    (came == packet(token, seq, sent_bytes)).then_some(seq)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_comes_back_as_it_was_is_known(token: u64, seq: u32, bytes in 0_usize..300, at in 0_usize..300, flip in 1_u8..) {
            let sent = packet(token, seq, bytes);
            prop_assert_eq!(sent.len(), bytes.max(HEADER_BYTES));
            prop_assert_eq!(read(token, bytes, &sent), Some(seq));
            let mut changed = sent.clone();
            let at = at % sent.len();
            changed[at] ^= flip;
            prop_assert_ne!(read(token, bytes, &changed), Some(seq));
            prop_assert_eq!(read(token, bytes, &sent[..at]), None);
        }
    }
}
