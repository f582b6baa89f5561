//! Sends trains to the peers and makes rounds of what comes back.

use std::{collections::HashMap, io, net::SocketAddr};

use netloom_core::{
    mesh::{
        MeshOrders, Peer,
        echo::PACKET_BYTES,
        pace::{CONFIRMING_MAX, Confirming, Pace},
        train::Round,
    },
    schedule::stagger_ms,
    settings::mesh::MeshSettings,
};

use super::{Message, Moment, counts::Dropped, peer::Probed, socket::canonical};
use crate::clock;

/// Peers of one node: the limit of the setting. What a hub orders beyond it is left out.
const PEERS_MAX: usize = 256;
/// How often lost packets are looked for, ns: often enough to confirm a loss at once, seldom enough to cost nothing.
const EXPIRE_NS: u64 = 50_000_000;

/// The prober of one node.
#[derive(Default)]
pub(super) struct Prober {
    number: u32,
    settings: MeshSettings,
    peers: Vec<Probed>,
    by_address: HashMap<SocketAddr, usize>,
    last_epoch: u64,
    next_round_ns: u64,
    next_expiry_ns: u64,
}

impl Prober {
    /// Takes orders. Peers that stay are probed on as if nothing had happened, unless it is settings that changed.
    pub(super) fn adopt(&mut self, orders: Option<&MeshOrders>, settings: &MeshSettings, now: Moment) {
        let number = orders.map_or(0, |orders| orders.number);
        let is_same_pace =
            (settings.interval_ms, settings.packets) == (self.settings.interval_ms, self.settings.packets);
        let was_idle = self.peers.is_empty();
        let mut known: HashMap<u32, Probed> =
            self.peers.drain(..).filter(|_| number == self.number).map(|probed| (probed.peer.number, probed)).collect();
        let wanted = orders.filter(|_| settings.enabled).map_or(&[][..], |orders| &orders.peers);
        let count = wanted.len().min(PEERS_MAX);
        for (index, peer) in wanted.iter().take(PEERS_MAX).enumerate() {
            let peer = Peer { address: canonical(peer.address), ..peer.clone() };
            let stagger_ns = stagger_ms(index, count, settings.interval_ms, fastrand::f64()) * 1_000_000;
            let pace = Pace::new(settings.interval_ms * 1_000_000, settings.packets, now.steady_ns + stagger_ns);
            let probed = match known.remove(&peer.number).filter(|known| known.peer == peer) {
                Some(known) if is_same_pace => known,
                Some(known) => known.at(pace),
                None => Probed::new(peer, pace, self.next_epoch()),
            };
            self.peers.push(probed);
        }
        self.by_address = self.peers.iter().enumerate().map(|(at, probed)| (probed.peer.address, at)).collect();
        // A round that was due while there were no peers is none.
        if !is_same_pace || was_idle {
            self.next_round_ns = now.steady_ns + settings.interval_ms * 1_000_000;
        }
        self.number = number;
        self.settings = settings.clone();
    }

    /// A later one than any before, also when the clock went back.
    fn next_epoch(&mut self) -> u64 {
        self.last_epoch = (clock::now_ns() / 1_000_000).max(self.last_epoch + 1);
        self.last_epoch
    }

    pub(super) fn peers(&self) -> &[Probed] {
        &self.peers
    }

    /// When something is to be done, ns of the steady clock; `None` without peers.
    pub(super) fn due_ns(&self) -> Option<u64> {
        self.peers.iter().map(Probed::due_ns).min().map(|due_ns| due_ns.min(self.next_round_ns))
    }

    /// Sends what is due; each packet is stamped right before it goes, which is why they do not go by one call. `send` is
    /// told the moment just before the stamp. Returns how many were sent.
    pub(super) fn send_due(
        &mut self,
        moment: impl Fn() -> Moment,
        mut send: impl FnMut(&[u8; PACKET_BYTES], SocketAddr, Moment) -> io::Result<()>,
    ) -> u32 {
        let mut count = 0;
        let start_ns = moment().steady_ns;
        for probed in self.peers.iter_mut().filter(|probed| probed.due_ns() <= start_ns) {
            let now = moment();
            let (seq, bytes) = probed.request(self.number, now);
            if let Err(error) = send(&bytes, probed.peer.address, now) {
                probed.not_sent(seq, &error);
            }
            count += 1;
            if probed.pace.due_ns() <= start_ns {
                probed.pace.advance(now.steady_ns, fastrand::f64());
            } else {
                probed.confirming.advance(now.steady_ns);
            }
        }
        count
    }

    /// Takes an answer.
    pub(super) fn take(&mut self, message: &Message, now: Moment) -> Result<(), Dropped> {
        if message.packet.prober != self.number {
            return Err(Dropped::Unasked);
        }
        let at = *self.by_address.get(&message.from).ok_or(Dropped::Elsewhere)?;
        self.peers[at].take(message, now, self.settings.timeout_ms as f64 * 1e3)
    }

