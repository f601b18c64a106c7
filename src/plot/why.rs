//! Figures of what shadows and the noise of batches say: how much longer the steps of one optimizer are, where, and how much of
//! its variance is noise.

use super::axis::Axis;
use super::caption;
use super::figure::{Figure, Mark, Series, Sign};
use super::{Named, effects, style};
use crate::analysis::observed::{self, Amplification, NoiseShare, Quantiles, WARM_UP};
use crate::analysis::{Analysis, BatchSeries, Endpoint, Group, words};
use crate::error::Result;
use crate::run_dir::ALL;

/// All of them that the runs of a group have; those of several batch sizes are the figures of the group with the smallest.
///
/// # Errors
/// A damaged file.
pub fn figures(analysis: &Analysis, group: &Group) -> Result<Vec<Named>> {
    let mut drawn = Vec::new();
    let factorial = analysis.factorials.iter().find(|factorial| factorial.group == group.name);
    let factorial = factorial.and_then(|factorial| effects::factorial(group, factorial));
    drawn.extend(factorial.map(|figure| ("size-and-direction", figure)));
    let amplifications = observed::amplifications(group)?;
    drawn.extend(over_training(group, &amplifications).map(|figure| ("amplification", figure)));
    let layers = amplifications.iter().find_map(|amplification| by_layer(group, amplification));
    drawn.extend(layers.map(|figure| ("amplification-layers", figure)));
    drawn.extend(by_consistency(group, &amplifications).map(|figure| ("consistency", figure)));
    drawn.extend(noise(group, &observed::noise_shares(group)?).map(|figure| ("noise-share", figure)));
    for series in analysis.batch_series.iter().filter(|series| series.gains[0].group == group.name) {
        drawn.extend(gain(analysis, series).map(|figure| ("gain-by-batch", figure)));
        drawn.extend(noise_by_batch(analysis, series)?.map(|figure| ("noise-by-batch", figure)));
    }
    Ok(drawn)
}

/// The median amplification by step, with the middle 50% and 90% of the elements.
fn over_training(group: &Group, all: &[Amplification]) -> Option<Figure> {
    let first = all.first()?;
    let mut series = Vec::new();
    for amplification in all.iter().filter(|other| (&other.a, &other.b) == (&first.a, &first.b)) {
        let (_, curve) = amplification.tensors.iter().find(|(name, _)| name == ALL)?;
        let own = quantile_series(amplification, curve, &format!("on the way of {}", amplification.carrier));
        // bands of the first way only, the outer one by itself: they lie over each other
        match series.is_empty() {
            true => series.extend([Series { band: band(curve, 0, 4), style: own.style, ..Series::default() }, own]),
            false => series.push(Series { band: Vec::new(), ..own }),
        }
    }
    let steps = series.iter().flat_map(|s| &s.line).map(|point| point.0);
    let (from, to) = (steps.clone().min_by(f64::total_cmp)?, steps.max_by(f64::total_cmp)?);
    series.insert(0, Series::reference(1.0, (from, to)));
    let (a, b) = (&first.a, &first.b);
    Some(Figure {
        title: words::amplification_finding(first),
        about: caption::runs(group),
        caption: format!(
            "Of every element, |{a}’s step| / |{b}’s step| from the same parameters and gradients. Line: median over the elements; \
             bands, on the first way: the middle 50% and 90% of them; all are geometric means over {}.",
            runs(all)
        ),
        x: Axis::linear("optimizer step", Some(0.0), true),
        y: Axis::log(&format!("amplification: {a} / {b}")),
        sides: None,
        series,
        marks: Vec::new(),
    })
}

/// The same by layer: the weights of every layer get a panel.
fn by_layer(group: &Group, amplification: &Amplification) -> Option<Figure> {
    let of_layer = |name: &str| Some(name.strip_suffix(".weight")?.to_string()).filter(|name| !name.contains("norm"));
    let layers = amplification.tensors.iter().filter_map(|(name, curve)| Some((of_layer(name)?, curve)));
    let series: Vec<Series> = layers
        .filter(|(_, curve)| !curve.is_empty())
        .map(|(layer, curve)| Series { group: layer.clone(), ..quantile_series(amplification, curve, &layer) })
        .collect();
    let Amplification { a, b, carrier, runs, .. } = amplification;
    (series.len() > 4).then(|| Figure {
        title: format!("How much longer {a}’s steps are than {b}’s, layer by layer"),
        about: caption::runs(group),
        caption: format!(
            "Weights of each layer on the way of {carrier} ({}): line: median over the elements; band: the middle 50%.",
            seeds(*runs)
        ),
        x: Axis::linear("optimizer step", Some(0.0), true),
        y: Axis { includes: Some(1.0), ..Axis::log(&format!("amplification: {a} / {b}")) },
        sides: None,
        series,
        marks: Vec::new(),
    })
}

