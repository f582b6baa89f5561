//! Plays a script: has the links of the relay fail and recover when it says, and says so.

use std::time::Duration;

use netloom_core::impair::{
    Impairment,
    preset::Preset,
    script::{Change, FaultScript},
};
use tokio::time::{Instant, sleep_until};

use super::relay::Relay;

/// A network and what goes wrong in it.
pub struct Player {
    /// The network as it usually is.
    pub preset: Preset,
    /// The names of its nodes.
    pub names: Vec<String>,
    /// What goes wrong.
    pub script: FaultScript,
}

impl Player {
    /// All ways as they are at a moment of the script, s; `src × nodes + dst`.
    pub fn ways(&self, elapsed_s: f64) -> Vec<Impairment> {
        let count = self.names.len();
        let way = |src: usize, dst: usize| {
            if src == dst {
                return Impairment::default();
            }
            let usual = self.preset.way(src, dst, count);
            self.script.impaired(elapsed_s, &self.names[src], &self.names[dst], usual)
        };
        (0..count).flat_map(|src| (0..count).map(move |dst| (src, dst))).map(|(src, dst)| way(src, dst)).collect()
    }

    /// What will happen next after a moment of the script, in words.
    pub fn outlook(&self, elapsed_s: f64) -> String {
        let next = self.script.next_after(elapsed_s);
        let Some(first) = next.first() else { return "nothing more will happen".into() };
        format!("in {:.0} s {}", first.at_s - elapsed_s, sentences(&next))
    }

    /// Plays the script to its end, which one that begins anew has not.
    pub async fn play(&self, relay: &Relay) {
        let start = Instant::now();
        let mut elapsed_s = 0.0;
        loop {
            let next = self.script.next_after(elapsed_s);
            let Some(first) = next.first() else { return };
            elapsed_s = first.at_s;
            sleep_until(start + Duration::from_secs_f64(elapsed_s)).await;
            relay.set(self.ways(elapsed_s));
            tracing::info!("demo: {}; {}", sentences(&next), self.outlook(elapsed_s));
        }
    }
}

fn sentences(changes: &[Change]) -> String {
    changes.iter().map(Change::sentence).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outlook_says_what_comes_and_the_ways_follow() {
        let preset = Preset::Datacenter;
        let player = Player { preset, names: preset.node_names(8), script: preset.script(8) };
        assert_eq!(player.outlook(0.0), "in 30 s the link node-2 ↔ node-5 degrades (20 % loss, 60 ms more each way)");
        assert_eq!(player.outlook(170.0), "in 40 s node-7 comes back");
        let quiet = player.ways(0.0);
        let degraded = player.ways(30.0);
        let changed: Vec<_> = (0..64).filter(|way| quiet[*way] != degraded[*way]).collect();
        assert_eq!(changed, [8 + 4, 4 * 8 + 1]);
        assert_eq!(player.ways(180.0).iter().filter(|way| way.is_down).count(), 14);
        assert_eq!(player.ways(120.0), quiet);
        let silent = Player { script: FaultScript::default(), ..player };
        assert_eq!(silent.outlook(0.0), "nothing more will happen");
    }
}
