//! The mesh: whom an agent probes, where, and with which keys.
//!
//! The hub gives every node a number and a key. A probe from `a` to `b` is sealed with the key of that way, which follows
//! from `b`'s key and `a`'s number: `b` can check it without knowing who takes part, and only the hub and `b` could have
//! made it for `a`.

pub mod choice;
pub mod echo;
pub mod gate;
pub mod pace;
pub mod replay;
pub mod train;

use std::{fmt, net::SocketAddr};

use serde::{Deserialize, Serialize, de};

use crate::uplink::{hex, unhex};

/// The port on which agents answer each other.
pub const ECHO_PORT: u16 = 6386;
/// Bytes of a key: as many as the digest that makes tags (RFC 2104 section 3).
pub const KEY_BYTES: usize = 32;

/// A secret of the mesh. Never written to a log.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct MeshKey(pub [u8; KEY_BYTES]);

impl fmt::Debug for MeshKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MeshKey(hidden)")
    }
}

impl Serialize for MeshKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex(&self.0))
    }
}

impl<'de> Deserialize<'de> for MeshKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expected = || de::Error::custom(format!("a key is {} hexadecimal digits", KEY_BYTES * 2));
        unhex(&String::deserialize(deserializer)?).map(Self).ok_or_else(expected)
    }
}

/// What the hub tells an agent about the mesh.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MeshOrders {
    /// The number of this node.
    pub number: u32,
    /// The key of this node: from it follow the keys of all ways that end here.
    pub key: MeshKey,
    /// Whom to probe.
    pub peers: Vec<Peer>,
}

/// A node to probe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    /// Its name, the label `dst`.
    pub node: String,
    /// Its number.
    pub number: u32,
    /// Where it answers.
    pub address: SocketAddr,
    /// The key of the way from the probing node to it.
    pub key: MeshKey,
}

/// Where a node answers the probes of others, as its agent tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Echo {
    /// The UDP port.
    pub port: u16,
    /// The address, where it is not the one from which the hub sees the agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub address: Option<std::net::IpAddr>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_back_and_is_never_printed() {
        let key = MeshKey([0xa5; KEY_BYTES]);
        let json = serde_json::to_string(&key).expect("serialises");
        assert_eq!(serde_json::from_str::<MeshKey>(&json).expect("reads back"), key);
        assert!(!format!("{key:?}").contains("a5"));
        for bad in ["\"\"", "\"zz\"", "\"ü\"", &format!("\"{}\"", "é".repeat(KEY_BYTES))] {
            assert!(serde_json::from_str::<MeshKey>(bad).is_err(), "{bad}");
        }
    }
}
