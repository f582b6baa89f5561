//! The control connection: messages, in both directions.

use std::{net::SocketAddr, time::Duration};

use netloom_core::check::throughput::wire::{Frames, frame};
use serde::{Serialize, de::DeserializeOwned};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::fault::Heard;

/// Bytes read at once: messages are small.
const READ_BYTES: usize = 4 * 1_024;
/// How long a message may take to be handed to the system: its buffer is empty unless the other end reads nothing.
const SEND_LIMIT: Duration = Duration::from_secs(5);

/// A connection on which messages go.
pub(super) struct Control {
    stream: TcpStream,
    frames: Frames,
}

impl Control {
    /// On a connection, of which some bytes were read already.
    pub(super) fn on(stream: TcpStream, read: &[u8]) -> Self {
        // Fails for connections that are gone already.
        let _ = stream.set_nodelay(true);
        let mut frames = Frames::default();
        frames.push(read);
        Self { stream, frames }
    }

    /// Sends a message.
    pub(super) async fn say(&mut self, message: &impl Serialize) -> Result<(), Heard> {
        match timeout(SEND_LIMIT, self.stream.write_all(&frame(message))).await {
            Ok(sent) => sent.map_err(|error| Heard::Broke(error.to_string())),
            Err(_) => Err(Heard::Silent),
        }
    }

    /// The next message, whenever it comes. May be dropped while it waits, and nothing is lost.
    pub(super) async fn hear<T: DeserializeOwned>(&mut self) -> Result<T, Heard> {
        loop {
            if let Some(message) = self.frames.next_message()? {
                return Ok(message);
            }
            let mut bytes = [0; READ_BYTES];
            match self.stream.read(&mut bytes).await {
                Ok(0) => return Err(Heard::Closed),
                Ok(count) => self.frames.push(&bytes[..count]),
                Err(error) => return Err(Heard::Broke(error.to_string())),
            }
        }
    }

    /// The next message, in time.
    pub(super) async fn hear_within<T: DeserializeOwned>(&mut self, limit: Duration) -> Result<T, Heard> {
        timeout(limit, self.hear()).await.unwrap_or(Err(Heard::Silent))
    }

    /// Waits until the other end has hung up, or for so long.
    pub(super) async fn wait_for_end(&mut self, limit: Duration) {
        let mut bytes = [0; READ_BYTES];
        let ended = async { while matches!(self.stream.read(&mut bytes).await, Ok(count) if count > 0) {} };
        // Either way it is over.
        let _ = timeout(limit, ended).await;
    }

    /// The address of the other end.
    pub(super) fn peer_addr(&self) -> std::io::Result<SocketAddr> {
        self.stream.peer_addr()
    }

    /// The address of this end, on this connection.
    pub(super) fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.stream.local_addr()
    }
}
