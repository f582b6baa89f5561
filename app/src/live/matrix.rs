//! The matrices that a page shows: one value per ordered pair, kept current row by row.

use std::collections::BTreeMap;

use netloom_core::{
    matrix::{Matrix, MatrixChange},
    time::Timestamp,
};

/// One value per ordered pair; rows send, columns receive. Flat, because a mesh of 256 nodes has 65,536 of them and they
/// are handed to the canvas as they lie.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Grid {
    /// The names of rows and columns.
    pub(crate) nodes: Vec<String>,
    /// When this was so.
    pub(crate) at: Timestamp,
    values: Vec<f32>,
}

impl Grid {
    /// The matrix of a moment of the past.
    pub(crate) fn of(matrix: Matrix) -> Self {
        let mut grid = Self::empty(matrix.nodes, matrix.at);
        for (at, row) in matrix.values.iter().enumerate() {
            grid.set(at, row);
        }
        grid
    }

    fn empty(nodes: Vec<String>, at: Timestamp) -> Self {
        let values = vec![f32::NAN; nodes.len() * nodes.len()];
        Self { nodes, at, values }
    }

    fn set(&mut self, row: usize, values: &[Option<f64>]) {
        let size = self.nodes.len();
        let Some(cells) = self.values.get_mut(row * size..(row + 1) * size) else { return };
        for (cell, value) in cells.iter_mut().zip(values) {
            *cell = value.map_or(f32::NAN, |value| value as f32);
        }
    }

    /// Rows and columns.
    pub(crate) fn size(&self) -> usize {
        self.nodes.len()
    }

    /// The value from one node to another, if there is one.
    pub(crate) fn get(&self, row: usize, column: usize) -> Option<f64> {
        let value = *self.values.get(row * self.size() + column)?;
        (column < self.size() && value.is_finite()).then_some(f64::from(value))
    }

    /// The place of a node.
    pub(crate) fn place(&self, node: &str) -> Option<usize> {
        self.nodes.iter().position(|known| known == node)
    }

    /// The value between two nodes by name.
    pub(crate) fn between(&self, src: &str, dst: &str) -> Option<f64> {
        self.get(self.place(src)?, self.place(dst)?)
    }

    /// All values, row by row; not a number where there is none.
    pub(crate) fn values(&self) -> &[f32] {
        &self.values
    }

    /// The values that are there, without the diagonal.
    pub(crate) fn known(&self) -> impl Iterator<Item = (usize, usize, f64)> {
        let size = self.size().max(1);
        let cells = self.values.iter().enumerate().map(move |(at, value)| (at / size, at % size, f64::from(*value)));
        cells.filter(|(row, column, value)| row != column && value.is_finite())
    }

    /// What a node sends, or receives.
    pub(crate) fn line(&self, node: usize, is_row: bool) -> impl Iterator<Item = (usize, f64)> {
        (0..self.size()).filter(move |other| *other != node).filter_map(move |other| {
            let value = if is_row { self.get(node, other) } else { self.get(other, node) };
            Some((other, value?))
        })
    }
}

/// The matrices of the page by metric, each with the number of its readers.
#[derive(Debug, Default)]
pub(crate) struct Grids {
    by_metric: BTreeMap<String, (usize, Option<Grid>)>,
    has_moved: bool,
}

impl Grids {
    /// Begins to read the matrix of a metric.
    pub(crate) fn join(&mut self, metric: &str) {
        self.by_metric.entry(metric.to_owned()).or_default().0 += 1;
    }

    /// Ends one reading; the last reader to leave ends the matrix.
    pub(crate) fn leave(&mut self, metric: &str) {
        if let Some((users, _)) = self.by_metric.get_mut(metric) {
            *users -= 1;
            if *users == 0 {
                self.by_metric.remove(metric);
            }
        }
    }

    /// The metrics that somebody reads.
    pub(crate) fn metrics(&self) -> impl Iterator<Item = &String> {
        self.by_metric.keys()
    }

    /// Whether anything changed since this was asked last.
    pub(crate) fn has_moved(&mut self) -> bool {
        std::mem::take(&mut self.has_moved)
    }

    /// The matrix of a metric, as soon as it has come.
    pub(crate) fn of(&self, metric: &str) -> Option<&Grid> {
        self.by_metric.get(metric)?.1.as_ref()
    }

    /// Takes a change; returns the matrix it made. One that nobody reads, or that belongs to a list of nodes which has
    /// not come yet, is left out: the whole follows.
    pub(crate) fn take(&mut self, change: MatrixChange) -> Option<&Grid> {
        let (_, known) = self.by_metric.get_mut(&change.metric)?;
        if let Some(nodes) = change.nodes {
            *known = Some(Grid::empty(nodes, change.at));
        }
        let grid = known.as_mut()?;
        self.has_moved = true;
        grid.at = change.at;
        for (row, values) in &change.rows {
            grid.set(*row as usize, values);
        }
        Some(grid)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A grid of named nodes; not a number where nothing is known.
    pub(crate) fn grid(nodes: &[&str], rows: &[&[f64]]) -> Grid {
        let mut grid = Grid::empty(nodes.iter().map(|name| (*name).to_owned()).collect(), Timestamp(0));
        for (at, row) in rows.iter().enumerate() {
            grid.set(at, &row.iter().map(|value| value.is_finite().then_some(*value)).collect::<Vec<_>>());
        }
        grid
    }

    fn change(nodes: Option<&[&str]>, rows: Vec<(u32, Vec<Option<f64>>)>) -> MatrixChange {
        let nodes = nodes.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
        MatrixChange { metric: "rtt_us".into(), at: Timestamp(7), nodes, rows }
    }

    #[test]
    fn rows_change_and_a_new_list_of_nodes_begins_anew() {
        let mut grids = Grids::default();
        assert!(grids.take(change(Some(&["a"]), Vec::new())).is_none(), "nobody reads it");
        grids.join("rtt_us");
        assert!(grids.take(change(None, vec![(0, vec![Some(1.0)])])).is_none(), "its nodes are not known");
        grids.take(change(Some(&["a", "b"]), vec![(0, vec![None, Some(1.5)]), (1, vec![Some(2.0), None])]));
        grids.take(change(None, vec![(1, vec![Some(9.0), None]), (7, vec![Some(1.0)])]));
        let grid = grids.of("rtt_us").expect("is there");
        assert_eq!((grid.between("a", "b"), grid.between("b", "a"), grid.get(0, 2)), (Some(1.5), Some(9.0), None));
        assert_eq!(grid.known().collect::<Vec<_>>(), [(0, 1, 1.5), (1, 0, 9.0)]);
        grids.take(change(Some(&["a", "c"]), Vec::new()));
        assert_eq!(grids.of("rtt_us").expect("is there").get(0, 1), None);
        grids.leave("rtt_us");
        assert!(grids.of("rtt_us").is_none());
    }

    #[test]
    fn a_line_is_a_row_or_a_column_without_the_node_itself() {
        let nan = f64::NAN;
        let grid = grid(&["a", "b", "c"], &[&[0.0, 1.0, nan], &[2.0, 0.0, 3.0], &[nan, 4.0, 0.0]]);
        assert_eq!(grid.line(1, true).collect::<Vec<_>>(), [(0, 2.0), (2, 3.0)]);
        assert_eq!(grid.line(1, false).collect::<Vec<_>>(), [(0, 1.0), (2, 4.0)]);
    }
}
