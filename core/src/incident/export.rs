//! Incidents as text for other programs: comma-separated values as tables read them, or lines of JSON.

use super::Incident;
use crate::{
    export::{ExportFormat, json, quoted},
    time::Timestamp,
};

/// The header of the table.
const HEAD: &str = "id,rule,title,severity,state,subject,message,value,limit,unit,worst,metric,folded,started_at,fired_at,resolved_at,acknowledged_by,acknowledged_at,acknowledged_note,silenced_by,runbook,labels\n";

/// What stands above the incidents.
pub const fn head(format: ExportFormat) -> &'static str {
    match format {
        ExportFormat::Csv => HEAD,
        ExportFormat::JsonLines => "",
    }
}

/// Appends an incident as a line.
pub fn write(format: ExportFormat, incident: &Incident, into: &mut Vec<u8>) {
    let line = match format {
        ExportFormat::Csv => row(incident),
        ExportFormat::JsonLines => json(incident) + "\n",
    };
    into.extend_from_slice(line.as_bytes());
}

fn row(incident: &Incident) -> String {
    let number = |value: f64| if incident.is_raised() { String::new() } else { json(&value) };
    let moment = |at: Option<Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
    // Words of the document: `critical`, `firing`, `microseconds`.
    let word = |quoted: String| quoted.trim_matches('"').to_owned();
    let acknowledged = incident.handling.acknowledged.as_ref();
    let labels = if incident.labels.is_empty() { String::new() } else { json(&incident.labels) };
    [
        incident.id.to_string(),
        text(&incident.rule),
        text(&incident.title),
        word(json(&incident.severity)),
        word(json(&incident.state)),
        text(&incident.subject),
        text(&incident.message),
        number(incident.value),
        number(incident.limit),
        word(json(&incident.unit)),
        incident.worst.map(|worst| json(&worst)).unwrap_or_default(),
        text(&incident.metric),
        incident.folded.to_string(),
        incident.started_at.to_string(),
        moment(incident.fired_at),
        moment(incident.resolved_at),
        text(acknowledged.map_or("", |acknowledged| &acknowledged.by)),
        moment(acknowledged.map(|acknowledged| acknowledged.at)),
        text(acknowledged.map_or("", |acknowledged| &acknowledged.note)),
        text(incident.handling.silenced_by.as_deref().unwrap_or_default()),
        text(&incident.runbook),
        quoted(&labels),
    ]
    .join(",")
        + "\n"
}

/// A cell of text. Tables take what begins with one of these signs for a formula and compute it when the file is opened,
/// so an apostrophe goes in front, which they show as text.
fn text(cell: &str) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']) {
        quoted(&format!("'{cell}"))
    } else {
        quoted(cell)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::{Acknowledgement, tests::incident};

    fn written(format: ExportFormat, incident: &Incident) -> String {
        let mut bytes = Vec::new();
        write(format, incident, &mut bytes);
        String::from_utf8(bytes).expect("is text")
    }

    #[test]
    fn a_row_has_the_columns_of_the_head() {
        let mut one = incident(7, &[("src", "a"), ("dst", "b")]);
        one.handling.acknowledged =
            Some(Acknowledgement { by: "Zoë".into(), at: Timestamp(2_000), note: String::new() });
        let row = written(ExportFormat::Csv, &one);
        assert_eq!(
            row,
            "7,rule,Rule,warning,firing,a → b,m,1.0,0.5,ratio,,,0,1970-01-01T00:00:00.000Z,,,Zoë,1970-01-01T00:00:02.000Z,,,,\"{\"\"dst\"\":\"\"b\"\",\"\"src\"\":\"\"a\"\"}\"\n"
        );
        let plain = written(ExportFormat::Csv, &incident(7, &[]));
        assert_eq!(plain.matches(',').count(), HEAD.matches(',').count());
        assert_eq!((head(ExportFormat::Csv), head(ExportFormat::JsonLines)), (HEAD, ""));
    }

    #[test]
    fn no_cell_is_a_formula_and_numbers_stay_numbers() {
        for sign in ["=", "+", "-", "@", "\t"] {
            let mut one = incident(1, &[]);
            one.message = format!("{sign}HYPERLINK(\"http://evil.example\", 1)");
            one.value = -5.0;
            let row = written(ExportFormat::Csv, &one);
            assert!(row.contains(&format!("\"'{sign}HYPERLINK(\"\"http")), "{row}");
            assert!(row.contains(",-5.0,"), "{row}");
        }
    }

    #[test]
    fn a_line_of_json_is_the_incident() {
        let one = incident(7, &[("node", "a\nb")]);
        let line = written(ExportFormat::JsonLines, &one);
        assert_eq!(line.matches('\n').count(), 1);
        assert_eq!(serde_json::from_str::<Incident>(&line).expect("is JSON"), one);
    }
}
