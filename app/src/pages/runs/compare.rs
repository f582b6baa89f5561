//! Was this run worse than that one?

use leptos::{prelude::*, task::spawn_local};
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use netloom_core::{
    run::{
        Run,
        compare::{FigureComparison, FirstWorse, LinkChange, MetricComparison, RunComparison, Verdict},
    },
    sample::Labels,
    time::duration_words,
    unit::Unit,
};

use super::lasted;
use crate::{
    api,
    clock::Clock,
    components::{
        empty_state::EmptyState,
        status_badge::{Shape, StatusBadge, Tone},
        when::When,
    },
    range::{TimeRange, segment},
};

/// Below this a probability is not written out.
const P_SMALL: f64 = 0.001;

/// What is known of the comparison.
#[derive(Clone)]
enum State {
    /// It is being made.
    Loading,
    /// It is there.
    Done(Box<RunComparison>),
    /// It cannot be made; why.
    Failed(String),
}

/// The page.
#[component]
pub(crate) fn CompareRuns() -> impl IntoView {
    let query = use_query_map();
    let wanted = Memo::new(move |_| {
        query.with(|query| (query.get("a").unwrap_or_default(), query.get("b").unwrap_or_default()))
    });
    let state = RwSignal::new(State::Loading);
    Effect::new(move |_| {
        let (a, b) = wanted.get();
        state.set(State::Loading);
        spawn_local(async move {
            let made = api::compare_runs(&a, &b).await;
            let is_wanted = wanted.try_get_untracked().is_some_and(|wanted| wanted == (a, b));
            if is_wanted {
                state
                    .set(made.map_or_else(|problem| State::Failed(problem.detail), |made| State::Done(Box::new(made))));
            }
        });
    });
    view! {
        <Title text="Compare runs" />
        <h1 class="page-title">"Compare runs"</h1>
        {move || match state.get() {
            State::Loading => {
                view! { <section class="card skeleton compare-wait" role="status" aria-label="Loading"></section> }
                    .into_any()
            }
            State::Failed(why) => view! { <Failed why /> }.into_any(),
            State::Done(made) => view! { <Comparison made=*made /> }.into_any(),
        }}
    }
    .into_any()
}

#[component]
fn Failed(why: String) -> impl IntoView {
    let range = TimeRange::expect();
    view! {
        <section class="card" data-testid="compare-failed">
            <EmptyState title="These runs cannot be compared">
                {why} ". Choose two under " <a href=move || range.carry("/runs")>"all runs"</a> "."
            </EmptyState>
        </section>
    }
}

#[component]
fn Comparison(made: RunComparison) -> impl IntoView {
    let steps = made.step_ms.0.max(made.step_ms.1);
    let RunComparison { a, b, metrics, first_worse, links, .. } = made;
    let is_short = metrics.iter().all(|metric| metric.verdict == Verdict::TooLittle);
    view! {
        <div class="two-columns" data-testid="comparison">
            <RunCard letter="A" run=a />
            <RunCard letter="B" run=b />
        </div>
        <section class="card" aria-labelledby="verdicts-title">
            <header class="card-header">
                <h2 id="verdicts-title">"B against A"</h2>
            </header>
            <ul class="verdicts" data-testid="verdicts">
                {metrics.iter().map(|metric| view! { <VerdictLine metric=metric.clone() /> }).collect_view()}
            </ul>
            <p class="first-worse" data-testid="first-worse">{first_words(first_worse.as_ref(), is_short)}</p>
        </section>
        <FigureTable metrics steps />
        <Links links />
    }
    .into_any()
}

#[component]
fn RunCard(letter: &'static str, run: Run) -> impl IntoView {
    let (range, clock) = (TimeRange::expect(), Clock::expect());
    let path = format!("/runs/{}", segment(&run.id));
    let status = run.status;
    let lasting = run.clone();
    view! {
        <section class="card">
            <header class="card-header">
                <h2>
                    {letter} " · " <a href=move || range.carry(&path)>{run.name.clone()}</a>
                </h2>
                <StatusBadge tone=Tone::from(status) word=status.word() />
            </header>
            <p class="muted">
                "Started " <When at=run.started_at /> ", lasted " {move || lasted(&lasting, clock.now())}
            </p>
        </section>
    }
}

