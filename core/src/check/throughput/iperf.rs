//! `iperf3`: how it is called, and what its JSON says.

use serde_json::Value;

use super::{Direction, Flowed, IperfSpec, Protocol, ThroughputResult, slices::SLICES_MAX};
use crate::check::{Phase, spec::Family};

/// How long it may take to connect, ms.
const CONNECT_MS: u64 = 3_000;
/// How long a line of its report is about, ms.
const SLICE_MS: u64 = 1_000;

/// How the error begins that it reports when it was interrupted itself; newer versions say by which signal.
const INTERRUPTED: &str = "interrupt - the client has terminated";

/// Its arguments, for the address of the server. Its rate is that of one stream, so the rate that is asked for is shared out.
pub fn arguments(spec: &IperfSpec, address: &str) -> Vec<String> {
    let (measured, left_out) = spec.seconds();
    let mut arguments: Vec<String> = ["-J", "-c", address, "-p"].map(str::to_owned).into();
    arguments.push(spec.port.to_string());
    arguments.extend(["-t".to_owned(), measured.to_string()]);
    arguments.extend(["-P".to_owned(), spec.streams.to_string(), "-i".to_owned(), "1".to_owned()]);
    arguments.extend(["--connect-timeout".to_owned(), CONNECT_MS.to_string()]);
    if left_out > 0 {
        arguments.extend(["-O".to_owned(), left_out.to_string()]);
    }
    match spec.family {
        Family::Any => {}
        Family::V4 => arguments.push("-4".to_owned()),
        Family::V6 => arguments.push("-6".to_owned()),
    }
    match spec.direction {
        Direction::Up => {}
        Direction::Down => arguments.push("-R".to_owned()),
        Direction::Both => arguments.push("--bidir".to_owned()),
    }
    if spec.protocol == Protocol::Udp {
        arguments.push("-u".to_owned());
    }
    // A share is rounded up: 0 is as fast as it goes.
    if spec.protocol == Protocol::Udp || spec.rate_bps > 0 {
        let each = spec.rate_bps.div_ceil(u64::from(spec.streams.max(1)));
        arguments.extend(["-b".to_owned(), each.to_string()]);
    }
    arguments
}

/// Why there is no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IperfError {
    /// What it was doing.
    pub phase: Phase,
    /// What it says.
    pub cause: String,
    /// What would help.
    pub cure: &'static str,
}

/// Reads what it printed.
///
/// # Errors
/// What went wrong, by its own `error`, or because it was cut off.
pub fn parse(text: &str, spec: &IperfSpec) -> Result<ThroughputResult, IperfError> {
    let report: Value = serde_json::from_str(text).map_err(|error| {
        let cause = if text.trim().is_empty() {
            "iperf3 printed nothing".to_owned()
        } else {
            format!("what iperf3 printed is no whole JSON ({error})")
        };
        cut(cause)
    })?;
    if let Some(error) = report.get("error") {
        return Err(understood(error.as_str().unwrap_or("an error without words"), had_begun(&report)));
    }
    let end = report.get("end").ok_or_else(|| cut("iperf3 reports no end of the test".to_owned()))?;
    let (is_up, is_down) = (spec.direction.is_up(), spec.direction.is_down());
    let reverse = if spec.direction == Direction::Both { "_bidir_reverse" } else { "" };
    let flow = |is_there: bool, suffix: &str| {
        is_there
            .then(|| flowed(&report, end, suffix))
            .transpose()
            .map_err(|what| cut(format!("iperf3 reports no {what}")))
    };
    Ok(result(spec, flow(is_up, "")?, flow(is_down, reverse)?, end))
}

fn result(spec: &IperfSpec, up: Option<Flowed>, down: Option<Flowed>, end: &Value) -> ThroughputResult {
    ThroughputResult {
        protocol: spec.protocol,
        streams: spec.streams,
        up,
        down,
        slice_ms: SLICE_MS,
        idle_rtt_us: None,
        loaded_rtt_us: mean_rtt_us(end),
    }
}

/// Reads what it printed when it was interrupted: what it had measured by then, if the warm-up was over. What arrived at the
/// other end it would have learnt after the test, so what was sent stands for it.
pub fn parse_part(text: &str, spec: &IperfSpec) -> Option<ThroughputResult> {
    let report: Value = serde_json::from_str(text).ok()?;
    report.get("error")?.as_str()?.starts_with(INTERRUPTED).then_some(())?;
    let end = report.get("end")?;
    let reverse = if spec.direction == Direction::Both { "_bidir_reverse" } else { "" };
    let part = |is_there: bool, name: &str, suffix: &str| {
        let counted = end.get(format!("{name}{suffix}")).filter(|_| is_there)?;
        flowed_as(&report, end, counted, suffix).filter(|part| !part.slices_bps.is_empty())
    };
    let (is_up, is_down) = (spec.direction.is_up(), spec.direction.is_down());
    let sent = part(is_up, "sum_sent", "");
    // A sender knows neither.
    let up = sent.map(|sent| Flowed { loss_ratio: None, jitter_us: None, ..sent });
    let down = part(is_down, "sum_received", reverse);
    let is_whole = up.is_some() == is_up && down.is_some() == is_down;
    is_whole.then(|| result(spec, up, down, end))
}

