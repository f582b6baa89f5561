//! What a heat map of all pairs is drawn from: order, scale, sums and the worst cells.

use netloom_core::{metric, unit::Unit};

use super::racks::{self, Racks};
use crate::{live::matrix::Grid, order};

/// The metrics of pairs that the map offers.
pub(crate) const METRICS: [&str; 5] =
    [metric::RTT_US, metric::LOSS_RATIO, metric::JITTER_US, metric::RTT_MAX_US, THROUGHPUT];
/// Only there when something measures it.
pub(crate) const THROUGHPUT: &str = "throughput_bps";

/// In which order nodes stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    /// By their names.
    Name,
    /// What hurts most first.
    Worst,
    /// By rack, then by name.
    Rack,
}

impl Sort {
    /// The orders with their names in the address and on the page.
    pub(crate) const ALL: [(Sort, &'static str, &'static str); 3] =
        [(Sort::Name, "name", "Name"), (Sort::Worst, "worst", "Worst first"), (Sort::Rack, "rack", "Rack")];

    /// The order of that name.
    pub(crate) fn parse(name: &str) -> Self {
        Self::ALL.iter().find(|(_, known, _)| *known == name).map_or(Sort::Name, |(sort, ..)| *sort)
    }
}

/// How a row or column becomes one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sum {
    /// Half are better.
    Median,
    /// None is worse.
    Worst,
}

/// The nodes in the order of the screen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Arrangement {
    /// Their names, in the order of the grid.
    pub(crate) names: Vec<String>,
    /// Which node stands at which place.
    pub(crate) order: Vec<u32>,
    /// The places at which racks begin; empty without racks.
    pub(crate) groups: Vec<u32>,
}

/// The ends of the colours.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scale {
    /// The value of the first colour: all is well.
    pub(crate) low: f64,
    /// The value of the last colour.
    pub(crate) high: f64,
    /// Whether equal ratios, not differences, are equal steps of colour.
    pub(crate) is_log: bool,
}

/// Whether more is better.
fn is_inverse(unit: Unit) -> bool {
    unit == Unit::BitsPerSecond
}

/// Orders the nodes of a grid.
pub(crate) fn arrange(grid: &Grid, sort: Sort, racks: &Racks, unit: Unit) -> Arrangement {
    let mut order: Vec<u32> = (0..grid.size() as u32).collect();
    let mut groups = Vec::new();
    match sort {
        Sort::Name => {}
        Sort::Worst => {
            let badness: Vec<f64> = (0..grid.size()).map(|node| badness(grid, node, unit)).collect();
            order::largest_first(&mut order, |node| badness[*node as usize]);
        }
        Sort::Rack => {
            let rack: Vec<usize> = grid.nodes.iter().map(|name| racks::place(racks, name)).collect();
            order::sort_by(&mut order, |a, b| rack[*a as usize].cmp(&rack[*b as usize]));
            for (at, node) in order.iter().enumerate() {
                let is_first = at == 0 || rack[*node as usize] != rack[order[at - 1] as usize];
                if is_first {
                    groups.push(at as u32);
                }
            }
        }
    }
    Arrangement { names: grid.nodes.clone(), order, groups }
}

/// What a node sends and receives, added up: one bad pair weighs less than a bad row.
fn badness(grid: &Grid, node: usize, unit: Unit) -> f64 {
    let values = [true, false].into_iter().flat_map(|is_row| grid.line(node, is_row)).map(|(_, value)| value);
    let (sum, count) = values.fold((0.0, 0_u32), |(sum, count), value| (sum + value, count + 1));
    if count == 0 {
        return f64::NEG_INFINITY;
    }
    let mean = sum / f64::from(count);
    if is_inverse(unit) { -mean } else { mean }
}

