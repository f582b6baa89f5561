//! Servers as the checks meet them: good ones and bad ones.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener as StdListener, TcpStream as StdStream},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UdpSocket},
};

const FREE: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

/// Takes connections and says nothing.
pub async fn silent_tcp() -> u16 {
    let listener = TcpListener::bind(FREE).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            held.push(stream);
        }
    });
    port
}

/// Says one thing at once and another one when it is asked, and hangs up.
pub async fn talker(first: &'static [u8], then: &'static [u8]) -> u16 {
    let listener = TcpListener::bind(FREE).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let _ = stream.write_all(first).await;
                let mut asked = [0; 4_096];
                let _ = stream.read(&mut asked).await;
                let _ = stream.write_all(then).await;
                let _ = stream.shutdown().await;
                // Until the other end has read everything; a reset would take it away.
                while matches!(stream.read(&mut asked).await, Ok(1..)) {}
            });
        }
    });
    port
}

/// A port whose queue is full: SYNs find no room, as behind a filter.
pub struct FullBacklog {
    listener: StdListener,
    pub port: u16,
    _held: Vec<StdStream>,
}

impl FullBacklog {
    /// Takes what waits.
    pub fn make_room(&self) {
        self.listener.set_nonblocking(true).unwrap();
        while self.listener.accept().is_ok() {}
    }
}

pub fn full_backlog() -> FullBacklog {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(FREE.into()).unwrap();
    let listener = socket.listen(1).unwrap().into_std().unwrap();
    let address = listener.local_addr().unwrap();
    let mut held = Vec::new();
    // Until one finds no room.
    while let Ok(stream) = StdStream::connect_timeout(&address, Duration::from_millis(300)) {
        held.push(stream);
        assert!(held.len() < 64, "the queue never fills");
    }
    FullBacklog { listener, port: address.port(), _held: held }
}

/// Echoes each datagram some times, as `change` makes it.
pub async fn echo(times: usize, change: fn(Vec<u8>) -> Vec<u8>) -> u16 {
    let socket = UdpSocket::bind(FREE).await.unwrap();
    let port = socket.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut buffer = vec![0; 65_536];
        while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
            for _ in 0..times {
                let _ = socket.send_to(&change(buffer[..length].to_vec()), from).await;
            }
        }
    });
    port
}

/// A name server that does to each name what its first label says, over UDP and TCP at one port.
pub async fn dns() -> u16 {
    let (udp, tcp) = loop {
        let tcp = TcpListener::bind(FREE).await.unwrap();
        if let Ok(udp) = UdpSocket::bind(tcp.local_addr().unwrap()).await {
            break (udp, tcp);
        }
    };
    let port = tcp.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut buffer = [0; 512];
        while let Ok((length, from)) = udp.recv_from(&mut buffer).await {
            for answer in answers(&buffer[..length], false) {
                let _ = udp.send_to(&answer, from).await;
            }
        }
    });
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = tcp.accept().await {
            let Ok(length) = stream.read_u16().await else { continue };
            let mut question = vec![0; usize::from(length)];
            if stream.read_exact(&mut question).await.is_ok() {
                for answer in answers(&question, true) {
                    let _ = stream.write_u16(answer.len() as u16).await;
                    let _ = stream.write_all(&answer).await;
                }
            }
        }
    });
    port
}

fn answers(question: &[u8], is_tcp: bool) -> Vec<Vec<u8>> {
    const RECORD: &[u8] = &[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 10, 0, 0, 1];
    let label = &question[13..13 + usize::from(question[12])];
    let answer = |flags: [u8; 2], records: u8| {
        let mut answer = question.to_vec();
        answer[2..4].copy_from_slice(&flags);
        answer[7] = records;
        (0..records).for_each(|_| answer.extend(RECORD));
        answer
    };
    let good = answer([0x81, 0x80], 1);
    let changed = |at: usize| {
        let mut changed = good.clone();
        changed[at] ^= 1;
        changed
    };
    match label {
        b"large" if is_tcp => vec![answer([0x81, 0x80], 60)],
        b"large" => vec![answer([0x83, 0x80], 0)],
        b"missing" => vec![answer([0x81, 0x83], 0)],
        b"empty" => vec![answer([0x81, 0x80], 0)],
        b"servfail" => vec![answer([0x81, 0x82], 0)],
        b"refused" => vec![answer([0x81, 0x85], 0)],
        b"rubbish" => vec![b"rubbish".to_vec()],
        b"wrongid" => vec![changed(0)],
        // The right one follows.
        b"forged" => vec![changed(1), good],
        b"other" => vec![changed(14)],
        b"damaged" => vec![good[..good.len() - 2].to_vec()],
        b"silent" => Vec::new(),
        _ => vec![good],
    }
}

/// A real Redis server.
pub struct Redis {
    child: Child,
    pub port: u16,
    _folder: tempfile::TempDir,
}

/// Whether there is a Redis to ask; says so where there is none.
pub fn has_redis() -> bool {
    let is_there = Command::new("redis-server").arg("--version").output().is_ok();
    if !is_there {
        eprintln!("left out: redis-server is not installed");
    }
    is_there
}

impl Redis {
    /// Starts one and waits until it answers.
    pub async fn start(args: &[&str]) -> Self {
        let deadline = Instant::now() + Duration::from_mins(1);
        loop {
            let port = StdListener::bind(FREE).unwrap().local_addr().unwrap().port();
            let folder = tempfile::tempdir().unwrap();
            let mut command = Command::new("redis-server");
            command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--dir"]);
            command.arg(folder.path()).args(args).stdout(Stdio::null());
            let mut redis = Self { child: command.spawn().expect("redis-server is installed"), port, _folder: folder };
            // Somebody else may have taken the port meanwhile; then another one is tried.
            while redis.child.try_wait().unwrap().is_none() {
                assert!(Instant::now() < deadline, "redis-server does not answer");
                if let Ok(mut stream) = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await {
                    let mut answer = [0; 16];
                    stream.write_all(b"PING\r\n").await.unwrap();
                    if matches!(stream.read(&mut answer).await, Ok(1..)) {
                        return redis;
                    }
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a Redis server answers to `KEYS *`.
pub async fn keys(port: u16) -> String {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
    stream.write_all(b"KEYS *\r\n").await.unwrap();
    let mut answer = [0; 1_024];
    let length = stream.read(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer[..length]).into_owned()
}
