//! Tables of an analysis, cell by cell: what terminal, Markdown and page show of them.

use crate::analysis::tuning::{TunedArm, written};
use crate::analysis::words::{self, cell, p_value};
use crate::analysis::{
    BatchSeries, Comparison, Contrast, Description, Endpoint, Entrant, Factorial, Gain, Group, Judgement, MeanLoss,
    Split, Tuning, Verdict, all_arms,
};
use crate::number::{loss, number, plain, short_loss};

/// A table of texts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Grid {
    /// What stands above it.
    pub title: String,
    /// One for each column.
    pub header: Vec<String>,
    /// As long as the header.
    pub rows: Vec<Vec<Cell>>,
    /// The columns that hold words; the others hold numbers.
    pub words: Vec<usize>,
}

/// A text of a table; a line break in it may be shown as a space.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cell {
    pub text: String,
    /// What it says, if it says a verdict.
    pub verdict: Option<Verdict>,
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self { text, verdict: None }
    }
}

const NONE: &str = "—";

/// Columns, and then the endpoints.
fn header(columns: &[&str], name: fn(Endpoint) -> &'static str) -> Vec<String> {
    columns.iter().copied().chain(Endpoint::ALL.map(name)).map(String::from).collect()
}

/// Who comes first: one row an optimizer, at its best learning rate.
pub fn leaderboard(group: &Group) -> Grid {
    let rows = group.leaderboard.iter().map(|entrant| {
        let place = entrant.place.map_or(NONE.to_string(), |place| place.to_string());
        std::iter::once(place.into()).chain(entrant_cells(entrant)).collect()
    });
    Grid {
        title: group.title(),
        header: header(&["", "optimizer", "lr", "n", "failed"], Endpoint::heading),
        rows: rows.collect(),
        words: vec![1],
    }
}

/// Every arm; `None` where the leaderboard has them all.
pub fn arms(group: &Group) -> Option<Grid> {
    let all = all_arms(group);
    (all.len() > group.leaderboard.len()).then(|| Grid {
        title: "Every learning rate".to_string(),
        header: header(&["optimizer", "lr", "n", "failed"], Endpoint::heading),
        rows: all.iter().map(|entrant| entrant_cells(entrant).collect()).collect(),
        words: vec![0],
    })
}

fn entrant_cells(entrant: &Entrant) -> impl Iterator<Item = Cell> {
    let Entrant { name, lr, n, failed, losses, .. } = entrant;
    let own = [name.clone(), number(*lr), n.to_string(), failed.to_string()];
    own.into_iter().chain(losses.iter().map(|mean| mean.map_or(NONE.to_string(), mean_loss))).map(Cell::from)
}

/// "0.1845 [0.1801, 0.1889]".
fn mean_loss(MeanLoss { mean, interval }: MeanLoss) -> String {
    let interval = interval.map_or(String::new(), |(lo, hi)| format!("\n[{}, {}]", short_loss(lo), short_loss(hi)));
    format!("{}{interval}", loss(mean))
}

/// The verdicts of a group: at the best of each, then at equal learning rates.
pub fn all_verdicts(group: &Group) -> Vec<Grid> {
    let [first, _] = group.headline_parts();
    let tables = [headline(&first, true), equal_rates(&group.at_equal_rates())];
    tables.into_iter().filter(|grid| !grid.rows.is_empty()).collect()
}

/// What the comparisons come to in which a group's first optimizer has no part; `None` where the verdicts have them all.
pub fn others(group: &Group, with_intervals: bool) -> Option<Grid> {
    let [_, others] = group.headline_parts();
    let title = "The others with each other".to_string();
    (!others.is_empty()).then(|| Grid { title, ..headline(&others, with_intervals) })
}

