//! One peer as its prober sees it: its key, its trains, and when the next packet is due.

use netloom_core::{
    mesh::{
        Peer,
        echo::{Kind, PACKET_BYTES, Packet, round_trip_ns},
        pace::{Confirming, Pace},
        train::{Arrival, Train},
    },
    probe::Outcome,
};

use super::{Message, Moment, counts::Dropped, seal::Seal};
use crate::{clock, probe::outcome_of};

/// A peer that is probed.
pub(super) struct Probed {
    pub(super) peer: Peer,
    pub(super) pace: Pace,
    pub(super) confirming: Confirming,
    pub(super) train: Train,
    /// Why the last packet that could not be sent could not.
    pub(super) cause: String,
    seal: Seal,
    epoch: u64,
}

impl Probed {
    pub(super) fn new(peer: Peer, pace: Pace, epoch: u64) -> Self {
        let (seal, train) = (Seal::new(&peer.key), Train::default());
        Self { peer, pace, confirming: Confirming::No, train, cause: String::new(), seal, epoch }
    }

    /// The same peer at another pace.
    pub(super) fn at(self, pace: Pace) -> Self {
        Self { pace, ..self }
    }

    /// When the next packet is due, ns of the steady clock.
    pub(super) fn due_ns(&self) -> u64 {
        self.pace.due_ns().min(self.confirming.due_ns().unwrap_or(u64::MAX))
    }

    /// The next packet, sealed, and its sequence number. The stamp is taken as late as can be.
    pub(super) fn request(&mut self, prober: u32, now: Moment) -> (u32, [u8; PACKET_BYTES]) {
        let seq = self.train.send(now.steady_ns).unwrap_or_else(|| {
            // The numbers of this epoch are used up.
            self.epoch += 1;
            self.train = Train::default();
            self.train.send(now.steady_ns).unwrap_or_default()
        });
        let packet = Packet {
            kind: Kind::Request,
            place: self.pace.place() as u16,
            prober,
            seq,
            epoch: self.epoch,
            hub_ms: now.hub_ms.unwrap_or(0),
            sent_ns: clock::now_ns(),
            received_ns: 0,
            replied_ns: 0,
        };
        let mut bytes = packet.encode();
        self.seal.close(&mut bytes);
        (seq, bytes)
    }

    /// Notes that the system did not take a packet.
    pub(super) fn not_sent(&mut self, seq: u32, error: &std::io::Error) {
        // A port that refuses is a node that does not answer; only what never left this machine says nothing.
        if error.kind() == std::io::ErrorKind::ConnectionRefused || outcome_of(error) == Outcome::Lost {
            self.train.lose(seq);
        } else {
            self.train.fail(seq);
            self.cause = error.to_string();
        }
    }

    /// Takes an answer that came from the peer's address.
    pub(super) fn take(&mut self, message: &Message, now: Moment, timeout_us: f64) -> Result<(), Dropped> {
        let reply = &message.packet;
        if !self.seal.is_whole(message.bytes) {
            return Err(Dropped::Forged);
        }
        let sent_ns = self.train.sent_ns(reply.seq).filter(|_| reply.epoch == self.epoch).ok_or(Dropped::Unasked)?;
        let elapsed_ns = now.steady_ns.saturating_sub(sent_ns).max(1);
        let rtt_us = round_trip_ns(reply, message.came_ns, elapsed_ns) as f64 / 1e3;
        match self.train.answer(reply.seq, rtt_us, timeout_us) {
            Arrival::InTime => Ok(()),
            Arrival::Late => Err(Dropped::Late),
            Arrival::Duplicate => Err(Dropped::Duplicate),
            Arrival::Unknown => Err(Dropped::Unasked),
        }
    }
}
