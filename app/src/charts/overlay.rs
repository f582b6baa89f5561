//! What charming has no words for, laid over the options that it builds.

use serde_json::{Value, json};

use super::{GROUP, Span, TimeChart, colour};

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
    shade(first, &chart.doubtful);
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

/// Stretches of time whose figures are doubtful; charming's areas lie between names, and its bars have none.
fn shade(series: &mut Value, spans: &[Span]) {
    if spans.is_empty() {
        return;
    }
    let data: Vec<Value> =
        spans.iter().map(|span| json!([{ "xAxis": span.from_ms }, { "xAxis": span.to_ms }])).collect();
    let style = json!({ "color": colour("--doubt"), "opacity": 1 });
    series["markArea"] = json!({ "silent": true, "itemStyle": style, "data": data });
}