/// One value for each row, or column.
pub(crate) fn sums(grid: &Grid, is_row: bool, how: Sum, unit: Unit) -> Vec<f32> {
    let of = |node| {
        let mut values: Vec<f64> = grid.line(node, is_row).map(|(_, value)| value).collect();
        sum(&mut values, how, unit).map_or(f32::NAN, |value| value as f32)
    };
    (0..grid.size()).map(of).collect()
}

/// One value for many.
pub(crate) fn sum(values: &mut [f64], how: Sum, unit: Unit) -> Option<f64> {
    match how {
        Sum::Median => quantile(values, 0.5),
        Sum::Worst if is_inverse(unit) => values.iter().copied().reduce(f64::min),
        Sum::Worst => values.iter().copied().reduce(f64::max),
    }
}

/// The value below which a share of the others lie.
fn quantile(values: &mut [f64], share: f64) -> Option<f64> {
    let at = (values.len().checked_sub(1)? as f64 * share).round() as usize;
    Some(*values.select_nth_unstable_by(at, f64::total_cmp).1)
}

/// The next 1, 2 or 5 times a power of ten: above, or below.
fn round(value: f64, is_up: bool) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    let mut ends = [1.0, 2.0, 5.0, 10.0].map(|digit| digit * power).into_iter();
    let hair = 1e-9 * power;
    if is_up {
        ends.find(|end| *end >= value - hair).unwrap_or(value)
    } else {
        ends.rfind(|end| *end <= value + hair).unwrap_or(value)
    }
}

/// The scale of a grid. The one before stays as long as it fits, so that colours keep their meaning while values move.
pub(crate) fn scale(grid: &Grid, unit: Unit, before: Option<Scale>) -> Scale {
    let mut values: Vec<f64> = grid.known().map(|(_, _, value)| value).filter(|value| *value > 0.0).collect();
    if unit == Unit::Ratio {
        let max = values.into_iter().fold(0.0, f64::max);
        let high = [0.02, 0.1, 0.2, 0.5].into_iter().find(|end| *end >= max).unwrap_or(1.0);
        return Scale { low: 0.0, high, is_log: false };
    }
    // A single outlier should not make all others look alike.
    let (Some(low), Some(high)) = (quantile(&mut values, 0.02), quantile(&mut values, 0.99)) else {
        return before.unwrap_or(Scale { low: 10.0, high: 1_000.0, is_log: true });
    };
    if unit == Unit::BitsPerSecond {
        return Scale { low: round(high, true), high: 0.0, is_log: false };
    }
    let fits = |scale: &Scale| {
        scale.is_log && scale.low <= low && low < scale.low * 8.0 && high <= scale.high && scale.high < high * 8.0
    };
    before.filter(fits).unwrap_or_else(|| {
        let low = round(low, false);
        Scale { low, high: round(high, true).max(low * 10.0), is_log: true }
    })
}

