//! The test itself, as the near end drives it: pings, the start, the counts, the result.

use std::{pin::pin, time::Duration};

use netloom_core::check::{
    Figure, Phase, Progress,
    throughput::{
        Direction, Flowed, ThroughputResult,
        wire::{Far, Near, Plan},
    },
};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::{Data, unexpected};
use crate::{
    check::Told,
    probe::throughput::{
        control::Control,
        fault::{Fault, Heard},
        lanes::STALL_LIMIT,
    },
};

/// Pings before the test.
const IDLE_PINGS: u64 = 10;
/// From one ping to the next, when the answer is not slower.
const PING_INTERVAL: Duration = Duration::from_millis(20);
/// The same during the test: twenty a second are nothing beside the test, and enough for a median.
const LOADED_INTERVAL: Duration = Duration::from_millis(50);
/// How often somebody is told how far it is.
const TELL_INTERVAL: Duration = Duration::from_secs(1);
/// How long after the test its result may take: a way with long queues delivers what is in them first.
const RESULT_LIMIT: Duration = Duration::from_secs(10);

pub(super) struct Driver<'a> {
    pub(super) control: Control,
    pub(super) plan: Plan,
    pub(super) data: Data,
    pub(super) told: Told<'a>,
}

/// What is known of a test while it runs.
#[derive(Default)]
struct Seen {
    rtts_us: Vec<f64>,
    ping: Option<(u64, Instant)>,
    pings: u64,
    received: u64,
    up: Option<(Option<Flowed>, bool)>,
    down_retransmits: Option<u64>,
    down: Option<(Flowed, bool)>,
    warm_retransmits: Option<u64>,
}

impl Driver<'_> {
    /// Runs it. Returns the result, and whether the warm-up was over before the data was.
    pub(super) async fn run(&mut self) -> Result<(ThroughputResult, bool), Fault> {
        let idle_rtt_us = self.idle().await?;
        self.control.say(&Near::Start).await.map_err(|error| broke(&error))?;
        self.data.start(&self.plan)?;
        let mut seen = Seen::default();
        self.drive(&mut seen).await?;
        let retransmits = self.data.crew.retransmits();
        let is_whole = seen.up.as_ref().is_none_or(|up| up.1) && seen.down.as_ref().is_none_or(|down| down.1);
        let mut up = seen.up.and_then(|up| up.0);
        if let Some(up) = &mut up {
            let before = if is_whole { seen.warm_retransmits.unwrap_or(0) } else { 0 };
            up.retransmits = retransmits.map(|all| all.saturating_sub(before));
        }
        let down = seen.down.map(|(down, _)| Flowed { retransmits: seen.down_retransmits, ..down });
        let result = ThroughputResult {
            protocol: self.plan.protocol,
            streams: self.plan.streams,
            up,
            down,
            slice_ms: self.plan.slice_ms(),
            idle_rtt_us,
            loaded_rtt_us: median(seen.rtts_us),
        };
        Ok((result, is_whole))
    }

    /// The round-trip time before the test.
    async fn idle(&mut self) -> Result<Option<f64>, Fault> {
        let mut rtts_us = Vec::new();
        let mut ticks = interval(PING_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for seq in 0..IDLE_PINGS {
            ticks.tick().await;
            let sent = Instant::now();
            self.control.say(&Near::Ping { seq }).await.map_err(|error| broke(&error))?;
            match self.control.hear_within(STALL_LIMIT).await.map_err(|error| broke(&error))? {
                Far::Pong { seq: answered, .. } if answered == seq => rtts_us.push(us_since(sent)),
                Far::Broke { why } => return Err(Fault::gone(why)),
                _ => return Err(unexpected(Phase::Transfer)),
            }
        }
        Ok(median(rtts_us))
    }

    /// Until both directions have been counted.
    async fn drive(&mut self, seen: &mut Seen) -> Result<(), Fault> {
        let Self { control, plan, data, told } = self;
        let lasts = Duration::from_millis(plan.warm_up_ms.saturating_add(plan.duration_ms));
        let is_down = plan.direction.is_down();
        let mut counting = pin!(async { if is_down { Some(data.down.measure(plan).await) } else { None } });
        let (mut counted, mut warm) = (!is_down, false);
        let began = Instant::now();
        let mut warm_up = pin!(sleep(Duration::from_millis(plan.warm_up_ms)));
        let mut deadline = pin!(sleep(lasts + STALL_LIMIT + RESULT_LIMIT));
        let mut pings = interval(LOADED_INTERVAL);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut tells = interval(TELL_INTERVAL);
        tells.tick().await;
        let mut live = Live { at: began, up: 0, down: 0 };
        let mut heard = Instant::now();
        while !counted || seen.up.is_none() {
            tokio::select! {
                message = control.hear::<Far>() => {
                    heard = Instant::now();
                    let is_loaded = warm && (began.elapsed() < lasts);
                    seen.take(message.map_err(|error| broke(&error))?, is_loaded)?;
                }
                came = &mut counting, if !counted => {
                    counted = true;
                    seen.down = came.transpose()?;
                    control.say(&Near::Stop).await.map_err(|error| broke(&error))?;
                }
                _ = pings.tick() => {
                    if heard.elapsed() > STALL_LIMIT {
                        return Err(Fault::heard(Phase::Transfer, &Heard::Silent));
                    }
                    if seen.ping.is_none() {
                        seen.pings += 1;
                        seen.ping = Some((seen.pings, Instant::now()));
                        control.say(&Near::Ping { seq: seen.pings }).await.map_err(|error| broke(&error))?;
                    }
                }
                () = &mut warm_up, if !warm => {
                    warm = true;
                    seen.warm_retransmits = data.crew.retransmits();
                }
                _ = tells.tick() => {
                    let figures = live.figures(plan.direction, seen.received, data.down.bytes());
                    let done_ratio = (began.elapsed().as_secs_f64() / lasts.as_secs_f64()).min(1.0);
                    told(Progress { done_ratio, figures });
                }
                () = &mut deadline => return Err(Fault::gone("the other end told no result in time")),
            }
        }
        Ok(())
    }
}

