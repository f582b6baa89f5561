//! Tags of packets: HMAC-SHA256 (RFC 2104) over everything before the tag, the first half of it.

use netloom_core::mesh::{
    MeshKey,
    echo::{PACKET_BYTES, SEALED_BYTES},
};
use ring::hmac;

/// The key of one way, made ready.
pub(super) struct Seal(hmac::Key);

impl Seal {
    pub(super) fn new(key: &MeshKey) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, &key.0))
    }

    /// Writes the tag.
    pub(super) fn close(&self, packet: &mut [u8; PACKET_BYTES]) {
        let (content, place) = packet.split_at_mut(SEALED_BYTES);
        let tag = hmac::sign(&self.0, content);
        place.copy_from_slice(&tag.as_ref()[..place.len()]);
    }

    /// Whether the tag is right. Takes the same time wherever a wrong one differs.
    pub(super) fn is_whole(&self, packet: &[u8; PACKET_BYTES]) -> bool {
        let (content, told) = packet.split_at(SEALED_BYTES);
        let tag = hmac::sign(&self.0, content);
        let difference = told.iter().zip(tag.as_ref()).fold(0, |all, (told, right)| all | (told ^ right));
        std::hint::black_box(difference) == 0
    }
}

#[cfg(test)]
mod tests {
    use netloom_core::mesh::KEY_BYTES;

    use super::*;

    #[test]
    fn every_bit_of_a_packet_is_sealed() {
        let seal = Seal::new(&MeshKey([7; KEY_BYTES]));
        let mut packet = [0x5a; PACKET_BYTES];
        seal.close(&mut packet);
        assert!(seal.is_whole(&packet));
        for bit in 0..PACKET_BYTES * 8 {
            let mut forged = packet;
            forged[bit / 8] ^= 1 << (bit % 8);
            assert!(!seal.is_whole(&forged), "bit {bit}");
        }
        assert!(!Seal::new(&MeshKey([8; KEY_BYTES])).is_whole(&packet));
    }
}
