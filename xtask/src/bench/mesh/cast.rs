//! The mesh that is measured: one node that probes, and the others, which answer.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Value, json};

/// Nodes that answer: a mesh of 64 seen from one of them.
pub(crate) const PEERS: u8 = 63;
/// The port of all of them, away from the one that agents use.
const PORT: u16 = 46_386;

/// The address of a node; the one that probes is number 0.
pub(crate) fn address(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 1, number.checked_sub(1).map_or(250, |before| before + 1))
}

/// Writes down the mesh as the nodes that one process is see it, and returns the file.
pub(crate) fn write(dir: &Path, keys: &[String], plays: &[u8], probes: bool) -> Result<PathBuf> {
    let name = |number: u8| format!("n{number}");
    let node = |(number, key): (u8, &String)| -> Value {
        json!({
            "node": name(number),
            "number": number,
            "address": SocketAddr::from((address(number), PORT)),
            "key": key,
        })
    };
    let nodes: Vec<Value> = (0..=PEERS).zip(keys).map(node).collect();
    let plays: Vec<String> = plays.iter().copied().map(name).collect();
    let path = dir.join(if probes { "prober.json" } else { "responders.json" });
    let text = json!({"nodes": nodes, "plays": plays, "probes": probes}).to_string();
    std::fs::write(&path, text).with_context(|| format!("could not write {}", path.display()))?;
    Ok(path)
}

/// A key for each node, by chance.
pub(crate) fn keys() -> Vec<String> {
    let key = |_| (0..64).map(|_| fastrand::digit(16)).collect();
    (0..=PEERS).map(key).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_node_has_an_address_and_a_key_of_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let path = write(dir.path(), &keys(), &[0], true).unwrap();
        let cast: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let nodes = cast["nodes"].as_array().unwrap();
        assert_eq!(nodes.len(), 64);
        for field in ["node", "address", "key", "number"] {
            let different: std::collections::BTreeSet<String> =
                nodes.iter().map(|node| node[field].to_string()).collect();
            assert_eq!(different.len(), nodes.len(), "{field}");
        }
        assert_eq!(nodes[1]["address"], "127.0.1.1:46386");
        assert_eq!(cast["plays"], json!(["n0"]));
    }
}