/// What the comparisons come to that come first: one row each, ratio and verdict of every endpoint; with
/// intervals where there is room.
pub fn headline(comparisons: &[&Comparison], with_intervals: bool) -> Grid {
    let row = |comparison: &&Comparison| {
        let own = [sides(comparison), comparison.seeds.len().to_string()].map(Cell::from);
        own.into_iter()
            .chain(comparison.judgements.iter().map(|j| verdict_cell(j, with_intervals, &words::short(j))))
            .collect()
    };
    Grid {
        title: words::headline(comparisons).to_string(),
        header: header(&["ratio of losses", "n"], Endpoint::short_name),
        rows: comparisons.iter().map(row).collect(),
        words: vec![0],
    }
}

/// The same at equal learning rates, with a sign for each verdict.
pub fn equal_rates(comparisons: &[&Comparison]) -> Grid {
    let row = |comparison: &&Comparison| {
        let own = [sides(comparison), number(comparison.a.lr), comparison.seeds.len().to_string()].map(Cell::from);
        own.into_iter()
            .chain(comparison.judgements.iter().map(|j| verdict_cell(j, false, words::sign(j.verdict))))
            .collect()
    };
    Grid {
        title: words::EQUAL_RATES.to_string(),
        header: header(&["ratio of losses", "lr", "n"], Endpoint::short_name),
        rows: comparisons.iter().map(row).collect(),
        words: vec![0],
    }
}

/// The gain at every batch size.
pub fn batch_series(series: &BatchSeries) -> Grid {
    let row = |gain: &Gain| {
        let ratio = gain.effect.as_ref().map_or(NONE.to_string(), cell);
        let own = [gain.batch.to_string(), gain.pairs.to_string(), ratio].map(Cell::from);
        let verdict = Cell { text: gain.verdict.to_string(), verdict: Some(gain.verdict) };
        own.into_iter().chain([verdict]).collect()
    };
    let ratio = format!("{} / {}\n[95%]", series.a, series.b);
    Grid {
        title: format!("{} against {} by batch size, {}", series.a, series.b, series.title),
        header: ["batch", "n", &ratio, "first is lower:"].map(String::from).to_vec(),
        rows: series.gains.iter().map(row).collect(),
        words: vec![0, 3],
    }
}

/// What size and direction of a step do, with verdicts, and both together.
pub fn factorial(factorial: &Factorial) -> Grid {
    let Factorial { a, b, splits, .. } = factorial;
    let judged = |of: fn(&Split) -> &Contrast| {
        splits.iter().map(move |split| {
            let Contrast { effect, verdict, .. } = of(split);
            let ratio = effect.as_ref().map_or(NONE.to_string(), cell);
            Cell { text: format!("{ratio}\n{}", words::sign(*verdict)), verdict: Some(*verdict) }
        })
    };
    let together = splits.iter().map(|split| split.together.as_ref().map_or(NONE.to_string(), cell).into());
    let row = |name: &str, cells: Vec<Cell>| std::iter::once(name.to_string().into()).chain(cells).collect();
    Grid {
        title: format!("Size and direction of {a}’s step against {b}’s, {}", factorial.title),
        header: header(&["ratio [95%]"], Endpoint::short_name),
        rows: vec![
            row("size alone", judged(|split| &split.size).collect()),
            row("direction alone", judged(|split| &split.direction).collect()),
            row("interaction", judged(|split| &split.interaction).collect()),
            row("together", together.collect()),
        ],
        words: vec![0],
    }
}

/// What tuning chose, and what the best of a few trials is worth: one row an arm.
pub fn tuning(tuning: &Tuning) -> Grid {
    let trials = tuning.arms.iter().map(|arm| arm.trials.len()).max().unwrap_or(0);
    let steps: Vec<usize> = [1, 2, 4, 8, 16, 32, 64].into_iter().filter(|k| *k < trials).chain([trials]).collect();
    let row = |arm: &TunedArm| {
        let within = if tuning.seeds.len() > 1 { arm.within_noise().len().to_string() } else { NONE.to_string() };
        let own =
            [arm.title.clone(), written(&arm.chosen), arm.trials.len().to_string(), arm.failed().to_string(), within];
        let expected = arm.expected_best();
        let best = |k: &usize| match expected.get(k - 1) {
            Some(Some(loss)) => short_loss(*loss),
            Some(None) => "∞".to_string(),
            None => NONE.to_string(),
        };
        own.into_iter().chain(steps.iter().map(best)).map(Cell::from).collect()
    };
    let columns = ["optimizer", "chosen", "trials", "failed", "within\nnoise"].map(String::from);
    Grid {
        title: "Tuning: what was chosen, and the expected loss of the best of so many trials".to_string(),
        header: columns.into_iter().chain(steps.iter().map(|k| format!("best\nof {k}"))).collect(),
        rows: tuning.arms.iter().map(row).collect(),
        words: vec![0, 1],
    }
}

