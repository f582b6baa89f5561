//! Sorting, once for everything: each type that the library's own sort is used with adds ten kilobytes to the client.

use std::cmp::Ordering;

/// Sorts like [`slice::sort_by`]: what is equal keeps its order.
pub(crate) fn sort_by<T>(items: &mut Vec<T>, compare: impl Fn(&T, &T) -> Ordering) {
    let order = order(items.len(), &|a, b| compare(&items[a], &items[b]));
    let mut taken: Vec<Option<T>> = std::mem::take(items).into_iter().map(Some).collect();
    items.extend(order.into_iter().filter_map(|at| taken[at].take()));
}

/// Sorts by a number, the largest first.
pub(crate) fn largest_first<T>(items: &mut Vec<T>, number: impl Fn(&T) -> f64) {
    sort_by(items, |a, b| number(b).total_cmp(&number(a)));
}

fn order(count: usize, compare: &dyn Fn(usize, usize) -> Ordering) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by(|a, b| compare(*a, *b));
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_equal_keeps_its_order() {
        let mut words = vec!["bb", "a", "cc", "d"];
        sort_by(&mut words, |a, b| a.len().cmp(&b.len()));
        assert_eq!(words, ["a", "d", "bb", "cc"]);
        largest_first(&mut words, |word| word.len() as f64);
        assert_eq!(words, ["bb", "cc", "a", "d"]);
    }
}
