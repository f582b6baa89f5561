//! Where the nodes of a graph stand: by measured latency, on a ring, around one of them, or by rack.
//!
//! All places lie between 0 and 1, follow from the arguments alone, and stay where they are until somebody asks anew: a
//! picture that moves by itself cannot be remembered.

use std::f64::consts::TAU;

use super::racks::{self, Racks};

/// Rounds of moving every node to where the others want it. More changes no picture of 256 nodes by a pixel.
const ROUNDS: usize = 80;

/// A place.
pub(crate) type Place = (f64, f64);

/// How nodes are arranged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// As far from each other as they are in time.
    Latency,
    /// On a circle.
    Ring,
    /// Around the first one.
    Star,
    /// Each rack in a place of its own.
    Racks,
}

impl Layout {
    /// The layouts with their names in the address and on the page.
    pub(crate) const ALL: [(Layout, &'static str, &'static str); 4] = [
        (Layout::Latency, "latency", "By latency"),
        (Layout::Ring, "ring", "Ring"),
        (Layout::Star, "star", "Star"),
        (Layout::Racks, "racks", "Racks"),
    ];

    /// The layout of that name.
    pub(crate) fn parse(name: &str) -> Self {
        Self::ALL.iter().find(|(_, known, _)| *known == name).map_or(Layout::Latency, |(layout, ..)| *layout)
    }
}

fn on_circle((x, y): Place, radius: f64, at: usize, count: usize) -> Place {
    let angle = TAU * at as f64 / count.max(1) as f64 - TAU / 4.0;
    (x + radius * angle.cos(), y + radius * angle.sin())
}

/// Evenly on a circle, beginning at the top.
pub(crate) fn ring(count: usize) -> Vec<Place> {
    if count == 1 {
        return vec![(0.5, 0.5)];
    }
    (0..count).map(|at| on_circle((0.5, 0.5), 0.5, at, count)).collect()
}

/// One in the middle and the others around it.
pub(crate) fn star(count: usize, middle: usize) -> Vec<Place> {
    let around = ring(count.saturating_sub(1).max(2));
    let mut next = around.into_iter();
    (0..count).map(|at| if at == middle { (0.5, 0.5) } else { next.next().unwrap_or((0.5, 0.5)) }).collect()
}

/// Each rack as a small circle; the racks in rows. Nodes that are in no rack stand together in a last one.
pub(crate) fn by_rack(nodes: &[&str], told: &Racks) -> Vec<Place> {
    let rack: Vec<usize> = nodes.iter().map(|node| racks::place(told, node)).collect();
    // In the order in which they were told.
    let used: Vec<usize> = (0..=told.groups.len()).filter(|place| rack.contains(place)).collect();
    let columns = (used.len() as f64).sqrt().ceil().max(1.0) as usize;
    let rows = used.len().div_ceil(columns).max(1);
    let (width, height) = (1.0 / columns as f64, 1.0 / rows as f64);
    let radius = 0.36 * width.min(height);
    let size_of = |wanted: &usize| rack.iter().filter(|known| *known == wanted).count();
    let mut seen = vec![0; used.len()];
    let place = |rack: &usize| {
        let at = used.binary_search(rack).unwrap_or(0);
        let size = size_of(rack);
        let middle = (((at % columns) as f64 + 0.5) * width, ((at / columns) as f64 + 0.5) * height);
        seen[at] += 1;
        if size == 1 { middle } else { on_circle(middle, radius, seen[at] - 1, size) }
    };
    rack.iter().map(place).collect()
}