    /// Gives up what has waited too long, and has a closer look at peers that lost something. To be called when all
    /// answers that came are taken.
    pub(super) fn expire(&mut self, now_ns: u64) {
        if now_ns < self.next_expiry_ns {
            return;
        }
        self.next_expiry_ns = now_ns + EXPIRE_NS;
        let is_on = |probed: &&Probed| matches!(probed.confirming, Confirming::Until { .. });
        let mut confirming = self.peers.iter().filter(is_on).count();
        for probed in &mut self.peers {
            let lost = probed.train.expire(now_ns, self.settings.timeout_ms * 1_000_000);
            if lost > 0 && confirming < CONFIRMING_MAX && probed.confirming.may_begin(now_ns) {
                probed.confirming = Confirming::begin(now_ns);
                confirming += 1;
            }
        }
    }

    /// The round that is due: what became known of peers, each by its place among them; `None` when none is due.
    pub(super) fn round(&mut self, now_ns: u64) -> Option<Vec<(usize, Round)>> {
        if self.peers.is_empty() || now_ns < self.next_round_ns {
            return None;
        }
        let interval_ns = self.settings.interval_ms.max(1) * 1_000_000;
        self.next_round_ns += ((now_ns - self.next_round_ns) / interval_ns + 1) * interval_ns;
        let peers = self.peers.iter_mut().enumerate();
        Some(peers.filter_map(|(at, probed)| Some((at, probed.train.round()?))).collect())
    }
}

#[cfg(test)]
mod tests {
    use netloom_core::mesh::{KEY_BYTES, MeshKey};

    use super::*;

    fn orders(count: u32) -> MeshOrders {
        let key = MeshKey([0; KEY_BYTES]);
        let peer = |number: u32| Peer {
            node: format!("n{number}"),
            number,
            address: SocketAddr::from(([127, 0, 1, number as u8], 9)),
            key,
        };
        MeshOrders { number: 0, key, peers: (1..=count).map(peer).collect() }
    }

    fn at(steady_ns: u64) -> Moment {
        Moment { steady_ns, wall_ns: 0, hub_ms: None }
    }

    /// Runs a prober whose packets all get lost, and returns how many it sent in each second.
    fn sent_into_the_void(peers: u32, seconds: usize) -> Vec<u32> {
        let mut prober = Prober::default();
        prober.adopt(Some(&orders(peers)), &MeshSettings::default(), at(0));
        let mut sent = vec![0; seconds];
        for step in 0..seconds as u64 * 200 {
            let now_ns = step * 5_000_000;
            sent[(now_ns / 1_000_000_000) as usize] += prober.send_due(|| at(now_ns), |_, _, _| Ok(()));
            prober.expire(now_ns);
            let is_on = |probed: &&Probed| matches!(probed.confirming, Confirming::Until { .. });
            assert!(prober.peers.iter().filter(is_on).count() <= CONFIRMING_MAX);
        }
        sent
    }

    #[test]
    fn a_mesh_that_is_down_is_looked_at_closely_within_bounds() {
        let sent = sent_into_the_void(50, 40);
        let trains = 50 * 5;
        assert!(sent[0] <= trains, "nothing is known to be lost yet: {sent:?}");
        assert!(sent[4] > trains + 40, "some peers are looked at closely: {sent:?}");
        assert!(sent.iter().all(|sent| *sent <= trains + 100), "{sent:?}");
    }

    #[test]
    fn one_peer_that_is_down_gets_a_hundred_packets_more_and_then_a_pause() {
        let sent = sent_into_the_void(1, 20);
        let more: u32 = sent[..10].iter().map(|sent| sent.saturating_sub(5)).sum();
        assert!((90..=105).contains(&more), "{sent:?}");
        assert!(sent[8..15].iter().all(|sent| *sent <= 6), "{sent:?}");
    }

    #[test]
    fn orders_beyond_the_limit_are_left_out_and_rounds_wait_for_peers() {
        let mut prober = Prober::default();
        let settings = MeshSettings::default();
        prober.adopt(Some(&orders(300)), &settings, at(0));
        assert_eq!(prober.peers.len(), PEERS_MAX);
        prober.adopt(None, &settings, at(5));
        assert_eq!((prober.due_ns(), prober.round(9_000_000_000)), (None, None));
        prober.adopt(Some(&orders(2)), &settings, at(9_000_000_000));
        assert!(prober.due_ns().is_some_and(|due_ns| due_ns >= 9_000_000_000));
        let off = MeshSettings { enabled: false, ..settings };
        prober.adopt(Some(&orders(2)), &off, at(9_000_000_001));
        assert!(prober.peers.is_empty());
    }
}
