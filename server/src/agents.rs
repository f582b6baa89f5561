//! The owner of the agents that joined: makes codes, trades them for tokens, knows tokens, revokes them.
//!
//! A token is 256 random bits, so its digest needs no slow hash, and looking up the digest tells nobody anything about the
//! time a comparison takes.

use std::{
    collections::{HashMap, HashSet},
    io,
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use netloom_core::{
    api::AgentRecord,
    sample::check_node_name,
    time::Timestamp,
    uplink::{Enrol, Enrolled, Fingerprint, JoinCode, hex, unhex},
};

use tokio_util::sync::CancellationToken;

use crate::{
    clock, private,
    store::{
        StoreError,
        ledger::{
            Ledger,
            agent::{Digest, Joined, Joining},
        },
    },
};

/// How long a code is good, ms: time to copy a command to another machine.
pub const CODE_MS: i64 = 10 * 60_000;
/// Wrong codes that one address may show in a minute. Guessing one is hopeless anyway; this keeps the database quiet.
const WRONG_MAX: u32 = 10;
const WRONG_WINDOW_MS: i64 = 60_000;
/// Addresses whose wrong codes are remembered; beyond it all begin anew.
const ADDRESSES_MAX: usize = 1_024;

/// Why an agent or a code is refused.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// The code is wrong, used or expired.
    #[error("this code is not good: a code can be used once, within ten minutes; make a new one")]
    BadCode,
    /// Too many wrong codes came from there.
    #[error("too many wrong codes came from this address: wait a minute")]
    TooManyWrong,
    /// The name cannot be taken.
    #[error("{0}")]
    BadName(String),
    /// Another agent has that name.
    #[error("a node called {0} has joined already: choose another name with --node, or revoke that one first")]
    NameTaken(String),
    /// The hub itself has the name of an agent.
    #[error(
        "an agent called {0} has joined this hub: start the hub with another --node; to have this name for it, revoke that \
         agent then"
    )]
    OwnName(String),
    /// There is no room.
    #[error("{0}")]
    Full(&'static str),
    /// No agent has that name, or it is revoked already.
    #[error("no agent is called {0:?}, or it is revoked already")]
    Unknown(String),
    /// The system gives no random numbers.
    #[error("the system gives no random numbers: {0}")]
    Random(#[from] io::Error),
    /// It cannot be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An agent that may speak.
#[derive(Debug, Clone)]
pub struct Member {
    /// Its number.
    pub number: u32,
    /// The name of its node.
    pub node: String,
    /// Cancelled when it may speak no more, for whatever of it is still under way then.
    pub revoked: CancellationToken,
}

/// Counts of what was refused, for `/metrics`.
#[derive(Debug, Default)]
pub struct AgentCounts {
    /// Wrong, used or expired codes, and those that were not looked at because too many of them came from there.
    pub bad_codes: AtomicU64,
    /// Requests with a token that is not good, or with none.
    pub bad_tokens: AtomicU64,
}

/// The owner of the agents.
pub struct AgentKeeper {
    ledger: Arc<Ledger>,
    /// The name of the hub's own node, which nobody else may have.
    own_node: String,
    members: RwLock<HashMap<Digest, Arc<Member>>>,
    /// Since when, and how many wrong codes came from an address.
    wrong: Mutex<HashMap<IpAddr, (i64, u32)>>,
    /// Held while members change, so that what is known here is what is in the ledger.
    turn: tokio::sync::Mutex<()>,
    /// What was refused.
    pub counts: AgentCounts,
}

impl AgentKeeper {
    /// The agents of a ledger.
    ///
    /// # Errors
    /// When the ledger cannot be read, or an agent has the name of the hub's own node: both would write the same series.
    pub async fn open(ledger: Arc<Ledger>, own_node: String) -> Result<Self, AgentError> {
        let tokens = ledger.tokens().await?.into_iter();
        if tokens.as_slice().iter().any(|(_, _, node)| *node == own_node) {
            return Err(AgentError::OwnName(own_node));
        }
        let members = tokens
            .map(|(token, number, node)| (token, Arc::new(Member { number, node, revoked: CancellationToken::new() })))
            .collect();
        Ok(Self {
            ledger,
            own_node,
            members: RwLock::new(members),
            wrong: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
            counts: AgentCounts::default(),
        })
    }

    /// The name of the hub's own node.
    pub fn own_node(&self) -> &str {
        &self.own_node
    }

    /// Makes a code that is good once, and says until when.
    ///
    /// # Errors
    /// When too many are open, or it cannot be kept.
    pub async fn make_code(&self, fingerprint: Fingerprint) -> Result<(JoinCode, Timestamp), AgentError> {
        let (code, now) = (JoinCode { secret: private::random()?, fingerprint }, clock::now());
        let expires = Timestamp(now.ms() + CODE_MS);
        if !self.ledger.add_code(digest(&code.secret), now, expires).await? {
            return Err(AgentError::Full("too many codes are open: wait until some have expired"));
        }
        Ok((code, expires))
    }

    /// Trades a code for a token.
    ///
    /// # Errors
    /// When the code is not good, or the name cannot be taken; then the code still is.
    pub async fn enrol(&self, wish: Enrol, from: IpAddr) -> Result<Enrolled, AgentError> {
        let now = clock::now();
        if self.has_many_wrong(from, now) {
            self.counts.bad_codes.fetch_add(1, Ordering::Relaxed);
            return Err(AgentError::TooManyWrong);
        }
        check_node_name(&wish.node).map_err(AgentError::BadName)?;
        check_node_name(&wish.version).map_err(|_| AgentError::BadName("the version is no version".into()))?;
        if wish.node == self.own_node {
            return Err(AgentError::NameTaken(wish.node));
        }
        let Some(secret) = unhex(&wish.secret) else { return Err(self.wrong_code(from, now)) };
        let secret: [u8; netloom_core::uplink::SECRET_BYTES] = secret;
        let token = private::random::<32>()?;
        let joining = Joining {
            code: digest(&secret),
            token: digest(&token),
            node: wish.node,
            version: wish.version,
            from: from.to_string(),
        };
        let _turn = self.turn.lock().await;
        match self.ledger.join(&joining, now).await? {
            Joined::As(number) => {
                let member = Arc::new(Member { number, node: joining.node, revoked: CancellationToken::new() });
                tracing::info!(node = member.node, number, %from, "an agent joined");
                self.members.write().unwrap_or_else(PoisonError::into_inner).insert(joining.token, member);
                Ok(Enrolled { token: hex(&token), number })
            }
            Joined::BadCode => Err(self.wrong_code(from, now)),
            Joined::NameTaken => Err(AgentError::NameTaken(joining.node)),
            Joined::Full => Err(AgentError::Full("as many agents have joined as this hub takes")),
        }
    }

    /// Whoever shows this token, which is empty when none was shown.
    pub fn member(&self, token: &str) -> Option<Arc<Member>> {
        let shown = unhex::<32>(token).map(|token| digest(&token));
        let members = self.members.read().unwrap_or_else(PoisonError::into_inner);
        let known = shown.and_then(|shown| members.get(&shown).cloned());
        if known.is_none() {
            self.counts.bad_tokens.fetch_add(1, Ordering::Relaxed);
        }
        known
    }

    /// The numbers of all agents that may speak.
    pub fn numbers(&self) -> HashSet<u32> {
        self.members.read().unwrap_or_else(PoisonError::into_inner).values().map(|member| member.number).collect()
    }

    /// Takes the token of a node away, at once.
    ///
    /// # Errors
    /// When there is no such agent, or the ledger cannot be written.
    pub async fn revoke(&self, node: &str) -> Result<(), AgentError> {
        let _turn = self.turn.lock().await;
        if !self.ledger.revoke_agent(node, clock::now()).await? {
            return Err(AgentError::Unknown(node.to_owned()));
        }
        self.members.write().unwrap_or_else(PoisonError::into_inner).retain(|_, member| {
            let goes = member.node == node;
            if goes {
                member.revoked.cancel();
            }
            !goes
        });
        tracing::info!(node, "an agent was revoked");
        Ok(())
    }

    /// Every agent that ever joined, by name.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn records(&self) -> Result<Vec<AgentRecord>, StoreError> {
        self.ledger.agents().await
    }

    /// Notes the version with which an agent speaks.
    pub async fn note_version(&self, member: &Member, version: &str) {
        if let Err(error) = self.ledger.set_agent_version(member.number, version).await {
            tracing::warn!(%error, node = member.node, "cannot note the version of an agent");
        }
    }

    fn has_many_wrong(&self, from: IpAddr, now: Timestamp) -> bool {
        let wrong = self.wrong();
        wrong.get(&from).is_some_and(|(since, count)| now.ms() - since < WRONG_WINDOW_MS && *count >= WRONG_MAX)
    }

    fn wrong_code(&self, from: IpAddr, now: Timestamp) -> AgentError {
        self.counts.bad_codes.fetch_add(1, Ordering::Relaxed);
        let mut wrong = self.wrong();
        if wrong.len() >= ADDRESSES_MAX {
            wrong.clear();
        }
        let (since, count) = wrong.entry(from).or_insert((now.ms(), 0));
        if now.ms() - *since >= WRONG_WINDOW_MS {
            (*since, *count) = (now.ms(), 0);
        }
        *count += 1;
        AgentError::BadCode
    }

    fn wrong(&self) -> MutexGuard<'_, HashMap<IpAddr, (i64, u32)>> {
        self.wrong.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn digest(secret: &[u8]) -> Digest {
    private::sha256(secret)
}
