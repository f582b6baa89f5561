use netloom_core::{
    check::{
        Check, Detail, Finding, Outcome as CheckOutcome, Phase,
        connection::RemoteQuality,
        interface::InterfaceDepth,
        path::{Flow, Hop, PathTrace},
        spec::{DnsSpec, Family, HostSpec},
        throughput::{Flowed, ThroughputResult},
    },
    diagnosis::ItemSpec,
    probe::ProbeMode,
    time::Timestamp,
};

use super::*;

const HOSTILE: &str = "\"><script>alert('x')</script><img src=x onerror=alert(1)> & \u{202e}gpj \u{7}";

/// A diagnosis in which everything that can be text is hostile.
fn hostile() -> Diagnosis {
    let text = || HOSTILE.to_owned();
    let hop = Hop { ttl: 1, address: None, sent: 2, answered: 1, rtt_us: Some(900.0), refusal: text() };
    let flow = |flow| Flow { flow, hops: vec![hop.clone()] };
    let trace = PathTrace {
        mode: ProbeMode::Icmp,
        address: [10, 0, 0, 7].into(),
        is_reached: false,
        flows: vec![flow(1), flow(2)],
    };
    let flowed = Flowed { bps: 1e9, slices_bps: vec![1e9, 9e8], retransmits: Some(3), ..Flowed::default() };
    let result =
        ThroughputResult { up: Some(flowed), idle_rtt_us: Some(200.0), loaded_rtt_us: Some(9e3), ..Default::default() };
    let mut interface =
        InterfaceDepth { name: text(), driver: Some(text()), duplex: Some(text()), ..Default::default() };
    interface.errors.insert(text(), 9);
    let remote = RemoteQuality { remote: text(), rtt_us: Some(100.0), ..Default::default() };
    let details = [
        Detail::Round { rtts_us: vec![Some(300.0), None, Some(f64::NAN), Some(450.0)] },
        Detail::Answers { status: text(), records: vec![(text(), 60); 200] },
        Detail::Response { status: 200, version: text(), body_bytes: 5_000 },
        Detail::Path(trace),
        Detail::Throughput(Box::new(result)),
        Detail::Interfaces { interfaces: vec![interface] },
        Detail::Connections { remotes: vec![remote] },
    ];
    let dns = Check::Dns(DnsSpec { server: text(), name: text(), record: text(), timeout_ms: 1 });
    let mut items: Vec<Item> = Vec::new();
    for detail in details {
        let mut finding = Finding::new(CheckOutcome::Reply);
        (finding.detail, finding.notes) = (Some(detail), vec![text()]);
        finding.figure(HOSTILE, 1.0);
        finding.phase(Phase::Resolve, 300.0);
        finding.phase(Phase::Connect, 900.0);
        let mut item = Item::waiting(ItemSpec { subject: text(), title: text(), check: dns.clone() });
        item.take(finding);
        items.push(item);
    }
    let spec = HostSpec { host: text(), family: Family::Any, timeout_ms: 1 };
    let mut failed = Item::waiting(ItemSpec { subject: text(), title: text(), check: Check::Mtu(spec) });
    failed.take(Finding::failed(Phase::Connect, HOSTILE, HOSTILE));
    items.push(failed);
    let mut diagnosis = Diagnosis {
        id: text(),
        node: text(),
        hosts: vec![text()],
        by: text(),
        version: text(),
        started_at: Timestamp(0),
        ended_at: None,
        state: DiagnosisState::Running,
        items,
        verdict: None,
    };
    diagnosis.conclude(Timestamp(4_200));
    diagnosis
}

/// What stands in angle brackets.
fn tags(html: &str) -> Vec<&str> {
    html.split('<').skip(1).map(|rest| rest.split('>').next().unwrap_or_default()).collect()
}

#[test]
fn nothing_that_comes_from_the_network_becomes_markup() {
    let diagnosis = hostile();
    for html in [page(&diagnosis), items(&diagnosis)] {
        for tag in tags(&html) {
            let name = tag.trim_start_matches(['/', '!']).split(' ').next().unwrap_or_default();
            let ours = [
                "DOCTYPE",
                "html",
                "head",
                "meta",
                "title",
                "style",
                "body",
                "main",
                "h1",
                "h2",
                "h3",
                "p",
                "b",
                "dl",
                "div",
                "dt",
                "dd",
                "ol",
                "ul",
                "li",
                "a",
                "table",
                "caption",
                "thead",
                "tbody",
                "tr",
                "th",
                "td",
                "section",
                "figure",
                "figcaption",
                "svg",
                "rect",
                "rect/",
                "path",
                "details",
                "summary",
                "pre",
            ];
            assert!(ours.contains(&name), "<{tag}>");
            assert!(!tag.contains("onerror"), "<{tag}>");
        }
        assert!(!html.contains('\u{202e}') && !html.contains('\u{7}'));
        assert!(html.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;"));
    }
}

#[test]
fn it_needs_nothing_else() {
    let html = page(&hostile());
    for foreign in ["src=", "http://", "https://", "url(", "@import", "<link"] {
        let found = tags(&html).into_iter().find(|tag| tag.contains(foreign));
        assert_eq!(found, None, "{foreign}");
    }
    assert!(!STYLE.contains("url(") && !STYLE.contains("@import"));
    assert!(html.contains("<svg") && html.contains("1 lost") && html.contains("<details"));
    // The verdict comes before the evidence.
    assert!(html.find("class=\"verdict").expect("a verdict") < html.find("<h2>Evidence").expect("evidence"));
}

#[test]
fn every_check_has_a_section_under_its_number() {
    let diagnosis = hostile();
    let html = items(&diagnosis);
    for at in 0..diagnosis.items.len() {
        assert_eq!(html.matches(&format!("<section data-item=\"{at}\"")).count(), 1);
    }
    assert_eq!(html.matches("<section").count(), html.matches("</section>").count());
    assert!(html.contains("took the same way") && html.contains("136 more are in the JSON"));
}
