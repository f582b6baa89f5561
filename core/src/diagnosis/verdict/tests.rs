//! Scenarios as data: what the checks found, and what has to be said of it.

use std::net::IpAddr;

use super::*;
use crate::{
    check::{
        Check, Detail, Finding, Outcome, Phase,
        connection::RemoteQuality,
        dns,
        interface::InterfaceDepth,
        path::{Flow, Hop, PathTrace},
        spec::{DnsSpec, Family, HostSpec, HttpSpec, PathSpec, RoundSpec},
    },
    diagnosis::ItemSpec,
    probe::ProbeMode,
};

/// Reads the scenarios: `# name`, then checks as `subject | title | what was found`, then `=> grade | part of the sentence`,
/// and `- grade | part of a point` for each point in order, with its whole cure as a third part where that matters, and
/// `closed` for a closed network.
const SCENARIOS: &str = include_str!("scenarios.txt");

fn check(subject: &str, title: &str) -> Check {
    let words: Vec<&str> = title.trim_end_matches(", if any").split(' ').collect();
    let host = words.get(1).filter(|_| ["gateway", "name servers", "public resolvers", "peers"].contains(&subject));
    let host = host.map_or_else(|| if subject == "hub" { "10.0.0.9" } else { subject }, |host| *host).to_owned();
    let round = RoundSpec {
        host: host.clone(),
        family: Family::Any,
        port: 0,
        packets: 20,
        interval_ms: 1,
        timeout_ms: 1,
        payload_bytes: 0,
    };
    match words[0] {
        "ping" | "default" | "resolv.conf" => Check::Icmp(round),
        "TCP" => Check::Tcp(round),
        "UDP" => Check::Udp(round),
        "DNS" => {
            let name = if words.contains(&"of") { words[words.len() - 1] } else { "example.com" };
            Check::Dns(DnsSpec { server: words[1].into(), name: name.into(), record: "A".into(), timeout_ms: 1 })
        }
        "HTTP" | "HTTPS" => Check::Http(HttpSpec { url: String::new(), timeout_ms: 1 }),
        "path" => Check::Path(PathSpec {
            host,
            family: Family::Any,
            mode: if words.contains(&"UDP") { ProbeMode::Udp } else { ProbeMode::Icmp },
            port: 0,
            flows: 1,
            probes: 1,
            hops_max: 1,
            timeout_ms: 1,
        }),
        "MTU" => Check::Mtu(HostSpec { host, family: Family::Any, timeout_ms: 1 }),
        "interfaces" => Check::Interfaces,
        "connections" => Check::Connections,
        other => panic!("no check is called {other}"),
    }
}

fn finding(check: &Check, text: &str) -> Finding {
    let words: Vec<&str> = text.split(' ').collect();
    let number = || words[1].parse::<f64>().expect("a number");
    let mut found = Finding::new(Outcome::Reply);
    match words[0] {
        "ok" => match check {
            Check::Dns(_) => {
                found.figure("dns_lookup_us", 900.0);
                found.detail =
                    Some(Detail::Answers { status: "NOERROR".into(), records: vec![("93.184.216.34".into(), 60)] });
            }
            Check::Http(_) => {
                found.detail = Some(Detail::Response { status: 200, version: "HTTP/1.1".into(), body_bytes: 9 });
            }
            Check::Path(_) => found.detail = Some(trace(true)),
            Check::Mtu(_) => found.figure("path_mtu_bytes", 1_500.0),
            Check::Interfaces => found.detail = Some(Detail::Interfaces { interfaces: vec![interface(1_000, "full")] }),
            Check::Connections => found.detail = Some(Detail::Connections { remotes: Vec::new() }),
            _ => round(&mut found, 300.0, 0.0),
        },
        "loss" => round(&mut found, 300.0, number()),
        "rtt" => round(&mut found, number(), 0.0),
        "status" if matches!(check, Check::Http(_)) => {
            found.detail =
                Some(Detail::Response { status: number() as u16, version: "HTTP/1.1".into(), body_bytes: 9 });
        }
        "status" => {
            if let Some((cause, cure)) = dns::refusal(words[1]) {
                found = Finding::failed(Phase::Wait, cause, cure);
            }
            found.detail = Some(Detail::Answers { status: words[1].into(), records: Vec::new() });
        }
        "mtu" => found.figure("path_mtu_bytes", number()),
        "hole" => {
            let cause = format!("packets larger than {} bytes vanish without a word", number());
            found = Finding::failed(Phase::Transfer, cause, "let ICMP tell");
            found.figure("path_mtu_bytes", number());
        }
        "via" => found.detail = Some(via(words[1].parse().expect("an address"))),
        "unreached" => found.detail = Some(trace(false)),
        "crc" => found.detail = Some(damaged(number() as u64)),
        "half" => found.detail = Some(Detail::Interfaces { interfaces: vec![interface(100, "half")] }),
        "again" if matches!(check, Check::Tcp(_)) => {
            round(&mut found, 300.0, 0.0);
            found.figure("syn_retransmits", number());
        }
        "again" => {
            let remote = RemoteQuality {
                remote: "node-7".into(),
                retransmit_ratio: Some(number()),
                sent_bytes: 9_000_000,
                ..RemoteQuality::default()
            };
            found.detail = Some(Detail::Connections { remotes: vec![remote] });
        }
        "lost" => found.outcome = Outcome::Lost,
        "closed" => {
            round(&mut found, 300.0, 0.0);
            found.note("closed: answered with a reset");
        }
        "refused" => found = Finding::failed(Phase::Connect, "connection refused", "start it"),
        "unresolved" => found = Finding::failed(Phase::Resolve, "it does not resolve", "check the spelling"),
        "forbidden" => found = Finding::failed(Phase::Prepare, "ICMP not permitted", "allow it"),
        "missing" => found = Finding::failed(Phase::Prepare, "there is none", "set one"),
        "skipped" => found.outcome = Outcome::Skipped { why: "not tried".into() },
        other => panic!("nothing is called {other}"),
    }
    found
}

