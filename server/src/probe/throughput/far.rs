//! The end that is tested against. It listens for one test, and refuses everybody else meanwhile.

mod door;
mod session;

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use netloom_core::check::throughput::{
    Direction, Flowed,
    wire::{Far, Near, Refused},
};
use ring::{hmac, rand::SystemRandom};
use socket2::{Domain, Socket, Type};
use tokio::{net::TcpListener, time::sleep};

use self::door::{Arrival, Door};
use super::turn::{BEGUN_LIMIT, Turns};

/// Connections that wait to be taken: those of both directions, and some of strangers.
const BACKLOG: i32 = 64;

/// What is offered to the near end.
#[derive(Debug, Clone)]
pub struct Offer {
    /// What lets it in.
    pub ticket: String,
    /// How long it is waited for; the ticket is good for so long.
    pub within: Duration,
    /// How long its test may take, the warm-up included.
    pub longest: Duration,
    /// How much may be sent in each direction, bytes.
    pub bytes_max: u64,
}

/// A test that came to its end.
#[derive(Debug, Clone, PartialEq)]
pub struct Served {
    /// Who it was with.
    pub peer: SocketAddr,
    /// Which way, seen from the other end.
    pub direction: Direction,
    /// What came here.
    pub received: Option<Flowed>,
}

/// The far end of tests.
pub struct FarEnd {
    door: Door,
    address: SocketAddr,
    /// Where each test takes its turn when it begins: waiting for one loads nothing. An agent, which listens for a single
    /// test, has taken it before.
    pub turns: Turns,
}

impl FarEnd {
    /// Listens at an address, or on a free port of every address.
    ///
    /// # Errors
    /// When it is taken, or not one of this machine's.
    pub fn bind(listen: Option<SocketAddr>) -> io::Result<Self> {
        let listener = match listen {
            Some(address) => listen_at(address)?,
            // Not every system has version 6.
            None => listen_at((Ipv6Addr::UNSPECIFIED, 0).into())
                .or_else(|_| listen_at((Ipv4Addr::UNSPECIFIED, 0).into()))?,
        };
        let address = listener.local_addr()?;
        Ok(Self { door: Door::new(listener), address, turns: Turns::default() })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits for the near end with the ticket, and makes one test with it.
    ///
    /// # Errors
    /// Why there was none, or none that came to its end.
    pub async fn serve(&mut self, offer: &Offer) -> Result<Served, String> {
        let mut expired = std::pin::pin!(sleep(offer.within));
        loop {
            let arrival = tokio::select! {
                arrival = self.door.next() => arrival,
                () = &mut expired => return Err(format!("nobody came within {} s", offer.within.as_secs())),
            };
            // A connection for data of no test that there is.
            let Arrival::Control { mut control, hello: Near::Hello { ticket, plan }, peer } = arrival else { continue };
            let longest_ms = offer.longest.as_millis().try_into().unwrap_or(u64::MAX);
            let why = if is_same(&ticket, &offer.ticket) {
                plan.check(longest_ms, offer.bytes_max).err().map(|what| Refused::TooMuch { what })
            } else {
                Some(Refused::Ticket)
            };
            if let Some(why) = why {
                // Whether it hears that is its affair.
                door::refuse(control, Far::Refused { why });
                continue;
            }
            let Some(_turn) = self.turns.take(BEGUN_LIMIT, Some(&ticket)).await else {
                door::refuse(control, Far::Refused { why: Refused::Busy });
                continue;
            };
            let (direction, port) = (plan.direction, self.address.port());
            let session = session::Session { control: &mut control, plan, door: &mut self.door, port };
            return session.run().await.map(|received| Served { peer, direction, received });
        }
    }
}

/// Whether two tickets are one. How long that takes tells nothing about where they differ.
fn is_same(shown: &str, wanted: &str) -> bool {
    let Ok(key) = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()) else { return false };
    hmac::verify(&key, shown.as_bytes(), hmac::sign(&key, wanted.as_bytes()).as_ref()).is_ok()
}

fn listen_at(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    if address.is_ipv6() {
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    // A port that people chose is to be had again right after a test.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    TcpListener::from_std(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tickets_are_the_same_or_not() {
        assert!(is_same("0123456789abcdef", "0123456789abcdef"));
        for wrong in ["", "0123456789abcdeF", "0123456789abcde", "0123456789abcdef0"] {
            assert!(!is_same(wrong, "0123456789abcdef"), "{wrong}");
        }
    }
}
