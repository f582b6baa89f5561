//! Reading the events of the stream.

use netloom_core::event::LiveEvent;
use serde::de::DeserializeOwned;

use crate::api::told;

/// Reads an event; `None` for what this page does not understand. The name comes beside the data, so the type is known
/// before anything is read: reading the tagged form takes the client several times the code.
pub(super) fn read(name: &str, data: &str) -> Option<LiveEvent> {
    Some(match name {
        "hello" => LiveEvent::Hello(parse(data)?),
        "resync" => LiveEvent::Resync,
        "samples" => LiveEvent::Samples(parse(data)?),
        "node" => LiveEvent::Node(parse(data)?),
        "node_left" => LiveEvent::NodeLeft { node: text(data, "node")? },
        "incident" => LiveEvent::Incident(parse(data)?),
        "silences" => LiveEvent::Silences(parse(data)?),
        "health" => LiveEvent::Health(parse(data)?),
        "settings" => LiveEvent::Settings { version: parse::<serde_json::Value>(data)?.get("version")?.as_u64()? },
        "storage" => LiveEvent::Storage { problem: text(data, "problem") },
        "run" => LiveEvent::Run(parse(data)?),
        "verdict" => LiveEvent::Verdict(parse(data)?),
        "matrix" => LiveEvent::Matrix(parse(data)?),
        "diagnosis" => LiveEvent::Diagnosis(Box::new(told::brief(&parse(data)?)?)),
        "mark" => LiveEvent::Mark(Box::new(told::mark(&parse(data)?)?)),
        _ => return None,
    })
}

fn text(data: &str, field: &str) -> Option<String> {
    parse::<serde_json::Value>(data)?.get(field)?.as_str().map(str::to_owned)
}

fn parse<T: DeserializeOwned>(data: &str) -> Option<T> {
    serde_json::from_str(data).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::{diagnosis, incident, mark, node, run};
    use netloom_core::{
        diagnosis::DiagnosisState,
        event::Hello,
        health::Health,
        incident::IncidentState,
        mark::MarkKind,
        matrix::MatrixChange,
        sample::{Readings, SeriesKey},
        time::Timestamp,
    };

    #[test]
    fn every_event_that_a_hub_writes_is_read() {
        let mut readings = Readings::default();
        readings.push(SeriesKey::new("rtt_us", [("src", "a")]), 7, 1.5);
        let events = [
            LiveEvent::Hello(Hello { version: "1".into(), now: Timestamp(5), stream: "s".into(), demo: false }),
            LiveEvent::Resync,
            LiveEvent::Samples(readings),
            LiveEvent::Node(Box::new(node("n1", &["a"]))),
            LiveEvent::NodeLeft { node: "n1".into() },
            LiveEvent::Incident(Box::new(incident("loss_high", IncidentState::Firing, "a"))),
            LiveEvent::Silences(vec![crate::example::silence("s1", 0, 9)]),
            LiveEvent::Health(Health::judge(&[], &[])),
            LiveEvent::Settings { version: 3 },
            LiveEvent::Storage { problem: Some("the disk is full".into()) },
            LiveEvent::Run(Box::new(run("a"))),
            LiveEvent::Verdict(Box::default()),
            LiveEvent::Matrix(Box::new(MatrixChange {
                metric: "rtt_us".into(),
                at: Timestamp(5),
                nodes: Some(vec!["a".into(), "b".into()]),
                rows: vec![(1, vec![Some(1.5), None])],
            })),
            LiveEvent::Diagnosis(Box::new(diagnosis("d1", DiagnosisState::Failed { why: "it is gone".into() }))),
            LiveEvent::Mark(Box::new(mark(MarkKind::PathChange, "n1", "n2"))),
        ];
        assert_eq!(events.each_ref().map(LiveEvent::name), LiveEvent::NAMES);
        for event in events {
            let written = serde_json::to_value(&event).expect("is written");
            let data = written.get("data").map(ToString::to_string).unwrap_or_default();
            assert_eq!(read(event.name(), &data), Some(event));
        }
    }

    #[test]
    fn what_is_not_understood_is_left_out() {
        assert_eq!(read("weather", "{}"), None);
        assert_eq!(read("samples", "{"), None);
        assert_eq!(read("settings", "{}"), None);
    }
}