fn quantile_series(amplification: &Amplification, curve: &[(u64, Quantiles)], label: &str) -> Series {
    Series {
        label: label.to_string(),
        group: amplification.optim.clone(),
        style: style(&amplification.optim, 0),
        line: curve.iter().map(|(step, q)| (*step as f64, q[2])).collect(),
        band: band(curve, 1, 3),
        ..Series::default()
    }
}

fn band(curve: &[(u64, Quantiles)], low: usize, high: usize) -> Vec<(f64, f64, f64)> {
    curve.iter().map(|(step, q)| (*step as f64, q[low], q[high])).collect()
}

/// The amplification where gradients agree and where they do not; and what follows for a mean that does not move.
fn by_consistency(group: &Group, all: &[Amplification]) -> Option<Figure> {
    let first = all.first()?;
    let middle = |bin: usize| 0.1 * bin as f64 + 0.05;
    let mut series = Vec::new();
    for amplification in all.iter().filter(|other| (&other.a, &other.b) == (&first.a, &first.b)) {
        let points = amplification.consistency.iter().enumerate();
        let line: Vec<(f64, f64)> = points
            .filter(|(_, (share, _))| *share >= FEW)
            .filter_map(|(i, (_, mean))| Some((middle(i), (*mean)?)))
            .collect();
        if line.len() < 2 {
            continue;
        }
        series.push(Series {
            label: format!("on the way of {}", amplification.carrier),
            group: amplification.optim.clone(),
            style: style(&amplification.optim, 0),
            dots: line.clone(),
            line,
            ..Series::default()
        });
    }
    let last = series.iter().flat_map(|s| &s.line).map(|point| point.0).max_by(f64::total_cmp)?;
    let grey = Series::reference(1.0, (0.0, 1.0)).style;
    let constant = (0..=40).map(|i| last * f64::from(i) / 40.0).map(|c| (c, 1.0 / (1.0 - c * c).sqrt()));
    series.push(Series {
        label: "1/√(1 − c²)".to_string(),
        style: grey,
        line: constant.collect(),
        ..Series::default()
    });
    let (a, b) = (&first.a, &first.b);
    Some(Figure {
        title: words::consistency_finding(first),
        about: caption::runs(group),
        caption: format!(
            "c = |m̂|/√v̂ of an element with Adam’s moments: 1 where all its gradients agree. Geometric mean of |{a}’s step| / |{b}’s \
             step| over the elements and steps in each tenth of c that has 0.1% of them, from step {} on; {}. Dotted: what follows \
             if the mean of the gradient does not move.",
            WARM_UP + 1,
            runs(all)
        ),
        x: Axis::linear("consistency of the gradient c", Some(0.0), false),
        y: Axis { includes: Some(1.0), ..Axis::log(&format!("amplification: {a} / {b}")) },
        sides: None,
        series,
        marks: Vec::new(),
    })
}

/// A bin with a smaller share of the elements is not drawn.
const FEW: f64 = 1e-3;

fn noise(group: &Group, shares: &[NoiseShare]) -> Option<Figure> {
    let series: Vec<Series> = shares
        .iter()
        .map(|share| Series {
            label: share.carrier.clone(),
            group: share.optim.clone(),
            style: style(&share.optim, 0),
            line: share.steps.iter().map(|(step, share)| (*step as f64, 100.0 * share)).collect(),
            ..Series::default()
        })
        .collect();
    let late = shares.first()?.late()?;
    let optimizer = &shares[0].carrier;
    Some(Figure {
        title: format!(
            "{} of the variance that SNRAdam divides by is the noise of mini-batches, late on the way of {optimizer}",
            words::per_cent((late * 1e3).round() / 1e3)
        ),
        about: caption::runs(group),
        caption: format!(
            "Share of ŝ that is the sampling variance of the batch’s gradient, from the two halves of each batch, over all elements; \
             the rest is movement along the trajectory. Mean over {}; late: the second half of the steps.",
            seeds(shares[0].runs)
        ),
        x: Axis::linear("optimizer step", Some(0.0), true),
        y: Axis::linear("share of ŝ that is sampling noise (%)", Some(0.0), false),
        sides: None,
        series,
        marks: Vec::new(),
    })
}

