//! The largest packet that passes whole: packets that nobody may take apart, of sizes that core chooses.
//!
//! Echoes of ICMP where they are permitted and answered, else UDP to a port that nobody has. The kernel's memory of earlier
//! findings is left aside (`IP_PMTUDISC_PROBE`, ip(7)).

#[cfg(target_os = "linux")]
mod run;

use std::net::IpAddr;

use netloom_core::check::{Finding, Outcome, Phase, path::mtu::Bound, spec::HostSpec};

use super::steps::Steps;
use crate::check::{Means, Told};

/// What a search found.
struct Found {
    /// The largest that passes, bytes, and what bounds it; `None` when the host answers nothing.
    size: Option<(u32, Bound)>,
    /// Who said that more is too large.
    told_by: Option<IpAddr>,
    /// Whether there was time to the end.
    is_whole: bool,
}

/// Runs the check.
pub async fn check(spec: &HostSpec, _means: &Means, _told: Told<'_>) -> Finding {
    let mut steps = Steps::start();
    let address = match steps.resolve(&spec.host, spec.family).await {
        Ok(address) => address,
        Err(failed) => return failed,
    };
    let finding = search(spec, address).await;
    steps.close_last(finding)
}

#[cfg(target_os = "linux")]
async fn search(spec: &HostSpec, to: IpAddr) -> Finding {
    use std::time::Duration;

    let limit = Duration::from_millis(spec.timeout_ms.max(1));
    let ran = tokio::task::spawn_blocking(move || run::run(to, limit)).await;
    match ran {
        Ok(Ok(found)) => meaning(&found, to.is_ipv6()),
        Ok(Err(finding)) => *finding,
        Err(error) => Finding::failed(Phase::Transfer, error.to_string(), ""),
    }
}

/// Elsewhere packets that must stay whole cannot be asked for safely.
#[cfg(not(target_os = "linux"))]
async fn search(_spec: &HostSpec, _to: IpAddr) -> Finding {
    const CURE: &str = "look from an agent on Linux, or with `ping` and its option for packets that must stay whole";
    Finding::failed(Phase::Prepare, "this system does not let programs forbid fragments", CURE)
}

/// What the headers of IP and TCP take (RFC 879, RFC 8200).
const fn headers(is_v6: bool) -> u32 {
    if is_v6 { 60 } else { 40 }
}

fn meaning(found: &Found, is_v6: bool) -> Finding {
    let Some((size, bound)) = found.size else {
        let mut finding = Finding::new(Outcome::Lost);
        finding.note("The host answers neither echoes nor UDP, so the size of what reaches it cannot be told.");
        return finding;
    };
    let mut finding = Finding::new(Outcome::Reply);
    if !found.is_whole {
        // Not the MTU, so not its figure.
        finding.note(format!("There was no time to look to the end: {size} bytes pass, and more may."));
        return finding;
    }
    if bound == Bound::Silence {
        let mss = size.saturating_sub(headers(is_v6));
        let cause = format!("packets larger than {size} bytes vanish without a word, on the way there or back");
        let cure = format!(
            "let ICMP tell of packets that are too large, or clamp the MSS of TCP to {mss}, or lower the MTU of this \
             machine's interface to {size}"
        );
        finding.outcome = Outcome::Failed { phase: Phase::Transfer, cause, cure };
    } else if let (Bound::Told, Some(by)) = (bound, found.told_by) {
        finding.note(format!("{by} says that larger packets are too large; senders are told, so they can keep to it."));
    } else if bound == Bound::Here {
        finding.note("As large as this machine's interface sends.");
    }
    finding.figure("path_mtu_bytes", f64::from(size));
    finding
}

#[cfg(test)]
mod tests {
    use netloom_core::check::spec::Family;

    use super::*;

    fn found(size: Option<(u32, Bound)>) -> Found {
        Found { size, told_by: Some(IpAddr::from([10, 0, 0, 1])), is_whole: true }
    }

    #[test]
    fn a_black_hole_is_a_failure_with_a_cure_and_the_size() {
        let finding = meaning(&found(Some((1_400, Bound::Silence))), false);
        let Outcome::Failed { phase, cause, cure } = &finding.outcome else { panic!("{finding:?}") };
        assert_eq!((*phase, finding.value("path_mtu_bytes")), (Phase::Transfer, Some(1_400.0)));
        assert!(cause.contains("1400 bytes vanish") && cure.contains("MSS of TCP to 1360"), "{cause}: {cure}");
        let cut = meaning(&Found { is_whole: false, ..found(Some((1_400, Bound::Silence))) }, false);
        assert_eq!(
            (&cut.outcome, cut.value("path_mtu_bytes")),
            (&Outcome::Reply, None),
            "nothing is sure before the end"
        );
        assert!(cut.notes[0].contains("1400 bytes pass"), "{cut:?}");
    }

    #[test]
    fn what_bounds_the_size_is_told() {
        let told = meaning(&found(Some((1_400, Bound::Told))), false);
        assert!(told.outcome == Outcome::Reply && told.notes[0].starts_with("10.0.0.1 says"), "{told:?}");
        assert_eq!(meaning(&found(None), true).outcome, Outcome::Lost);
    }

    #[tokio::test]
    async fn loopback_passes_what_its_interface_passes() {
        let spec = HostSpec { host: "127.0.0.1".into(), family: Family::default(), timeout_ms: 5_000 };
        let finding = check(&spec, &Means::new(), &|_| {}).await;
        if cfg!(target_os = "linux") {
            assert_eq!(finding.outcome, Outcome::Reply, "{finding:?}");
            assert!(finding.value("path_mtu_bytes").is_some_and(|bytes| bytes >= 1_500.0), "{finding:?}");
        } else {
            assert!(matches!(finding.outcome, Outcome::Failed { phase: Phase::Prepare, .. }), "{finding:?}");
        }
    }
}
