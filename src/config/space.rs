//! What a setting is tried at: values of a grid, which can grow, or a range that random values are drawn from.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use sha2::{Digest, Sha256};

use crate::error::Result;
use crate::usage;

/// Values of one setting.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// The setting, dotted: `lr`, `model.depth`.
    pub key: String,
    /// What it is tried at.
    pub values: Values,
}

/// What a setting is tried at.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// These.
    List(Vec<toml::Value>),
    /// Numbers between two, equally likely: `{ uniform = [0.9, 0.999] }`. Whole numbers where both bounds are.
    Uniform(toml::Value, toml::Value),
    /// Numbers between two positive ones, their logarithms equally likely: `{ loguniform = [1e-4, 1e-1] }`.
    LogUniform(toml::Value, toml::Value),
}

/// An end of a list of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// Below the smallest.
    Low,
    /// Above the largest.
    High,
}

impl Axis {
    /// Reads `value` as `[tune]` gives it for `key`.
    pub fn read(key: &str, value: &toml::Value) -> Result<Self> {
        let values = match value {
            toml::Value::Array(list) if list.is_empty() => {
                usage!("tune.{key} = [] leaves no trial; name at least one value")
            }
            toml::Value::Array(list) => {
                if let Some(twice) = list.iter().enumerate().find_map(|(i, v)| list[..i].contains(v).then_some(v)) {
                    usage!("tune.{key} names {twice} twice; name each value once");
                }
                Values::List(list.clone())
            }
            toml::Value::Table(range) => Self::range(key, range)?,
            other => usage!("tune.{key} = {other} is one value; write a list of values to try, such as [{other}, …]"),
        };
        Ok(Self { key: key.to_string(), values })
    }

    /// Whether a table is a range: one of the two kinds, and nothing else.
    pub fn is_range(table: &toml::Table) -> bool {
        table.keys().any(|kind| ["uniform", "loguniform"].contains(&kind.as_str()))
    }

    fn range(key: &str, range: &toml::Table) -> Result<Values> {
        let kind = range.keys().next().map_or("", String::as_str);
        let bounds = range.get(kind).and_then(toml::Value::as_array).map_or(&[][..], Vec::as_slice);
        let least = if kind == "loguniform" { f64::MIN_POSITIVE } else { f64::NEG_INFINITY };
        match bounds {
            [low, high] if range.len() == 1 => match (number(low), number(high)) {
                (Some(a), Some(b)) if a >= least && a < b && b.is_finite() => Ok(match kind {
                    "loguniform" => Values::LogUniform(low.clone(), high.clone()),
                    _ => Values::Uniform(low.clone(), high.clone()),
                }),
                _ => usage!(
                    "tune.{key}.{kind} = [{low}, {high}] is no range; it must be two numbers, the smaller first{}",
                    if kind == "loguniform" { ", both above 0" } else { "" }
                ),
            },
            _ => usage!(
                "tune.{key} is no range; write {{ uniform = [LOW, HIGH] }} or {{ loguniform = [LOW, HIGH] }}, or a list"
            ),
        }
    }

    /// The values of a grid; none of a range.
    pub fn list(&self) -> &[toml::Value] {
        match &self.values {
            Values::List(values) => values,
            _ => &[],
        }
    }

    /// The `n`-th random value under a seed: the same for every arm that draws from the same values, and four significant
    /// digits of it, so that it can be written down.
    pub fn draw(&self, seed: u64, n: u64) -> toml::Value {
        let hash = Sha256::new().chain_update(seed.to_le_bytes()).chain_update(self.key.as_bytes());
        let mut random = ChaCha8Rng::from_seed(hash.finalize().into());
        random.set_stream(n);
        let share: f64 = random.random();
        match &self.values {
            Values::List(values) => values[(share * values.len() as f64) as usize].clone(),
            Values::Uniform(low, high) => between(low, high, |a, b| a + share * (b - a)),
            Values::LogUniform(low, high) => between(low, high, |a, b| (a.ln() + share * (b / a).ln()).exp()),
        }
    }

    /// The ends of a list of numbers at which `value` lies; both, where the list is of one.
    pub fn edges(&self, value: &toml::Value) -> Vec<Side> {
        let Some((numbers, value)) = self.numbers().zip(number(value)) else { return Vec::new() };
        let mut sides = Vec::new();
        if numbers.iter().all(|other| *other >= value) {
            sides.push(Side::Low);
        }
        if numbers.iter().all(|other| *other <= value) {
            sides.push(Side::High);
        }
        sides
    }