fn sides(comparison: &Comparison) -> String {
    format!("{} / {}", comparison.a.name, comparison.b.name)
}

/// "0.912 [0.895, 0.929] supported".
fn verdict_cell(judgement: &Judgement, with_interval: bool, word: &str) -> Cell {
    let ratio = judgement.effect.map_or(NONE.to_string(), |effect| {
        let (mean, interval) = effect.plain();
        let interval = interval.filter(|_| with_interval);
        let interval =
            interval.map_or(String::new(), |(lo, hi)| format!(" [{}, {}]", plain_ratio(lo), plain_ratio(hi)));
        plain_ratio(mean) + &interval
    });
    Cell { text: format!("{ratio}\n{word}").trim_end().to_string(), verdict: Some(judgement.verdict) }
}

fn plain_ratio(ratio: f64) -> String {
    if (0.01..100.0).contains(&ratio) { plain(ratio, 3) } else { loss(ratio) }
}

/// What is judged: one row an endpoint.
pub fn judged(comparison: &Comparison) -> Grid {
    let (a, b) = (&comparison.a.name, &comparison.b.name);
    let (ratio, claim) = (format!("{a} / {b}\n[95%]"), format!("{a} is lower:"));
    let columns = ["judged", a, b, &ratio, "lower in", "p\n(Holm)", "finds", &claim];
    Grid {
        title: comparison.title(),
        header: columns.map(String::from).to_vec(),
        rows: comparison.judgements.iter().map(|judgement| judgement_row(comparison, judgement)).collect(),
        words: vec![0, 7],
    }
}

fn judgement_row(comparison: &Comparison, judgement: &Judgement) -> Vec<Cell> {
    let mean = |mean: Option<f64>| mean.map_or(NONE.to_string(), loss);
    let test = judgement.test.map(|test| format!("{}\n({})", p_value(test.p), p_value(test.holm)));
    let texts = [
        judgement.endpoint.name().to_string(),
        mean(judgement.a),
        mean(judgement.b),
        judgement.effect.as_ref().map_or(NONE.to_string(), |effect| cell(effect).replacen(" [", "\n[", 1)),
        format!("{} of {}", judgement.wins, judgement.pairs.len()),
        test.unwrap_or(NONE.to_string()),
        judgement.detectable.map_or(NONE.to_string(), words::log_per_cent),
    ];
    let verdict = Cell { text: words::verdict(comparison, judgement), verdict: Some(judgement.verdict) };
    texts.into_iter().map(Cell::from).chain([verdict]).collect()
}

/// What is described: one row a measure; `None` where no run has any.
pub fn described(group: &Group, comparison: &Comparison) -> Option<Grid> {
    let columns = ["described", &comparison.a.name, &comparison.b.name, "ratio or difference\n[95%]"];
    let target = group.target.map(|target| target.loss);
    let row = |description: &Description| {
        let Description { measure, a, b, effect } = description;
        let mean = |side: &crate::analysis::Summary| match side.mean {
            Some(mean) => measure.write(mean),
            None => format!("{NONE}\n({} missing)", side.missing),
        };
        let effect = effect.as_ref().map_or(NONE.to_string(), |effect| cell(effect).replacen(" [", "\n[", 1));
        [measure.name(target), mean(a), mean(b), effect].map(Cell::from).to_vec()
    };
    (!comparison.described.is_empty()).then(|| Grid {
        title: comparison.title(),
        header: columns.map(String::from).to_vec(),
        rows: comparison.described.iter().map(row).collect(),
        words: vec![0],
    })
}