fn round(found: &mut Finding, rtt_us: f64, loss: f64) {
    found.figure("rtt_us", rtt_us);
    found.figure("loss_ratio", loss);
    found.figure("probes_sent", 20.0);
}

fn trace(is_reached: bool) -> Detail {
    Detail::Path(PathTrace { mode: ProbeMode::Icmp, address: [10, 0, 0, 7].into(), is_reached, flows: Vec::new() })
}

/// A way of two hops.
fn via(router: IpAddr) -> Detail {
    let to: IpAddr = [10, 9, 0, 7].into();
    let hop = |ttl: u8, address: IpAddr| Hop {
        ttl,
        address: Some(address),
        sent: 1,
        answered: 1,
        rtt_us: Some(300.0),
        refusal: String::new(),
    };
    let flows = vec![Flow { flow: 1, hops: vec![hop(1, router), hop(2, to)] }];
    Detail::Path(PathTrace { mode: ProbeMode::Icmp, address: to, is_reached: true, flows })
}

fn interface(speed: u64, duplex: &str) -> InterfaceDepth {
    InterfaceDepth {
        name: "eth0".into(),
        is_up: true,
        speed_mbps: Some(speed),
        duplex: Some(duplex.into()),
        ..InterfaceDepth::default()
    }
}

/// An interface that received so many damaged packets beside a million others.
fn damaged(count: u64) -> Detail {
    let errors = [("rx_crc".to_owned(), count)].into();
    let worn = InterfaceDepth { rx_packets: Some(1_000_000), errors, ..interface(1_000, "full") };
    Detail::Interfaces { interfaces: vec![worn] }
}

fn grade_of(word: &str) -> Grade {
    match word {
        "fine" => Grade::Fine,
        "notable" => Grade::Notable,
        "bad" => Grade::Bad,
        "unknown" => Grade::Unknown,
        other => panic!("no grade is called {other}"),
    }
}

#[test]
fn every_scenario_is_told_as_a_colleague_would() {
    let mut count = 0;
    for scenario in SCENARIOS.split("# ").skip(1) {
        let (name, lines) = scenario.split_once('\n').expect("a name");
        let (mut items, mut points, mut sentence, mut is_closed) = (Vec::new(), Vec::new(), None, false);
        for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let parts: Vec<&str> = line.trim_start_matches(['=', '>', '-']).split('|').map(str::trim).collect();
            if line == "closed" {
                is_closed = true;
            } else if line.starts_with("=>") {
                sentence = Some((grade_of(parts[0]), parts[1]));
            } else if line.starts_with('-') {
                points.push((grade_of(parts[0]), parts[1], parts.get(2).copied()));
            } else {
                let check = check(parts[0], parts[1]);
                let found = finding(&check, parts[2]);
                let title = parts[1].split(" of ").next().unwrap_or_default();
                let mut item = Item::waiting(ItemSpec { subject: parts[0].into(), title: title.into(), check });
                item.take(found);
                items.push(item);
            }
        }
        let verdict = conclude(&mut items);
        let said = || format!("{name}: {verdict:#?}\n{items:#?}");
        let (grade, part) = sentence.expect("a sentence");
        assert_eq!(verdict.grade, grade, "{}", said());
        assert!(verdict.sentence.contains(part), "{part:?} is not in {}", said());
        assert_eq!(verdict.is_closed_network, is_closed, "{}", said());
        assert_eq!(verdict.points.len(), points.len(), "{}", said());
        for (point, (grade, part, cure)) in verdict.points.iter().zip(&points) {
            assert_eq!(point.grade, *grade, "{part:?} in {}", said());
            assert!(point.text.contains(part), "{part:?} is not {:?} in {}", point.text, said());
            assert!(!point.evidence.is_empty(), "{}", said());
            assert!(cure.is_none_or(|cure| *cure == point.cure), "{cure:?} in {}", said());
        }
        let again = conclude(&mut items);
        assert_eq!(again, verdict, "{name}: it says the same when asked again");
        count += 1;
    }
    assert!(count > 50, "{count} scenarios");
}

#[test]
fn what_has_not_ended_is_left_out() {
    let mut items =
        vec![Item::waiting(ItemSpec { subject: "hub".into(), title: "ping".into(), check: check("hub", "ping") })];
    let verdict = conclude(&mut items);
    assert_eq!((verdict.grade, verdict.points.len()), (Grade::Unknown, 0));
    assert_eq!(conclude(&mut []).grade, Grade::Unknown);
}
