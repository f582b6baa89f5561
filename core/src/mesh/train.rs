//! What became of the packets sent to one peer, and the figures of a round.
//!
//! A round takes every packet whose fate became known since the last one. So what arrived is told at once, what is lost
//! is told when its time is over, and each packet counts in exactly one round.

use std::collections::VecDeque;

use crate::{
    probe::Outcome,
    stats::round::{RoundSummary, summarise},
};

/// Packets that are remembered for one peer: more than the fastest trains that settings allow, with confirming, send
/// until the longest timeout is over. The oldest go first.
const PACKETS_MAX: usize = 2_048;

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    Open,
    Answered { rtt_us: f64 },
    Lost,
    Failed,
}

#[derive(Debug, Clone, Copy)]
struct Packet {
    sent_ns: u64,
    fate: Fate,
    is_told: bool,
    /// Its answer came more than once.
    is_duplicated: bool,
}

/// What an answer was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// The first one, in time.
    InTime,
    /// It came after the timeout: its packet is lost.
    Late,
    /// There was one before.
    Duplicate,
    /// To nothing that was sent, or sent too long ago.
    Unknown,
}

/// The figures of one round with one peer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Round {
    /// Times and loss.
    pub summary: RoundSummary,
    /// Packets that were sent: what the loss is a part of.
    pub sent: u32,
    /// Packets that got no answer in time.
    pub lost: u32,
    /// Packets that could not be sent, which says nothing about the path.
    pub failed: u32,
    /// First answers that came after one to a packet sent later, over first answers in time (RFC 4737 section 4.1:
    /// such a packet is below the next expected one); `None` without answers.
    pub reorder_ratio: Option<f64>,
    /// Packets whose answer came more than once, however often, over packets sent (the replicated packets of RFC 5560,
    /// which takes them over those that arrived; over those sent it is defined without answers); `None` when nothing was
    /// sent. Those of which that became known after their round count in the next ones.
    pub duplicate_ratio: Option<f64>,
    /// When the first of these packets was sent, ns of the prober's steady clock.
    pub first_sent_ns: u64,
}

/// The packets sent to one peer, in the order of their sequence numbers.
#[derive(Debug, Clone, Default)]
pub struct Train {
    packets: VecDeque<Packet>,
    /// The sequence number of the first packet in the list; wider than one, to say that they are used up.
    first_seq: u64,
    newest_answered: Option<u32>,
    reordered: u32,
    /// Packets that were answered more than once, and that no round has told yet.
    duplicated: u32,
}

impl Train {
    /// Notes a packet that is about to be sent, and returns its sequence number; `None` when the numbers are used up and a
    /// new epoch must begin.
    pub fn send(&mut self, now_ns: u64) -> Option<u32> {
        let seq = u32::try_from(self.first_seq + self.packets.len() as u64).ok()?;
        if self.packets.len() == PACKETS_MAX {
            self.packets.pop_front();
            self.first_seq += 1;
        }
        self.packets.push_back(Packet { sent_ns: now_ns, fate: Fate::Open, is_told: false, is_duplicated: false });
        Some(seq)
    }

    /// Notes that the packet could not be sent.
    pub fn fail(&mut self, seq: u32) {
        self.decide(seq, Fate::Failed);
    }

    /// Notes that the system knows already that no answer will come.
    pub fn lose(&mut self, seq: u32) {
        self.decide(seq, Fate::Lost);
    }

    fn decide(&mut self, seq: u32, fate: Fate) {
        if let Some(packet) = self.packet(seq)
            && packet.fate == Fate::Open
        {
            packet.fate = fate;
        }
    }

    /// When the packet was sent, ns; `None` when it is not known.
    pub fn sent_ns(&self, seq: u32) -> Option<u64> {
        let at = u64::from(seq).checked_sub(self.first_seq)? as usize;
        self.packets.get(at).map(|packet| packet.sent_ns)
    }

    /// Notes an answer.
    pub fn answer(&mut self, seq: u32, rtt_us: f64, timeout_us: f64) -> Arrival {
        let Some(packet) = self.packet(seq) else { return Arrival::Unknown };
        match packet.fate {
            Fate::Open if rtt_us <= timeout_us => packet.fate = Fate::Answered { rtt_us },
            Fate::Open => {
                packet.fate = Fate::Lost;
                return Arrival::Late;
            }
            Fate::Lost => return Arrival::Late,
            Fate::Answered { .. } => {
                let is_first = !std::mem::replace(&mut packet.is_duplicated, true);
                self.duplicated += u32::from(is_first);
                return Arrival::Duplicate;
            }
            Fate::Failed => return Arrival::Unknown,
        }
        match self.newest_answered {
            Some(newest) if seq < newest => self.reordered += 1,
            _ => self.newest_answered = Some(seq),
        }
        Arrival::InTime
    }