fn number(value: &Value, key: &str) -> Option<f64> {
    value.get(key)?.as_f64().filter(|number| number.is_finite() && *number >= 0.0)
}

fn count(value: &Value, key: &str) -> Option<u64> {
    number(value, key).map(|number| number as u64)
}

/// One direction: what arrived, as the receiver counted it.
fn flowed(report: &Value, end: &Value, suffix: &str) -> Result<Flowed, String> {
    let name = format!("sum_received{suffix}");
    // Versions without it give one sum for UDP.
    let received = end.get(&name).or_else(|| end.get(format!("sum{suffix}"))).ok_or_else(|| name.clone())?;
    flowed_as(report, end, received, suffix).ok_or_else(|| format!("{name}.bits_per_second"))
}

/// One direction, as one of its ends counted it.
fn flowed_as(report: &Value, end: &Value, counted: &Value, suffix: &str) -> Option<Flowed> {
    let lost = number(counted, "lost_packets").zip(number(counted, "packets"));
    let slices = report.get("intervals").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let sum = format!("sum{suffix}");
    let is_measured = |sum: &&Value| sum.get("omitted").and_then(Value::as_bool) != Some(true);
    Some(Flowed {
        bps: number(counted, "bits_per_second")?,
        bytes: count(counted, "bytes").unwrap_or(0),
        duration_ms: number(counted, "seconds").unwrap_or(0.0) * 1e3,
        retransmits: end.get(format!("sum_sent{suffix}")).and_then(|sent| count(sent, "retransmits")),
        loss_ratio: lost.filter(|(_, packets)| *packets > 0.0).map(|(lost, packets)| (lost / packets).min(1.0)),
        jitter_us: number(counted, "jitter_ms").map(|ms| ms * 1e3),
        slices_bps: slices
            .iter()
            .filter_map(|slice| slice.get(&sum))
            .filter(is_measured)
            .filter_map(|sum| number(sum, "bits_per_second"))
            .take(SLICES_MAX as usize)
            .collect(),
    })
}

/// The round-trip time under load, as the kernel of this machine saw it: the mean over the streams.
fn mean_rtt_us(end: &Value) -> Option<f64> {
    let streams = end.get("streams")?.as_array()?.iter();
    let rtts: Vec<f64> =
        streams.filter_map(|stream| number(stream.get("sender")?, "mean_rtt").filter(|rtt_us| *rtt_us > 0.0)).collect();
    (!rtts.is_empty()).then(|| rtts.iter().sum::<f64>() / rtts.len() as f64)
}

fn had_begun(report: &Value) -> bool {
    report.get("intervals").and_then(Value::as_array).is_some_and(|intervals| !intervals.is_empty())
}

fn cut(cause: String) -> IperfError {
    IperfError { phase: Phase::Transfer, cause, cure: "look whether the server of iperf3 still runs, and try again" }
}