/// The gain at every batch size with its interval.
fn gain(analysis: &Analysis, series: &BatchSeries) -> Option<Figure> {
    let group = analysis.groups.iter().find(|group| group.name == series.gains[0].group)?;
    let arm = group.arms.iter().find(|arm| arm.name == series.a)?;
    let style = style(&arm.spec().optim, arm.variant);
    let known = series.gains.iter().filter_map(|gain| Some((gain.images as f64, gain.effect?.plain())));
    let line: Vec<(f64, f64)> = known.clone().map(|(x, (mean, _))| (x, mean)).collect();
    let band = known.filter_map(|(x, (_, interval))| interval.map(|(low, high)| (x, low, high))).collect();
    let (from, to) = (line.first()?.0, line.last()?.0);
    let mark = |at: &(f64, f64)| Mark { at: *at, sign: Sign::Dot, label: String::new(), group: String::new(), style };
    let pairs: Vec<usize> = series.gains.iter().map(|gain| gain.pairs).collect();
    let (least, most) = (pairs.iter().min()?, pairs.iter().max()?);
    let n = if least == most { most.to_string() } else { format!("{least} to {most}") };
    Some(Figure {
        title: words::series_finding(series),
        about: format!("{}, lr {}.", series.title, crate::number::number(series.lr)),
        caption: format!(
            "n = {n} pairs of runs with the same seed at each size. Geometric mean of the ratio of {} on {} training images, the same \
             for every size; band: its 95% interval at each size by itself (Student’s t). The last size may be the full batch.",
            Endpoint::Speed.name(),
            series.probe
        ),
        x: Axis::log("images of a step"),
        y: Axis { includes: Some(1.0), ..Axis::log(&format!("ratio of losses: {} / {}", series.a, series.b)) },
        sides: None,
        marks: line.iter().map(mark).collect(),
        series: vec![
            Series::reference(1.0, (from, to)),
            Series { label: series.a.clone(), group: arm.optimizer(), style, line, band, ..Series::default() },
        ],
    })
}

/// The late share of noise at every batch size.
fn noise_by_batch(analysis: &Analysis, series: &BatchSeries) -> Result<Option<Figure>> {
    let mut lines: Vec<(NoiseShare, Vec<(f64, f64)>)> = Vec::new();
    for gain in &series.gains {
        let Some(group) = analysis.groups.iter().find(|group| group.name == gain.group) else { continue };
        for share in observed::noise_shares(group)? {
            let Some(late) = share.late() else { continue };
            let at = (gain.images as f64, 100.0 * late);
            match lines.iter_mut().find(|(other, _)| other.carrier == share.carrier) {
                Some((_, line)) => line.push(at),
                None => lines.push((share, vec![at])),
            }
        }
    }
    let n = lines.first().map_or(0, |(share, _)| share.runs);
    lines.retain(|(_, line)| line.len() > 1);
    let made = |(share, line): &(NoiseShare, Vec<(f64, f64)>)| Series {
        label: share.carrier.clone(),
        group: share.optim.clone(),
        style: style(&share.optim, 0),
        dots: line.clone(),
        line: line.clone(),
        ..Series::default()
    };
    Ok((!lines.is_empty()).then(|| Figure {
        title: "How much of SNRAdam’s variance is the noise of mini-batches, by batch size".to_string(),
        about: format!("{}, lr {}.", series.title, crate::number::number(series.lr)),
        caption: format!(
            "Share of ŝ that is the sampling variance of the batch’s gradient, mean over the second half of the steps and {}; with \
             the full batch it is 0.",
            seeds(n)
        ),
        x: Axis::log("images of a step"),
        y: Axis::linear("share of ŝ that is sampling noise (%)", Some(0.0), false),
        sides: None,
        series: lines.iter().map(made).collect(),
        marks: Vec::new(),
    }))
}

fn seeds(n: usize) -> String {
    if n == 1 { "1 seed".to_string() } else { format!("{n} seeds") }
}

/// "8 seeds", "6 to 8 seeds".
fn runs(all: &[Amplification]) -> String {
    let counts = || all.iter().map(|amplification| amplification.runs);
    match (counts().min().unwrap_or(0), counts().max().unwrap_or(0)) {
        (least, most) if least == most => seeds(most),
        (least, most) => format!("{least} to {most} seeds"),
    }
}
