//! Simulates what `snr_bench::stats` promises, through the functions that judge real runs, and prints Markdown:
//!
//! ```text
//! cargo run --release --example coverage
//! ```
//!
//! The documentation of `snr_bench::stats` shows the tables.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{ChiSquared, Distribution, Exp1, StandardNormal, StudentT};
use snr_bench::stats::{detectable, holm, paired_t, power};

const SEED: u64 = 0;
const EXPERIMENTS: usize = 50_000;
const PAIRS: [usize; 4] = [6, 8, 10, 20];
const ALPHA: f64 = 0.05;
/// Primary endpoints of a comparison, and how their differences correlate: all three are losses of the same runs.
const ENDPOINTS: usize = 3;
const CORRELATION: f64 = 0.7;

fn main() {
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    println!("{EXPERIMENTS} experiments a cell; the standard error of 95% is 0.1 points.\n");
    coverage(&mut rng);
    errors(&mut rng);
    powers(&mut rng);
}

/// The share of experiments in which something happened, in per cent.
fn share(mut happened: impl FnMut() -> bool) -> f64 {
    100.0 * (0..EXPERIMENTS).filter(|_| happened()).count() as f64 / EXPERIMENTS as f64
}

fn row(name: &str, mut cell: impl FnMut(usize) -> String) {
    let cells: Vec<String> = PAIRS.into_iter().map(&mut cell).collect();
    println!("| {name} | {} |", cells.join(" | "));
}

fn header(title: &str) {
    row(title, |n| format!("n = {n}"));
    println!("| --- | ---: | ---: | ---: | ---: |");
}

/// How often the 95% interval contains the true mean.
fn coverage(rng: &mut ChaCha8Rng) {
    header("coverage of the 95% interval");
    let t3 = StudentT::new(3.0).expect("degrees of freedom are positive");
    line("normal differences", StandardNormal, 0.0, rng);
    line("Student's t, 3 degrees (heavy tails)", t3, 0.0, rng);
    line("exponential (skewed)", Exp1, 1.0, rng);
    println!();
}

fn line(name: &str, distribution: impl Distribution<f64>, mean: f64, rng: &mut ChaCha8Rng) {
    row(name, |n| {
        let covered = share(|| {
            let differences: Vec<f64> = (0..n).map(|_| distribution.sample(rng)).collect();
            let (lo, hi) = paired_t(&differences).interval.expect("random numbers differ");
            lo <= mean && mean <= hi
        });
        format!("{covered:.1}%")
    });
}

/// How often Holm's correction finds at least one difference where there is none.
fn errors(rng: &mut ChaCha8Rng) {
    header("family-wise error");
    for (name, heavy) in [("normal, no difference in any endpoint", false), ("t with 3 degrees, no difference", true)] {
        row(name, |n| {
            let wrong = share(|| {
                let adjusted = holm(&experiment(n, [0.0; ENDPOINTS], heavy, rng));
                adjusted.iter().any(|p| *p <= ALPHA)
            });
            format!("{wrong:.1}%")
        });
    }
    println!();
}

/// Power as it is stated, and as it is reached after Holm's correction, for the effect that should have 80%.
fn powers(rng: &mut ChaCha8Rng) {
    header("power");
    let level = ALPHA / ENDPOINTS as f64;
    let effect = |n: usize| detectable(1.0, n, level);
    row("effect, in standard deviations", |n| format!("{:.2}", effect(n)));
    row("stated", |n| format!("{:.1}%", 100.0 * power(effect(n), n, level)));
    for (name, others) in
        [("reached, if only this endpoint differs", 0.0), ("reached, if all three differ so much", 1.0)]
    {
        row(name, |n| {
            let effects = [effect(n), others * effect(n), others * effect(n)];
            format!("{:.1}%", share(|| holm(&experiment(n, effects, false, rng))[0] <= ALPHA))
        });
    }
}

/// The p-values of an experiment of `n` pairs whose endpoints' differences have these means and a standard deviation of 1
/// (with heavy tails: jointly Student's t with 3 degrees of freedom).
fn experiment(n: usize, effects: [f64; ENDPOINTS], heavy: bool, rng: &mut ChaCha8Rng) -> Vec<f64> {
    let tails = ChiSquared::new(3f64).expect("degrees of freedom are positive");
    let mut differences = vec![Vec::new(); ENDPOINTS];
    for _ in 0..n {
        let common: f64 = StandardNormal.sample(rng);
        let spread = if heavy { (3.0 / tails.sample(rng)).sqrt() } else { 1.0 };
        for (endpoint, effect) in differences.iter_mut().zip(effects) {
            let own: f64 = StandardNormal.sample(rng);
            endpoint.push(effect + spread * (CORRELATION.sqrt() * common + (1.0 - CORRELATION).sqrt() * own));
        }
    }
    differences.iter().map(|d| paired_t(d).p.expect("random numbers differ")).collect()
}
