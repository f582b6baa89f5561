//! Systems without the calls of Linux: one datagram after the other, stamped when it is read.

use std::{
    io,
    net::{IpAddr, SocketAddr, UdpSocket},
    time::Duration,
};

use super::{BATCH, BUFFER_BYTES, Datagram, canonical};

/// Nothing is kept from call to call.
#[derive(Default)]
pub(super) struct Batch;

/// There are no stamps.
pub(super) fn prepare(_: &UdpSocket, _: bool) -> bool {
    false
}

/// Takes at most a batch. Returns whether there may be more.
pub(super) fn receive(socket: &UdpSocket, _: &mut Batch, into: &mut Vec<Datagram>) -> io::Result<bool> {
    for _ in 0..BATCH {
        let mut bytes = [0; BUFFER_BYTES];
        match socket.recv_from(&mut bytes) {
            Ok((len, from)) => {
                into.push(Datagram { bytes, len, from: canonical(from), to: None, received_ns: None });
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                return Ok(false);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

/// The system chooses the address.
pub(super) fn send_from(socket: &UdpSocket, bytes: &[u8], to: SocketAddr, _: IpAddr) -> io::Result<()> {
    socket.send_to(bytes, to).map(|_| ())
}

/// Waits until something comes or the time is over.
pub(super) fn wait(socket: &UdpSocket, time: Duration) -> io::Result<()> {
    if time.is_zero() {
        return Ok(());
    }
    socket.set_nonblocking(false)?;
    socket.set_read_timeout(Some(time))?;
    // Whether something came is for `receive` to find out.
    let _ = socket.peek_from(&mut [0; 1]);
    socket.set_nonblocking(true)
}