    fn packet(&mut self, seq: u32) -> Option<&mut Packet> {
        let at = u64::from(seq).checked_sub(self.first_seq)? as usize;
        self.packets.get_mut(at)
    }

    /// Gives up what has waited longer than the timeout, and forgets what was told and can hardly be answered any more.
    /// Returns how many packets were lost by it.
    pub fn expire(&mut self, now_ns: u64, timeout_ns: u64) -> u32 {
        while self.packets.front().is_some_and(|packet| {
            packet.is_told && now_ns.saturating_sub(packet.sent_ns) > timeout_ns.saturating_mul(2)
        }) {
            self.packets.pop_front();
            self.first_seq += 1;
        }
        let mut lost = 0;
        for packet in &mut self.packets {
            if now_ns.saturating_sub(packet.sent_ns) <= timeout_ns {
                break;
            }
            if packet.fate == Fate::Open {
                packet.fate = Fate::Lost;
                lost += 1;
            }
        }
        lost
    }

    /// The figures of what became known since the last round; `None` when nothing did.
    pub fn round(&mut self) -> Option<Round> {
        let mut outcomes = Vec::with_capacity(self.packets.len());
        let mut first_sent_ns = None;
        let (mut lost, mut failed, mut answered) = (0, 0, 0_u32);
        for packet in &mut self.packets {
            if packet.is_told || packet.fate == Fate::Open {
                // Keeps its neighbours from passing for successive ones.
                outcomes.push(Outcome::Failed { cause: String::new() });
                continue;
            }
            packet.is_told = true;
            first_sent_ns.get_or_insert(packet.sent_ns);
            outcomes.push(match packet.fate {
                Fate::Answered { rtt_us } => {
                    answered += 1;
                    Outcome::Reply { rtt_us }
                }
                Fate::Lost => {
                    lost += 1;
                    Outcome::Lost
                }
                Fate::Failed | Fate::Open => {
                    failed += 1;
                    Outcome::Failed { cause: String::new() }
                }
            });
        }
        let first_sent_ns = first_sent_ns?;
        let sent = answered + lost;
        // What is more than this round's packets belongs to those of rounds before, and is told with the next ones.
        let ratio = |count: &mut u32, of: u32| {
            let told = (*count).min(of);
            *count -= told;
            (of > 0).then(|| f64::from(told) / f64::from(of))
        };
        Some(Round {
            summary: summarise(&outcomes),
            sent,
            lost,
            failed,
            reorder_ratio: ratio(&mut self.reordered, answered),
            duplicate_ratio: ratio(&mut self.duplicated, sent),
            first_sent_ns,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT_NS: u64 = 1_000;
    const TIMEOUT_US: f64 = 1.0;

    fn sent(count: u32) -> Train {
        let mut train = Train::default();
        for seq in 0..count {
            assert_eq!(train.send(u64::from(seq) * 100), Some(seq));
        }
        train
    }

    #[test]
    fn a_whole_train_gives_every_figure() {
        let mut train = sent(3);
        for (seq, rtt_us) in [(0, 0.1), (1, 0.3), (2, 0.2)] {
            assert_eq!(train.answer(seq, rtt_us, TIMEOUT_US), Arrival::InTime);
        }
        let round = train.round().expect("all is known");
        assert_eq!((round.sent, round.lost, round.failed, round.first_sent_ns), (3, 0, 0, 0));
        assert_eq!((round.summary.rtt_us, round.summary.rtt_max_us), (Some(0.2), Some(0.3)));
        assert!((round.summary.jitter_us.expect("three in a row") - 0.15).abs() < 1e-9);
        assert_eq!((round.reorder_ratio, round.duplicate_ratio), (Some(0.0), Some(0.0)));
        assert_eq!(train.round(), None, "each packet counts once");
    }

    #[test]
    fn what_is_open_is_told_later_and_not_bridged_by_jitter() {
        let mut train = sent(3);
        train.answer(0, 0.1, TIMEOUT_US);
        train.answer(2, 0.9, TIMEOUT_US);
        let first = train.round().expect("two are known");
        assert_eq!((first.sent, first.summary.loss_ratio, first.summary.jitter_us), (2, Some(0.0), None));
        assert_eq!(train.expire(1_100, TIMEOUT_NS), 0);
        assert_eq!(train.expire(1_101, TIMEOUT_NS), 1);
        let second = train.round().expect("the third is known");
        assert_eq!((second.sent, second.lost, second.summary.loss_ratio), (1, 1, Some(1.0)));
        assert_eq!(second.first_sent_ns, 100);
    }

    #[test]
    fn a_late_answer_is_a_loss_whether_it_is_read_before_or_after_the_end_of_its_time() {
        let mut train = sent(2);
        assert_eq!(train.answer(0, 1.1, TIMEOUT_US), Arrival::Late);
        assert_eq!(train.expire(2_000, TIMEOUT_NS), 1);
        assert_eq!(train.answer(1, 1.2, TIMEOUT_US), Arrival::Late);
        assert_eq!(train.round().expect("both are known").summary.loss_ratio, Some(1.0));
    }

    #[test]
    fn an_answer_in_time_that_is_read_late_is_no_loss() {
        let mut train = sent(1);
        assert_eq!(train.answer(0, 0.5, TIMEOUT_US), Arrival::InTime);
        assert_eq!(train.expire(9_000_000, TIMEOUT_NS), 0);
        assert_eq!(train.round().expect("known").summary.loss_ratio, Some(0.0));
    }

    #[test]
    fn answers_that_were_overtaken_and_that_come_twice_are_told() {
        let mut train = sent(4);
        for seq in [0, 2, 3, 1] {
            assert_eq!(train.answer(seq, 0.5, TIMEOUT_US), Arrival::InTime);
        }
        assert_eq!(train.answer(2, 0.6, TIMEOUT_US), Arrival::Duplicate);
        let round = train.round().expect("all is known");
        assert_eq!((round.reorder_ratio, round.duplicate_ratio), (Some(0.25), Some(0.25)));
        assert_eq!(train.send(1_000), Some(4));
        train.answer(4, 0.5, TIMEOUT_US);
        let next = train.round().expect("known");
        assert_eq!((next.reorder_ratio, next.duplicate_ratio), (Some(0.0), Some(0.0)));
    }

    #[test]
    fn a_packet_answered_many_times_counts_once_and_late_duplicates_go_to_the_next_rounds() {
        let mut train = sent(3);
        for seq in [0, 0, 0, 0, 1, 2] {
            train.answer(seq, 0.5, TIMEOUT_US);
        }
        assert_eq!(train.round().expect("all is known").duplicate_ratio, Some(1.0 / 3.0));
        // The other two are known to have come twice when only one more packet was sent.
        for seq in [1, 2, 2] {
            assert_eq!(train.answer(seq, 0.5, TIMEOUT_US), Arrival::Duplicate);
        }
        for expected in [1.0, 1.0, 0.0] {
            let seq = train.send(1_000).expect("there are numbers left");
            train.answer(seq, 0.5, TIMEOUT_US);
            assert_eq!(train.round().expect("known").duplicate_ratio, Some(expected));
        }
    }

    #[test]
    fn what_could_not_be_sent_is_no_loss_and_what_was_refused_is() {
        let mut train = sent(3);
        train.fail(0);
        train.lose(1);
        train.answer(2, 0.5, TIMEOUT_US);
        let round = train.round().expect("all is known");
        assert_eq!((round.sent, round.lost, round.failed, round.summary.loss_ratio), (2, 1, 1, Some(0.5)));
        let mut none = sent(1);
        none.fail(0);
        let round = none.round().expect("known");
        assert_eq!((round.summary.loss_ratio, round.duplicate_ratio), (None, None));
    }

    #[test]
    fn answers_to_nothing_are_known_as_such() {
        let mut train = sent(2);
        assert_eq!(train.answer(2, 0.5, TIMEOUT_US), Arrival::Unknown);
        train.answer(0, 0.5, TIMEOUT_US);
        train.answer(1, 0.5, TIMEOUT_US);
        train.round();
        train.expire(100_000, TIMEOUT_NS);
        assert!(train.packets.is_empty());
        assert_eq!(train.answer(0, 0.5, TIMEOUT_US), Arrival::Unknown);
        assert_eq!(train.send(100_000), Some(2), "numbers go on");
    }

    #[test]
    fn memory_is_bounded_and_numbers_end() {
        let mut train = sent(PACKETS_MAX as u32 + 10);
        assert_eq!((train.packets.len(), train.first_seq), (PACKETS_MAX, 10));
        train.packets.clear();
        train.first_seq = u64::from(u32::MAX);
        assert_eq!(train.send(0), Some(u32::MAX));
        assert_eq!(train.send(0), None);
    }
}