    /// The value that continues a list of at least two numbers beyond one end, by the factor of its last two. The factor is
    /// that of x, or of 1 − x where the numbers lie in (0, 1) and 1 − x has the larger one: 0.9, 0.99 goes on with 0.999.
    /// `None` where nothing continues it, as below 0.
    pub fn beyond(&self, side: Side) -> Option<toml::Value> {
        let mut numbers = self.numbers().filter(|numbers| numbers.len() >= 2)?;
        numbers.sort_by(f64::total_cmp);
        if side == Side::Low {
            numbers.reverse();
        }
        let [.., before, last] = numbers[..] else { return None };
        let factor = |before: f64, last: f64| last / before;
        let size = |factor: f64| factor.ln().abs();
        let of_x = factor(before, last);
        let of_rest = factor(1.0 - before, 1.0 - last);
        let inner = numbers.iter().all(|x| 0.0 < *x && *x < 1.0);
        let next = match inner && size(of_rest) > size(of_x) {
            true => 1.0 - (1.0 - last) * of_rest,
            false => last * of_x,
        };
        let whole = self.list().iter().all(toml::Value::is_integer);
        let next = if whole { next.round() } else { rounded(next, 6) };
        let new = next.is_finite() && next > 1e-9 * last && !numbers.contains(&next);
        new.then_some(if whole { toml::Value::Integer(next as i64) } else { toml::Value::Float(next) })
    }

    fn numbers(&self) -> Option<Vec<f64>> {
        let list = self.list();
        if list.is_empty() { None } else { list.iter().map(number).collect() }
    }
}

fn number(value: &toml::Value) -> Option<f64> {
    match value {
        toml::Value::Integer(n) => Some(*n as f64),
        toml::Value::Float(x) if x.is_finite() => Some(*x),
        _ => None,
    }
}

fn between(low: &toml::Value, high: &toml::Value, at: impl Fn(f64, f64) -> f64) -> toml::Value {
    let [a, b] = [low, high].map(|bound| number(bound).expect("checked when it was read"));
    if low.is_integer() && high.is_integer() {
        // each whole number has the same share of the range
        return toml::Value::Integer(at(a, b + 1.0).floor().clamp(a, b) as i64);
    }
    toml::Value::Float(rounded(at(a, b), 4).clamp(a, b))
}

/// To so many significant digits.
fn rounded(x: f64, digits: usize) -> f64 {
    format!("{x:.*e}", digits - 1).parse().unwrap_or(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(text: &str) -> Axis {
        let table: toml::Table = text.parse().unwrap();
        Axis::read("x", &table["x"]).unwrap()
    }

    #[test]
    fn a_list_goes_on_by_its_own_factor() {
        let beyond = |text: &str, side| axis(text).beyond(side).map(|value| value.to_string());
        for (list, low, high) in [
            ("x = [5e-4, 1e-3, 2e-3]", Some("0.00025"), Some("0.004")),
            ("x = [0.1, 0.3]", Some("0.0333333"), Some("0.9")),
            ("x = [64, 128]", Some("32"), Some("256")),
            ("x = [0.9, 0.99]", None, Some("0.999")),
            ("x = [0.99, 0.9, 0.999]", None, Some("0.9999")),
            ("x = [0, 1e-4]", None, None),
            ("x = ['a', 'b']", None, None),
            ("x = [1e-3]", None, None),
        ] {
            assert_eq!(beyond(list, Side::Low).as_deref(), low, "{list}");
            assert_eq!(beyond(list, Side::High).as_deref(), high, "{list}");
        }
    }

    #[test]
    fn draws_are_seeded_in_range_and_written_with_four_digits() {
        let axis = axis("x = { loguniform = [1e-4, 1e-1] }");
        let draws: Vec<f64> = (0..200).map(|n| axis.draw(7, n).as_float().unwrap()).collect();
        assert!(draws.iter().all(|x| (1e-4..=1e-1).contains(x) && *x == rounded(*x, 4)));
        let below = draws.iter().filter(|x| **x < 1e-4 * 1e3f64.sqrt()).count();
        assert!((70..=130).contains(&below), "the logarithm is uniform: {below} of 200 in the lower half");
        assert_eq!(axis.draw(7, 3), axis.draw(7, 3));
        assert_ne!(axis.draw(7, 3), axis.draw(8, 3));
        let whole = super::tests::axis("x = { uniform = [1, 3] }");
        let draws: std::collections::BTreeSet<_> = (0..50).map(|n| whole.draw(0, n).to_string()).collect();
        assert_eq!(draws.into_iter().collect::<Vec<_>>(), ["1", "2", "3"]);
    }
}
