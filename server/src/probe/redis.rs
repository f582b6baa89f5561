//! A look at a Redis server: its answer to PING, and the time of a lock.

mod lock;
mod talk;

use std::time::{Duration, Instant};

use netloom_core::check::{
    Detail, Finding, Outcome, Phase, Progress,
    redis::{Meaning, Reply, meaning, wants_no_password},
    round::RoundFigures,
    spec::RedisSpec,
};

use self::{
    lock::Cycle,
    talk::{Talk, Trouble},
};
use super::{
    dial::dial,
    steps::{Steps, seconds, us},
};
use crate::check::{Means, Told};

/// Runs the check.
pub async fn check(spec: &RedisSpec, means: &Means, told: Told<'_>) -> Finding {
    let mut steps = Steps::start();
    let timeout = Duration::from_millis(spec.timeout_ms);
    let stream = match dial(&spec.host, spec.port, spec.family, Instant::now() + timeout, &mut steps).await {
        Ok(stream) => stream,
        Err(failed) => return failed,
    };
    let peer = stream.peer_addr();
    let mut talk = Talk::new(stream, timeout);
    let mut notes = Vec::new();
    if let Some(password) = &means.redis_password {
        match talk.ask(&["AUTH", password]).await {
            Ok((Reply::Error(error), _)) if wants_no_password(&error) => {
                notes.push("a password is set in the environment, and the server wants none".to_owned());
            }
            // Some servers say back what they were told.
            Ok((Reply::Error(error), _)) => {
                return refused(&mut steps, &meaning(&error.replace(password.as_str(), "***")));
            }
            Ok(_) => {}
            Err(trouble) => return broken(&mut steps, Phase::Authenticate, trouble, peer, timeout).await,
        }
        steps.end(Phase::Authenticate);
    }
    let mut pings = Vec::new();
    for done in 0..spec.packets {
        match talk.ask(&["PING"]).await {
            Ok((Reply::Word(_) | Reply::Text(_), took)) => pings.push(Some(us(took))),
            Ok((Reply::Error(error), _)) => return refused(&mut steps, &meaning(&error)),
            Ok(_) => return steps.fail(Phase::Wait, "what it answers to PING is no answer", "see what listens there"),
            Err(trouble) => return broken(&mut steps, Phase::Wait, trouble, peer, timeout).await,
        }
        let all = f64::from(spec.packets) * if spec.lock { 2.0 } else { 1.0 };
        told(Progress { done_ratio: f64::from(done + 1) / all, figures: Vec::new() });
    }
    steps.end(Phase::Wait);
    let mut finding = Finding::new(Outcome::Reply);
    write_pings(&mut finding, pings);
    if spec.lock {
        locks(spec, &mut talk, &mut finding, told).await;
        steps.end(Phase::Transfer);
    }
    notes.into_iter().for_each(|note| finding.note(note));
    steps.close(finding)
}

fn write_pings(finding: &mut Finding, pings: Vec<Option<f64>>) {
    let figures = RoundFigures::of(&pings);
    let named = [
        ("redis_ping_us", figures.rtt_us),
        ("redis_ping_min_us", figures.min_us),
        ("redis_ping_max_us", figures.max_us),
        ("redis_ping_mdev_us", figures.mdev_us),
    ];
    for (name, value) in named {
        value.into_iter().for_each(|value| finding.figure(name, value));
    }
    finding.detail = Some(Detail::Round { rtts_us: pings });
}

/// Takes and releases a lock as often as it pings.
async fn locks(spec: &RedisSpec, talk: &mut Talk, finding: &mut Finding, told: Told<'_>) {
    let (mut taken, mut released) = (Vec::new(), Vec::new());
    let mut is_plain = false;
    for done in 0..spec.packets {
        match lock::cycle(talk, &mut is_plain).await {
            Cycle::Released { set, release } => {
                taken.push(Some(us(set)));
                released.push(Some(us(release)));
            }
            Cycle::Failed(Meaning { phase, cause, cure }) => {
                finding.outcome = Outcome::Failed { phase, cause, cure };
                break;
            }
        }
        let done_ratio = 0.5 + f64::from(done + 1) / f64::from(spec.packets) / 2.0;
        told(Progress { done_ratio, figures: Vec::new() });
    }
    for (name, times) in [("redis_lock_us", taken), ("redis_release_us", released)] {
        RoundFigures::of(&times).rtt_us.into_iter().for_each(|value| finding.figure(name, value));
    }
    if is_plain {
        finding.note("scripts are not permitted, so locks were compared and deleted in two steps");
    }
}

/// The server says no.
fn refused(steps: &mut Steps, meaning: &Meaning) -> Finding {
    steps.fail(meaning.phase, meaning.cause.clone(), meaning.cure.clone())
}

/// The conversation broke off.
async fn broken(
    steps: &mut Steps,
    phase: Phase,
    trouble: Trouble,
    peer: std::io::Result<std::net::SocketAddr>,
    timeout: Duration,
) -> Finding {
    const TLS: (&str, &str) = (
        "it speaks TLS on this port, and plain Redis is spoken here",
        "give its plain port, or let it listen on one for this network (port beside tls-port)",
    );
    // A server that speaks TLS only says nothing to who does not, or hangs up.
    let may_be_tls = matches!(trouble, Trouble::Silent | Trouble::Closed);
    if may_be_tls
        && let Ok(peer) = peer
        && talk::speaks_tls(peer, timeout).await
    {
        return steps.fail(Phase::Tls, TLS.0, TLS.1);
    }
    match trouble {
        Trouble::Silent => {
            let cause = format!("it took the connection and said nothing for {}", seconds(timeout));
            steps.fail(phase, cause, "see whether the server is busy or stopped, and whether it is a Redis at all")
        }
        Trouble::Closed => steps.fail(phase, "it closed the connection without an answer", "look at the server's log"),
        Trouble::NotRedis("it speaks TLS") => steps.fail(Phase::Tls, TLS.0, TLS.1),
        Trouble::NotRedis(instead) => {
            let cause = format!("what it answers is not what a Redis says: {instead}");
            steps.fail(phase, cause, "correct the port")
        }
    }
}