/// The tone that goes with a verdict.
const fn tone(verdict: Verdict) -> Tone {
    match verdict {
        Verdict::Worse => Tone::Warning,
        Verdict::Better => Tone::Ok,
        Verdict::Higher | Verdict::Lower => Tone::Active,
        Verdict::NoClearDifference | Verdict::TooLittle => Tone::Unknown,
    }
}

/// How likely a difference like this is by chance, as people write it.
fn p_words(p: Option<f64>) -> String {
    match p {
        None => String::new(),
        Some(p) if p < P_SMALL => format!(" (p < {P_SMALL})"),
        Some(p) if p < 0.1 => format!(" (p = {p:.3})"),
        Some(p) => format!(" (p = {p:.2})"),
    }
}

#[component]
fn VerdictLine(metric: MetricComparison) -> impl IntoView {
    let words = format!("{}{}", metric.verdict.words(), p_words(metric.p));
    view! {
        <li class=format!("verdict-line tone-{}", tone(metric.verdict).name()) data-testid=format!("verdict-{}", metric.metric)>
            <Shape tone=tone(metric.verdict) />
            <span class="verdict-name">{metric.title}</span>
            <span class="verdict-words">{words}</span>
        </li>
    }
}

/// What a series describes, in words.
fn series_words(labels: &Labels) -> String {
    let label = |name: &str| labels.get(name).map_or("", String::as_str);
    if labels.contains_key("src") { format!("{} → {}", label("src"), label("dst")) } else { label("node").to_owned() }
}

/// What got worse first, in a sentence.
fn first_words(first: Option<&FirstWorse>, is_short: bool) -> String {
    let Some(first) = first else {
        if is_short {
            return "One of the runs is too short to be compared: some minutes of both are needed.".to_owned();
        }
        return "Nothing in B left the usual range of A for as long as 30 s.".to_owned();
    };
    let (title, series) = (first.title.to_ascii_lowercase(), series_words(&first.labels));
    let (value, usual) = (first.unit.figure(first.value), first.unit.figure(first.usual));
    let after = duration_words(first.after_ms);
    format!(
        "First to get worse: {title} {series}, {after} after the start of B: {value}, where A stayed below {usual} 95 % of the time."
    )
}

/// A difference with its sign; the dash of nothing has none.
fn difference_words(figure: &FigureComparison, unit: Unit) -> (String, String) {
    let sign = |value: f64| {
        if value > 0.0 {
            "+"
        } else if value < 0.0 {
            "−"
        } else {
            "±"
        }
    };
    let signed = |value: Option<f64>, unit: Unit| {
        value.map_or_else(|| "–".to_owned(), |value| format!("{}{}", sign(value), unit.figure(value.abs())))
    };
    (signed(figure.difference, unit), signed(figure.percent.map(|percent| percent / 100.0), Unit::Ratio))
}

/// A value as it is written; a dash when there is none.
fn written(unit: Unit, value: Option<f64>) -> String {
    unit.figure(value.unwrap_or(f64::NAN)).to_string()
}

/// A row of text: the first cell is its head, the others are figures.
type Row = Vec<String>;

