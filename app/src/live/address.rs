//! The address of the stream, with what the tab wants to be told.

use netloom_core::event::Wanted;

use crate::range::segment;

/// What is there for every page; samples and matrices are named one by one.
const TOPICS: &str = "/api/v1/stream?topics=samples,nodes,alerts,settings,runs,verdict,diagnoses,marks";
/// Wishes longer than this follow once the connection has a name: proxies cut long addresses.
const WISHES_MAX_CHARS: usize = 1_500;

/// The address, and what the hub knows of the wishes from it alone.
pub(super) fn address(wanted: &Wanted, after: Option<String>) -> (String, Wanted) {
    let samples = serde_json::to_string(wanted.samples.as_deref().unwrap_or_default()).unwrap_or_default();
    let wishes = format!("&samples={}&matrix={}", segment(&samples), wanted.matrix.join(","));
    let after = after.map(|cursor| format!("&after={cursor}")).unwrap_or_default();
    if wishes.len() > WISHES_MAX_CHARS {
        return (format!("{TOPICS}&samples=[]{after}"), Wanted { samples: Some(Vec::new()), matrix: Vec::new() });
    }
    (format!("{TOPICS}{wishes}{after}"), wanted.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use netloom_core::{event::Interest, sample::Labels};

    #[test]
    fn short_wishes_are_in_the_address_and_long_ones_follow() {
        let interest = Interest { metric: "rtt_us".into(), labels: Labels::from([("src".into(), "a&b".into())]) };
        let mut wanted = Wanted { samples: Some(vec![interest.clone()]), matrix: vec!["rtt_us".into()] };
        let (url, told) = address(&wanted, Some("1:2".into()));
        assert!(url.ends_with("&matrix=rtt_us&after=1:2") && url.contains("a%26b"), "{url}");
        assert_eq!(told, wanted);
        wanted.samples = Some(vec![interest; 60]);
        let (url, told) = address(&wanted, None);
        assert!(url.ends_with("&samples=[]"), "{url}");
        assert_eq!(told, Wanted { samples: Some(Vec::new()), matrix: Vec::new() });
    }
}
