//! The turn of a test: whoever loads the network of this machine has it, one at a time, in whatever process.
//!
//! Within a process it is a mutex, across processes a lock on a file. Both ends of a test take it, for each loads its
//! machine. Where both are on one machine, as with `netloom throughput serve` and a test over loopback, or with two agents
//! in network namespaces, the second one finds the turn taken by its own test and goes along: whoever has the turn writes
//! a digest of the test's ticket into the file. What has no far end of Netloom (iperf3, downloads) has no ticket, and
//! never goes along.

use std::{
    fs::{File, OpenOptions, Permissions, TryLockError},
    io::{self, ErrorKind},
    os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use netloom_core::uplink::hex;
use rustix::fs::OFlags;
use tokio::{
    sync::{Mutex, OwnedMutexGuard},
    time::{sleep, timeout},
};

use crate::private;

/// How long a test waits for another one on this machine to end.
pub const TURN_LIMIT: Duration = Duration::from_secs(5);
/// The same for one whose other end waits for an answer already.
pub const BEGUN_LIMIT: Duration = Duration::from_millis(500);
/// How often it is looked whether another process has ended its test. The system could wait, but nobody could stop it.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);
/// Folders that every user may write to and that are the same for all: the one for locks is so on some systems, and is not
/// taken from services that get a folder for temporary files to themselves.
const FOLDERS: [&str; 2] = ["/run/lock", "/tmp"];
/// The file in it. It stays: removed, it could be locked twice.
const FILE: &str = "netloom-throughput.lock";
/// Others may write, and nobody may remove what is not theirs.
const FOR_ALL_BITS: u32 = 0o1_002;
/// Whoever measures here takes turns, root and users alike.
const FILE_MODE: u32 = 0o666;
/// Bytes of a digest in the file.
const DIGEST_CHARS: usize = 64;

/// Where turns are taken. Cheap to clone; clones share them.
#[derive(Debug, Clone, Default)]
pub struct Turns {
    here: Arc<Mutex<()>>,
    file: Option<Arc<Path>>,
}

/// A turn, until it is dropped.
#[derive(Debug)]
pub struct Turn {
    _here: OwnedMutexGuard<()>,
    /// Nothing when it goes along with another end of the same test, or there is no file to lock.
    _machine: Option<File>,
}

impl Turns {
    /// Those of this machine. By default they are those of the process alone.
    pub fn of_machine() -> Self {
        let is_for_all = |folder: &&&str| {
            std::fs::metadata(**folder).is_ok_and(|found| found.is_dir() && found.mode() & FOR_ALL_BITS == FOR_ALL_BITS)
        };
        let folder = FOLDERS.iter().find(is_for_all).map_or_else(std::env::temp_dir, PathBuf::from);
        Self::at(&folder.join(FILE))
    }

    /// Those of all who name this file.
    fn at(file: &Path) -> Self {
        Self { here: Arc::default(), file: Some(file.into()) }
    }

    /// Waits for the turn, but no longer than that; for the test with this ticket, if it has one.
    pub async fn take(&self, limit: Duration, ticket: Option<&str>) -> Option<Turn> {
        let turn = async {
            let here = self.here.clone().lock_owned().await;
            Turn { _here: here, _machine: self.of_file(ticket).await }
        };
        timeout(limit, turn).await.ok()
    }

    async fn of_file(&self, ticket: Option<&str>) -> Option<File> {
        let path = self.file.as_deref()?;
        let digest = ticket.map(|ticket| hex(&private::sha256(ticket.as_bytes()))).unwrap_or_default();
        loop {
            match try_file(path, &digest) {
                Ok(Found::Free(file)) => return Some(file),
                Ok(Found::OfThisTest) => return None,
                Ok(Found::Taken) => sleep(LOOK_INTERVAL).await,
                // A machine that has no place for it can be measured all the same.
                Err(error) => {
                    tracing::debug!(file = %path.display(), %error, "tests of other processes are not waited for");
                    return None;
                }
            }
        }
    }
}

/// How the file is found.
enum Found {
    /// Free until now.
    Free(File),
    /// Taken by the other end of the same test.
    OfThisTest,
    /// Taken.
    Taken,
}

fn try_file(path: &Path, digest: &str) -> io::Result<Found> {
    let file = open(path)?;
    match file.try_lock() {
        Ok(()) => {
            file.set_len(0)?;
            file.write_all_at(digest.as_bytes(), 0)?;
            Ok(Found::Free(file))
        }
        Err(TryLockError::WouldBlock) => {
            let mut written = [0; DIGEST_CHARS];
            let is_whole = file.read_exact_at(&mut written, 0).is_ok();
            Ok(if is_whole && written == digest.as_bytes() { Found::OfThisTest } else { Found::Taken })
        }
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Opens the file, or makes it. It lies where everybody may lay something: a link, or a pipe, is not followed nor waited
/// for, and what has a second name is left alone. Systems that guard such folders refuse to open for making what belongs
/// to somebody else, root included, so that is tried by itself.
fn open(path: &Path) -> io::Result<File> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let there = || OpenOptions::new().read(true).write(true).custom_flags(flags).open(path);
    let file = match there() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let made = OpenOptions::new().read(true).write(true).create_new(true).mode(FILE_MODE).open(path);
            match made {
                // Past what the user's mask takes away.
                Ok(file) => file.set_permissions(Permissions::from_mode(FILE_MODE)).map(|()| file)?,
                Err(error) if error.kind() == ErrorKind::AlreadyExists => there()?,
                Err(error) => return Err(error),
            }
        }
        opened => opened?,
    };
    let found = file.metadata()?;
    if !found.is_file() || found.nlink() != 1 {
        return Err(io::Error::other("it is no file of its own"));
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(80);
    const TICKET: &str = "0123456789abcdef";

    #[tokio::test]
    async fn the_machine_has_one_turn_and_both_ends_of_a_test_share_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(FILE);
        // Each has a mutex and a handle of its own, as two processes have.
        let (one, other) = (Turns::at(&path), Turns::at(&path));
        let held = one.take(SOON, None).await.expect("it is free");
        for ticket in [None, Some(TICKET)] {
            assert!(other.take(SOON, ticket).await.is_none(), "{ticket:?} beside a test without one");
        }
        drop(held);
        let held = one.take(SOON, Some(TICKET)).await.expect("it is free again");
        assert!(other.take(SOON, Some(TICKET)).await.is_some(), "the other end of the same test");
        for ticket in [None, Some("fedcba9876543210")] {
            assert!(other.take(SOON, ticket).await.is_none(), "{ticket:?} is another test");
        }
        assert!(one.take(SOON, Some(TICKET)).await.is_none(), "in one process both ends know of each other");
        drop(held);
        assert!(other.take(SOON, None).await.is_some(), "what was written before does not hold it");
        let mode = std::fs::metadata(&path).expect("it stays").mode();
        assert_eq!(mode & 0o777, FILE_MODE, "whoever comes first shuts nobody out");
    }

    #[tokio::test]
    async fn who_waits_gets_it_when_the_other_process_ends() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(FILE);
        let holding = std::process::Command::new("flock")
            .args([path.as_os_str(), "-c".as_ref(), "echo; exec cat".as_ref()])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn();
        let Ok(mut child) = holding else { return eprintln!("left out: flock is not installed") };
        io::Read::read_exact(child.stdout.as_mut().expect("is piped"), &mut [0]).expect("it has it");
        let turns = Turns::at(&path);
        assert!(turns.take(SOON, None).await.is_none());
        let waiting = turns.take(Duration::from_mins(1), None);
        // Its input closes, which ends it.
        let ending = tokio::task::spawn_blocking(move || child.wait().expect("it ended"));
        let (turn, ended) = tokio::join!(waiting, ending);
        ended.expect("no panic");
        assert!(turn.is_some());
    }

    #[tokio::test]
    async fn a_place_that_cannot_be_used_stops_no_test_and_takes_no_harm() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("theirs"), "theirs").expect("written");
        std::os::unix::fs::symlink(path("theirs"), path("link")).expect("laid");
        std::fs::hard_link(path("theirs"), path("second")).expect("laid");
        std::fs::create_dir(path("folder")).expect("made");
        for name in ["link", "second", "folder", "theirs/below", "nowhere/below"] {
            assert!(Turns::at(&path(name)).take(SOON, None).await.is_some(), "{name}");
        }
        assert_eq!(std::fs::read(path("theirs")).expect("there"), b"theirs");
    }
}