/// Rows in groups, below one head; `id` names the table in tests and its heading is `<id>-title`.
#[component]
fn Grid(id: &'static str, head: &'static [&'static str], groups: Vec<Vec<Row>>) -> impl IntoView {
    let title = |(at, title): (usize, &&'static str)| {
        let class = if at == 0 { "" } else { "number" };
        view! { <th scope="col" class=class>{*title}</th> }
    };
    let row = |row: Row| {
        let mut cells = row.into_iter();
        let first = cells.next();
        let cells = cells.map(|cell| view! { <td class="number">{cell}</td> }).collect_view();
        view! { <tr><th scope="row">{first}</th>{cells}</tr> }
    };
    let group =
        |rows: Vec<Row>| view! { <tbody class="figure-group">{rows.into_iter().map(row).collect_view()}</tbody> };
    view! {
        <div class="table-scroll" tabindex="0" role="region" aria-labelledby=format!("{id}-title")>
            <table data-testid=id>
                <thead>
                    <tr>{head.iter().enumerate().map(title).collect_view()}</tr>
                </thead>
                {groups.into_iter().map(group).collect_view()}
            </table>
        </div>
    }
    .into_any()
}

#[component]
fn FigureTable(metrics: Vec<MetricComparison>, steps: i64) -> impl IntoView {
    let row = |metric: &MetricComparison, figure: &FigureComparison| {
        let (difference, percent) = difference_words(figure, metric.unit);
        let name = format!("{} {}", metric.title, figure.name);
        vec![name, written(metric.unit, figure.a), written(metric.unit, figure.b), difference, percent]
    };
    let group = |metric: &MetricComparison| metric.figures.iter().map(|figure| row(metric, figure)).collect();
    view! {
        <section class="card">
            <header class="card-header">
                <h2 id="figures-title">"Figures"</h2>
                <span class="card-note">{format!("over points of {}", duration_words(steps))}</span>
            </header>
            <Grid id="figures" head=&["Metric", "A", "B", "B − A", "in percent"] groups=metrics.iter().map(group).collect() />
            <p class="muted">
                "Verdicts compare means of 10 seconds (Mann–Whitney U, two-sided); p is how likely such a difference is by chance."
            </p>
        </section>
    }
    .into_any()
}

#[component]
fn Links(links: Vec<LinkChange>) -> impl IntoView {
    let row = |link: &LinkChange| {
        let percent = link.rtt_percent.map_or_else(|| "–".to_owned(), |percent| format!("{percent:+.0} %"));
        let (rtt, loss) = (|value| written(Unit::Microseconds, value), |value| written(Unit::Ratio, value));
        let series = series_words(&link.labels);
        vec![series, rtt(link.rtt_a_us), rtt(link.rtt_b_us), percent, loss(link.loss_a), loss(link.loss_b)]
    };
    let rows: Vec<Row> = links.iter().map(row).collect();
    let is_empty = rows.is_empty();
    view! {
        <section class="card" hidden=is_empty>
            <header class="card-header">
                <h2 id="worse-links-title">"Links that got worse most"</h2>
            </header>
            <Grid
                id="worse-links"
                head=&["Link", "Latency A", "Latency B", "Change", "Loss A", "Loss B"]
                groups=vec![rows]
            />
        </section>
        <p class="muted" hidden=!is_empty>"No link got worse by more than a twentieth."</p>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_have_a_sign_and_nothing_is_a_dash() {
        let figure =
            |difference, percent| FigureComparison { name: "avg".into(), a: None, b: None, difference, percent };
        let words = |difference, percent| difference_words(&figure(difference, percent), Unit::Microseconds);
        assert_eq!(words(Some(360.0), Some(12.5)), ("+360 µs".into(), "+12.5 %".into()));
        assert_eq!(words(Some(-2.0), None), ("−2 µs".into(), "–".into()));
    }

    #[test]
    fn probabilities_are_written_as_far_as_they_matter() {
        assert_eq!(
            [Some(1e-9), Some(0.0123), Some(0.51), None].map(p_words),
            [" (p < 0.001)", " (p = 0.012)", " (p = 0.51)", ""]
        );
    }

    #[test]
    fn what_got_worse_first_is_a_sentence() {
        let labels = Labels::from([("src".to_owned(), "n1".to_owned()), ("dst".to_owned(), "n2".to_owned())]);
        let first = FirstWorse {
            metric: "rtt_us".into(),
            title: "Latency".into(),
            unit: Unit::Microseconds,
            labels,
            after_ms: 120_000,
            value: 900.0,
            usual: 110.0,
        };
        assert!(
            first_words(Some(&first), false)
                .starts_with("First to get worse: latency n1 → n2, 2 min after the start of B: 900 µs")
        );
        assert!(first_words(None, false).starts_with("Nothing in B"));
        assert!(first_words(None, true).contains("too short"));
    }
}
