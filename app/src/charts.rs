//! Charts as data: from series and settings to lines, and from lines to the option that draws them. Pure, so that all of
//! it is tested without a browser.
//!
//! charming builds the options; what it has no words for is laid over them as JSON. Strings that begin with `@` stand
//! for what JSON cannot hold, and the chart bridge replaces them: `@fmt:<unit>` and `@time` with functions, `@var:--x`
//! with the colour that the style sheet gives to that name.

pub(crate) mod any;
pub(crate) mod arrange;
pub(crate) mod bandwidth;
pub(crate) mod latency;
pub(crate) mod link;
pub(crate) mod loss;
pub(crate) mod marks;
pub(crate) mod matrix;
pub(crate) mod mesh;
mod overlay;
pub(crate) mod pair;
pub(crate) mod points;
pub(crate) mod racks;
pub(crate) mod rates;
mod time;
pub(crate) mod topology;

use netloom_core::{metric, sample::SeriesKey, unit::Unit};

/// Lines one chart shows; what is more is folded into one.
pub(crate) const LINES_MAX: usize = 6;

/// The group whose charts share one cross-hair.
const GROUP: &str = "time";

/// One line of a chart.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Line {
    /// Its lasting name in the chart.
    pub(crate) id: String,
    /// What people call it.
    pub(crate) name: String,
    /// The style sheet's name of its colour.
    pub(crate) colour: &'static str,
    /// Whether it is dashed, to tell it from a line of the same colour.
    pub(crate) is_dashed: bool,
    /// The series whose points it shows; several are folded into one line.
    pub(crate) sources: Vec<SeriesKey>,
}

/// How several series become one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fold {
    /// The largest at each moment: one that is bad stays visible.
    Worst,
    /// Added up.
    Sum,
}

/// A limit that is drawn across a chart.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Threshold {
    /// What it is called.
    pub(crate) name: String,
    /// Where it lies, in the chart's unit.
    pub(crate) value: f64,
}

/// Something that happened, as a mark on the time axis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mark {
    /// What happened.
    pub(crate) name: String,
    /// When, ms.
    pub(crate) at_ms: i64,
}

/// The room between two series, filled: the fastest and the slowest answer of each round.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Band {
    /// What it is called.
    pub(crate) name: &'static str,
    /// The style sheet's name of its colour.
    pub(crate) colour: &'static str,
    /// The series along its lower edge.
    pub(crate) low: SeriesKey,
    /// The series along its upper edge.
    pub(crate) high: SeriesKey,
}

impl Band {
    /// The ids of the two series that the chart draws it with: its lower edge, and its height above that.
    pub(crate) const IDS: [&str; 2] = ["band-low", "band-spread"];
}

/// A stretch of time that is shaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    /// Its beginning, ms.
    pub(crate) from_ms: i64,
    /// Its end, ms.
    pub(crate) to_ms: i64,
}

/// What stretches are called in which throughput was tested.
pub(crate) const TEST_NAME: &str = "throughput test";

/// Marks of one chart: more would be a wall. The newest stay.
pub(crate) const MARKS_MAX: usize = 60;
/// Marks that are named: with more the names would lie over each other.
const NAMED_MARKS_MAX: usize = 6;

/// A chart of values over time.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TimeChart {
    /// The unit of all values.
    pub(crate) unit: Unit,
    /// The lines, in the order of the legend.
    pub(crate) lines: Vec<Line>,
    /// How series that share a line become one.
    pub(crate) fold: Fold,
    /// Limits from the settings.
    pub(crate) thresholds: Vec<Threshold>,
    /// What happened meanwhile.
    pub(crate) marks: Vec<Mark>,
    /// The spread behind the lines.
    pub(crate) band: Option<Band>,
    /// Stretches of time that are shaded: whose figures are doubtful, or what else `shade_name` says.
    pub(crate) doubtful: Vec<Span>,
    /// What the shaded stretches are called.
    pub(crate) shade_name: &'static str,
    /// Stretches of time in which throughput was tested, which disturbs everything else.
    pub(crate) tests: Vec<Span>,
    /// Whether values stand as bars of their own: what is rare and matters would be lost in a line.
    pub(crate) is_bars: bool,
}

