//! What charming has no words for, laid over the options that it builds.

use serde_json::{Value, json};

use super::{GROUP, NAMED_MARKS_MAX, Span, TEST_NAME, TimeChart, colour};

/// Lays over the option of a chart over time what is missing there.
pub(super) fn lay(chart: &TimeChart, option: &mut Value) {
    option["netloom"] = json!({ "group": GROUP });
    // charming takes the line of an axis for a gradient.
    option["xAxis"]["axisLine"] = json!({ "lineStyle": { "color": colour("--line") } });
    option["xAxis"]["axisLabel"]["hideOverlap"] = true.into();
    option["tooltip"]["textStyle"] = tooltip_text();
    // A chart without lines has no list of them.
    let Some(first) = option.get_mut("series").and_then(|series| series.get_mut(0)) else { return };
    marks(first);
    shade(first, chart);
}

/// How tooltips are written.
pub(super) fn tooltip_text() -> Value {
    json!({ "color": colour("--text"), "fontSize": 12 })
}

/// Marks on the time axis look unlike limits, and long names are cut.
fn marks(series: &mut Value) {
    let Some(data) = series.pointer_mut("/markLine/data").and_then(Value::as_array_mut) else { return };
    for mark in data.iter_mut().filter(|line| line.get("xAxis").is_some()) {
        mark["lineStyle"] = json!({ "color": colour("--line-strong"), "type": "solid", "width": 1 });
        mark["label"]["width"] = 90.into();
        mark["label"]["overflow"] = "truncate".into();
    }
}

/// Stretches of time whose figures are doubtful, and those in which throughput was tested; charming's areas lie between
/// names, and its bars have none.
fn shade(series: &mut Value, chart: &TimeChart) {
    if chart.doubtful.is_empty() && chart.tests.is_empty() {
        return;
    }
    let area = |span: &Span, first: Value| {
        let mut first = first;
        first["xAxis"] = span.from_ms.into();
        json!([first, { "xAxis": span.to_ms }])
    };
    let test = json!({
        "name": TEST_NAME,
        "itemStyle": { "color": colour("--test") },
        "label": { "show": chart.tests.len() <= NAMED_MARKS_MAX, "position": "insideTop", "color": colour("--muted"), "fontSize": 11 },
    });
    let doubtful = chart.doubtful.iter().map(|span| area(span, json!({})));
    let data: Vec<Value> = doubtful.chain(chart.tests.iter().map(|span| area(span, test.clone()))).collect();
    let style = json!({ "color": colour("--doubt"), "opacity": 1 });
    series["markArea"] = json!({ "silent": true, "itemStyle": style, "data": data });
}
