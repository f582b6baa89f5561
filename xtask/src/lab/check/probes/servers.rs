//! What probes ask in the lab: small servers in a namespace, as simple as their protocols allow, and real ones where they
//! are the point. They end with the lab.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::process::Stdio;
use std::sync::mpsc;

use anyhow::{Context, Result, anyhow};

use crate::lab::net::Place;
use crate::process::Owned;

/// Where UDP is echoed (RFC 862).
pub(super) const ECHO_PORT: u16 = 7;
/// Where a page, and as many zeros as anybody likes, are served.
pub(super) const HTTP_PORT: u16 = 8_080;
/// Where names are asked for.
const DNS_PORT: u16 = 53;
/// Where Redis listens.
pub(super) const REDIS_PORT: u16 = 6_379;
/// Where iperf3 listens.
pub(super) const IPERF_PORT: u16 = 5_201;
/// A datagram at most.
const DATAGRAM: usize = 2_048;
/// The length of a header of DNS (RFC 1035 section 4.1.1).
const DNS_HEADER: usize = 12;

/// What a download without end is made of.
static ZEROS: [u8; 65_536] = [0; 65_536];

/// The real servers, as processes.
pub(super) struct Servers {
    _processes: Vec<Owned>,
}

/// Starts all of them in a place.
pub(super) fn start(place: Place) -> Result<Servers> {
    let (ready, is_ready) = mpsc::channel();
    std::thread::Builder::new().name("lab-servers".into()).spawn(move || {
        // Threads that this one starts are born in its namespace.
        let _ = ready.send(place.enter().and_then(|()| serve()));
    })?;
    is_ready.recv().map_err(|_| anyhow!("the servers of the lab broke"))??;
    let mut redis = place.command("redis-server");
    redis.args(["--port", &REDIS_PORT.to_string(), "--bind", "0.0.0.0", "--save", "", "--protected-mode", "no"]);
    let mut iperf3 = place.command("iperf3");
    iperf3.args(["-s", "-p", &IPERF_PORT.to_string()]);
    let start = |command: &mut std::process::Command| {
        Owned::start(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()))
    };
    Ok(Servers { _processes: vec![start(&mut redis)?, start(&mut iperf3)?] })
}

fn serve() -> Result<()> {
    let echo = UdpSocket::bind(("0.0.0.0", ECHO_PORT)).context("cannot echo")?;
    std::thread::spawn(move || answer_datagrams(&echo, |datagram| Some(datagram.to_vec())));
    let names = UdpSocket::bind(("0.0.0.0", DNS_PORT)).context("cannot answer names")?;
    std::thread::spawn(move || answer_datagrams(&names, answer_to));
    let pages = TcpListener::bind(("0.0.0.0", HTTP_PORT)).context("cannot serve pages")?;
    std::thread::spawn(move || {
        for stream in pages.incoming().flatten() {
            std::thread::spawn(move || page(stream));
        }
    });
    Ok(())
}

fn answer_datagrams(socket: &UdpSocket, answer: impl Fn(&[u8]) -> Option<Vec<u8>>) {
    let mut buffer = [0; DATAGRAM];
    while let Ok((length, from)) = socket.recv_from(&mut buffer) {
        if let Some(answer) = answer(&buffer[..length]) {
            // Whoever asked may be gone.
            let _ = socket.send_to(&answer, from);
        }
    }
}

/// One address, 10.77.0.2, for every name (RFC 1035 section 4.1).
fn answer_to(question: &[u8]) -> Option<Vec<u8>> {
    let name_ends = DNS_HEADER + question.get(DNS_HEADER..)?.iter().position(|byte| *byte == 0)?;
    let asked = question.get(DNS_HEADER..name_ends + 5)?;
    // An authoritative answer without an error: one question, one answer, nothing else.
    let mut answer = vec![*question.first()?, *question.get(1)?, 0x84, 0, 0, 1, 0, 1, 0, 0, 0, 0];
    answer.extend(asked);
    // The same name, A, IN, a minute, four bytes.
    answer.extend([0xc0, DNS_HEADER as u8, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 10, 77, 0, 2]);
    Some(answer)
}

/// A page of a few bytes, or zeros without end for `/zeros`.
fn page(mut stream: TcpStream) {
    let mut request = Vec::new();
    let mut buffer = [0; DATAGRAM];
    while !request.windows(4).any(|bytes| bytes == b"\r\n\r\n") {
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return,
            Ok(length) => request.extend(&buffer[..length]),
        }
    }
    if !request.starts_with(b"GET /zeros") {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nfine\n");
        return;
    }
    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n");
    while stream.write_all(&ZEROS).is_ok() {}
}
