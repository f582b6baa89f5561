//! Files that nobody but their owner may read: keys, tokens, and what a network does.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Write as _},
    path::Path,
};

use ring::{
    digest,
    rand::{SecureRandom as _, SystemRandom},
};

/// Makes a folder for its owner alone.
///
/// # Errors
/// When the system refuses.
pub fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)
}

/// Takes a folder for this process alone; `None` when another has it. It is held until the file is dropped, or the process
/// ends in whatever way.
///
/// # Errors
/// When the system refuses.
pub fn lock(file: &Path) -> io::Result<Option<File>> {
    let lock = File::create(file)?;
    match lock.try_lock() {
        Ok(()) => Ok(Some(lock)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Writes a file that only its owner may read: whole or not at all, and on the disk before it has its name.
///
/// # Errors
/// When the system refuses; what was there before is still there then.
pub fn write(file: &Path, content: &[u8]) -> io::Result<()> {
    let part = file.with_extension("part");
    // What a process left behind that died here, or a link that somebody else laid.
    match std::fs::remove_file(&part) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut written = options.open(&part)?;
    written.write_all(content)?;
    written.sync_all()?;
    std::fs::rename(&part, file)?;
    // The name is durable when the folder is.
    file.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// The content of a file, or what `make` makes, which is kept for the next time.
///
/// # Errors
/// When the file can be neither read nor written.
pub fn read_or_make(file: &Path, make: impl FnOnce() -> io::Result<Vec<u8>>) -> io::Result<Vec<u8>> {
    match std::fs::read(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let content = make()?;
            write(file, &content)?;
            Ok(content)
        }
        read => read,
    }
}

/// Bytes that nobody can guess.
///
/// # Errors
/// When the system has none to give.
pub fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(bytes)
}

/// The SHA-256 of some bytes.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut found = [0; 32];
    found.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    found
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_secret_is_for_its_owner_alone_and_made_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let inner = folder.path().join("inner");
        make_folder(&inner).expect("made");
        let file = inner.join("key");
        std::fs::write(file.with_extension("part"), "left behind").expect("written");
        assert_eq!(read_or_make(&file, || Ok(vec![7])).expect("made"), [7]);
        assert_eq!(read_or_make(&file, || panic!("it is there")).expect("read"), [7]);
        let mode = |path: &Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!((mode(&inner), mode(&file)), (0o700, 0o600));
    }

    #[test]
    fn a_lock_is_held_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("lock");
        let held = lock(&file).expect("locks");
        assert!(held.is_some());
        assert!(lock(&file).expect("asks").is_none());
        drop(held);
        assert!(lock(&file).expect("locks").is_some());
    }
}
