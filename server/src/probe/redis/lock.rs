//! The lock that programs take with Redis: `SET key token NX EX seconds`, and its release by whoever holds the token.

use std::time::{Duration, Instant};

use netloom_core::check::{
    Phase,
    redis::{KEY_PREFIX, Meaning, RELEASE, Reply, is_not_allowed, meaning},
};

use super::{
    super::steps::seconds,
    talk::{Talk, Trouble},
};

/// A lock that nobody releases, because this machine or its network died, is gone after this long beyond the waits for
/// answers.
const EXPIRES_BEYOND: Duration = Duration::from_secs(5);
/// Answers that are waited for while a lock is held, at most.
const ANSWERS_MAX: u32 = 4;

/// What came of taking and releasing a lock.
pub(super) enum Cycle {
    /// It was taken and released, and how long each took.
    Released { set: Duration, release: Duration },
    /// It did not work.
    Failed(Meaning),
}

/// Takes a lock that is nobody else's and releases it. Whatever happens in between, it expires by itself.
pub(super) async fn cycle(talk: &mut Talk, is_plain: &mut bool) -> Cycle {
    let key = format!("{KEY_PREFIX}{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..));
    let token = format!("{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..));
    let expires_s = (EXPIRES_BEYOND + talk.timeout() * ANSWERS_MAX).as_secs() + 1;
    let (expires, ex) = (Duration::from_secs(expires_s), expires_s.to_string());
    let set = match talk.ask(&["SET", &key, &token, "NX", "EX", &ex]).await {
        Ok((Reply::Word(word), took)) if word == "OK" => took,
        Ok((Reply::Nil, _)) => return failed("somebody else holds a lock with a random name", "ask again"),
        Ok((Reply::Error(error), _)) => return refused(&error),
        Ok(_) => return failed("what it answers to SET is no answer", "see what listens there"),
        Err(trouble) => return broken(&trouble, "SET", talk, expires),
    };
    let begun = Instant::now();
    match release(talk, &key, &token, is_plain).await {
        Ok(true) => Cycle::Released { set, release: begun.elapsed() },
        Ok(false) => failed(
            "the lock was gone before it was released",
            "see whether the server evicts keys (maxmemory-policy), or was started anew",
        ),
        Err(Stopped::Refused(error)) => refused(&error),
        Err(Stopped::Broken(trouble)) => broken(&trouble, "the release", talk, expires),
    }
}

enum Stopped {
    Refused(String),
    Broken(Trouble),
}

/// Deletes the key if the token is still in it: in one step, or in two where scripts are not permitted. The name is
/// random and known here only, so nobody comes in between.
async fn release(talk: &mut Talk, key: &str, token: &str, is_plain: &mut bool) -> Result<bool, Stopped> {
    if !*is_plain {
        match answer(talk, &["EVAL", RELEASE, "1", key, token]).await {
            Ok(reply) => return Ok(reply == Reply::Number(1)),
            Err(Stopped::Refused(error)) if is_not_allowed(&error) => *is_plain = true,
            Err(stopped) => return Err(stopped),
        }
    }
    let is_mine = match answer(talk, &["GET", key]).await {
        Ok(reply) => reply == Reply::Text(token.as_bytes().to_vec()),
        // Who may not look may still delete what is under a name that only we know.
        Err(Stopped::Refused(error)) if is_not_allowed(&error) => true,
        Err(stopped) => return Err(stopped),
    };
    if !is_mine {
        return Ok(false);
    }
    Ok(answer(talk, &["DEL", key]).await? == Reply::Number(1))
}

async fn answer(talk: &mut Talk, words: &[&str]) -> Result<Reply, Stopped> {
    match talk.ask(words).await {
        Ok((Reply::Error(error), _)) => Err(Stopped::Refused(error)),
        Ok((reply, _)) => Ok(reply),
        Err(trouble) => Err(Stopped::Broken(trouble)),
    }
}

fn refused(error: &str) -> Cycle {
    let meaning = meaning(error);
    // It was authenticated, and answered PING: what it refuses is the lock.
    let phase = if meaning.phase == Phase::Wait { Phase::Transfer } else { meaning.phase };
    Cycle::Failed(Meaning { phase, ..meaning })
}

fn failed(cause: &str, cure: &str) -> Cycle {
    Cycle::Failed(Meaning { phase: Phase::Transfer, cause: cause.to_owned(), cure: cure.to_owned() })
}

fn broken(trouble: &Trouble, to: &str, talk: &Talk, expires: Duration) -> Cycle {
    let what = match trouble {
        Trouble::Silent => format!("it did not answer {to} for {}", seconds(talk.timeout())),
        Trouble::Closed => format!("it closed the connection instead of answering {to}"),
        Trouble::NotRedis(instead) => format!("what it answers to {to} is not what a Redis says: {instead}"),
    };
    let cause = format!("{what}; a lock that was taken is gone after {} at most", seconds(expires));
    failed(&cause, "see whether the server is overloaded, and what its log says")
}
