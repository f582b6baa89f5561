//! What the lock file must and must not hold.

use anyhow::{Context, Result, bail, ensure};

use crate::workspace::Workspace;

/// The crate that bundles SQLite, and the first release whose SQLite does not corrupt a write-ahead log when it is reset.
const SQLITE: (&str, [u64; 3]) = ("libsqlite3-sys", [0, 37, 0]);

/// One crate of the lock file.
#[derive(Debug, PartialEq, Eq)]
struct Locked {
    name: String,
    version: String,
}

/// Checks the workspace's lock file.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let read = |name: &str| {
        std::fs::read_to_string(workspace.root.join(name)).with_context(|| format!("could not read {name}"))
    };
    let locked = parse(&read("Cargo.lock")?)?;
    sqlite(&locked)?;
    bindgen(&locked)?;
    banned(&locked, &read("deny.toml")?)
}

/// One SQLite, and a sound one: an older crate anywhere in the graph drags it down for everybody.
fn sqlite(locked: &[Locked]) -> Result<()> {
    let version = only(locked, SQLITE.0)?;
    let numbers: Vec<u64> = version.split('.').filter_map(|number| number.parse().ok()).collect();
    let oldest = SQLITE.1.map(|number| number.to_string()).join(".");
    ensure!(numbers >= SQLITE.1.to_vec(), "{} {version} is too old: {oldest} is the first sound one", SQLITE.0);
    Ok(())
}

/// The client and the tool that binds it must speak the same version of their private format.
fn bindgen(locked: &[Locked]) -> Result<()> {
    let (library, tool) = (only(locked, "wasm-bindgen")?, only(locked, "wasm-bindgen-cli-support")?);
    ensure!(library == tool, "wasm-bindgen {library} and wasm-bindgen-cli-support {tool} must be the same release");
    Ok(())
}

/// None of the crates that `deny.toml` bans.
fn banned(locked: &[Locked], rules: &str) -> Result<()> {
    let rules: toml::Table = rules.parse().context("deny.toml is no TOML")?;
    let bans = rules.get("bans").and_then(|table| table.get("deny")).and_then(toml::Value::as_array);
    for ban in bans.context("deny.toml has no list bans.deny")? {
        let name = ban.get("crate").and_then(toml::Value::as_str).context("a ban in deny.toml names no crate")?;
        if locked.iter().any(|locked| locked.name == name) {
            let reason = ban.get("reason").and_then(toml::Value::as_str).unwrap_or("it is banned");
            bail!("{name} is in Cargo.lock: {reason} (cargo tree --invert {name} shows who brings it)");
        }
    }
    Ok(())
}

/// The version of a crate that must be there exactly once.
fn only<'a>(locked: &'a [Locked], name: &str) -> Result<&'a str> {
    let versions: Vec<_> = locked.iter().filter(|locked| locked.name == name).map(|locked| &locked.version).collect();
    match versions[..] {
        [version] => Ok(version),
        _ => bail!("Cargo.lock must hold exactly one {name}, but holds {versions:?}"),
    }
}

fn parse(lock: &str) -> Result<Vec<Locked>> {
    let lock: toml::Table = lock.parse().context("Cargo.lock is no TOML")?;
    let packages = lock.get("package").and_then(toml::Value::as_array).context("Cargo.lock lists no packages")?;
    let text = |package: &toml::Value, key: &str| package.get(key).and_then(toml::Value::as_str).map(str::to_owned);
    packages
        .iter()
        .map(|package| Some(Locked { name: text(package, "name")?, version: text(package, "version")? }))
        .collect::<Option<_>>()
        .context("a package in Cargo.lock lacks its name or version")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn locked(packages: &[(&str, &str)]) -> Vec<Locked> {
        packages.iter().map(|(name, version)| Locked { name: (*name).into(), version: (*version).into() }).collect()
    }

    #[test]
    fn the_lock_file_is_read() {
        let text = "version = 4\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\n[[package]]\nname = \"b\"\nversion = \"2.0.0\"";
        assert_eq!(parse(text).unwrap(), locked(&[("a", "1.0.0"), ("b", "2.0.0")]));
        assert!(parse("[[package]]\nname = \"a\"").is_err());
    }

    #[test]
    fn one_sound_sqlite_is_required() {
        assert!(sqlite(&locked(&[("libsqlite3-sys", "0.37.0")])).is_ok());
        assert!(sqlite(&locked(&[("libsqlite3-sys", "1.0.0")])).is_ok());
        assert!(sqlite(&locked(&[("libsqlite3-sys", "0.30.1")])).unwrap_err().to_string().contains("0.37.0"));
        assert!(sqlite(&locked(&[("libsqlite3-sys", "0.37.0"), ("libsqlite3-sys", "0.38.0")])).is_err());
        assert!(sqlite(&[]).is_err());
    }

    #[test]
    fn both_sides_of_the_binding_are_the_same_release() {
        let pair = |tool| locked(&[("wasm-bindgen", "0.2.130"), ("wasm-bindgen-cli-support", tool)]);
        assert!(bindgen(&pair("0.2.130")).is_ok());
        assert!(bindgen(&pair("0.2.131")).is_err());
    }

    #[test]
    fn a_banned_crate_is_refused_with_its_reason() {
        let rules = "[bans]\ndeny = [{ crate = \"openssl-sys\", reason = \"one TLS stack is enough\" }]";
        assert!(banned(&locked(&[("ring", "0.17.0")]), rules).is_ok());
        let error = banned(&locked(&[("openssl-sys", "0.9.0")]), rules).unwrap_err().to_string();
        assert!(error.contains("one TLS stack is enough"), "{error}");
    }
}
