//! A diagnosis as HTML: one file that needs nothing else, for whoever has to act on it, and the details of each check for
//! the page. Everything that comes from the network is escaped; there is no script, and nothing is loaded.

mod detail;
mod draw;
mod words;

use std::fmt::Write as _;

use netloom_core::diagnosis::{Diagnosis, DiagnosisState, Item};

/// Colours and distances of the report, for light and dark.
const STYLE: &str = include_str!("report/report.css");

/// The whole report.
pub fn page(diagnosis: &Diagnosis) -> String {
    let title = match diagnosis.hosts.as_slice() {
        [] => format!("Diagnosis of the network around {}", diagnosis.node),
        hosts => format!("Diagnosis of {} from {}", hosts.join(", "), diagnosis.node),
    };
    let title = escaped(&title);
    let mut html = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"robots\" content=\"noindex\"><title>{title}</title><style>{STYLE}</style></head>\n<body><main>\n"
    );
    html += &["<h1>", &title, "</h1>\n"].concat();
    html += &facts(diagnosis);
    html += &verdict(diagnosis);
    html += "<h2>Evidence</h2>\n";
    html += &overview(diagnosis);
    html += &items(diagnosis);
    let json = serde_json::to_string_pretty(diagnosis).unwrap_or_default();
    html += "<details class=\"raw\"><summary>Everything as JSON</summary><pre>";
    html += &escaped(&json);
    html + "</pre></details>\n</main></body></html>\n"
}

/// The details of every check, one section each, that a page can put in.
pub fn items(diagnosis: &Diagnosis) -> String {
    diagnosis.items.iter().enumerate().fold(String::new(), |html, (at, item)| html + &section(at, item))
}

/// Text as it may stand anywhere in HTML, in attributes, too.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\'' => escaped += "&#39;",
            c if c.is_control() && c != '\n' && c != '\t' => escaped.push('\u{fffd}'),
            // Marks that turn the direction of what is around them would show another name than there is.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

fn facts(diagnosis: &Diagnosis) -> String {
    let state = match &diagnosis.state {
        DiagnosisState::Done => "done".to_owned(),
        DiagnosisState::Failed { why } => format!("not done: {why}"),
        DiagnosisState::Waiting | DiagnosisState::Running => "still under way".to_owned(),
    };
    let mut facts = vec![("Node", diagnosis.node.clone()), ("Begun", diagnosis.started_at.to_string())];
    if let Some(ended_at) = diagnosis.ended_at {
        let took_s = (ended_at.ms() - diagnosis.started_at.ms()) as f64 / 1_000.0;
        facts.push(("Took", format!("{took_s:.1} s")));
    }
    facts.push(("State", state));
    if !diagnosis.by.is_empty() {
        facts.push(("Asked for by", diagnosis.by.clone()));
    }
    facts.push(("Netloom", diagnosis.version.clone()));
    let rows = facts.iter().fold(String::new(), |html, (name, value)| {
        html + &format!("<div><dt>{name}</dt><dd>{}</dd></div>", escaped(value))
    });
    format!("<dl class=\"facts\">{rows}</dl>\n")
}

fn verdict(diagnosis: &Diagnosis) -> String {
    let Some(verdict) = &diagnosis.verdict else {
        return "<p class=\"verdict unknown\">There is no verdict.</p>\n".to_owned();
    };
    let grade = words::class(verdict.grade);
    let mut html =
        format!("<p class=\"verdict {grade}\"><b>{}</b> {}</p>\n", verdict.grade.word(), escaped(&verdict.sentence));
    if verdict.points.is_empty() {
        return html;
    }
    html += "<ol class=\"points\">";
    for point in &verdict.points {
        let cure = match point.cure.as_str() {
            "" => String::new(),
            cure => format!("<p class=\"cure\">What would help: {}.</p>", escaped(cure)),
        };
        let links = point.evidence.iter().filter_map(|at| Some((at, diagnosis.items.get(*at)?)));
        let links: Vec<String> =
            links.map(|(at, item)| format!("<a href=\"#item-{at}\">{}</a>", escaped(&name(item)))).collect();
        let (class, text, links) = (words::class(point.grade), escaped(&point.text), links.join(", "));
        let point =
            format!("<li class=\"{class}\"><p>{text}</p>{cure}<p class=\"evidence\">Evidence: {links}</p></li>");
        html += &point;
    }
    html + "</ol>\n"
}

/// Every check in a line, under its heading.
fn overview(diagnosis: &Diagnosis) -> String {
    let mut html = "<table class=\"overview\"><thead><tr><th>About</th><th>Check</th><th>Grade</th><th>Found</th></tr></thead><tbody>".to_owned();
    let mut last = None;
    for (at, item) in diagnosis.items.iter().enumerate() {
        let subject = item.spec.subject.as_str();
        let shown = if last == Some(subject) { String::new() } else { escaped(subject) };
        last = Some(subject);
        // Writing to a string cannot fail.
        let _ = write!(
            html,
            "<tr><th scope=\"row\">{shown}</th><td><a href=\"#item-{at}\">{}</a></td><td class=\"{}\">{}</td><td>{}</td></tr>",
            escaped(&item.spec.title),
            words::class(item.grade),
            item.grade.word(),
            escaped(&item.headline),
        );
    }
    html + "</tbody></table>\n"
}

fn section(at: usize, item: &Item) -> String {
    let headline = if item.headline.is_empty() { "It has not ended." } else { &item.headline };
    let head = format!(
        "<section data-item=\"{at}\" id=\"item-{at}\" class=\"item {}\"><h3>{}</h3><p class=\"headline\">{}</p>",
        words::class(item.grade),
        escaped(&name(item)),
        escaped(headline),
    );
    let details = item.finding.as_ref().map(detail::finding).unwrap_or_default();
    format!("{head}{details}</section>\n")
}

fn name(item: &Item) -> String {
    format!("{}: {}", item.spec.subject, item.spec.title)
}

#[cfg(test)]
mod tests;
