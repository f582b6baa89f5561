//! One test, as the far end sees it.

use std::{
    net::{SocketAddr, TcpStream as StdStream, UdpSocket},
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use netloom_core::check::throughput::{
    Flowed, Protocol,
    datagram::{DatagramKind, Head},
    wire::{Far, Near, Plan, Refused, TestId, Way},
};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::door::{Arrival, Door, refuse};
use crate::{
    private,
    probe::throughput::{
        control::Control,
        datagrams::{self, Pacing, Taking},
        fault::{Fault, Heard},
        lanes::{Lanes, Purse, STALL_LIMIT},
        streams::Crew,
    },
};

/// How long the near end may take to open what the data goes over.
const OPEN_LIMIT: Duration = Duration::from_secs(10);
/// How often it is looked whether all streams of datagrams have shown themselves.
const LOOK: Duration = Duration::from_millis(5);
/// How long the near end may take from there to the start, and to hang up in the end.
const START_LIMIT: Duration = Duration::from_secs(15);
const END_LIMIT: Duration = Duration::from_secs(3);
/// What the near end may take longer than its test, because its clock starts later and long queues empty slowly.
const SLACK: Duration = Duration::from_secs(12);

pub(super) struct Session<'a> {
    pub(super) control: &'a mut Control,
    pub(super) plan: Plan,
    pub(super) door: &'a mut Door,
    /// Where this end listens; datagrams take the same port when they can.
    pub(super) port: u16,
}

/// The streams of datagrams, by where they come from.
type Whereabouts = Arc<Mutex<Vec<Option<SocketAddr>>>>;

/// What the data goes over.
enum Data {
    Tcp { up: Vec<StdStream>, down: Vec<StdStream> },
    Udp { socket: UdpSocket, down: Vec<SocketAddr> },
}

