//! `digits`: handwritten-looking digits that the program draws itself, in MNIST's shape and number.
//!
//! A digit is a skeleton of strokes whose points are jittered, slanted, scaled, rotated, shifted and bent
//! by a smooth random field, then drawn with a round pen and a soft edge, with noise over it. Every image has its own
//! stream of random numbers, so the work is shared among threads without a trace in the result; and only
//! operations are used that IEEE 754 fixes to the last bit (`+ − × ÷ √`, no sine or exponential), so the bytes are the
//! same on every machine.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::RngCore;
use rayon::prelude::*;

use super::glyphs::{GLYPHS, Stroke};
use super::idx::{self, Kind};
use super::{Dataset, DatasetKind, Images, MNIST_SHAPE, hashes_of, rng};

const SIDE: usize = MNIST_SHAPE.width;
const PIXELS: usize = MNIST_SHAPE.pixels();

/// Seed of the data set: part of what `digits` means.
const SEED: u64 = 1998;
/// Straight pieces between two points of a skeleton.
const PIECES: usize = 4;
/// Pixels from the middle of a digit to its top, before scaling.
const HALF_HEIGHT: f32 = 9.5;
/// Points a side of the grid of random displacements that bends a digit; the grid spans the image.
const GRID: usize = 4;

type Position = [f32; 2];

/// Draws the data set: 60,000 training and 10,000 test images.
pub fn load() -> Dataset {
    let ((train, train_hashes), (test, test_hashes)) = rayon::join(|| split(0, 60_000), || split(1, 10_000));
    let (hash, files) = hashes_of([train_hashes, test_hashes]);
    Dataset { kind: DatasetKind::Digits, train, test, hash, files }
}

/// Draws the first `n` images of split `split` (0 = train, 1 = test); returns them with the hashes of images and labels.
fn split(split: u64, n: usize) -> (Images, [[u8; 32]; 2]) {
    let mut images = Images { pixels: vec![0; n * PIXELS], labels: vec![0; n] };
    let rows = images.pixels.par_chunks_exact_mut(PIXELS).zip(&mut images.labels);
    rows.enumerate().for_each(|(i, (pixels, label))| *label = draw(rng(*b"digits  ", [SEED, split, i as u64]), pixels));
    let hashes =
        [idx::sha256(Kind::Images, &[n, SIDE, SIDE], &images.pixels), idx::sha256(Kind::Labels, &[n], &images.labels)];
    (images, hashes)
}

/// Draws one image, `[28, 28]`; returns its label.
fn draw(random: ChaCha8Rng, pixels: &mut [u8]) -> u8 {
    let mut random = Random(random);
    let label = random.below(GLYPHS.len());
    let glyph = GLYPHS[label][random.below(GLYPHS[label].len())];
    let hand = Hand::new(&mut random);
    // Squared distance of every pixel to the pen's path.
    let mut distance = [f32::MAX; PIXELS];
    for stroke in glyph {
        let path: Vec<Position> = curve(&jitter(stroke, &mut random)).map(|p| hand.place(p)).collect();
        for piece in path.windows(2) {
            stamp(&mut distance, piece[0], piece[1], hand.radius + 1.0);
        }
    }
    let mut noise = [0; PIXELS];
    random.0.fill_bytes(&mut noise);
    for ((pixel, squared), noise) in pixels.iter_mut().zip(distance).zip(noise) {
        let ink = hand.ink * smoothstep((hand.radius + 0.75 - squared.sqrt()) / 1.5);
        *pixel = (ink + hand.noise * (f32::from(noise) / 127.5 - 1.0)) as u8;
    }
    label as u8
}

/// How one image is written: everything random about it but the jitter of the points.
struct Hand {
    /// Linear map from the skeleton to pixels: slant, scale and rotation.
    map: [Position; 2],
    shift: Position,
    bend: [[Position; GRID]; GRID],
    radius: f32,
    /// Brightness of a stroke's middle, and largest noise, of 255.
    ink: f32,
    noise: f32,
}

impl Hand {
    fn new(random: &mut Random) -> Self {
        let slant = 0.12 + random.bell(0.4);
        let (width, height) = (HALF_HEIGHT * random.between(0.7, 1.2), HALF_HEIGHT * random.between(0.8, 1.1));
        // A rotation by the angle whose half has this tangent.
        let t = random.bell(0.15);
        let (cos, sin) = ((1.0 - t * t) / (1.0 + t * t), 2.0 * t / (1.0 + t * t));
        // x' = width · (x − slant · y), y' = height · y, then the rotation.
        let map = [
            [cos * width, -cos * width * slant - sin * height], //
            [sin * width, -sin * width * slant + cos * height],
        ];
        let middle = (SIDE as f32 - 1.0) / 2.0;
        let shift = [middle + random.bell(3.0), middle + random.bell(3.0)];
        let mut bend = [[[0.0; 2]; GRID]; GRID];
        bend.as_flattened_mut().as_flattened_mut().fill_with(|| random.bell(3.5));
        let (radius, ink) = (random.between(0.6, 1.8), random.between(190.0, 255.0));
        Self { map, shift, bend, radius, ink, noise: random.between(0.0, 20.0) }
    }

