//! The data of a test over TCP: a plain thread for each stream, which does nothing but move bytes.

use std::{
    io::{self, Write},
    net::{Shutdown, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use netloom_core::check::throughput::wire::Plan;
use socket2::SockRef;

use super::{
    lanes::{Lanes, Purse},
    retransmits::retransmits,
};

/// Bytes handed to the system at once: large enough that the calls cost nothing, small enough to stay in a cache.
const CHUNK_BYTES: usize = 128 * 1_024;
/// Bytes taken from the system at once, at most. They are counted and thrown away where they are.
const TAKE_BYTES: usize = 1_024 * 1_024;
/// Bytes that a stream takes out of the purse at once, so that streams do not wait for each other.
const GRANT_BYTES: u64 = 1_024 * 1_024;
/// The stack of a thread: it calls the system and nothing else.
const STACK_BYTES: usize = 128 * 1_024;

/// The streams of a test at one end. They end with it.
pub(super) struct Crew {
    stop: Arc<AtomicBool>,
    sending: Vec<TcpStream>,
    receiving: Vec<TcpStream>,
}

impl Crew {
    pub(super) fn new() -> Self {
        Self { stop: Arc::default(), sending: Vec::new(), receiving: Vec::new() }
    }

    /// Whether it is over, for threads.
    pub(super) fn stop(&self) -> Arc<AtomicBool> {
        self.stop.clone()
    }

    /// Sends on these streams as fast as they take it.
    pub(super) fn send(&mut self, streams: Vec<TcpStream>, plan: &Plan, lanes: &Arc<Lanes>) -> io::Result<()> {
        // Filling that does not shrink: some ways compress.
        let chunk: Arc<[u8]> = std::iter::repeat_with(|| fastrand::u8(..)).take(CHUNK_BYTES).collect();
        let purse = Arc::new(Purse::new(plan.bytes_max));
        for (at, stream) in streams.into_iter().enumerate() {
            self.sending.push(stream.try_clone()?);
            let (chunk, purse, lanes, stop) = (chunk.clone(), purse.clone(), lanes.clone(), self.stop.clone());
            spawn(move || {
                let sent = send(stream, &chunk, &purse, &stop, |bytes| lanes.lane(at).set_bytes(bytes));
                lanes.end(at, sent.err().as_ref());
            })?;
        }
        Ok(())
    }

    /// Takes what comes on these streams.
    pub(super) fn receive(&mut self, streams: Vec<TcpStream>, plan: &Plan, lanes: &Arc<Lanes>) -> io::Result<()> {
        let purse = Arc::new(Purse::new(plan.bytes_max));
        for (at, stream) in streams.into_iter().enumerate() {
            self.receiving.push(stream.try_clone()?);
            let (purse, lanes, stop) = (purse.clone(), lanes.clone(), self.stop.clone());
            spawn(move || {
                let received = receive(&stream, &purse, &stop, |bytes| lanes.lane(at).set_bytes(bytes));
                lanes.end(at, received.err().as_ref());
            })?;
        }
        Ok(())
    }

    /// What the streams that send have sent again so far, where the system tells.
    pub(super) fn retransmits(&self) -> Option<u64> {
        let all: Option<Vec<u64>> = self.sending.iter().map(retransmits).collect();
        all.filter(|all| !all.is_empty()).map(|all| all.iter().sum())
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        for stream in self.sending.iter().chain(&self.receiving) {
            // What waits in the buffers is of no use to anybody: the connection is reset instead of emptied for seconds.
            // Both fail for streams that are gone already.
            let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

/// Starts a thread of a test.
pub(super) fn spawn(work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().name("netloom-stream".into()).stack_size(STACK_BYTES).spawn(work).map(drop)
}

fn send(mut stream: TcpStream, chunk: &[u8], purse: &Purse, stop: &AtomicBool, note: impl Fn(u64)) -> io::Result<()> {
    let mut sent = 0;
    loop {
        let mut left = purse.take(GRANT_BYTES);
        if left == 0 {
            return stream.shutdown(Shutdown::Write);
        }
        while left > 0 {
            let most = chunk.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            match stream.write(&chunk[..most]) {
                Ok(count) => {
                    sent += count as u64;
                    left -= count as u64;
                    note(sent);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) if stop.load(Ordering::Acquire) => return Ok(()),
                Err(error) => return Err(error),
            }
            if stop.load(Ordering::Relaxed) {
                return Ok(());
            }
        }
    }
}

fn receive(stream: &TcpStream, purse: &Purse, stop: &AtomicBool, note: impl Fn(u64)) -> io::Result<()> {
    let mut buffer = vec![0; TAKE_BYTES];
    let mut received = 0;
    loop {
        match take(stream, &mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => {
                let granted = purse.take(count as u64);
                received += granted;
                note(received);
                if granted < count as u64 {
                    return Ok(());
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) if stop.load(Ordering::Acquire) => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

/// Takes bytes without looking at them: with `MSG_TRUNC` the kernel counts and drops them without a copy (tcp(7)).
#[cfg(target_os = "linux")]
fn take(stream: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    use std::os::fd::AsRawFd as _;

    use nix::sys::socket::{MsgFlags, recv};

    Ok(recv(stream.as_raw_fd(), buffer, MsgFlags::MSG_TRUNC)?)
}

#[cfg(not(target_os = "linux"))]
fn take(mut stream: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    io::Read::read(&mut stream, buffer)
}