impl Session<'_> {
    /// Makes the test. Returns what came here.
    pub(super) async fn run(mut self) -> Result<Option<Flowed>, String> {
        // The streams stay until the near end has read what they sent again.
        let mut crew = Crew::new();
        let ended = self.make(&mut crew).await;
        match &ended {
            // What the near end waits for is on its way to it; it hangs up when it has read it.
            Ok(_) => self.control.wait_for_end(END_LIMIT).await,
            Err(fault) => {
                let why = fault.cause.clone();
                if self.control.say(&Far::Broke { why }).await.is_ok() {
                    self.control.wait_for_end(END_LIMIT).await;
                }
            }
        }
        ended.map_err(|fault| fault.cause)
    }

    async fn make(&mut self, crew: &mut Crew) -> Result<Option<Flowed>, Fault> {
        let test = TestId(private::random().map_err(|error| Fault::prepare(&error))?);
        let up = Arc::new(Lanes::new(self.plan.streams));
        let data = match self.plan.protocol {
            Protocol::Tcp => timeout(OPEN_LIMIT, self.streams(test)).await,
            Protocol::Udp => timeout(OPEN_LIMIT, self.datagrams(test, crew, &up)).await,
        };
        let data = data.unwrap_or_else(|_| Err(Fault::gone("not all connections for the data came")))?;
        self.say(&Far::Ready).await?;
        self.wait_for_start().await?;
        self.start(data, test, crew, &up).map_err(|error| Fault::prepare(&error))?;
        self.drive(crew, &up).await
    }

    async fn say(&mut self, message: &Far) -> Result<(), Fault> {
        self.control.say(message).await.map_err(|error| broke(&error))
    }

    /// Takes the connections of the test, all of them; others are refused.
    async fn streams(&mut self, test: TestId) -> Result<Data, Fault> {
        self.say(&Far::Welcome { test: test.text(), udp_port: None }).await?;
        let places = |is_used: bool| if is_used { self.plan.streams.into() } else { 0 };
        let empty = |count: usize| (0..count).map(|_| None).collect::<Vec<Option<StdStream>>>();
        let mut up = empty(places(self.plan.direction.is_up()));
        let mut down = empty(places(self.plan.direction.is_down()));
        while up.iter().chain(&down).any(Option::is_none) {
            let arrival = tokio::select! {
                arrival = self.door.next() => arrival,
                said = self.control.hear::<Near>() => {
                    said.map_err(|error| broke(&error))?;
                    return Err(unexpected());
                }
            };
            match arrival {
                Arrival::Data { stream, preamble } if preamble.test == test => {
                    let way = if preamble.way == Way::Up { &mut up } else { &mut down };
                    let place = way.get_mut(usize::from(preamble.stream)).filter(|place| place.is_none());
                    *place.ok_or_else(unexpected)? = Some(stream);
                }
                arrival => turn_away(arrival),
            }
        }
        Ok(Data::Tcp { up: up.into_iter().flatten().collect(), down: down.into_iter().flatten().collect() })
    }

    /// Opens the socket for datagrams, and waits until all streams have shown where they are.
    async fn datagrams(&mut self, test: TestId, crew: &Crew, up: &Arc<Lanes>) -> Result<Data, Fault> {
        // The address that was asked answers; datagrams from another one would be dropped.
        let own = self.control.local_addr().map_err(|error| Fault::prepare(&error))?.ip().to_canonical();
        let socket = datagrams::open((own, self.port).into()).or_else(|_| datagrams::open((own, 0).into()));
        let socket = socket.map_err(|error| Fault::prepare(&error))?;
        let port = socket.local_addr().map_err(|error| Fault::prepare(&error))?.port();
        let seen: Whereabouts = Arc::new(Mutex::new(vec![None; self.plan.streams.into()]));
        let taking = Taking {
            socket: socket.try_clone().map_err(|error| Fault::prepare(&error))?,
            test,
            bytes_max: self.plan.bytes_max,
            lanes: up.clone(),
            stop: crew.stop(),
        };
        let noted = seen.clone();
        let greet = move |socket: &UdpSocket, head: Head, from: SocketAddr| {
            let mut noted = noted.lock().unwrap_or_else(PoisonError::into_inner);
            let place = noted.get_mut(usize::from(head.stream)).filter(|_| head.kind == DatagramKind::Hello);
            if let Some(place) = place {
                *place = Some(from);
                // One that is lost is asked for again.
                let _ = socket.send_to(&Head::new(test, DatagramKind::Welcome, head.stream).encode(), from);
            }
        };
        taking.start(greet).map_err(|error| Fault::prepare(&error))?;
        self.say(&Far::Welcome { test: test.text(), udp_port: Some(port) }).await?;
        loop {
            let known: Option<Vec<SocketAddr>> =
                seen.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect();
            if let Some(down) = known {
                return Ok(Data::Udp { socket, down });
            }
            tokio::select! {
                () = sleep(LOOK) => {}
                arrival = self.door.next() => turn_away(arrival),
                said = self.control.hear::<Near>() => {
                    said.map_err(|error| broke(&error))?;
                    return Err(unexpected());
                }
            }
        }
    }

    /// Answers pings until the data begins.
    async fn wait_for_start(&mut self) -> Result<(), Fault> {
        let until = Instant::now() + START_LIMIT;
        loop {
            tokio::select! {
                said = self.control.hear::<Near>() => match said.map_err(|error| broke(&error))? {
                    Near::Start => return Ok(()),
                    Near::Ping { seq } => self.say(&Far::Pong { seq, received: 0 }).await?,
                    Near::Hello { .. } | Near::Stop => return Err(unexpected()),
                },
                arrival = self.door.next() => turn_away(arrival),
                () = sleep_until(until) => return Err(Fault::gone("the other end did not start the test")),
            }
        }
    }

    fn start(&self, data: Data, test: TestId, crew: &mut Crew, up: &Arc<Lanes>) -> std::io::Result<()> {
        let plan = &self.plan;
        // What goes down is counted by the near end.
        let down = Arc::new(Lanes::new(plan.streams));
        match data {
            Data::Tcp { up: streams, down: sending } => {
                crew.receive(streams, plan, up)?;
                crew.send(sending, plan, &down)
            }
            Data::Udp { socket, down: places } if plan.direction.is_down() => {
                let purse = Arc::new(Purse::new(plan.bytes_max));
                for (stream, to) in places.into_iter().enumerate() {
                    let pacing = Pacing {
                        socket: socket.try_clone()?,
                        to: Some(to),
                        head: Head::new(test, DatagramKind::Data, stream as u8),
                        rate_bps: Pacing::rate_of_stream(plan),
                        purse: purse.clone(),
                        lanes: down.clone(),
                        stop: crew.stop(),
                    };
                    pacing.start()?;
                }
                Ok(())
            }
            Data::Udp { .. } => Ok(()),
        }
    }

    /// Until what comes here is counted, and the near end needs no more from here.
    async fn drive(&mut self, crew: &Crew, up: &Lanes) -> Result<Option<Flowed>, Fault> {
        let Self { control, plan, door, .. } = self;
        let (is_up, warm_up) = (plan.direction.is_up(), Duration::from_millis(plan.warm_up_ms));
        let lasts = warm_up.saturating_add(Duration::from_millis(plan.duration_ms));
        let mut counting = pin!(async { if is_up { Some(up.measure(plan).await) } else { None } });
        let (mut received, mut counted, mut stopped) = (None, !is_up, !plan.direction.is_down());
        let (mut warm, mut before) = (false, None);
        let mut warm_up = pin!(sleep(warm_up));
        let mut deadline = pin!(sleep(lasts + SLACK));
        let mut heard = Instant::now();
        while !counted || !stopped {
            tokio::select! {
                said = control.hear::<Near>() => {
                    heard = Instant::now();
                    match said.map_err(|error| broke(&error))? {
                        Near::Ping { seq } => {
                            let pong = Far::Pong { seq, received: up.bytes() };
                            control.say(&pong).await.map_err(|error| broke(&error))?;
                        }
                        Near::Stop => stopped = true,
                        Near::Hello { .. } | Near::Start => return Err(unexpected()),
                    }
                }
                came = &mut counting, if !counted => {
                    counted = true;
                    received = came.transpose()?;
                }
                arrival = door.next() => turn_away(arrival),
                () = &mut warm_up, if !warm => {
                    warm = true;
                    before = crew.retransmits();
                }
                // It pings all the time.
                () = sleep_until(heard + STALL_LIMIT) => return Err(Fault::heard(netloom_core::check::Phase::Transfer, &Heard::Silent)),
                () = &mut deadline => return Err(Fault::gone("the test took longer than it said")),
            }
        }
        let is_whole = received.as_ref().is_none_or(|(_, is_whole)| *is_whole);
        let up = received.map(|(flowed, _)| flowed);
        let down_retransmits = crew.retransmits().map(|all| all.saturating_sub(before.unwrap_or(0)));
        let result = Far::Result { up: up.clone(), is_whole, down_retransmits };
        control.say(&result).await.map_err(|error| broke(&error))?;
        Ok(up)
    }
}

fn turn_away(arrival: Arrival) {
    if let Arrival::Control { control, .. } = arrival {
        refuse(control, Far::Refused { why: Refused::Busy });
    }
}

fn broke(error: &Heard) -> Fault {
    Fault::heard(netloom_core::check::Phase::Transfer, error)
}

fn unexpected() -> Fault {
    Fault::gone("the other end says what makes no sense here")
}
