//! The end that asks for the test.

mod drive;

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream as StdStream, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use futures::future::try_join_all;
use netloom_core::check::{
    Finding, Outcome, Phase,
    throughput::{
        Direction, Protocol, STREAMS_MAX, ThroughputResult, ThroughputSpec,
        budget::DURATION_MIN_MS,
        datagram::{DatagramKind, Head},
        wire::{Far, Near, Plan, Preamble, TestId, Way},
    },
};
use tokio::{io::AsyncWriteExt, net::TcpStream, time::timeout};

use super::{
    control::Control,
    datagrams::{self, Pacing, Taking},
    fault::{Fault, Heard},
    lanes::{Lanes, Purse},
    streams::Crew,
};
use crate::check::{Told, address_of};

/// How long a handshake of TCP may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(3);
/// How long the far end may take to answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);
/// How long datagrams are sent in vain before the way counts as closed to them.
const HELLO_LIMIT: Duration = Duration::from_secs(3);
/// How often a stream shows itself by a datagram until it is answered.
const HELLO_INTERVAL: Duration = Duration::from_millis(50);

/// Runs a test to its end, and notes in the finding what it goes through.
pub(super) async fn run(
    spec: &ThroughputSpec,
    finding: &mut Finding,
    told: Told<'_>,
) -> Result<ThroughputResult, Fault> {
    let plan = plan(spec, finding)?;
    let address = timed(finding, Phase::Resolve, resolve(spec)).await?;
    finding.address = Some(address.ip());
    let connected = timed(finding, Phase::Connect, connect(address)).await?;
    let mut control = Control::on(connected, &[]);
    let (test, udp_port) = timed(finding, Phase::Authenticate, greet(&mut control, spec, &plan)).await?;
    let opening = open(&mut control, &plan, test, SocketAddr::new(address.ip(), udp_port.unwrap_or(0)));
    let data = timed(finding, Phase::Wait, opening).await?;
    let mut driver = drive::Driver { control, plan, data, told };
    let mut result = timed(finding, Phase::Transfer, driver.run()).await?;
    if !result.1 {
        finding.note("the data ended before the warm-up was over: the rate includes slow start");
    }
    result.0.streams = spec.streams;
    Ok(result.0)
}

/// Notes how long a phase takes, whatever comes of it.
async fn timed<T>(finding: &mut Finding, phase: Phase, work: impl Future<Output = T>) -> T {
    let began = Instant::now();
    let came = work.await;
    finding.phase(phase, began.elapsed().as_nanos() as f64 / 1e3);
    came
}

/// The plan of a test. Over UDP a budget of bytes is one of time, because nobody sees the end of a stream of datagrams.
fn plan(spec: &ThroughputSpec, finding: &mut Finding) -> Result<Plan, Fault> {
    let mut duration_ms = spec.duration_ms;
    if spec.protocol == Protocol::Udp {
        let lasts_ms = u128::from(spec.bytes_max) * 8_000 / u128::from(spec.rate_bps.max(1));
        let lasts_ms = u64::try_from(lasts_ms).unwrap_or(u64::MAX).saturating_sub(spec.warm_up_ms);
        if lasts_ms < DURATION_MIN_MS {
            let cause = format!("{} bytes are too few for a test at {} bit/s", spec.bytes_max, spec.rate_bps);
            return Err(Fault::new(Phase::Prepare, cause, "allow more bytes, or ask for a lower rate"));
        }
        if lasts_ms < duration_ms {
            duration_ms = lasts_ms;
            finding.note(format!("shortened to {:.1} s: more bytes are not allowed", duration_ms as f64 / 1e3));
        }
    }
    Ok(Plan {
        protocol: spec.protocol,
        direction: spec.direction,
        streams: spec.streams,
        duration_ms,
        warm_up_ms: spec.warm_up_ms,
        bytes_max: spec.bytes_max,
        rate_bps: spec.rate_bps,
    })
}

async fn resolve(spec: &ThroughputSpec) -> Result<SocketAddr, Fault> {
    match address_of(&spec.host, spec.family).await {
        Ok(address) => Ok(SocketAddr::new(address, spec.port)),
        Err(Finding { outcome: Outcome::Failed { phase, cause, cure }, .. }) => Err(Fault { phase, cause, cure }),
        Err(_) => Err(Fault::new(Phase::Resolve, format!("{} has no address", spec.host), "")),
    }
}

async fn connect(address: SocketAddr) -> Result<TcpStream, Fault> {
    let connected = timeout(CONNECT_LIMIT, TcpStream::connect(address)).await;
    let connected = connected.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()));
    connected.map_err(|error| Fault::connect(address, &error))
}

/// Shows the ticket. Returns the id of the test, and where datagrams go.
async fn greet(control: &mut Control, spec: &ThroughputSpec, plan: &Plan) -> Result<(TestId, Option<u16>), Fault> {
    let heard = |error: Heard| Fault::heard(Phase::Authenticate, &error);
    let hello = Near::Hello { ticket: spec.ticket.clone(), plan: plan.clone() };
    control.say(&hello).await.map_err(heard)?;
    match control.hear_within(ANSWER_LIMIT).await.map_err(heard)? {
        Far::Welcome { test, udp_port } => match TestId::parse(&test) {
            Some(id) => Ok((id, udp_port)),
            None => Err(unexpected(Phase::Authenticate)),
        },
        Far::Refused { why } => Err(Fault::refused(&why)),
        _ => Err(unexpected(Phase::Authenticate)),
    }
}

fn unexpected(phase: Phase) -> Fault {
    Fault::new(phase, "the other end says what makes no sense here", "use the same version of netloom at both ends")
}

