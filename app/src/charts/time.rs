//! A chart over time as charming builds it, still without points.

use charming::{
    Chart,
    component::{Axis, Grid},
    element::{
        AreaStyle, AxisLabel, AxisPointer, AxisPointerType, AxisTick, AxisType, Emphasis, ItemStyle, Label,
        LabelPosition, LineStyle, LineStyleType, MarkLine, MarkLineData, MarkLineVariant, SplitLine, Symbol, Tooltip,
        Trigger,
    },
    series::{self, Series},
};

use super::{Band, Line, Mark, NAMED_MARKS_MAX, Threshold, TimeChart, colour, unit_name};

/// The chart; `ceiling` is where the value axis ends.
pub(super) fn build(chart: &TimeChart, ceiling: Option<f64>) -> Chart {
    let format = format!("@fmt:{}", unit_name(chart.unit));
    let base = Chart::new()
        .animation(false)
        .grid(Grid::new().left(64).right(12).top(12).bottom(26))
        .tooltip(tooltip(&format))
        .x_axis(time_axis())
        .y_axis(value_axis(&format, ceiling));
    // What is drawn across the chart hangs on the first series.
    let lines = chart.lines.iter().enumerate().map(|(at, line)| {
        let across = if at == 0 { mark_line(&chart.thresholds, &chart.marks) } else { None };
        line_series(line, chart.is_bars, across)
    });
    lines.chain(chart.band.iter().flat_map(band_series)).fold(base, Chart::series)
}

fn value_axis(format: &str, ceiling: Option<f64>) -> Axis {
    let axis = Axis::new()
        .type_(AxisType::Value)
        .min(0)
        .split_number(3)
        .axis_label(axis_label(format))
        .split_line(SplitLine::new().line_style(LineStyle::new().color(colour("--line"))));
    match ceiling {
        Some(ceiling) => axis.max(ceiling).interval(ceiling / 2.0),
        None => axis,
    }
}

fn time_axis() -> Axis {
    Axis::new()
        .type_(AxisType::Time)
        .split_number(6)
        .axis_label(axis_label("@time"))
        .axis_tick(AxisTick::new().line_style(LineStyle::new().color(colour("--line"))))
        .axis_pointer(AxisPointer::new().label(Label::new().formatter("@time")))
        .split_line(SplitLine::new().show(false))
}

fn axis_label(format: &str) -> AxisLabel {
    AxisLabel::new().color(colour("--muted")).font_size(12).formatter(format)
}

fn tooltip(format: &str) -> Tooltip {
    let line = LineStyle::new().color(colour("--muted")).type_(LineStyleType::Solid).width(1);
    Tooltip::new()
        .trigger(Trigger::Axis)
        .axis_pointer(AxisPointer::new().type_(AxisPointerType::Line).line_style(line))
        .value_formatter(format)
        .background_color(colour("--surface"))
        .border_color(colour("--line"))
        .border_width(1)
}

fn line_series(line: &Line, is_bar: bool, across: Option<MarkLine>) -> Series {
    // The colour of the mark beside the figure in the tooltip.
    let item = ItemStyle::new().color(colour(line.colour));
    let still = Emphasis::new().disabled(true);
    if is_bar {
        let bar = series::Bar::new().id(line.id.as_str()).name(line.name.as_str()).bar_width(3).bar_gap("0%");
        let bar = bar.item_style(item).emphasis(still);
        return across.into_iter().fold(bar, series::Bar::mark_line).into();
    }
    let stroke = if line.is_dashed { LineStyleType::Dashed } else { LineStyleType::Solid };
    let style = LineStyle::new().width(1.5).color(colour(line.colour)).type_(stroke);
    let series = series::Line::new().id(line.id.as_str()).name(line.name.as_str()).show_symbol(false).line_style(style);
    let series = series.item_style(item).emphasis(still);
    across.into_iter().fold(series, series::Line::mark_line).into()
}

/// A band as the chart library draws one: its height is stacked on its lower edge.
fn band_series(band: &Band) -> [Series; 2] {
    [(Band::IDS[0], "fastest", 0.0), (Band::IDS[1], band.name, 0.18)].map(|(id, name, opacity)| {
        series::Line::new()
            .id(id)
            .name(name)
            .stack("band")
            .show_symbol(false)
            .silent(true)
            .z(1)
            .line_style(LineStyle::new().width(0))
            .item_style(ItemStyle::new().color(colour(band.colour)))
            .area_style(AreaStyle::new().color(colour(band.colour)).opacity(opacity))
            .emphasis(Emphasis::new().disabled(true))
            .into()
    })
}

/// Limits across the chart, and behind them marks on the time axis.
fn mark_line(thresholds: &[Threshold], marks: &[Mark]) -> Option<MarkLine> {
    if thresholds.is_empty() && marks.is_empty() {
        return None;
    }
    let label = Label::new().position(LabelPosition::InsideStartTop).color(colour("--muted")).formatter("{b}");
    let limits = thresholds.iter().map(|limit| MarkLineData::new().name(limit.name.as_str()).y_axis(limit.value));
    // Along the line: names beside each other would lie over each other.
    let name = Label::new()
        .show(marks.len() <= NAMED_MARKS_MAX)
        .position(LabelPosition::InsideEndTop)
        .font_size(11)
        .color(colour("--muted"));
    let marks =
        marks.iter().map(|mark| MarkLineData::new().name(mark.name.as_str()).x_axis(mark.at_ms).label(name.clone()));
    let across = MarkLine::new()
        .silent(true)
        .symbol(vec![Symbol::None, Symbol::None])
        .label(label)
        .line_style(LineStyle::new().color(colour("--warning")).type_(LineStyleType::Dashed).width(1))
        .data(limits.chain(marks).map(MarkLineVariant::Simple).collect());
    Some(across)
}
