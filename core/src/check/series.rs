//! Findings as series, and how the measurement fares that they come from.

use super::{Check, Detail, Finding, Outcome};
use crate::{
    api::MeasurementState,
    metric::{self, Scope},
    sample::{Readings, SeriesKey},
};

/// Where the statuses of HTTP begin that blame the server (RFC 9110 section 15.6).
const SERVER_ERROR: u16 = 500;

impl Check {
    /// The value of the label `mode`.
    pub const fn mode(&self) -> &'static str {
        match self {
            Check::Icmp(_) => "icmp",
            Check::Tcp(_) => "tcp",
            Check::Udp(_) => "udp",
            Check::Dns(_) => "dns",
            Check::Http(_) => "http",
            Check::Path(_) => "path",
            Check::Mtu(_) => "mtu",
            Check::Throughput(_) => "throughput",
            Check::Iperf3(_) => "iperf3",
            Check::Download(_) => "download",
            Check::Redis(_) => "redis",
            Check::Interfaces => "interfaces",
            Check::Connections => "connections",
        }
    }

    /// Whether it loads the network.
    pub const fn is_test(&self) -> bool {
        matches!(self, Check::Throughput(_) | Check::Iperf3(_) | Check::Download(_))
    }

    /// The label `dst` of a check that was written so: without what the label `mode` says already, where that is unmistakable.
    pub fn target_in<'a>(&self, address: &'a str) -> &'a str {
        match self {
            // HTTP and HTTPS are one mode. Modes of rounds are those of the mesh and of targets, too, whose names these must
            // not be taken for.
            Check::Http(_) | Check::Icmp(_) | Check::Tcp(_) | Check::Udp(_) => address,
            Check::Download(_) => address.strip_prefix("download+").unwrap_or(address),
            _ => address.split_once("://").map_or(address, |(_, target)| target),
        }
    }
}

/// The samples of a finding: its figures, and whether the question of a check that asks one was lost. What failed gives none,
/// and a way on which nobody answers has not lost anything.
pub fn readings(node: &str, dst: &str, check: &Check, finding: &Finding, ts_ms: i64) -> Readings {
    let mut readings = Readings::default();
    let labels = [("src", node), ("dst", dst), ("mode", check.mode())];
    let mut push = |name: &str, value: f64| {
        let is_known = metric::find(name).is_some_and(|metric| metric.scope == Scope::Pair);
        if is_known && value.is_finite() {
            readings.push(SeriesKey::new(name, labels), ts_ms, value);
        }
    };
    if matches!(finding.outcome, Outcome::Failed { .. } | Outcome::Skipped { .. }) {
        return readings;
    }
    for (at, figure) in finding.figures.iter().enumerate() {
        if finding.figures[..at].iter().all(|other| other.name != figure.name) {
            push(&figure.name, figure.value);
        }
    }
    let is_way = matches!(check, Check::Path(_) | Check::Mtu(_));
    match finding.outcome {
        Outcome::Lost if !is_way && finding.value(metric::LOSS_RATIO).is_none() => push(metric::LOSS_RATIO, 1.0),
        Outcome::Reply if matches!(check, Check::Dns(_)) => push(metric::LOSS_RATIO, 0.0),
        _ => {}
    }
    readings
}

/// How a measurement fares that found this, and why.
pub fn state(finding: &Finding) -> (MeasurementState, String) {
    match &finding.outcome {
        Outcome::Reply => match &finding.detail {
            // It answers, and says itself that it does not work.
            Some(Detail::Response { status, .. }) if *status >= SERVER_ERROR => {
                (MeasurementState::Degraded, format!("it answers with status {status}"))
            }
            _ => (MeasurementState::Working, String::new()),
        },
        Outcome::Lost => (MeasurementState::Degraded, "no answer in time".to_owned()),
        Outcome::Failed { phase, cause, cure } => {
            let cure = if cure.is_empty() { String::new() } else { format!("; {cure}") };
            (MeasurementState::Failing, format!("{}: {cause}{cure}", phase.word()))
        }
        Outcome::Skipped { why } => (MeasurementState::Off, why.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Phase;

    fn check(address: &str) -> Check {
        Check::parse(address).expect("an address")
    }

    fn told(check: &Check, finding: &Finding) -> Vec<(String, f64)> {
        let readings = readings("n1", "db:5432", check, finding, 7);
        let tell = |(series, reading): (&SeriesKey, crate::sample::Reading)| {
            assert_eq!(reading.ts_ms, 7);
            let labels = ["src", "dst", "mode"].map(|name| series.label(name).to_owned());
            assert_eq!(labels, ["n1", "db:5432", check.mode()]);
            (series.metric.clone(), reading.value)
        };
        readings.iter().map(tell).collect()
    }

    #[test]
    fn an_answer_gives_its_figures_and_nothing_else() {
        let mut finding = Finding::new(Outcome::Reply);
        finding.figure(metric::TCP_CONNECT_US, 120.0);
        finding.figure(metric::LOSS_RATIO, 0.2);
        finding.figure(metric::TCP_CONNECT_US, 130.0);
        finding.figure("weather_us", 1.0);
        finding.figure(metric::NET_RX_BPS, 1.0);
        finding.figure(metric::RTT_US, f64::NAN);
        let expected = [(metric::TCP_CONNECT_US.to_owned(), 120.0), (metric::LOSS_RATIO.to_owned(), 0.2)];
        assert_eq!(told(&check("tcp://db:5432"), &finding), expected);
        assert_eq!(state(&finding).0, MeasurementState::Working);
    }

    #[test]
    fn lost_is_a_loss_and_failed_is_none() {
        let lost = Finding::new(Outcome::Lost);
        assert_eq!(told(&check("dns://db/a.b"), &lost), [(metric::LOSS_RATIO.to_owned(), 1.0)]);
        assert_eq!(state(&lost).0, MeasurementState::Degraded);
        let mut broken = Finding::new(Outcome::Reply);
        broken.detail = Some(Detail::Response { status: 503, version: "HTTP/1.1".into(), body_bytes: 0 });
        assert_eq!(state(&broken), (MeasurementState::Degraded, "it answers with status 503".to_owned()));
        let answered = Finding::new(Outcome::Reply);
        assert_eq!(told(&check("dns://db/a.b"), &answered), [(metric::LOSS_RATIO.to_owned(), 0.0)]);
        assert_eq!((told(&check("path://db"), &lost), told(&check("mtu://db"), &lost)), (Vec::new(), Vec::new()));
        let mut failed = Finding::failed(Phase::Authenticate, "NOAUTH", "set NETLOOM_REDIS_PASSWORD");
        failed.figure(metric::LOSS_RATIO, 1.0);
        assert_eq!(told(&check("redis://db:1"), &failed), []);
        let expected = "authenticate: NOAUTH; set NETLOOM_REDIS_PASSWORD".to_owned();
        assert_eq!(state(&failed), (MeasurementState::Failing, expected));
    }

    #[test]
    fn a_target_is_the_address_without_what_the_mode_says() {
        for (address, target) in [
            ("redis://a:1?lock=true", "a:1?lock=true"),
            ("dns://a/example.org", "a/example.org"),
            ("https://a/b", "https://a/b"),
            ("download+https://a/b", "https://a/b"),
        ] {
            assert_eq!(check(address).target_in(address), target);
        }
    }
}