/// What the data goes over. Nothing is sent before [`Data::start`].
pub(super) struct Data {
    pub(super) crew: Crew,
    /// What is sent; counted by the far end.
    pub(super) up: Arc<Lanes>,
    /// What comes.
    pub(super) down: Arc<Lanes>,
    ready: Ready,
}

enum Ready {
    Tcp { up: Vec<StdStream>, down: Vec<StdStream> },
    Udp { sockets: Vec<UdpSocket>, test: TestId },
}

impl Data {
    /// Lets the data flow.
    pub(super) fn start(&mut self, plan: &Plan) -> Result<(), Fault> {
        let started = match std::mem::replace(&mut self.ready, Ready::Tcp { up: Vec::new(), down: Vec::new() }) {
            Ready::Tcp { up, down } => {
                self.crew.receive(down, plan, &self.down).and_then(|()| self.crew.send(up, plan, &self.up))
            }
            Ready::Udp { sockets, test } if plan.direction.is_up() => {
                let purse = Arc::new(Purse::new(plan.bytes_max));
                let pace = |(stream, socket)| {
                    let pacing = Pacing {
                        socket,
                        to: None,
                        head: Head::new(test, DatagramKind::Data, stream as u8),
                        rate_bps: Pacing::rate_of_stream(plan),
                        purse: purse.clone(),
                        lanes: self.up.clone(),
                        stop: self.crew.stop(),
                    };
                    pacing.start()
                };
                sockets.into_iter().enumerate().try_for_each(pace)
            }
            Ready::Udp { .. } => Ok(()),
        };
        started.map_err(|error| Fault::prepare(&error))
    }
}

/// Opens what the data goes over, and waits until the far end has all of it.
async fn open(control: &mut Control, plan: &Plan, test: TestId, udp: SocketAddr) -> Result<Data, Fault> {
    let address = control.peer_addr().map_err(|error| Fault::gone(error.to_string()))?;
    let crew = Crew::new();
    let lanes = || Arc::new(Lanes::new(plan.streams));
    let mut data = Data { crew, up: lanes(), down: lanes(), ready: Ready::Tcp { up: Vec::new(), down: Vec::new() } };
    data.ready = match plan.protocol {
        Protocol::Tcp => {
            let streams = |way| streams(address, plan, test, way);
            let (up, down) = tokio::try_join!(streams(Way::Up), streams(Way::Down))?;
            Ready::Tcp { up, down }
        }
        Protocol::Udp => Ready::Udp { sockets: sockets(udp, plan, test, &data).await?, test },
    };
    match control.hear_within(ANSWER_LIMIT).await.map_err(|error| Fault::heard(Phase::Wait, &error))? {
        Far::Ready => Ok(data),
        Far::Broke { why } => Err(Fault::new(Phase::Wait, why, "")),
        _ => Err(unexpected(Phase::Wait)),
    }
}

async fn streams(address: SocketAddr, plan: &Plan, test: TestId, way: Way) -> Result<Vec<StdStream>, Fault> {
    let other = if way == Way::Up { Direction::Down } else { Direction::Up };
    let count = if plan.direction == other { 0 } else { plan.streams };
    // All at once: one after the other they would take longer than the far end waits, where the way is long.
    let streams = (0..count).map(|stream| async move {
        let mut connected = connect(address).await?;
        let preamble = Preamble { test, way, stream: stream as u8 };
        let failed = |error: std::io::Error| Fault::connect(address, &error);
        connected.write_all(&preamble.encode()).await.map_err(failed)?;
        let connected = connected.into_std().map_err(failed)?;
        connected.set_nonblocking(false).map_err(failed)?;
        Ok(connected)
    });
    try_join_all(streams).await
}

/// A socket for each stream, through which datagrams pass in both directions.
async fn sockets(to: SocketAddr, plan: &Plan, test: TestId, data: &Data) -> Result<Vec<UdpSocket>, Fault> {
    let any = if to.is_ipv4() { (Ipv4Addr::UNSPECIFIED, 0).into() } else { (Ipv6Addr::UNSPECIFIED, 0).into() };
    let answered: Arc<[AtomicBool; STREAMS_MAX as usize]> = Arc::default();
    let mut sockets = Vec::new();
    for _ in 0..plan.streams {
        let open = || {
            let socket = datagrams::open(any)?;
            socket.connect(to)?;
            let answered = answered.clone();
            let taking = Taking {
                socket: socket.try_clone()?,
                test,
                bytes_max: plan.bytes_max,
                lanes: data.down.clone(),
                stop: data.crew.stop(),
            };
            taking.start(move |_, head, _| {
                if let (DatagramKind::Welcome, Some(answered)) = (head.kind, answered.get(usize::from(head.stream))) {
                    answered.store(true, Ordering::Release);
                }
            })?;
            Ok(socket)
        };
        sockets.push(open().map_err(|error| Fault::prepare(&error))?);
    }
    let began = Instant::now();
    loop {
        let is_there = |stream: usize| answered[stream].load(Ordering::Acquire);
        if (0..sockets.len()).all(is_there) {
            return Ok(sockets);
        }
        if began.elapsed() > HELLO_LIMIT {
            let cause = format!("datagrams do not get through to {to} and back");
            return Err(Fault::new(Phase::Connect, cause, "let a firewall on the way pass this port for UDP, too"));
        }
        for (stream, socket) in sockets.iter().enumerate().filter(|(stream, _)| !is_there(*stream)) {
            // What does not go out is tried again.
            let _ = socket.send(&Head::new(test, DatagramKind::Hello, stream as u8).encode());
        }
        tokio::time::sleep(HELLO_INTERVAL).await;
    }
}
