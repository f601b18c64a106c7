//! The best of a few trials: what an optimizer is worth to somebody who cannot try everything.

use super::axis::Axis;
use super::caption;
use super::figure::{Figure, Series};
use super::style;
use crate::analysis::tuning::TunedArm;
use crate::analysis::{Arm, Group, Tuning, words};
use crate::number::loss;

/// Draws the expected final validation loss of the best of k trials of every tuned arm of a group against k; `None` where none
/// has three trials or more.
pub fn trials(group: &Group, tunings: &[Tuning]) -> Option<Figure> {
    let arms: Vec<(&TunedArm, &Arm)> = tunings.iter().flat_map(|tuning| tuning.arms_in(group)).collect();
    let most = arms.iter().map(|(tuned, _)| tuned.trials.len()).max().filter(|n| *n > 2)?;
    let styles = style::of(&arms.iter().map(|(_, arm)| *arm).collect::<Vec<_>>());
    let series: Vec<Series> = arms
        .iter()
        .zip(styles)
        .map(|((tuned, arm), style)| Series {
            label: tuned.title.clone(),
            group: arm.optimizer(),
            style,
            line: points(tuned),
            ..Series::default()
        })
        .collect();
    let own = tunings.iter().filter(|tuning| !tuning.arms_in(group).is_empty());
    let about: Vec<String> = own.map(|tuning| format!("tuned on {}", words::tuned_on(tuning))).collect();
    series.iter().any(|series| !series.line.is_empty()).then(|| Figure {
        title: title(&arms, most),
        about: format!("{}; {}.", group.title(), about.join(", or on ")),
        caption: format!(
            "The expected loss of the best of k trials, drawn at random and without replacement from the n of an arm; n = {}. A \
             trial is worth the geometric mean over its seeds. No point where all k may have failed.",
            caption::counts(arms.iter().map(|(tuned, _)| (tuned.trials.len(), tuned.title.as_str())))
        ),
        x: Axis::linear("number of trials", Some(1.0), true),
        y: Axis::log("expected loss of the best (nats)"),
        sides: None,
        series,
        marks: Vec::new(),
    })
}

fn points(tuned: &TunedArm) -> Vec<(f64, f64)> {
    let points = tuned.expected_best().into_iter().enumerate();
    points.filter_map(|(i, loss)| Some(((i + 1) as f64, loss?))).collect()
}

/// Who is best with one trial, and who with all.
fn title(arms: &[(&TunedArm, &Arm)], most: usize) -> String {
    let say = |k: usize| {
        let at = arms.iter().filter_map(|(tuned, _)| Some((&tuned.title, (*tuned.expected_best().get(k - 1)?)?)));
        let (name, mean) = at.min_by(|a, b| a.1.total_cmp(&b.1))?;
        let trials = if k == 1 { "1 trial".to_string() } else { format!("{k} trials") };
        Some(format!("with {trials} {name}, {}", loss(mean)))
    };
    let said: Vec<String> = [say(1), say(most)].into_iter().flatten().collect();
    format!("Lowest expected final validation loss: {}", said.join("; "))
}
