//! The chart of a test: round-trip times with their spread above, loss below, over one axis of time.

use netloom_core::{
    check::Outcome,
    probe::ProbeMode,
    test_result::{TestResult, percent},
    time::duration_words,
};

use super::{
    Anchor, Paint, Point, Scene, Shape, TextSize,
    axis::Scale,
    columns::{Column, columns},
};

const WIDTH: f64 = 1_000.0;
const HEIGHT: f64 = 596.0;
/// Where both panels begin and end.
const SIDES: (f64, f64) = (76.0, 976.0);
const LATENCY: (f64, f64) = (132.0, 404.0);
const LOSS: (f64, f64) = (440.0, 532.0);
/// Where text of the head begins.
const MARGIN: f64 = 24.0;

/// Columns at most: two units each, so that a bar is seen.
const COLUMNS_MAX: usize = 450;
/// Single probes are shown up to this many; more would hide the line.
const DOTS_MAX: u64 = 600;

const INK: Paint = Paint::solid(0x1f, 0x29, 0x33);
const QUIET: Paint = Paint::solid(0x5b, 0x67, 0x73);
const GRID: Paint = Paint::solid(0xe3, 0xe7, 0xeb);
const FRAME: Paint = Paint::solid(0x9a, 0xa5, 0xb1);
const BLUE: Paint = Paint::solid(0x1d, 0x5f, 0xbf);
const BAND: Paint = BLUE.faint(0.18);
const DOT: Paint = BLUE.faint(0.45);
const RED: Paint = Paint::solid(0xc6, 0x28, 0x28);
const ALL_LOST: Paint = RED.faint(0.10);
const UNSENT: Paint = FRAME.faint(0.25);

/// Draws a test.
pub fn draw(result: &TestResult) -> Scene {
    let columns = columns(result, COLUMNS_MAX);
    let mut scene = Scene { width: WIDTH, height: HEIGHT, title: title(result), shapes: Vec::new() };
    head(&mut scene, result);
    let total_s = columns.last().map_or(result.plan.duration_ms as f64 / 1e3, |column| column.to_s).max(1e-3);
    let (unit_s, unit) = time_unit(total_s);
    let time = Scale::exact(0.0, total_s / unit_s, 9.0, SIDES);
    let place = |s: f64| time.at(s / unit_s);
    legend(&mut scene, result, &columns);
    latency(&mut scene, result, &columns, &time, &place);
    loss(&mut scene, &columns, &time, &place);
    for (label, x) in time.labels() {
        scene.text((x, LOSS.1 + 20.0), label, Anchor::Middle, QUIET);
    }
    let middle = f64::midpoint(SIDES.0, SIDES.1);
    scene.text((middle, LOSS.1 + 46.0), format!("time since the start, {unit}"), Anchor::Middle, INK);
    scene
}

/// The unit in which times are written, s, and its name.
fn time_unit(total_s: f64) -> (f64, &'static str) {
    match total_s {
        s if s <= 180.0 => (1.0, "s"),
        s if s <= 3.0 * 3_600.0 => (60.0, "min"),
        _ => (3_600.0, "h"),
    }
}

fn title(result: &TestResult) -> String {
    let address = result.address.to_string();
    let behind = if address == result.host { String::new() } else { format!(" ({address})") };
    format!("Latency and loss to {}{behind}", result.host)
}

/// Who, when, how, and what came of it.
fn head(scene: &mut Scene, result: &TestResult) {
    let mut write = |y: f64, text: &str, size: TextSize, paint: Paint| {
        let fits = ((SIDES.1 - MARGIN) / size.advance()) as usize;
        let is_cut = text.chars().count() > fits;
        let text = if is_cut { text.chars().take(fits - 3).chain("...".chars()).collect() } else { text.to_owned() };
        let (at, anchor) = (Point { x: MARGIN, y }, Anchor::Start);
        scene.shapes.push(Shape::Text { at, text, size, anchor, is_upright: false, paint });
    };
    let times = result.summary.rtt_words().map_or(String::new(), |words| format!(", rtt min/avg/max/mdev {words}"));
    write(34.0, &title(result), TextSize::Large, INK);
    write(56.0, &how(result), TextSize::Small, QUIET);
    write(76.0, &format!("{}{times}", result.summary.loss_words()), TextSize::Small, INK);
    if let Some(finding) = &result.throughput {
        let words = match &finding.outcome {
            Outcome::Reply => netloom_core::test_result::throughput_words(finding),
            _ => "no result".to_owned(),
        };
        write(96.0, &format!("throughput by iperf3: {words}"), TextSize::Small, INK);
    }
}