    /// Where a point of the skeleton is in the image, in pixels.
    fn place(&self, [x, y]: Position) -> Position {
        let [row_x, row_y] = self.map;
        let p = [row_x[0] * x + row_x[1] * y + self.shift[0], row_y[0] * x + row_y[1] * y + self.shift[1]];
        let ((i, u), (j, v)) = (cell(p[0]), cell(p[1]));
        let mix = |a: f32, b: f32, t: f32| a + (b - a) * t;
        [0, 1].map(|k| {
            let at = |i: usize, j: usize| self.bend[j][i][k];
            p[k] + mix(mix(at(i, j), at(i + 1, j), u), mix(at(i, j + 1), at(i + 1, j + 1), u), v)
        })
    }
}

/// The cell of the grid that holds a coordinate, and how far in it that is, smoothed so that the field has no kinks.
fn cell(x: f32) -> (usize, f32) {
    let at = (x / SIDE as f32).clamp(0.0, 1.0) * (GRID - 1) as f32;
    let i = (at as usize).min(GRID - 2);
    (i, smoothstep(at - i as f32))
}

/// The points of a stroke, moved a little; a corner, which is a point given twice, stays one.
fn jitter(stroke: Stroke, random: &mut Random) -> Vec<Position> {
    let mut points: Vec<Position> = stroke.to_vec();
    for i in 0..points.len() {
        let corner = i > 0 && stroke[i] == stroke[i - 1];
        points[i] = if corner { points[i - 1] } else { points[i].map(|x| x + random.bell(0.12)) };
    }
    points
}

/// The Catmull–Rom spline through the points, as a polyline.
fn curve(points: &[Position]) -> impl Iterator<Item = Position> {
    let at = |i: isize| points[i.clamp(0, points.len() as isize - 1) as usize];
    let pieces = (0..points.len() as isize - 1).filter(move |&i| at(i) != at(i + 1)).flat_map(move |i| {
        let [a, b, c, d] = [at(i - 1), at(i), at(i + 1), at(i + 2)];
        (0..PIECES).map(move |step| {
            let t = step as f32 / PIECES as f32;
            [0, 1].map(|k| {
                let cubic = 3.0 * (b[k] - c[k]) + d[k] - a[k];
                let square = 2.0 * a[k] - 5.0 * b[k] + 4.0 * c[k] - d[k];
                b[k] + 0.5 * t * (c[k] - a[k] + t * (square + t * cubic))
            })
        })
    });
    pieces.chain(points.last().copied())
}

/// Lowers the squared distances of the pixels around the straight piece from `a` to `b`, as far away as `reach`.
fn stamp(distance: &mut [f32; PIXELS], a: Position, b: Position, reach: f32) {
    let along = [b[0] - a[0], b[1] - a[1]];
    let per_length = 1.0 / (along[0] * along[0] + along[1] * along[1]).max(1e-6);
    let bounds = [0, 1].map(|k| {
        let (low, high) = (a[k].min(b[k]) - reach, a[k].max(b[k]) + reach);
        low.max(0.0) as usize..((high + 1.0).max(0.0) as usize).min(SIDE)
    });
    let [columns, rows] = bounds;
    if columns.start >= columns.end {
        return;
    }
    for row in rows {
        let y = row as f32 - a[1];
        for (column, nearest) in columns.clone().zip(&mut distance[row * SIDE..][columns.clone()]) {
            let x = column as f32 - a[0];
            let t = ((x * along[0] + y * along[1]) * per_length).clamp(0.0, 1.0);
            let (dx, dy) = (x - t * along[0], y - t * along[1]);
            *nearest = nearest.min(dx * dx + dy * dy);
        }
    }
}

/// 0 below 0, 1 above 1, and smooth between.
fn smoothstep(t: f32) -> f32 {
    let t = t.clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

struct Random(ChaCha8Rng);

impl Random {
    /// Uniform in [0, 1), exact in f32.
    fn unit(&mut self) -> f32 {
        (self.0.next_u32() >> 8) as f32 / (1 << 24) as f32
    }

    fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// Bell-shaped around 0 and within ±`reach`: the mean of three uniform numbers, standard deviation `reach` / 3.
    fn bell(&mut self, reach: f32) -> f32 {
        reach * ((self.unit() + self.unit() + self.unit()) * (2.0 / 3.0) - 1.0)
    }

    fn below(&mut self, n: usize) -> usize {
        self.0.next_u32() as usize % n
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes do not depend on the number of threads, nor those of an image on how many are drawn.
    #[test]
    fn images_are_independent() {
        let on = |threads, n| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a thread pool");
            pool.install(|| split(0, n).0)
        };
        let (few, many) = (on(1, 20), on(3, 300));
        assert_eq!(few.labels, many.labels[..20]);
        assert_eq!(few.pixels, many.pixels[..20 * PIXELS]);
    }

    /// No skeleton ends up outside the image, and each leaves ink.
    #[test]
    fn images_hold_ink() {
        let (images, _) = split(0, 2000);
        let ink = |i| images.image(i).iter().filter(|&&pixel| pixel > 120).count();
        assert!((0..images.len()).all(|i| (15..400).contains(&ink(i))));
    }
}
