//! The files of a test: named after host and start, written whole, and never over others.

use std::{
    fs::{self, File},
    io::{ErrorKind, Write as _},
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use netloom_core::{export::file_stamp, test_result::TestResult};

use crate::{
    chart::{Scene, latency, svg},
    tool::screen::Screen,
};

/// Characters of a host in a file name at most: file systems take 255 bytes, and the rest needs room, too.
const HOST_MAX: usize = 80;
/// Tests of one host that may begin in one millisecond and write to one folder.
const SAME_NAME_MAX: u32 = 100;

/// A folder to write to.
pub(super) struct Files {
    folder: PathBuf,
}

impl Files {
    /// Makes the folder, and tries whether files can be made in it, before anybody waits for a test in vain.
    pub(super) fn prepare(folder: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("--output: cannot make the folder {}", folder.display()))?;
        let trial = folder.join(format!(".netloom-test-{:016x}", fastrand::u64(..)));
        File::create_new(&trial)
            .and_then(|_| fs::remove_file(&trial))
            .with_context(|| format!("--output: cannot write to the folder {}", folder.display()))?;
        Ok(Self { folder: folder.to_owned() })
    }

    /// Writes the result and its charts; returns where they are.
    pub(super) fn write(&self, result: &TestResult, screen: &Screen) -> anyhow::Result<Vec<String>> {
        let json = serde_json::to_vec_pretty(result)?;
        let scene = latency::draw(result);
        let mut parts = vec![("json", json), ("svg", svg::write(&scene).into_bytes())];
        match picture(&scene) {
            Ok(png) => parts.push(("png", png)),
            Err(why) => screen.note(&format!("netloom: no PNG: {why}")),
        }
        let stem = format!("netloom-test-{}-{}", in_a_name(&result.host), file_stamp(result.started_at));
        for number in 1..=SAME_NAME_MAX {
            let stem = if number == 1 { stem.clone() } else { format!("{stem}-{number}") };
            if let Some(written) = self.write_new(&stem, &parts)? {
                return Ok(written.iter().map(|path| path.display().to_string()).collect());
            }
        }
        bail!("--output: {} is full of tests named {stem}", self.folder.display())
    }

    /// Writes all parts under one name, or none of them when one is taken.
    fn write_new(&self, stem: &str, parts: &[(&str, Vec<u8>)]) -> anyhow::Result<Option<Vec<PathBuf>>> {
        let mut written = Vec::new();
        for (ending, bytes) in parts {
            let path = self.folder.join(format!("{stem}.{ending}"));
            let mut is_ours = false;
            let done = File::create_new(&path).and_then(|mut file| {
                is_ours = true;
                file.write_all(bytes)
            });
            if is_ours {
                written.push(path.clone());
            }
            if let Err(error) = done {
                // Half a result is none. What cannot be removed either is left to whoever reads the message.
                written.iter().for_each(|path| drop(fs::remove_file(path)));
                if !is_ours && error.kind() == ErrorKind::AlreadyExists {
                    return Ok(None);
                }
                return Err(error).with_context(|| format!("--output: cannot write {}", path.display()));
            }
        }
        Ok(Some(written))
    }
}

#[cfg(feature = "tools")]
fn picture(scene: &Scene) -> Result<Vec<u8>, String> {
    crate::chart::png::write(scene)
}

#[cfg(not(feature = "tools"))]
fn picture(_: &Scene) -> Result<Vec<u8>, String> {
    Err("this is the lean program, which draws SVG only".into())
}

/// A host as a part of a file name: letters, digits, dots and hyphens, and nothing that leads elsewhere.
fn in_a_name(host: &str) -> String {
    let fits = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '-' };
    let name: String = host.chars().map(fits).take(HOST_MAX).collect();
    let name = name.trim_matches(['.', '-']);
    if name.is_empty() { "host".into() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_become_names_of_files() {
        assert_eq!(in_a_name("gpu-7.example.org"), "gpu-7.example.org");
        assert_eq!(in_a_name("fe80::1"), "fe80--1");
        assert_eq!(in_a_name("../../etc/passwd"), "etc-passwd");
        assert_eq!(in_a_name("::"), "host");
        assert_eq!(in_a_name(&"ü".repeat(500)), "host");
        assert_eq!(in_a_name(&"a".repeat(500)).len(), HOST_MAX);
    }

    #[test]
    fn names_that_are_taken_are_left_alone_with_all_their_parts() {
        let folder = tempfile::tempdir().expect("a folder");
        let files = Files::prepare(&folder.path().join("a/b")).expect("is made");
        let taken = files.folder.join("x.svg");
        fs::write(&taken, "mine").expect("written");
        let parts = [("json", b"1".to_vec()), ("svg", b"2".to_vec())];
        assert!(files.write_new("x", &parts).expect("no failure").is_none());
        assert!(!files.folder.join("x.json").exists(), "nothing is left of what could not be written whole");
        assert_eq!(fs::read(&taken).expect("there"), b"mine");
        assert_eq!(files.write_new("y", &parts).expect("no failure").map(|written| written.len()), Some(2));
        assert!(Files::prepare(&taken).is_err(), "a file is no folder");
    }
}