/// `2026-03-01 12:00:00 UTC, 60 s: ...`.
fn how(result: &TestResult) -> String {
    let start = result.started_at.to_string();
    let when = start.get(..19).unwrap_or(&start).replace('T', " ");
    let plan = &result.plan;
    let took_ms = result.ended_at.ms() - result.started_at.ms();
    let took = duration_words(if result.is_complete { plan.duration_ms as i64 } else { took_ms });
    let probes = match (result.mode, result.port) {
        (ProbeMode::Tcp, Some(port)) => format!("TCP handshakes with port {port}"),
        (mode, _) => mode.label().to_uppercase(),
    };
    let bytes = plan.payload_bytes.map_or(String::new(), |bytes| format!(" with {bytes} bytes"));
    let every = plan.interval_ms as f64 / 1e3;
    let end = if result.is_complete { "" } else { ", stopped early" };
    format!("{when} UTC, {took}{end}: {} probes every {every} s by {probes}{bytes}, from {}", plan.packets, result.node)
}

/// What the colours mean, above the panels, as far as they occur.
fn legend(scene: &mut Scene, result: &TestResult, columns: &[Column]) {
    let has_dots = result.summary.sent <= DOTS_MAX;
    let is_silent = |column: &Column| column.sent > 0 && column.received == 0;
    let entries = [
        (true, "mean", BLUE),
        (true, "min to max", BAND),
        (has_dots, "single probe", DOT),
        (columns.iter().any(is_silent), "nothing answered", ALL_LOST),
        (columns.iter().any(|column| column.sent == 0), "nothing sent", UNSENT),
        (result.summary.loss_ratio.is_some_and(|ratio| ratio > 0.0), "lost", RED),
    ];
    let (mut x, y) = (SIDES.0, LATENCY.0 - 12.0);
    for (_, words, paint) in entries.into_iter().filter(|(is_there, ..)| *is_there) {
        match words {
            "mean" => scene.line(vec![Point { x, y: y - 4.0 }, Point { x: x + 16.0, y: y - 4.0 }], 2.0, paint),
            "single probe" => scene.dot(Point { x: x + 8.0, y: y - 4.0 }, 3.0, paint),
            _ => scene.rectangle((x, x + 16.0), (y - 9.0, y + 1.0), paint),
        }
        scene.text((x + 22.0, y), words, Anchor::Start, QUIET);
        x += 22.0 + words.len() as f64 * TextSize::Small.advance() + 20.0;
    }
}

fn latency(scene: &mut Scene, result: &TestResult, columns: &[Column], time: &Scale, place: &dyn Fn(f64) -> f64) {
    let (low, high) = (result.summary.rtt_min_us.unwrap_or(0.0), result.summary.rtt_max_us.unwrap_or(0.0));
    let (unit_us, unit) = if high < 1_000.0 { (1.0, "µs") } else { (1_000.0, "ms") };
    let scale = Scale::around(low / unit_us, high / unit_us, 5.0, (LATENCY.1, LATENCY.0));
    let level = |us: f64| scale.at(us / unit_us);
    for column in columns {
        let paint = if column.sent == 0 { UNSENT } else { ALL_LOST };
        if column.received == 0 {
            scene.rectangle((place(column.from_s), place(column.to_s)), LATENCY, paint);
        }
    }
    panel(scene, LATENCY, time, &scale, &format!("round-trip time, {unit}"));
    for stretch in stretches(columns) {
        let band = |pick: fn((f64, f64, f64)) -> f64| outline(stretch, place, &level, pick);
        let mut corners = band(|(_, _, max)| max);
        corners.extend(band(|(min, _, _)| min).into_iter().rev());
        scene.area(corners, BAND);
    }
    if result.summary.sent <= DOTS_MAX {
        dots(scene, result, place, &level);
    }
    for stretch in stretches(columns) {
        scene.line(outline(stretch, place, &level, |(_, mean, _)| mean), 2.0, BLUE);
    }
    if result.summary.received == 0 {
        let words = if result.summary.sent == 0 { "no probe could be sent" } else { "no probe was answered" };
        let centre = (f64::midpoint(SIDES.0, SIDES.1), f64::midpoint(LATENCY.0, LATENCY.1));
        scene.text(centre, words, Anchor::Middle, INK);
    }
}