impl Scale {
    /// Where a value lies, 0 to 1; what is beyond the ends stays there.
    pub(crate) fn share(self, value: f64) -> f64 {
        let share = if self.is_log {
            (value.max(self.low) / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        share.clamp(0.0, 1.0)
    }

    /// The values at a quarter of the way each, for the legend.
    pub(crate) fn ticks(self) -> [f64; 5] {
        [0.0, 0.25, 0.5, 0.75, 1.0].map(|share| {
            if self.is_log {
                self.low * (self.high / self.low).powf(share)
            } else {
                self.low + (self.high - self.low) * share
            }
        })
    }
}

/// The worst cells: source, destination, value.
pub(crate) fn worst(grid: &Grid, count: usize, unit: Unit) -> Vec<(usize, usize, f64)> {
    let mut cells: Vec<(usize, usize, f64)> = grid.known().collect();
    let compare = |a: &(usize, usize, f64), b: &(usize, usize, f64)| {
        let by_value = if is_inverse(unit) { a.2.total_cmp(&b.2) } else { b.2.total_cmp(&a.2) };
        by_value.then((a.0, a.1).cmp(&(b.0, b.1)))
    };
    if cells.len() > count {
        cells.select_nth_unstable_by(count, compare);
        cells.truncate(count);
    }
    order::sort_by(&mut cells, compare);
    cells
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::matrix::tests::grid;

    const NAN: f64 = f64::NAN;
    const US: Unit = Unit::Microseconds;

    fn three() -> Grid {
        grid(&["a", "b", "c"], &[&[0.0, 10.0, 20.0], &[10.0, 0.0, 900.0], &[30.0, 800.0, 0.0]])
    }

    #[test]
    fn nodes_stand_by_name_by_what_hurts_or_by_rack() {
        let racks = racks::tests::racks(&[("r2", &["a"]), ("r1", &["c", "b"])]);
        let by = |sort| arrange(&three(), sort, &racks, US);
        assert_eq!(by(Sort::Name).order, [0, 1, 2]);
        assert_eq!(by(Sort::Worst).order[2], 0, "the good one comes last");
        assert_eq!((by(Sort::Rack).order, by(Sort::Rack).groups), (vec![0, 1, 2], vec![0, 1]));
        assert_eq!(arrange(&three(), Sort::Rack, &Racks::default(), US).groups, [0], "none is in a rack");
    }

    #[test]
    fn rows_and_columns_are_summed_without_the_diagonal() {
        assert_eq!(sums(&three(), true, Sum::Worst, US), [20.0, 900.0, 800.0]);
        assert_eq!(sums(&three(), false, Sum::Worst, US), [30.0, 800.0, 900.0]);
        let lonely = grid(&["a", "b"], &[&[NAN, NAN], &[NAN, NAN]]);
        assert!(sums(&lonely, true, Sum::Median, US)[0].is_nan());
        assert_eq!(sum(&mut [1.0, 3.0, 2.0], Sum::Median, US), Some(2.0));
        assert_eq!(sum(&mut [1.0, 3.0], Sum::Worst, Unit::BitsPerSecond), Some(1.0));
    }

    #[test]
    fn a_scale_ends_at_round_values_and_stays_while_it_fits() {
        let first = scale(&three(), US, None);
        assert_eq!((first.low, first.high, first.is_log), (10.0, 1_000.0, true));
        let moved = grid(&["a", "b"], &[&[0.0, 15.0], &[700.0, 0.0]]);
        assert_eq!(scale(&moved, US, Some(first)), first);
        let beyond = grid(&["a", "b"], &[&[0.0, 15.0], &[7_000.0, 0.0]]);
        assert_eq!(scale(&beyond, US, Some(first)), Scale { low: 10.0, high: 10_000.0, is_log: true });
        let lossy = grid(&["a", "b"], &[&[0.0, 0.0], &[0.15, 0.0]]);
        assert_eq!(scale(&lossy, Unit::Ratio, None), Scale { low: 0.0, high: 0.2, is_log: false });
        let fast = scale(&grid(&["a", "b"], &[&[0.0, 9e9], &[4e9, 0.0]]), Unit::BitsPerSecond, None);
        assert_eq!((fast.share(1e10), fast.share(0.0)), (0.0, 1.0), "little is bad");
    }

    #[test]
    fn the_legend_divides_the_scale_evenly() {
        let scale = Scale { low: 10.0, high: 1_000.0, is_log: true };
        assert!((scale.ticks()[2] - 100.0).abs() < 1e-9 && (scale.share(100.0) - 0.5).abs() < 1e-9);
        assert_eq!((scale.share(1.0), scale.share(1e9)), (0.0, 1.0));
    }

    #[test]
    fn the_worst_cells_come_first() {
        assert_eq!(worst(&three(), 2, US), [(1, 2, 900.0), (2, 1, 800.0)]);
        assert_eq!(worst(&three(), 99, US).len(), 6);
        assert_eq!(worst(&three(), 1, Unit::BitsPerSecond), [(0, 1, 10.0)]);
    }
}
