//! The figure that was judged, around the incident.

use leptos::prelude::*;
use netloom_core::{incident::Incident, metric, sample::Labels, time::Timestamp};

use crate::{
    charts::{Span, Threshold, TimeChart, any, marks::About},
    clock::Clock,
    components::{
        alert_feed::{is_over, nodes},
        chart_card::ChartCard,
    },
    live::{Live, feed::Interest, marks::use_happenings, use_feed},
};

/// What the shaded stretch stands for.
const STRETCH: &str = "while it lasted";

/// The metric of an incident, where it is one: older ones do not carry it.
fn judged(incident: &Incident) -> &str {
    match (incident.metric.as_str(), incident.rule.as_str()) {
        ("", "latency_high") => metric::RTT_US,
        ("", "loss_high") => metric::LOSS_RATIO,
        ("", "bandwidth_low") => metric::IF_RX_BPS,
        (name, _) => name,
    }
}

/// What belongs beside a metric.
fn beside(metric: &str) -> Option<&'static str> {
    match metric {
        metric::RTT_US => Some(metric::LOSS_RATIO),
        metric::LOSS_RATIO => Some(metric::RTT_US),
        metric::IF_RX_BPS => Some(metric::IF_TX_BPS),
        metric::IF_TX_BPS => Some(metric::IF_RX_BPS),
        _ => None,
    }
}

/// The chart of a metric with the stretch of the incident, and its limit where it is one of that metric.
fn chart(metric: &str, series: &[Labels], incident: &Incident, now_ms: i64) -> TimeChart {
    let mut chart = any::chart(metric, series);
    if metric == judged(incident) && chart.unit == incident.unit && incident.limit.is_finite() {
        let name = format!("limit {}", chart.unit.figure(incident.limit));
        chart.thresholds = vec![Threshold { name, value: incident.limit }];
    }
    let ended_ms = incident.resolved_at.filter(|_| is_over(incident)).map_or(now_ms, Timestamp::ms);
    chart.doubtful = vec![Span { from_ms: incident.started_at.ms(), to_ms: ended_ms }];
    chart.shade_name = STRETCH;
    chart
}

/// One chart, or two where two tell more.
#[component]
pub(super) fn Charts(incident: Memo<Incident>) -> impl IntoView {
    // What it is about does not change.
    let first = incident.get_untracked();
    let (live, clock) = (Live::expect(), Clock::expect());
    let main = judged(&first).to_owned();
    if main.is_empty() {
        return ().into_any();
    }
    // What goes on is shaded up to now; a chart need not be made anew for it every second.
    let now = Memo::new(move |_| clock.now().ms() / 5_000 * 5_000);
    let about: Vec<String> = nodes(&first).map(Into::into).collect();
    let happenings = use_happenings(Box::new(move |mark| about.iter().any(|node| About::Node(node).covers(mark))));
    let card = |id: &'static str, metric: String| {
        let mut interest = Interest::all(metric.clone()).extremes();
        interest.labels = first.labels.clone();
        let feed = use_feed(interest);
        let title = metric::find(&metric).map_or_else(|| metric.clone(), |metric| metric.title.to_owned());
        let title = format!("{title}, {}", first.subject);
        let made = Memo::new(move |_| {
            incident.with(|incident| {
                let now_ms = if is_over(incident) { 0 } else { now.get() };
                happenings.on(chart(&metric, &feed.labels(live), incident, now_ms))
            })
        });
        view! { <ChartCard id title feeds=vec![feed] chart=made /> }
    };
    let second = beside(&main).map(|metric| card("chart-beside", metric.to_owned()));
    view! { <div class="link-charts">{card("chart-incident", main)} {second}</div> }.into_any()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;
    use netloom_core::{incident::IncidentState, unit::Unit};

    #[test]
    fn the_limit_and_the_stretch_are_drawn() {
        let incident = example::incident("loss_high", IncidentState::Resolved, "a");
        let drawn = chart("loss_ratio", &[example::labels("a", "icmp")], &incident, 500_000);
        assert_eq!((drawn.thresholds[0].name.as_str(), drawn.lines.len()), ("limit 5 %", 1));
        assert_eq!(drawn.doubtful, [Span { from_ms: 60_000, to_ms: 100_000 }]);
        assert!(chart("rtt_us", &[], &incident, 0).thresholds.is_empty(), "it is no limit of latency");
        let going = example::incident("loss_high", IncidentState::Firing, "a");
        assert_eq!(chart("loss_ratio", &[], &going, 500_000).doubtful[0].to_ms, 500_000);
    }

    #[test]
    fn a_limit_in_another_unit_is_none_of_the_chart() {
        let incident = Incident {
            metric: "loss_ratio".into(),
            unit: Unit::Microseconds,
            ..example::incident("mine", IncidentState::Firing, "a")
        };
        assert!(chart("loss_ratio", &[], &incident, 0).thresholds.is_empty());
    }

    #[test]
    fn older_incidents_are_drawn_by_their_rule() {
        assert_eq!(judged(&example::incident("latency_high", IncidentState::Firing, "a")), "rtt_us");
        assert_eq!(judged(&example::incident("job_oom", IncidentState::Firing, "a")), "");
    }
}