impl Seen {
    fn take(&mut self, message: Far, is_loaded: bool) -> Result<(), Fault> {
        match message {
            Far::Pong { seq, received } => {
                self.received = received;
                if let Some((_, sent)) = self.ping.take_if(|ping| ping.0 == seq).filter(|_| is_loaded) {
                    self.rtts_us.push(us_since(sent));
                }
            }
            Far::Result { up, is_whole, down_retransmits } => {
                self.up = Some((up, is_whole));
                self.down_retransmits = down_retransmits;
            }
            Far::Broke { why } => return Err(Fault::gone(format!("the other end says: {why}"))),
            Far::Welcome { .. } | Far::Refused { .. } | Far::Ready => return Err(unexpected(Phase::Transfer)),
        }
        Ok(())
    }
}

/// What was there when somebody was told last.
struct Live {
    at: Instant,
    up: u64,
    down: u64,
}

impl Live {
    fn figures(&mut self, direction: Direction, up: u64, down: u64) -> Vec<Figure> {
        let seconds = self.at.elapsed().as_secs_f64().max(1e-3);
        let rate = |from: u64, to: u64| to.saturating_sub(from) as f64 * 8.0 / seconds;
        let rates = [
            ("throughput_up_bps", direction.is_up(), rate(self.up, up)),
            ("throughput_down_bps", direction.is_down(), rate(self.down, down)),
        ];
        (self.at, self.up, self.down) = (Instant::now(), up, down);
        let tested = rates.into_iter().filter(|(_, is_tested, _)| *is_tested);
        tested.map(|(name, _, value)| Figure { name: name.to_owned(), value }).collect()
    }
}

fn broke(error: &Heard) -> Fault {
    Fault::heard(Phase::Transfer, error)
}

fn us_since(sent: Instant) -> f64 {
    sent.elapsed().as_nanos() as f64 / 1e3
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}
