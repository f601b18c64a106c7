//! Axes: what they span, and where their ticks stand.

use crate::number::{decimals, plain, scientific};

/// How values become lengths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Equal differences, equal lengths.
    Linear,
    /// Equal ratios, equal lengths; only positive values can be shown.
    Log,
}

impl Scale {
    /// Whether a value has a place on such an axis.
    pub fn shows(self, value: f64) -> bool {
        // beyond 1e300 the sums over an axis overflow
        value.abs() < 1e300 && (self == Scale::Linear || value > 1e-300)
    }

    fn apply(self, value: f64) -> f64 {
        match self {
            Scale::Linear => value,
            Scale::Log => value.log10(),
        }
    }

    fn undo(self, length: f64) -> f64 {
        match self {
            Scale::Linear => length,
            Scale::Log => 10f64.powf(length),
        }
    }
}

/// An axis as the maker of a figure describes it; what it spans follows from the data.
#[derive(Clone, Debug)]
pub struct Axis {
    pub title: String,
    pub scale: Scale,
    /// Shown even where the data lie elsewhere, such as 0.
    pub includes: Option<f64>,
    /// Only whole numbers are sensible, such as epochs.
    pub whole: bool,
    /// From high to low values.
    pub reversed: bool,
    /// Exactly this, whatever the data are.
    pub range: Option<(f64, f64)>,
    /// Instead of numbers: row i stands at i, the first on top.
    pub rows: Vec<AxisRow>,
}

/// A row of an axis without numbers.
#[derive(Clone, Debug)]
pub struct AxisRow {
    /// Stands left of the plot.
    pub name: String,
    /// Right of it, such as the value in digits.
    pub note: String,
}

impl Axis {
    pub fn linear(title: &str, includes: Option<f64>, whole: bool) -> Self {
        Self {
            title: title.to_string(),
            scale: Scale::Linear,
            includes,
            whole,
            reversed: false,
            range: None,
            rows: Vec::new(),
        }
    }

    pub fn log(title: &str) -> Self {
        Self { scale: Scale::Log, ..Self::linear(title, None, false) }
    }

    /// An axis of rows.
    pub fn rows(rows: Vec<AxisRow>) -> Self {
        let last = rows.len() as f64 - 0.5;
        Self { reversed: true, range: Some((-0.5, last)), rows, ..Self::linear("", None, true) }
    }
}

/// Where values of an axis lie in the picture: `lo` at `from`, `hi` at `to`, in pixels.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    scale: Scale,
    lo: f64,
    hi: f64,
    from: f64,
    to: f64,
}

impl Span {
    /// The span of all `values` that the axis can show, with room of `pad` (a share of the length) at both ends; an
    /// included value stands at the very end if it is the last.
    pub fn new(axis: &Axis, values: impl Iterator<Item = f64>, pad: f64, from: f64, to: f64) -> Self {
        let scale = axis.scale;
        let (from, to) = if axis.reversed { (to, from) } else { (from, to) };
        if let Some((lo, hi)) = axis.range.filter(|(lo, hi)| scale.shows(*lo) && scale.shows(*hi)) {
            return Self { scale, lo: scale.apply(lo), hi: scale.apply(hi), from, to };
        }
        let (mut lo, mut hi) = values
            .filter(|v| scale.shows(*v))
            .map(|v| scale.apply(v))
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), v| (lo.min(v), hi.max(v)));
        let included = axis.includes.filter(|v| scale.shows(*v)).map(|v| scale.apply(v));
        if lo > hi {
            (lo, hi) = (included.unwrap_or(0.0), included.unwrap_or(0.0) + 1.0);
        }
        let (data_lo, data_hi) = (lo, hi);
        if let Some(v) = included {
            (lo, hi) = (lo.min(v), hi.max(v));
        }
        if hi - lo <= 1e-12 * hi.abs().max(lo.abs()) {
            let room = if scale == Scale::Linear && lo != 0.0 { 0.1 * lo.abs() } else { 0.1 };
            (lo, hi) = (lo - room, hi + room);
        }
        let room = pad * (hi - lo);
        let at_edge = |edge: f64, data: f64| included == Some(edge) && edge.abs() <= data.abs();
        let lo = if at_edge(lo, data_lo) { lo } else { lo - room };
        let hi = if at_edge(hi, data_hi) { hi } else { hi + room };
        Self { scale, lo, hi, from, to }
    }

    /// The place of a value, in pixels, which may lie beyond an end; what the axis cannot show is put at its low end.
    pub fn at(&self, value: f64) -> f64 {
        let length = if self.scale.shows(value) { self.scale.apply(value) } else { self.lo };
        // far beyond an end is as good as any number of pixels
        let share = ((length - self.lo) / (self.hi - self.lo)).clamp(-100.0, 100.0);
        self.from + share * (self.to - self.from)
    }

    /// Between 3 and 9 round values to put ticks at.
    pub fn ticks(&self, whole: bool) -> Vec<f64> {
        match self.scale {
            Scale::Linear => linear_ticks(self.lo, self.hi, whole),
            Scale::Log => log_ticks(self.lo, self.hi),
        }
    }
}

