//! The licences of everything that is compiled in.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::expression;
use crate::process;
use crate::workspace::Workspace;

/// Checks the licence of every crate in the graph against the list in `deny.toml`.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let mut cargo = process::cargo();
    cargo.args(["metadata", "--format-version=1", "--locked", "--all-features"]).current_dir(&workspace.root);
    let metadata: Value = serde_json::from_str(&process::output(&mut cargo)?).context("cargo metadata is no JSON")?;
    let rules = std::fs::read_to_string(workspace.root.join("deny.toml")).context("could not read deny.toml")?;
    let refused = refused(&metadata, &allowed(&rules)?)?;
    if !refused.is_empty() {
        bail!("licences that deny.toml does not allow:\n  {}", refused.join("\n  "));
    }
    Ok(())
}

/// The licences the list allows.
fn allowed(rules: &str) -> Result<BTreeSet<String>> {
    let rules: toml::Table = rules.parse().context("deny.toml is no TOML")?;
    let list = rules.get("licenses").and_then(|table| table.get("allow")).and_then(toml::Value::as_array);
    let list = list.context("deny.toml has no list licenses.allow")?;
    Ok(list.iter().filter_map(toml::Value::as_str).map(str::to_owned).collect())
}

/// The crates whose licence is missing or cannot be met.
fn refused(metadata: &Value, allowed: &BTreeSet<String>) -> Result<Vec<String>> {
    let packages = metadata["packages"].as_array().context("cargo metadata lists no packages")?;
    let mut refused = Vec::new();
    for package in packages {
        let name =
            format!("{} {}", package["name"].as_str().unwrap_or("?"), package["version"].as_str().unwrap_or("?"));
        match package["license"].as_str() {
            None => refused.push(format!("{name} declares no licence")),
            Some(license) if !expression::is_met(license, allowed).with_context(|| name.clone())? => {
                refused.push(format!("{name} is under {license}"));
            }
            Some(_) => {}
        }
    }
    Ok(refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_outside_the_list_are_named() {
        let allowed = allowed("[licenses]\nallow = [\"MIT\"]").unwrap();
        let metadata = serde_json::json!({ "packages": [
            { "name": "good", "version": "1.0.0", "license": "MIT OR Apache-2.0" },
            { "name": "bad", "version": "2.0.0", "license": "AGPL-3.0-only" },
            { "name": "silent", "version": "3.0.0", "license": null },
        ]});
        let refused = refused(&metadata, &allowed).unwrap();
        assert_eq!(refused, ["bad 2.0.0 is under AGPL-3.0-only", "silent 3.0.0 declares no licence"]);
    }

    #[test]
    fn a_list_is_required() {
        assert!(allowed("[bans]").unwrap_err().to_string().contains("licenses.allow"));
    }
}
