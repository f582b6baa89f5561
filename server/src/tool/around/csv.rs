//! The CSV that commands append to, several at once if they like.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::Context;
use netloom_core::around::CSV_HEAD;

/// How long another one's lock is waited for: others hold it for as long as two lines take to write.
const LOCK_LIMIT: Duration = Duration::from_secs(2);
/// Between two looks whether it is free.
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// A file to append to.
pub(super) struct Csv {
    path: PathBuf,
}

impl Csv {
    /// Makes the file, when it is not there, and tries whether it can be written to.
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        append_to(path).with_context(|| format!("--csv: cannot append to {}", path.display()))?;
        Ok(Self { path: path.to_owned() })
    }

    /// Appends rows, below the head in a file that is new.
    pub(super) fn append(&self, rows: &str) -> Result<(), String> {
        let append = || -> std::io::Result<()> {
            let mut file = append_to(&self.path)?;
            lock(&file)?;
            let text = match last_byte(&mut file)? {
                None => format!("{CSV_HEAD}{rows}"),
                Some(b'\n') => rows.to_owned(),
                Some(_) => format!("\n{rows}"),
            };
            // The lock goes with the file.
            file.write_all(text.as_bytes())
        };
        append().map_err(|error| format!("cannot append to {}: {error}", self.path.display()))
    }
}

fn append_to(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().create(true).append(true).read(true).open(path)
}

fn lock(file: &File) -> std::io::Result<()> {
    let until = Instant::now() + LOCK_LIMIT;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if Instant::now() < until => std::thread::sleep(LOCK_PAUSE),
            Err(error) => return Err(error.into()),
        }
    }
}

/// How the file ends; `None` when it is empty.
fn last_byte(file: &mut File) -> std::io::Result<Option<u8>> {
    if file.metadata()?.len() == 0 {
        return Ok(None);
    }
    let mut byte = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut byte)?;
    Ok(Some(byte[0]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_stands_once_and_rows_stay_whole_whoever_writes() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.csv");
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| Csv::open(&path).expect("opens").append("1,2,3,4,5\n6,7,8,9,0\n").expect("appends"));
            }
        });
        let text = std::fs::read_to_string(&path).expect("there");
        assert_eq!(text, format!("{CSV_HEAD}{}", "1,2,3,4,5\n6,7,8,9,0\n".repeat(8)));
    }

    #[test]
    fn a_line_without_an_end_gets_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.csv");
        std::fs::write(&path, "a,b").expect("written");
        Csv::open(&path).expect("opens").append("1,2\n").expect("appends");
        assert_eq!(std::fs::read_to_string(&path).expect("there"), "a,b\n1,2\n");
        assert!(Csv::open(folder.path()).is_err());
    }
}
