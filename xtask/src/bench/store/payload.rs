//! The requests, prepared before anything is measured: one per second of data and connection, in a file per connection.

use std::fs::File;
use std::io::{BufReader, BufWriter, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};

use super::mesh::Mesh;
use super::options::Options;
use crate::interrupt;

/// How long before now the data ends at least: engines treat the newest moments differently.
const AGE: Duration = Duration::from_mins(1);

/// A quarter of an hour.
const QUARTER_S: u64 = 900;

/// All requests of one run.
#[derive(Debug)]
pub(crate) struct Payload {
    files: Vec<PathBuf>,
    /// Seconds of data, and requests on each connection.
    pub(crate) seconds: u32,
    /// How many of them are measured: those before the quarter of an hour in which the data ends. Netloom packs whole
    /// quarters, so that this much is packed when it has settled; the rest is sent before the questions.
    pub(crate) measured: u32,
    /// Series in each second.
    pub(crate) series: u64,
    /// The end of the data, a whole minute, epoch ms; every sample is older.
    pub(crate) end_ms: u64,
}

impl Payload {
    /// Generates and compresses the data into files in `dir`.
    pub(crate) fn prepare(dir: &Path, options: &Options) -> Result<Self> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock stands before 1970")?;
        let end_s = now.saturating_sub(AGE).as_secs() / 60 * 60;
        let measured = options.minutes * 60;
        let seconds = measured + u32::try_from(end_s % QUARTER_S)?;
        let files: Vec<_> = (0..options.connections).map(|at| dir.join(format!("requests-{at}"))).collect();
        let mut mesh = Mesh::new();
        let payload = Self { files, seconds, measured, series: mesh.series() as u64, end_ms: end_s * 1_000 };
        payload.write(&mut mesh, end_s - u64::from(seconds)).context("could not prepare the requests")?;
        Ok(payload)
    }

    /// How many samples the measured requests hold together.
    pub(crate) fn samples(&self) -> u64 {
        self.series * u64::from(self.measured)
    }

    /// How many connections there are requests for.
    pub(crate) fn connections(&self) -> usize {
        self.files.len()
    }

    /// The requests of one connection.
    pub(crate) fn requests(&self, connection: usize) -> Result<Requests<BufReader<File>>> {
        let file = File::open(&self.files[connection]).context("could not open the prepared requests")?;
        Ok(Requests { file: BufReader::new(file), request: Vec::new() })
    }

    fn write(&self, mesh: &mut Mesh, begin_s: u64) -> Result<()> {
        let mut files = Vec::new();
        for path in &self.files {
            files.push(BufWriter::new(File::create(path)?));
        }
        let mut plain = vec![Vec::new(); files.len()];
        let (mut encoder, mut packed) = (snap::raw::Encoder::new(), Vec::new());
        for second in begin_s..begin_s + u64::from(self.seconds) {
            interrupt::check()?;
            plain.iter_mut().for_each(Vec::clear);
            mesh.write(&mut plain, second);
            for (file, plain) in files.iter_mut().zip(&plain) {
                packed.resize(snap::raw::max_compress_len(plain.len()), 0);
                let length = encoder.compress(plain, &mut packed)?;
                put(file, &packed[..length])?;
            }
        }
        for file in files {
            // Otherwise the disk is still busy with this when the first engine is measured.
            file.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()?;
        }
        Ok(())
    }
}

/// Writes one request with its length before it.
fn put(file: &mut impl Write, request: &[u8]) -> Result<()> {
    file.write_all(&u32::try_from(request.len())?.to_le_bytes())?;
    Ok(file.write_all(request)?)
}

/// Reads requests back, one after the other.
#[derive(Debug)]
pub(crate) struct Requests<R> {
    file: R,
    request: Vec<u8>,
}

impl<R: Read> Requests<R> {
    /// The next request, or nothing after the last.
    pub(crate) fn next(&mut self) -> Result<Option<&[u8]>> {
        let mut length = [0; 4];
        match self.file.read_exact(&mut length) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
            outcome => outcome.context("could not read the prepared requests")?,
        }
        self.request.resize(u32::from_le_bytes(length) as usize, 0);
        self.file.read_exact(&mut self.request).context("a prepared request is cut short")?;
        Ok(Some(&self.request))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read_back_as_they_were_written() {
        let mut file = Vec::new();
        put(&mut file, b"first").unwrap();
        put(&mut file, b"").unwrap();
        let mut requests = Requests { file: &file[..], request: Vec::new() };
        assert_eq!(requests.next().unwrap(), Some(&b"first"[..]));
        assert_eq!(requests.next().unwrap(), Some(&b""[..]));
        assert_eq!(requests.next().unwrap(), None);
        let mut cut = Requests { file: &file[..6], request: Vec::new() };
        assert!(cut.next().unwrap_err().to_string().contains("cut short"));
    }
}
