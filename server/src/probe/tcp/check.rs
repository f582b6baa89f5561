//! A round of handshakes.

use std::{
    io,
    net::SocketAddr,
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use futures::future::join_all;
use netloom_core::check::{Finding, Outcome, Phase, Progress, round, spec::RoundSpec};

use super::open;
use crate::{
    check::{Means, Told},
    collect::connection::tcp_info,
    probe::{
        dial::{self, unreachable},
        steps::{Steps, us},
    },
};

/// What came of one handshake.
pub(super) enum Shaken {
    /// An answer: how long it took, how often the SYN was sent again, and whether the answer was a reset.
    Answered { rtt_us: f64, again: u32, is_closed: bool },
    /// No answer in time.
    Lost,
    /// It could not be tried.
    Failed(Phase, io::Error),
}

/// Runs the check.
pub async fn check(spec: &RoundSpec, _means: &Means, told: Told<'_>) -> Finding {
    let mut steps = Steps::start();
    let address = match steps.resolve(&spec.host, spec.family).await {
        Ok(address) => address,
        Err(failed) => return failed,
    };
    let to = SocketAddr::new(address, spec.port);
    let (interval, timeout) = (Duration::from_millis(spec.interval_ms), Duration::from_millis(spec.timeout_ms));
    let ended = &AtomicU32::new(0);
    // Each begins at its time, whatever became of the one before, so that a silent port costs one timeout and not five.
    let probes = (0..spec.packets).map(|place| async move {
        tokio::time::sleep(interval.saturating_mul(place)).await;
        let shaken = shake(to, timeout).await;
        let ended = ended.fetch_add(1, Ordering::Relaxed) + 1;
        told(Progress { done_ratio: f64::from(ended) / f64::from(spec.packets), figures: Vec::new() });
        shaken
    });
    let shaken = join_all(probes).await;
    steps.end(Phase::Connect);
    let finding = summary(&shaken, spec.port);
    steps.close(finding)
}

/// One handshake. The time is that of the kernel where it tells; where a SYN was lost, it is what a program would have
/// waited, the wait before the next SYN included.
pub(super) async fn shake(to: SocketAddr, timeout: Duration) -> Shaken {
    let socket = match open(to) {
        Ok(socket) => socket,
        Err(error) => return Shaken::Failed(Phase::Prepare, error),
    };
    let start = Instant::now();
    let connected = tokio::time::timeout(timeout, socket.connect(to)).await;
    let took_us = us(start.elapsed());
    let again = round::syns_sent_again(took_us);
    match connected {
        Ok(Ok(stream)) => {
            let known = stream.local_addr().and_then(|local| tcp_info(local, to)).ok();
            let again = known.and_then(|known| known.syn_retransmits).unwrap_or(again);
            let kernel_us = known.and_then(|known| known.rtt_us).filter(|_| again == 0);
            Shaken::Answered { rtt_us: kernel_us.unwrap_or(took_us), again, is_closed: false }
        }
        // A reset is an answer: the host is there, the port is closed.
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {
            Shaken::Answered { rtt_us: took_us, again, is_closed: true }
        }
        Ok(Err(error)) if error.kind() == io::ErrorKind::TimedOut => Shaken::Lost,
        Ok(Err(error)) => Shaken::Failed(Phase::Connect, error),
        Err(_) => Shaken::Lost,
    }
}

fn summary(shaken: &[Shaken], port: u16) -> Finding {
    let tried = shaken.iter().filter_map(|shaken| match shaken {
        Shaken::Answered { rtt_us, .. } => Some(Some(*rtt_us)),
        // Said to be unreachable is as lost as silent, where others were answered.
        Shaken::Lost | Shaken::Failed(Phase::Connect, _) => Some(None),
        Shaken::Failed(..) => None,
    });
    let mut finding = round::finding(tried.collect());
    let failed = shaken.iter().find_map(|shaken| match shaken {
        Shaken::Failed(phase, error) => Some((*phase, error)),
        _ => None,
    });
    if let Some((phase, error)) = failed {
        let (cause, cure) = if phase == Phase::Connect { dial::cause(error, port) } else { unreachable(error) };
        match finding.outcome {
            Outcome::Reply => finding.note(format!("a handshake failed: {cause}")),
            _ => finding.outcome = Outcome::Failed { phase, cause, cure },
        }
    }
    if let Some(rtt_us) = finding.value("rtt_us") {
        finding.figure("tcp_connect_us", rtt_us);
    }
    let answered = |counts: fn(&Shaken) -> u32| shaken.iter().map(counts).sum::<u32>();
    let again = answered(|shaken| if let Shaken::Answered { again, .. } = shaken { *again } else { 0 });
    finding.figure("syn_retransmits", f64::from(again));
    if again > 0 {
        let what = if again == 1 { "a SYN was".to_owned() } else { format!("{again} SYNs were") };
        finding.note(format!("{what} lost and sent again, which holds a connection up for 1 s, then 2 s more"));
    }
    let closed = answered(|shaken| u32::from(matches!(shaken, Shaken::Answered { is_closed: true, .. })));
    let open = answered(|shaken| u32::from(matches!(shaken, Shaken::Answered { is_closed: false, .. })));
    match (closed, open) {
        (0, _) => {}
        (_, 0) => finding.note("closed: answered with a reset"),
        _ => finding.note(format!("{closed} of {} were answered with a reset, the others taken", closed + open)),
    }
    finding
}