/// As far from each other as `distance` says, as well as a plane allows: stress majorization, one node after the other
/// (Gansner, Koren and North, Graph Drawing by Stress Majorization, 2004). Pairs without a distance are left out.
pub(crate) fn by_distance(count: usize, distance: impl Fn(usize, usize) -> Option<f64>) -> Vec<Place> {
    let mut distances = vec![0.0; count * count];
    for a in 0..count {
        for b in (0..count).filter(|b| *b != a) {
            distances[a * count + b] = distance(a, b).filter(|d| d.is_finite() && *d > 0.0).unwrap_or(0.0);
        }
    }
    let mut known: Vec<f64> = distances.iter().copied().filter(|d| *d > 0.0).collect();
    if known.is_empty() {
        return ring(count);
    }
    let middle = known.len() / 2;
    let usual = *known.select_nth_unstable_by(middle, f64::total_cmp).1;
    let mut places: Vec<Place> = ring(count).into_iter().map(|(x, y)| (x * usual, y * usual)).collect();
    for _ in 0..ROUNDS {
        for a in 0..count {
            let (mut x, mut y, mut weight) = (0.0, 0.0, 0.0);
            for (b, other) in places.iter().enumerate() {
                let wanted = distances[a * count + b];
                if wanted <= 0.0 {
                    continue;
                }
                let (dx, dy) = (places[a].0 - other.0, places[a].1 - other.1);
                let length = dx.hypot(dy).max(1e-9);
                let share = 1.0 / (wanted * wanted);
                x += share * (other.0 + wanted * dx / length);
                y += share * (other.1 + wanted * dy / length);
                weight += share;
            }
            if weight > 0.0 {
                places[a] = (x / weight, y / weight);
            }
        }
    }
    // Who has no distance to anybody stands apart, not among those who have.
    let is_lonely = |a: usize| distances[a * count..(a + 1) * count].iter().all(|distance| *distance <= 0.0);
    let lonely: Vec<usize> = (0..count).filter(|a| is_lonely(*a)).collect();
    let others = (0..count).filter(|a| !lonely.contains(a)).map(|a| places[a]).collect();
    let mut fitted = fit(others).into_iter();
    let mut apart = (1..).map(|at| (f64::from(at) / (lonely.len() + 1) as f64, 1.0));
    let place = |a: usize| if lonely.contains(&a) { apart.next() } else { fitted.next() };
    (0..count).filter_map(place).collect()
}

/// Moves and scales places so that they fill the space between 0 and 1 without being stretched.
fn fit(places: Vec<Place>) -> Vec<Place> {
    let ends = |values: &dyn Fn(&Place) -> f64| {
        let values = places.iter().map(values);
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)))
    };
    let ((left, right), (top, bottom)) = (ends(&|p| p.0), ends(&|p| p.1));
    let extent = (right - left).max(bottom - top).max(1e-9);
    let (x, y) = (0.5 - f64::midpoint(left, right) / extent, 0.5 - f64::midpoint(top, bottom) / extent);
    places.into_iter().map(|place| (place.0 / extent + x, place.1 / extent + y)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apart(a: Place, b: Place) -> f64 {
        (a.0 - b.0).hypot(a.1 - b.1)
    }

    #[test]
    fn what_is_close_in_time_is_close_on_the_screen() {
        // Two racks of eight: 20 within, 100 between.
        let distance = |a: usize, b: usize| Some(if a % 2 == b % 2 { 20.0 } else { 100.0 });
        let places = by_distance(16, distance);
        let (within, between) = (apart(places[0], places[2]), apart(places[0], places[1]));
        assert!(between > 2.0 * within, "{within} {between}");
        assert!(places.iter().all(|p| (-1e-9..=1.0 + 1e-9).contains(&p.0) && (-1e-9..=1.0 + 1e-9).contains(&p.1)));
        assert_eq!(places, by_distance(16, distance), "it follows from the distances alone");
    }

    #[test]
    fn who_is_near_nobody_stands_apart() {
        let places = by_distance(4, |a, b| (a.max(b) < 3).then_some(10.0));
        assert_eq!((places.len(), places[3]), (4, (0.5, 1.0)));
    }

    #[test]
    fn without_distances_nodes_stand_on_a_ring() {
        assert_eq!(by_distance(4, |_, _| None), ring(4));
        assert_eq!(ring(1), [(0.5, 0.5)]);
        assert!(by_distance(0, |_, _| None).is_empty());
    }

    #[test]
    fn a_star_has_its_middle_and_racks_have_places_of_their_own() {
        assert_eq!(star(5, 2)[2], (0.5, 0.5));
        let told = racks::tests::racks(&[("r1", &["a", "b"]), ("r2", &["c", "d"])]);
        let places = by_rack(&["a", "c", "b", "d", "x"], &told);
        assert!(apart(places[0], places[2]) < apart(places[0], places[1]));
        assert!(apart(places[1], places[3]) < apart(places[1], places[4]));
    }
}
