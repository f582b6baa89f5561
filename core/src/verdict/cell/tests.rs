//! A cell over some seconds of rounds.

use super::*;

/// A cell that has had good rounds of 200 µs, one a second, until `until_s`.
fn healthy(until_s: i64) -> Cell {
    let mut cell = Cell::new(0);
    for second in 0..until_s {
        good(&mut cell, second);
    }
    cell
}

fn good(cell: &mut Cell, second: i64) {
    cell.take_loss(second * 1_000, 0.0, 5);
    cell.take_rtt(second * 1_000, 200.0 + (second % 7) as f64);
}

fn lost(cell: &mut Cell, second: i64) {
    cell.take_loss(second * 1_000, 1.0, 5);
}

#[test]
fn a_cell_is_small() {
    assert!(size_of::<Cell>() <= 256, "{} bytes", size_of::<Cell>());
}

#[test]
fn it_is_dead_after_two_seconds_of_nothing_and_alive_after_five_of_answers() {
    let mut cell = healthy(20);
    lost(&mut cell, 20);
    assert!(!cell.is(Fault::Dead) && cell.is_unsure(Fault::Dead));
    lost(&mut cell, 21);
    assert_eq!(cell.since_ms(Fault::Dead), Some(19_000), "the last answer came in second 19");
    for second in 22..27 {
        good(&mut cell, second);
        assert!(cell.is(Fault::Dead), "second {second}");
    }
    good(&mut cell, 27);
    assert!(!cell.is_bad(), "what was lost in dying is not held against it");
    assert_eq!(cell.long(27_000).lost, 0);
}

#[test]
fn one_lost_packet_is_no_news_and_two_percent_are() {
    let mut cell = healthy(60);
    cell.take_loss(60_000, 0.2, 5);
    assert!(!cell.is_bad());
    let mut cell = healthy(1);
    for second in 1..60 {
        cell.take_loss(second * 1_000, if second % 8 == 0 { 0.2 } else { 0.0 }, 5);
    }
    assert!(cell.is(Fault::Loss), "{:?}", cell.long(59_000));
    for second in 60..180 {
        good(&mut cell, second);
    }
    assert!(!cell.is_bad());
}

#[test]
fn old_losses_leave_the_windows() {
    let mut cell = healthy(10);
    cell.take_loss(10_000, 0.4, 5);
    assert_eq!(cell.short(12_000).lost, 2);
    assert_eq!((cell.short(20_000).lost, cell.long(20_000).lost), (0, 2));
    assert_eq!(cell.long(90_000), Count::default());
}

#[test]
fn slow_needs_three_seconds_over_the_usual() {
    let mut cell = healthy(60);
    let mut slow_from = None;
    for second in 60..80 {
        cell.take_rtt(second * 1_000, 20_200.0);
        if cell.is(Fault::Latency) {
            slow_from.get_or_insert(second);
        }
    }
    // The median of three rounds is high from the second one on.
    assert_eq!((slow_from, cell.since_ms(Fault::Latency)), (Some(64), Some(61_000)));
    assert!(cell.usual_rtt_us().is_some_and(|usual| usual < 210.0), "bad rounds are not learned");
    for second in 80..90 {
        good(&mut cell, second);
    }
    assert!(!cell.is_bad());
}

#[test]
fn a_little_slower_is_not_slow_and_what_stays_slow_becomes_usual() {
    let mut cell = healthy(60);
    for second in 60..120 {
        cell.take_rtt(second * 1_000, 350.0);
    }
    assert!(!cell.is_bad(), "150 µs more may be the hosts");
    for second in 120..2_000 {
        cell.take_rtt(second * 1_000, 9_000.0);
    }
    assert!(!cell.is_bad());
    assert_eq!(cell.usual_rtt_us(), Some(9_000.0));
}