/// What its errors mean.
fn understood(error: &str, had_begun: bool) -> IperfError {
    let lower = error.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    let (phase, cure) = if says(&["busy"]) {
        (Phase::Authenticate, "wait until its test has ended, or start a second server on another port")
    } else if says(&["authorization", "credentials", "username", "rsa"]) {
        (Phase::Authenticate, "use a server that wants no sign-in: iperf3 -s without --authorized-users-path")
    } else if says(&["name or service", "temporary failure in name", "hostname"]) {
        (Phase::Resolve, "check the spelling, and that a name server of this machine knows the name")
    } else if says(&["refused"]) {
        (Phase::Connect, "start the server there: iperf3 -s; with -p when its port is another one")
    } else if says(&["timed out", "timeout", "in progress", "no route", "unreachable"]) && !had_begun {
        (Phase::Connect, "let a firewall on the way pass the port for TCP, and for UDP when that is tested")
    } else if says(&["parameter", "invalid", "unrecognized", "protocol does not support", "version"]) {
        (Phase::Send, "use iperf3 3.12 or newer at both ends")
    } else if !had_begun && says(&["control message", "control socket", "cookie"]) {
        (
            Phase::Authenticate,
            "see whether a server of iperf3 listens on that port: iperf3 -s; what listens now is another one",
        )
    } else if had_begun || says(&["terminated", "closed unexpectedly", "reset", "broken pipe", "interrupt"]) {
        (Phase::Transfer, "the server ended or the way to it broke: look whether it still runs, and try again")
    } else {
        (Phase::Transfer, "")
    };
    IperfError { phase, cause: format!("iperf3: {error}"), cure }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn spec(direction: Direction, protocol: Protocol) -> IperfSpec {
        IperfSpec {
            host: "h".into(),
            family: Family::V4,
            port: 5_201,
            protocol,
            direction,
            streams: 2,
            duration_ms: 1_500,
            warm_up_ms: 500,
            rate_bps: 10_000_000,
        }
    }

    /// What 3.12 prints for `--bidir -P 2`, shortened.
    fn bidir() -> Value {
        let sum = |bps: f64, retransmits: u64| json!({"seconds": 1.0, "bytes": 125, "bits_per_second": bps, "retransmits": retransmits});
        let interval = |omitted: bool| json!({"sum": {"bits_per_second": 8.0, "omitted": omitted}, "sum_bidir_reverse": {"bits_per_second": 3.0, "omitted": omitted}});
        json!({
            "intervals": [interval(true), interval(false)],
            "end": {
                "streams": [{"sender": {"mean_rtt": 98}}, {"sender": {"mean_rtt": 102}}, {"sender": {"mean_rtt": 0}}],
                "sum_sent": sum(16e9, 4), "sum_received": sum(15e9, 0),
                "sum_sent_bidir_reverse": sum(9e9, 7), "sum_received_bidir_reverse": sum(8e9, 0),
            },
        })
    }

    #[test]
    fn both_directions_are_told_apart() {
        let result = parse(&bidir().to_string(), &spec(Direction::Both, Protocol::Tcp)).expect("a result");
        let (up, down) = (result.up.clone().expect("up"), result.down.clone().expect("down"));
        assert_eq!((up.bps, up.retransmits, up.slices_bps), (15e9, Some(4), vec![8.0]));
        assert_eq!((down.bps, down.retransmits, down.slices_bps), (8e9, Some(7), vec![3.0]));
        assert_eq!((result.bps(), result.loaded_rtt_us), (Some(8e9), Some(100.0)));
        // Without the sums of the second direction there is no result, not half of one.
        let mut half = bidir();
        half["end"].as_object_mut().expect("an object").remove("sum_received_bidir_reverse");
        let error = parse(&half.to_string(), &spec(Direction::Both, Protocol::Tcp)).expect_err("half");
        assert!(error.cause.contains("sum_received_bidir_reverse"), "{error:?}");
    }

    #[test]
    fn reverse_is_down_only() {
        let result = parse(&bidir().to_string(), &spec(Direction::Down, Protocol::Tcp)).expect("a result");
        assert_eq!((result.up, result.down.map(|down| down.bps)), (None, Some(15e9)));
    }

    /// What 3.12 prints for `--bidir` when it is interrupted, shortened: of the server's end it knows nothing.
    fn interrupted(is_warm: bool) -> Value {
        let mut report = bidir();
        report["error"] = json!("interrupt - the client has terminated");
        let end = report["end"].as_object_mut().expect("an object");
        end.insert("sum_received".into(), json!({"seconds": 1.0, "bytes": 0, "bits_per_second": 0}));
        end.insert("sum_sent_bidir_reverse".into(), json!({"seconds": 1.0, "bytes": 0, "bits_per_second": 0}));
        if !is_warm {
            report["intervals"].as_array_mut().expect("intervals").truncate(1);
        }
        report
    }

    #[test]
    fn what_it_had_measured_when_it_was_interrupted_counts_as_this_end_saw_it() {
        let part = |direction, report: Value| parse_part(&report.to_string(), &spec(direction, Protocol::Tcp));
        let both = part(Direction::Both, interrupted(true)).expect("a part");
        let (up, down) = (both.up.expect("up"), both.down.expect("down"));
        assert_eq!((up.bps, up.retransmits, up.slices_bps), (16e9, Some(4), vec![8.0]));
        assert_eq!((down.bps, down.retransmits, down.slices_bps), (8e9, None, vec![3.0]));
        assert!(parse(&interrupted(true).to_string(), &spec(Direction::Both, Protocol::Tcp)).is_err());
        assert_eq!(part(Direction::Both, interrupted(false)), None, "nothing but the warm-up");
        assert_eq!(part(Direction::Both, bidir()), None, "nobody interrupted it");
        let mut other = interrupted(true);
        other["error"] = json!("interrupt - the server has terminated");
        assert_eq!(part(Direction::Both, other), None);
        let sent = json!({"seconds": 1.0, "bytes": 100, "bits_per_second": 9e6, "jitter_ms": 0, "lost_packets": 0, "packets": 50});
        let mut udp = json!({"intervals": [{"sum": sent}], "end": {"sum_sent": sent}});
        udp["error"] = json!("interrupt - the client has terminated by signal Interrupt(2)");
        let up = part(Direction::Up, udp).expect("a part").up.expect("up");
        assert_eq!((up.bps, up.loss_ratio, up.jitter_us), (9e6, None, None), "a sender knows of no loss");
    }

    #[test]
    fn udp_has_loss_and_jitter() {
        let sum = json!({"seconds": 1.0, "bytes": 100, "bits_per_second": 9e6, "jitter_ms": 0.02, "lost_packets": 5, "packets": 50});
        let report = json!({"end": {"sum": sum, "sum_received": sum}});
        let up = parse(&report.to_string(), &spec(Direction::Up, Protocol::Udp)).expect("a result").up.expect("up");
        assert_eq!((up.loss_ratio, up.jitter_us, up.retransmits), (Some(0.1), Some(20.0), None));
    }

    #[test]
    fn its_errors_have_a_phase_and_a_cure() {
        let cases = [
            ("the server is busy running a test. try again later", 0, Phase::Authenticate),
            ("unable to connect to server: Connection refused", 0, Phase::Connect),
            ("unable to connect to server: No route to host", 0, Phase::Connect),
            ("unable to connect to server: Name or service not known", 0, Phase::Resolve),
            ("test authorization failed", 0, Phase::Authenticate),
            ("control socket has closed unexpectedly", 3, Phase::Transfer),
            ("unable to receive control message: Connection reset by peer", 0, Phase::Authenticate),
            ("the server has terminated", 0, Phase::Transfer),
            ("unable to read from stream socket: Connection timed out", 2, Phase::Transfer),
        ];
        for (words, intervals, phase) in cases {
            let report = json!({"error": words, "intervals": vec![json!({}); intervals], "end": {}});
            let error = parse(&report.to_string(), &spec(Direction::Up, Protocol::Tcp)).expect_err("an error");
            assert_eq!(error.phase, phase, "{words}");
            assert!(error.cause.contains(words) && !error.cure.is_empty(), "{error:?}");
        }
        for text in ["", "{\"start\": {", "{}", "[]", "{\"end\": {}}", "{\"error\": 5}"] {
            assert!(parse(text, &spec(Direction::Up, Protocol::Tcp)).is_err(), "{text}");
        }
    }

    #[test]
    fn it_is_called_with_its_own_letters() {
        let line = |spec: &IperfSpec| arguments(spec, "10.0.0.1").join(" ");
        assert_eq!(
            line(&spec(Direction::Both, Protocol::Udp)),
            "-J -c 10.0.0.1 -p 5201 -t 2 -P 2 -i 1 --connect-timeout 3000 -O 1 -4 --bidir -u -b 5000000"
        );
        let paced = IperfSpec { warm_up_ms: 0, family: Family::Any, ..spec(Direction::Down, Protocol::Tcp) };
        let begins = "-J -c 10.0.0.1 -p 5201 -t 2 -P 2 -i 1 --connect-timeout 3000 -R";
        assert_eq!(line(&paced), format!("{begins} -b 5000000"));
        assert_eq!(line(&IperfSpec { rate_bps: 0, ..paced }), begins);
    }

    /// Any JSON, with the keys that are looked for.
    fn report() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "\\PC{0,12}".prop_map(Value::from),
        ];
        let key = prop::sample::select(vec![
            "end",
            "error",
            "intervals",
            "streams",
            "sender",
            "sum",
            "sum_sent",
            "sum_received",
            "sum_sent_bidir_reverse",
            "sum_received_bidir_reverse",
            "bits_per_second",
            "bytes",
            "seconds",
            "packets",
            "lost_packets",
            "retransmits",
            "mean_rtt",
            "omitted",
        ]);
        leaf.prop_recursive(5, 64, 6, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                proptest::collection::hash_map(key.clone().prop_map(str::to_owned), inner, 0..6)
                    .prop_map(|map| map.into_iter().collect::<Value>()),
            ]
        })
    }

    proptest! {
        #[test]
        fn no_report_makes_it_panic(report in report(), text in "\\PC{0,64}") {
            for direction in [Direction::Up, Direction::Down, Direction::Both] {
                let spec = spec(direction, Protocol::Udp);
                let _ = (parse(&text, &spec), parse_part(&text, &spec));
                let mut report = report.clone();
                let whole = parse(&report.to_string(), &spec).ok();
                if let Some(fields) = report.as_object_mut() {
                    fields.insert("error".into(), INTERRUPTED.into());
                }
                let part = parse_part(&report.to_string(), &spec);
                for result in [whole, part].into_iter().flatten() {
                    prop_assert!(result.figures().iter().all(|(_, value)| value.is_finite()));
                }
            }
        }
    }
}
