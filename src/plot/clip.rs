//! What of a line lies within the axes, where their range was chosen.

type Point = (f64, f64);

/// The parts of a line of points that lie in a rectangle, given by its left upper and right lower corner.
pub fn line(points: &[Point], (x0, y0): Point, (x1, y1): Point) -> Vec<Vec<Point>> {
    let mut parts: Vec<Vec<Point>> = Vec::new();
    for pair in points.windows(2) {
        let Some((from, to)) = segment(pair[0], pair[1], (x0, y0), (x1, y1)) else { continue };
        match parts.last_mut().filter(|part| part.last() == Some(&from)) {
            Some(part) => part.push(to),
            None => parts.push(vec![from, to]),
        }
    }
    parts
}

/// A band as it crosses the left and the right edge; above and below it is bounded by the edges themselves.
pub fn band(points: &[(f64, f64, f64)], (lo, hi): (f64, f64)) -> Vec<(f64, f64, f64)> {
    let mut kept = Vec::new();
    let within = |x: f64| (lo..=hi).contains(&x);
    for pair in points.windows(2) {
        let at = |x: f64| {
            let share = (x - pair[0].0) / (pair[1].0 - pair[0].0);
            (x, pair[0].1 + share * (pair[1].1 - pair[0].1), pair[0].2 + share * (pair[1].2 - pair[0].2))
        };
        if within(pair[0].0) && kept.last() != Some(&pair[0]) {
            kept.push(pair[0]);
        }
        let crossed = [lo, hi].into_iter().filter(|x| pair[0].0 < *x && *x < pair[1].0);
        kept.extend(crossed.map(at));
        if within(pair[1].0) {
            kept.push(pair[1]);
        }
    }
    kept
}

/// The part of a straight line within a rectangle (Liang and Barsky 1984).
fn segment(a: Point, b: Point, (x0, y0): Point, (x1, y1): Point) -> Option<(Point, Point)> {
    let (dx, dy) = (b.0 - a.0, b.1 - a.1);
    let (mut from, mut to) = (0.0, 1.0);
    for (step, room) in [(-dx, a.0 - x0), (dx, x1 - a.0), (-dy, a.1 - y0), (dy, y1 - a.1)] {
        match step {
            0.0 if room < 0.0 => return None,
            0.0 => {}
            step if step < 0.0 => from = f64::max(from, room / step),
            step => to = f64::min(to, room / step),
        }
    }
    let at = |share: f64| match share {
        0.0 => a,
        1.0 => b,
        share => (a.0 + share * dx, a.1 + share * dy),
    };
    (from < to || (from == to && (dx, dy) == (0.0, 0.0))).then(|| (at(from), at(to)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_at_the_edges() {
        let (corner, other) = ((0.0, 0.0), (10.0, 10.0));
        let inside = [(1.0, 1.0), (5.0, 9.0), (9.0, 1.0)];
        assert_eq!(line(&inside, corner, other), [inside.to_vec()]);
        // leaves above, comes back
        let parts = line(&[(0.0, 5.0), (4.0, 15.0), (8.0, 5.0)], corner, other);
        assert_eq!(parts, [vec![(0.0, 5.0), (2.0, 10.0)], vec![(6.0, 10.0), (8.0, 5.0)]]);
        assert!(line(&[(0.0, 11.0), (9.0, 12.0)], corner, other).is_empty());
        assert_eq!(
            band(&[(-5.0, 0.0, 2.0), (5.0, 1.0, 3.0), (15.0, 2.0, 4.0)], (0.0, 10.0)),
            [(0.0, 0.5, 2.5), (5.0, 1.0, 3.0), (10.0, 1.5, 3.5)]
        );
    }
}
