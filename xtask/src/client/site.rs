//! The folder the server embeds.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::fingerprint::Fingerprint;
use super::stage;

/// Puts the finished parts together and returns the folder that holds them.
///
/// The folder's name carries a hash of its contents, so that browsers may keep it for ever. Nothing is written when the
/// same contents are there already, because the server is compiled again whenever the site changes.
pub(crate) fn assemble(site: &Path, parts: &[PathBuf], licenses: &Path) -> Result<PathBuf> {
    let hash = content_hash(parts, licenses)?;
    let package = format!("pkg/{hash}");
    let manifest = serde_json::json!({ "pkg_dir": package }).to_string();
    if std::fs::read_to_string(site.join("manifest.json")).is_ok_and(|old| old == manifest) {
        return Ok(site.join(package));
    }
    let fresh = site.with_extension("new");
    stage::empty(&fresh)?;
    for part in parts {
        copy(part, &fresh.join(&package))?;
    }
    copy(licenses, &fresh.join("licenses"))?;
    std::fs::write(fresh.join("manifest.json"), manifest)?;
    stage::replace(site, &fresh)?;
    eprintln!("client: ready as {package}");
    Ok(site.join(package))
}

/// The hash of every name and content that will be served.
fn content_hash(parts: &[PathBuf], licenses: &Path) -> Result<String> {
    let mut hash = Fingerprint::new();
    for dir in parts.iter().map(PathBuf::as_path).chain([licenses]) {
        for file in stage::files(dir)? {
            hash = hash.text(&file.file_name().unwrap_or_default().to_string_lossy()).file(&file)?;
        }
    }
    Ok(hash.finish())
}

/// Copies the files of a finished stage.
fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for file in stage::files(from)? {
        let name = file.file_name().unwrap_or_default();
        std::fs::copy(&file, to.join(name)).with_context(|| format!("could not copy {}", file.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_site_moves_with_its_contents_only() {
        let dir = tempfile::tempdir().unwrap();
        let [part, licenses, site] = ["part", "licenses", "site"].map(|name| dir.path().join(name));
        for folder in [&part, &licenses] {
            std::fs::create_dir(folder).unwrap();
        }
        std::fs::write(part.join("netloom.js"), "1").unwrap();
        std::fs::write(part.join(".stamp"), "not served").unwrap();
        std::fs::write(licenses.join("LICENSE"), "text").unwrap();
        let first = assemble(&site, std::slice::from_ref(&part), &licenses).unwrap();
        assert!(first.join("netloom.js").is_file());
        assert!(!first.join(".stamp").exists());
        assert!(site.join("licenses/LICENSE").is_file());

        std::fs::write(first.join("marker"), "").unwrap();
        assert_eq!(assemble(&site, std::slice::from_ref(&part), &licenses).unwrap(), first);
        assert!(first.join("marker").is_file(), "unchanged contents are not written again");

        std::fs::write(part.join("netloom.js"), "2").unwrap();
        let second = assemble(&site, &[part], &licenses).unwrap();
        assert_ne!(first, second);
        assert!(!first.exists());
        let manifest = std::fs::read_to_string(site.join("manifest.json")).unwrap();
        assert!(second.ends_with(manifest.split('"').nth(3).unwrap()));
    }
}
