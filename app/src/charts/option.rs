//! From a chart to the option that draws it: a template of JSON for each part, with what differs laid over it.
//!
//! Templates are text that is parsed, not structs that are written: the types of a chart library are 90 kB of code.

use serde_json::{Value, json};

use super::{Band, GROUP, Line, Mark, NAMED_MARKS_MAX, Span, Threshold, TimeChart, colour, unit_name};

const CHART: &str = r#"{
  "animation": false,
  "grid": { "left": 64, "right": 12, "top": 12, "bottom": 26 },
  "tooltip": {
    "trigger": "axis",
    "axisPointer": { "type": "line", "lineStyle": { "color": "@var:--muted", "type": "solid", "width": 1 } },
    "backgroundColor": "@var:--surface", "borderColor": "@var:--line", "borderWidth": 1,
    "textStyle": { "color": "@var:--text", "fontSize": 12 }
  },
  "xAxis": {
    "type": "time", "splitNumber": 6,
    "axisLine": { "lineStyle": { "color": "@var:--line" } },
    "axisLabel": { "color": "@var:--muted", "fontSize": 12, "formatter": "@time", "hideOverlap": true },
    "axisTick": { "lineStyle": { "color": "@var:--line" } },
    "axisPointer": { "label": { "formatter": "@time" } },
    "splitLine": { "show": false }
  },
  "yAxis": {
    "type": "value", "min": 0, "splitNumber": 3,
    "axisLabel": { "color": "@var:--muted", "fontSize": 12 },
    "splitLine": { "lineStyle": { "color": "@var:--line" } }
  }
}"#;

const LINE: &str = r#"{ "type": "line", "showSymbol": false, "lineStyle": { "width": 1.5 }, "itemStyle": {},
  "emphasis": { "disabled": true } }"#;

const BAND: &str = r#"{ "type": "line", "stack": "band", "showSymbol": false, "silent": true, "z": 1,
  "lineStyle": { "width": 0 }, "itemStyle": {}, "emphasis": { "disabled": true } }"#;

const MARKS: &str = r#"{ "silent": true, "symbol": ["none", "none"], "data": [],
  "label": { "position": "insideStartTop", "color": "@var:--muted", "formatter": "{b}" },
  "lineStyle": { "color": "@var:--warning", "type": "dashed", "width": 1 } }"#;

/// Along the line: names beside each other would lie over each other.
const MARK: &str = r#"{ "lineStyle": { "color": "@var:--line-strong", "type": "solid", "width": 1 },
  "label": { "position": "insideEndTop", "fontSize": 11, "width": 90, "overflow": "truncate", "color": "@var:--muted" } }"#;

const SHADE: &str = r#"{ "silent": true, "itemStyle": { "color": "@var:--doubt", "opacity": 1 } }"#;

/// A template as a value; they are constants, and a test reads each.
pub(super) fn template(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}

/// The option of a chart, still without points. `ceiling` is where the value axis ends.
pub(super) fn option(chart: &TimeChart, ceiling: Option<f64>) -> Value {
    let mut option = template(CHART);
    let format = Value::from(format!("@fmt:{}", unit_name(chart.unit)));
    option["netloom"]["group"] = GROUP.into();
    option["tooltip"]["valueFormatter"] = format.clone();
    option["yAxis"]["axisLabel"]["formatter"] = format;
    if let Some(ceiling) = ceiling {
        option["yAxis"]["max"] = ceiling.into();
        option["yAxis"]["interval"] = (ceiling / 2.0).into();
    }
    let mut series: Vec<Value> = chart.lines.iter().map(|line| line_series(line, chart.is_bars)).collect();
    if let Some(first) = series.first_mut() {
        mark(first, &chart.thresholds, &chart.marks);
        shade(first, &chart.doubtful);
    }
    series.extend(chart.band.iter().flat_map(band_series));
    // A chart without lines has no list of them.
    if !series.is_empty() {
        option["series"] = series.into();
    }
    option
}

fn line_series(line: &Line, is_bar: bool) -> Value {
    let mut series = template(LINE);
    series["id"] = line.id.as_str().into();
    series["name"] = line.name.as_str().into();
    series["lineStyle"]["color"] = colour(line.colour).into();
    series["lineStyle"]["type"] = if line.is_dashed { "dashed" } else { "solid" }.into();
    // The colour of the mark beside the figure in the tooltip.
    series["itemStyle"]["color"] = colour(line.colour).into();
    if is_bar {
        series["type"] = "bar".into();
        series["barWidth"] = 3.into();
        series["barGap"] = "0%".into();
    }
    series
}

/// A band as the chart library draws one: its height is stacked on its lower edge.
fn band_series(band: &Band) -> [Value; 2] {
    [(Band::IDS[0], "fastest", 0.0), (Band::IDS[1], band.name, 0.18)].map(|(id, name, opacity)| {
        let mut series = template(BAND);
        series["id"] = id.into();
        series["name"] = name.into();
        series["itemStyle"]["color"] = colour(band.colour).into();
        series["areaStyle"]["color"] = colour(band.colour).into();
        series["areaStyle"]["opacity"] = opacity.into();
        series
    })
}

/// Limits across the chart and marks on the time axis; they hang on the first series.
fn mark(series: &mut Value, thresholds: &[Threshold], marks: &[Mark]) {
    if thresholds.is_empty() && marks.is_empty() {
        return;
    }
    let is_named = marks.len() <= NAMED_MARKS_MAX;
    let limits = thresholds.iter().map(|limit| json!({ "name": limit.name, "yAxis": limit.value }));
    let marks = marks.iter().map(|mark| {
        let mut line = template(MARK);
        line["name"] = mark.name.as_str().into();
        line["xAxis"] = mark.at_ms.into();
        line["label"]["show"] = is_named.into();
        line
    });
    series["markLine"] = template(MARKS);
    series["markLine"]["data"] = limits.chain(marks).collect();
}

/// Stretches of time whose figures are doubtful.
fn shade(series: &mut Value, spans: &[Span]) {
    if spans.is_empty() {
        return;
    }
    series["markArea"] = template(SHADE);
    series["markArea"]["data"] =
        spans.iter().map(|span| json!([{ "xAxis": span.from_ms }, { "xAxis": span.to_ms }])).collect();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_is_json() {
        for text in [CHART, LINE, BAND, MARKS, MARK, SHADE] {
            assert!(template(text).is_object(), "{text}");
        }
    }
}
