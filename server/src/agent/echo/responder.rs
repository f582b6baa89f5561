//! Answers the requests of other nodes, if they are genuine, fresh, new and not too many.

use std::collections::HashMap;

use netloom_core::mesh::{
    MeshKey,
    echo::{Kind, PACKET_BYTES, Packet},
    gate::{Gate, PROBERS_MAX, Request},
};

use super::{Message, Moment, counts::Dropped, seal::Seal};
use crate::{clock, mesh_key::way_key};

/// The responder of one node.
#[derive(Default)]
pub(super) struct Responder {
    key: Option<MeshKey>,
    /// Keys of ways that were derived before, by the prober's number. Only genuine requests get a place.
    seals: HashMap<u32, Seal>,
    gate: Gate,
}

impl Responder {
    /// Takes the key of this node; without one, nothing is answered.
    pub(super) fn set_key(&mut self, key: Option<MeshKey>) {
        if self.key != key {
            *self = Self { key, ..Self::default() };
        }
    }

    /// The answer to a request, stamped and sealed.
    pub(super) fn answer(&mut self, message: &Message, now: Moment) -> Result<[u8; PACKET_BYTES], Dropped> {
        let key = self.key.ok_or(Dropped::NoPart)?;
        let request = &message.packet;
        let mut derived = None;
        let seal: &Seal = if let Some(known) = self.seals.get(&request.prober) {
            known
        } else {
            derived.insert(Seal::new(&way_key(&key, request.prober)))
        };
        if !seal.is_whole(message.bytes) {
            return Err(Dropped::Forged);
        }
        let asked = Request { prober: request.prober, epoch: request.epoch, seq: request.seq, hub_ms: request.hub_ms };
        self.gate.admit(asked, now.steady_ns / 1_000_000, now.hub_ms)?;
        let stamped =
            Packet { kind: Kind::Reply, received_ns: message.came_ns, replied_ns: clock::now_ns(), ..*request };
        let mut reply = stamped.encode();
        seal.close(&mut reply);
        if let Some(derived) = derived {
            if self.seals.len() >= PROBERS_MAX {
                // Deriving them again costs little; telling which ones are still in use would cost more.
                self.seals.clear();
            }
            self.seals.insert(request.prober, derived);
        }
        Ok(reply)
    }
}

#[cfg(test)]
mod tests {
    use netloom_core::mesh::{KEY_BYTES, gate::FRESH_MS};

    use super::*;

    const KEY: MeshKey = MeshKey([9; KEY_BYTES]);
    const HUB_MS: i64 = 1_800_000_000_000;

    fn request(prober: u32, seq: u32, hub_ms: i64) -> (Packet, [u8; PACKET_BYTES]) {
        let packet = Packet {
            kind: Kind::Request,
            place: 0,
            prober,
            seq,
            epoch: 1,
            hub_ms,
            sent_ns: 77,
            received_ns: 0,
            replied_ns: 0,
        };
        let mut bytes = packet.encode();
        Seal::new(&way_key(&KEY, prober)).close(&mut bytes);
        (packet, bytes)
    }

    fn message<'a>(packet: &Packet, bytes: &'a [u8; PACKET_BYTES], came_ns: u64) -> Message<'a> {
        Message { packet: *packet, bytes, from: ([127, 0, 0, 1], 9).into(), came_ns }
    }

    fn responder() -> Responder {
        let mut responder = Responder::default();
        responder.set_key(Some(KEY));
        responder
    }

    const NOW: Moment = Moment { steady_ns: 0, wall_ns: 0, hub_ms: Some(HUB_MS) };

    #[test]
    fn a_genuine_request_is_answered_once_with_the_seal_of_its_way() {
        let mut responder = responder();
        let (packet, bytes) = request(3, 0, HUB_MS);
        let answer = responder.answer(&message(&packet, &bytes, 55), NOW).expect("answers");
        let reply = Packet::decode(&answer).expect("a packet");
        assert_eq!((reply.kind, reply.seq, reply.sent_ns, reply.received_ns), (Kind::Reply, 0, 77, 55));
        assert!(Seal::new(&way_key(&KEY, 3)).is_whole(&answer));
        assert_eq!(responder.answer(&message(&packet, &bytes, 55), NOW), Err(Dropped::Replayed));
    }

    #[test]
    fn what_is_forged_or_stale_is_not_answered_and_takes_no_place() {
        let mut responder = responder();
        let (packet, mut bytes) = request(3, 0, HUB_MS);
        bytes[90] ^= 1;
        assert_eq!(responder.answer(&message(&packet, &bytes, 1), NOW), Err(Dropped::Forged));
        let (as_another, bytes) = (Packet { prober: 4, ..packet }, request(3, 0, HUB_MS).1);
        assert_eq!(responder.answer(&message(&as_another, &bytes, 1), NOW), Err(Dropped::Forged));
        let (stale, bytes) = request(3, 1, HUB_MS - FRESH_MS as i64 - 1);
        assert_eq!(responder.answer(&message(&stale, &bytes, 1), NOW), Err(Dropped::Stale));
        assert!(responder.seals.is_empty());
    }

    #[test]
    fn without_a_key_or_with_another_nothing_of_before_is_answered() {
        let mut responder = responder();
        let (packet, bytes) = request(3, 0, HUB_MS);
        assert!(responder.answer(&message(&packet, &bytes, 1), NOW).is_ok());
        responder.set_key(Some(MeshKey([1; KEY_BYTES])));
        assert_eq!(responder.answer(&message(&packet, &bytes, 1), NOW), Err(Dropped::Forged));
        responder.set_key(None);
        assert_eq!(responder.answer(&message(&packet, &bytes, 1), NOW), Err(Dropped::NoPart));
    }

    #[test]
    fn derived_keys_are_bounded() {
        let mut responder = responder();
        for prober in 0..PROBERS_MAX as u32 * 2 {
            let (packet, bytes) = request(prober, 0, HUB_MS);
            let minutes = Moment { steady_ns: u64::from(prober) * 60_000_000_000, ..NOW };
            assert!(responder.answer(&message(&packet, &bytes, 1), minutes).is_ok());
            assert!(responder.seals.len() <= PROBERS_MAX);
        }
    }
}