/// Columns with answers, one beside the other.
fn stretches(columns: &[Column]) -> impl Iterator<Item = &[Column]> {
    let is_joined =
        |a: &Column, b: &Column| a.rtt_us.is_some() && b.rtt_us.is_some() && (b.from_s - a.to_s).abs() < 1e-6;
    columns.chunk_by(is_joined).filter(|stretch| stretch.iter().all(|column| column.rtt_us.is_some()))
}

/// One of the three figures of columns as a line: level for as long as a column lasts, because that is what it sums up.
fn outline(
    stretch: &[Column],
    place: &dyn Fn(f64) -> f64,
    level: &dyn Fn(f64) -> f64,
    pick: fn((f64, f64, f64)) -> f64,
) -> Vec<Point> {
    let step = |column: &Column| {
        let y = level(column.rtt_us.map(pick).unwrap_or_default());
        [Point { x: place(column.from_s), y }, Point { x: place(column.to_s), y }]
    };
    stretch.iter().flat_map(step).collect()
}

fn dots(scene: &mut Scene, result: &TestResult, place: &dyn Fn(f64) -> f64, level: &dyn Fn(f64) -> f64) {
    for round in &result.rounds {
        let first = round.round.saturating_sub(1).saturating_mul(u64::from(result.plan.packets));
        for (index, rtt_us) in round.rtts_us.iter().enumerate() {
            if let Some(us) = rtt_us {
                let at_s = result.plan.probe_at_ms(first + index as u64) / 1e3;
                scene.dot(Point { x: place(at_s), y: level(*us) }, 2.2, DOT);
            }
        }
    }
}

fn loss(scene: &mut Scene, columns: &[Column], time: &Scale, place: &dyn Fn(f64) -> f64) {
    /// Ends of the axis, %, and how far labels are from each other.
    const ENDS: [(f64, f64); 5] = [(5.0, 5.0), (10.0, 5.0), (25.0, 10.0), (50.0, 25.0), (100.0, 50.0)];
    let worst = columns.iter().filter_map(Column::loss_ratio).fold(0.0, f64::max) * 100.0;
    let (end, step) = ENDS.into_iter().find(|(end, _)| worst <= *end).unwrap_or((100.0, 50.0));
    let scale = Scale { from: 0.0, to: end, step, places: (LOSS.1, LOSS.0) };
    for column in columns.iter().filter(|column| column.sent == 0) {
        scene.rectangle((place(column.from_s), place(column.to_s)), LOSS, UNSENT);
    }
    panel(scene, LOSS, time, &scale, "loss, %");
    let is_lossy = |ratio: &f64| *ratio > 0.0;
    for column in columns {
        let Some(ratio) = column.loss_ratio().filter(is_lossy) else { continue };
        let (left, right) = (place(column.from_s), place(column.to_s));
        let gap = ((right - left) * 0.1).min(4.0);
        // A bar of little loss is seen all the same.
        let top = scale.at(ratio * 100.0).min(LOSS.1 - 2.0);
        scene.rectangle((left + gap, right - gap), (top, LOSS.1), RED);
    }
    if worst <= 0.0 && columns.iter().any(|column| column.sent > 0) {
        let centre = (f64::midpoint(SIDES.0, SIDES.1), f64::midpoint(LOSS.0, LOSS.1) + 4.0);
        scene.text(centre, format!("{} loss", percent(0.0)), Anchor::Middle, QUIET);
    }
}

/// Grid, labels and frame.
fn panel(scene: &mut Scene, (top, bottom): (f64, f64), time: &Scale, scale: &Scale, name: &str) {
    for (_, x) in time.labels() {
        scene.line(vec![Point { x, y: top }, Point { x, y: bottom }], 1.0, GRID);
    }
    for (label, y) in scale.labels() {
        scene.line(vec![Point { x: SIDES.0, y }, Point { x: SIDES.1, y }], 1.0, GRID);
        scene.text((SIDES.0 - 8.0, y + 4.0), label, Anchor::End, QUIET);
    }
    let axis = vec![Point { x: SIDES.0, y: top }, Point { x: SIDES.0, y: bottom }, Point { x: SIDES.1, y: bottom }];
    scene.line(axis, 1.0, FRAME);
    scene.text_upright((20.0, f64::midpoint(top, bottom)), name, INK);
}

#[cfg(test)]
pub(super) mod tests {
    use netloom_core::{
        probe::Outcome,
        test_result::{FORMAT, Plan, VERSION, book::Book},
        time::Timestamp,
    };