/// The colours of lines, told apart by people who see colours differently.
pub(crate) const COLOURS: [&str; LINES_MAX] =
    ["--series-1", "--series-2", "--series-3", "--series-4", "--series-5", "--series-6"];
/// The colour of what is folded.
pub(crate) const COLOUR_OTHERS: &str = "--muted";

/// The name of a unit in the bridge, as the API writes it.
fn unit_name(unit: Unit) -> String {
    serde_json::to_value(unit).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
}

fn colour(token: &str) -> String {
    format!("@var:{token}")
}

impl TimeChart {
    /// A chart without lines.
    pub(crate) fn new(metric: &str, fold: Fold) -> Self {
        let unit = metric::unit_of(metric);
        Self {
            unit,
            lines: Vec::new(),
            fold,
            thresholds: Vec::new(),
            marks: Vec::new(),
            band: None,
            doubtful: Vec::new(),
            shade_name: "doubtful: sender starved",
            tests: Vec::new(),
            is_bars: false,
        }
    }

    /// Where the value axis ends when the largest value is `max`; nothing lets the chart choose. Little should not look
    /// like a lot, and there is no more than everything.
    pub(crate) fn ceiling(&self, max: Option<f64>) -> Option<f64> {
        let limit = self.thresholds.iter().map(|threshold| threshold.value).fold(0.0, f64::max);
        let max = max.unwrap_or(0.0);
        let least = match self.unit {
            Unit::Ratio => return [0.02, 0.1, 0.2, 0.5].into_iter().find(|end| *end >= max.max(limit)).or(Some(1.0)),
            Unit::BitsPerSecond => 1_000.0,
            Unit::PacketsPerSecond | Unit::Count | Unit::Microseconds => 10.0,
            Unit::PerSecond => 1.0,
        };
        (max < least).then_some(least)
    }