/// Multiples of 1, 2 or 5 (·10ᵏ) in `lo..=hi`: the finest that are at most 8.
fn linear_ticks(lo: f64, hi: f64, whole: bool) -> Vec<f64> {
    let power = 10f64.powf(((hi - lo) / 10.0).log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0]
        .map(|factor| factor * power)
        .into_iter()
        .find(|step| (hi - lo) / step <= 7.5 && (!whole || *step >= 1.0))
        .unwrap_or(1.0);
    let tolerance = 1e-9 * step;
    let first = ((lo - tolerance) / step).ceil();
    let count = ((hi + tolerance) / step).floor() - first;
    (0..=count.clamp(0.0, 20.0) as u32).map(|i| (first + f64::from(i)) * step).collect()
}

/// Ticks between 10^`lo` and 10^`hi`: the sparsest usual set that has at least 4, and under half a decade linear steps.
/// (plotters itself puts almost no tick on a log axis that spans less than a decade.)
fn log_ticks(lo: f64, hi: f64) -> Vec<f64> {
    const SETS: [&[f64]; 4] = [&[1.0], &[1.0, 3.0], &[1.0, 2.0, 5.0], &[1.0, 1.5, 2.0, 3.0, 5.0, 7.0]];
    let decades = (lo.floor() as i32)..=(hi.ceil() as i32);
    let every = 1 + ((hi - lo) / 8.0) as usize;
    for set in SETS {
        let ticks: Vec<f64> = decades
            .clone()
            .step_by(if set.len() == 1 { every } else { 1 })
            .flat_map(|decade| set.iter().map(move |m| m * 10f64.powi(decade)))
            .filter(|v| (lo..=hi).contains(&v.log10()))
            .collect();
        if ticks.len() >= 4 {
            return ticks;
        }
    }
    linear_ticks(Scale::Log.undo(lo), Scale::Log.undo(hi), false)
}

/// The labels of ticks, all with as many decimals as the finest needs: `0.05`, `10,000`, `2×10⁻⁵`.
pub fn tick_labels(ticks: &[f64], scale: Scale) -> Vec<String> {
    let decimals = ticks.iter().map(|v| decimals(*v)).max().unwrap_or(0);
    let each = |v: &f64| match v.abs() {
        a if a != 0.0 && !(1e-4..1e7).contains(&a) => scientific(*v),
        _ if scale == Scale::Log => plain(*v, crate::number::decimals(*v)),
        _ => plain(*v, decimals),
    };
    ticks.iter().map(each).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log_labels(lo: f64, hi: f64) -> Vec<String> {
        tick_labels(&log_ticks(lo.log10(), hi.log10()), Scale::Log)
    }

    #[test]
    fn every_range_has_a_few_ticks() {
        for exponent in -120..120 {
            for ratio in [1.0001, 1.01, 1.1, 1.5, 2.0, 3.0, 5.0, 9.9, 20.0, 100.0, 1e3, 1e5, 1e9, 1e40] {
                let (lo, hi) = (10f64.powf(f64::from(exponent) / 7.0), ratio * 10f64.powf(f64::from(exponent) / 7.0));
                for ticks in [linear_ticks(lo, hi, false), log_ticks(lo.log10(), hi.log10())] {
                    assert!((2..=13).contains(&ticks.len()), "{lo:e} to {hi:e}: {ticks:?}");
                    let slack = 1e-9 * (hi - lo) + 1e-12 * hi;
                    assert!(ticks.iter().all(|v| (lo - slack..=hi + slack).contains(v)), "{lo:e} to {hi:e}: {ticks:?}");
                }
            }
        }
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!(log_labels(0.2, 2.5), ["0.2", "0.5", "1", "2"]);
        assert_eq!(log_labels(0.01, 2.5), ["0.01", "0.03", "0.1", "0.3", "1"]);
        assert_eq!(log_labels(2.0, 2.4), ["2", "2.1", "2.2", "2.3", "2.4"]);
        assert_eq!(log_labels(1e-7, 1e1), ["10⁻⁷", "10⁻⁵", "0.001", "0.1", "10"]);
        assert_eq!(tick_labels(&linear_ticks(0.0, 20.0, true), Scale::Linear), ["0", "5", "10", "15", "20"]);
        assert_eq!(tick_labels(&linear_ticks(0.0, 1.0, true), Scale::Linear), ["0", "1"]);
        assert_eq!(
            tick_labels(&linear_ticks(0.0, 1.0, false), Scale::Linear),
            ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]
        );
    }
}