    use super::*;
    use crate::chart::svg;

    /// A test whose rounds had these times.
    pub(in crate::chart) fn result(rounds: &[Vec<Option<f64>>]) -> TestResult {
        let packets = rounds.iter().map(Vec::len).max().unwrap_or(1) as u32;
        let duration_ms = rounds.len() as u64 * 5_000;
        let plan = Plan { duration_ms, interval_ms: 5_000, packets, timeout_ms: 1_000, payload_bytes: Some(56) };
        let mut book = Book::new(plan);
        for (round, rtts) in rounds.iter().enumerate() {
            for (index, rtt_us) in rtts.iter().enumerate() {
                let outcome = rtt_us.map_or(Outcome::Lost, |rtt_us| Outcome::Reply { rtt_us });
                book.note(round as u64 * u64::from(packets) + index as u64, outcome);
            }
        }
        let started_at = Timestamp(1_700_000_000_000);
        TestResult {
            format: FORMAT.into(),
            version: VERSION,
            netloom: "0.1.0".into(),
            node: "gpu-1".into(),
            host: "storage".into(),
            address: "192.0.2.7".parse().expect("an address"),
            mode: ProbeMode::Icmp,
            port: None,
            started_at,
            ended_at: Timestamp(started_at.ms() + duration_ms as i64),
            is_complete: true,
            plan,
            summary: book.summary(),
            rounds: book.rounds(started_at),
            throughput: None,
            notes: Vec::new(),
        }
    }

    fn texts(scene: &Scene) -> Vec<&str> {
        let texts = scene.shapes.iter().map(|shape| if let Shape::Text { text, .. } = shape { text } else { "" });
        texts.filter(|text| !text.is_empty()).collect()
    }

    fn lines_of(scene: &Scene, wanted: Paint) -> usize {
        let is_wanted = |shape: &&Shape| matches!(shape, Shape::Line { paint, points, .. } if *paint == wanted && points[0].y > LATENCY.0);
        scene.shapes.iter().filter(is_wanted).count()
    }

    #[test]
    fn a_chart_says_who_when_and_what() {
        let scene = draw(&result(&[vec![Some(410.0), Some(450.0)], vec![Some(400.0), None]]));
        let texts = texts(&scene);
        for wanted in [
            "Latency and loss to storage (192.0.2.7)",
            "2023-11-14 22:13:20 UTC, 10 s: 2 probes every 5 s by ICMP with 56 bytes, from gpu-1",
            "3/4 replies, 25 % loss, rtt min/avg/max/mdev 0.400/0.420/0.450/0.022 ms",
            "round-trip time, µs",
            "loss, %",
            "time since the start, s",
        ] {
            assert!(texts.contains(&wanted), "{wanted}: {texts:?}");
        }
    }

    #[test]
    fn the_line_breaks_where_all_was_lost() {
        let (good, lost) = (vec![Some(400.0)], vec![None]);
        let whole = draw(&result(&[good.clone(), good.clone(), good.clone()]));
        assert_eq!(lines_of(&whole, BLUE), 1);
        let broken = draw(&result(&[good.clone(), lost.clone(), good]));
        assert_eq!(lines_of(&broken, BLUE), 2);
        let silent = draw(&result(&[lost.clone(), lost]));
        assert_eq!(lines_of(&silent, BLUE), 0);
        assert!(texts(&silent).contains(&"no probe was answered"));
    }

    #[test]
    fn everything_lies_on_the_drawing_whatever_the_figures() {
        let extremes = [
            vec![vec![Some(0.0)]],
            vec![vec![Some(1e-3), Some(9e9)]],
            vec![vec![None]; 3],
            vec![vec![Some(5.0)]; 2_000],
        ];
        for rounds in extremes {
            let scene = draw(&result(&rounds));
            let mut points = Vec::new();
            for shape in &scene.shapes {
                match shape {
                    Shape::Area { corners: some, .. } | Shape::Line { points: some, .. } => points.extend(some),
                    Shape::Dot { at, .. } | Shape::Text { at, .. } => points.push(*at),
                }
            }
            let is_inside = |point: &Point| (0.0..=WIDTH).contains(&point.x) && (0.0..=HEIGHT).contains(&point.y);
            assert!(points.iter().all(is_inside), "{:?}", points.iter().find(|point| !is_inside(point)));
            assert!(!svg::write(&scene).contains("NaN"));
        }
    }
}
