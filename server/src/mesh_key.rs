//! The keys of ways between nodes of the mesh, for the hub that hands them out and the agents that check them.

use netloom_core::mesh::{KEY_BYTES, MeshKey};
use ring::hmac;

/// What the key is for, so that no other use of a node's key gives the same.
const PURPOSE: &[u8] = b"netloom echo";

/// The key of the way from the node with this number to the node with this key: HMAC-SHA256 (RFC 2104) over the purpose
/// and the number, little-endian.
pub fn way_key(of_dst: &MeshKey, src_number: u32) -> MeshKey {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &of_dst.0));
    context.update(PURPOSE);
    context.update(&src_number.to_le_bytes());
    let tag = context.sign();
    let mut key = [0; KEY_BYTES];
    key.copy_from_slice(tag.as_ref());
    MeshKey(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_the_one_that_others_derive() {
        // printf 'netloom echo\x07\x00\x00\x00' | openssl dgst -sha256 -mac HMAC -macopt hexkey:a5a5...a5
        let expected = "fa9c085a62b0f97b1e1c956145f8f9e994cd1fd080e802dc1285d1b682d5487f";
        let key = way_key(&MeshKey([0xa5; KEY_BYTES]), 7);
        assert_eq!(serde_json::to_value(key).expect("serialises"), expected);
    }

    #[test]
    fn ways_have_keys_of_their_own() {
        let (one, other) = (MeshKey([1; KEY_BYTES]), MeshKey([2; KEY_BYTES]));
        assert!(way_key(&one, 1) != way_key(&one, 2));
        assert!(way_key(&one, 1) != way_key(&other, 1));
    }
}