    /// The option that draws the chart, as JSON, still without points. `ceiling` is where the value axis ends.
    pub(crate) fn option(&self, ceiling: Option<f64>) -> String {
        let mut option = serde_json::to_value(time::build(self, ceiling)).unwrap_or_default();
        overlay::lay(self, &mut option);
        option.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn line(id: &str, is_dashed: bool) -> Line {
        Line { id: id.into(), name: id.into(), colour: COLOURS[0], is_dashed, sources: Vec::new() }
    }

    fn option() -> Value {
        let mut chart = TimeChart::new(metric::RTT_US, Fold::Worst);
        chart.lines = vec![line("a", false), line("b", true)];
        chart.thresholds = vec![Threshold { name: "limit 1 ms".into(), value: 1_000.0 }];
        serde_json::from_str(&chart.option(None)).expect("is JSON")
    }

    #[test]
    fn lines_carry_their_ids_colours_and_strokes() {
        let option = option();
        let series = option["series"].as_array().expect("a list");
        let ids: Vec<_> = series.iter().map(|series| series["id"].as_str()).collect();
        assert_eq!(ids, [Some("a"), Some("b")]);
        assert_eq!(series[0]["itemStyle"]["color"], "@var:--series-1");
        assert_eq!(series[1]["lineStyle"]["type"], "dashed");
        assert!(series.iter().all(|series| series["showSymbol"] == false));
    }

    #[test]
    fn a_chart_without_lines_says_nothing_of_them() {
        let option: Value =
            serde_json::from_str(&TimeChart::new(metric::RTT_US, Fold::Worst).option(None)).expect("is JSON");
        assert_eq!(option.get("series"), None);
    }

    #[test]
    fn a_threshold_is_drawn_once_and_named() {
        let option = option();
        assert_eq!(option["series"][0]["markLine"]["data"][0]["name"], "limit 1 ms");
        assert_eq!(option["series"][0]["markLine"]["data"][0]["yAxis"], 1_000.0);
        assert!(option["series"][1].get("markLine").is_none());
    }

    #[test]
    fn marks_stand_beside_the_limits_and_only_a_few_are_named() {
        let mut chart = TimeChart::new(metric::RTT_US, Fold::Worst);
        chart.lines = vec![line("a", false)];
        chart.marks = vec![Mark { name: "epoch 1".into(), at_ms: 5_000 }];
        let data = |chart: &TimeChart| {
            let option: Value = serde_json::from_str(&chart.option(None)).expect("is JSON");
            option["series"][0]["markLine"]["data"].clone()
        };
        assert_eq!((&data(&chart)[0]["xAxis"], &data(&chart)[0]["label"]["show"]), (&json!(5_000), &json!(true)));
        chart.thresholds = vec![Threshold { name: "limit".into(), value: 1.0 }];
        assert_eq!((&data(&chart)[0]["yAxis"], &data(&chart)[1]["name"]), (&json!(1.0), &json!("epoch 1")));
        assert_eq!(data(&chart)[0].get("lineStyle"), None, "a limit is drawn as all limits are");
        assert_eq!(data(&chart)[1]["lineStyle"]["type"], "solid");
        chart.marks = vec![chart.marks[0].clone(); NAMED_MARKS_MAX + 1];
        assert_eq!(data(&chart)[1]["label"]["show"], false);
    }

    #[test]
    fn a_band_lies_behind_the_lines_and_doubts_are_shaded() {
        let mut chart = TimeChart::new(metric::RTT_US, Fold::Worst);
        chart.lines = vec![line("a", false)];
        let key = |metric| SeriesKey::new(metric, [("src", "a")]);
        let (low, high) = (key(metric::RTT_MIN_US), key(metric::RTT_MAX_US));
        chart.band = Some(Band { name: "spread", colour: COLOURS[0], low, high });
        chart.doubtful = vec![Span { from_ms: 1, to_ms: 2 }];
        let option: Value = serde_json::from_str(&chart.option(None)).expect("is JSON");
        let ids: Vec<_> = option["series"].as_array().expect("a list").iter().map(|s| s["id"].as_str()).collect();
        assert_eq!(ids, [Some("a"), Some("band-low"), Some("band-spread")]);
        assert_eq!(option["series"][1]["stack"], option["series"][2]["stack"]);
        assert_eq!(option["series"][0]["markArea"]["data"][0][1]["xAxis"], 2);
        chart.tests = vec![Span { from_ms: 3, to_ms: 4 }];
        let option: Value = serde_json::from_str(&chart.option(None)).expect("is JSON");
        let areas = &option["series"][0]["markArea"]["data"];
        assert_eq!((&areas[1][0]["xAxis"], &areas[1][0]["name"]), (&json!(3), &json!(TEST_NAME)));
        assert_eq!(areas[0][0].get("name"), None, "what is doubtful is named in the legend only");
        chart.tests.clear();
        chart.is_bars = true;
        let option: Value = serde_json::from_str(&chart.option(None)).expect("is JSON");
        assert_eq!((&option["series"][0]["type"], &option["series"][1]["type"]), (&json!("bar"), &json!("line")));
        assert_eq!(option["series"][0]["markArea"]["data"][0][0]["xAxis"], 1, "bars are shaded like lines");
    }

    #[test]
    fn little_does_not_look_like_a_lot() {
        let loss = TimeChart::new(metric::LOSS_RATIO, Fold::Worst);
        assert_eq!(
            [None, Some(0.04), Some(0.3), Some(0.9)].map(|max| loss.ceiling(max)),
            [0.02, 0.1, 0.5, 1.0].map(Some)
        );
        let rate = TimeChart::new(metric::NET_RX_BPS, Fold::Sum);
        assert_eq!([Some(0.0), Some(5e6)].map(|max| rate.ceiling(max)), [Some(1_000.0), None]);
        let option: Value = serde_json::from_str(&rate.option(Some(1_000.0))).expect("is JSON");
        assert_eq!(
            (option["yAxis"]["max"].as_f64(), option["yAxis"]["interval"].as_f64()),
            (Some(1_000.0), Some(500.0))
        );
    }

    #[test]
    fn axes_and_tooltip_write_the_unit_and_share_the_cross_hair() {
        let option = option();
        assert_eq!(option["yAxis"]["axisLabel"]["formatter"], "@fmt:microseconds");
        assert_eq!(option["tooltip"]["valueFormatter"], "@fmt:microseconds");
        assert_eq!(option["xAxis"]["axisLabel"]["formatter"], "@time");
        assert_eq!(option["netloom"]["group"], "time");
        assert_eq!(option["animation"], false);
    }
}
