//! How to read the tables: stands in every output.

use super::per_cent;
use crate::analysis::types::Criteria;
use crate::analysis::{ALPHA, MIN_PAIRS};

/// A few paragraphs.
pub fn notes(criteria: Criteria) -> Vec<String> {
    vec![
        "Runs are compared in pairs with the same seed, which share initial parameters, data and the order of batches. A ratio \
         below 1 says that the first of the two optimizers is lower; that it is lower is the claim that is judged."
            .to_string(),
        format!(
            "Judged are three endpoints, fixed for every experiment. Training loss over the run: the mean over the epochs of \
             ln(training loss). Final training and validation loss: the mean over the last quarter of the epochs. p and the \
             95% interval in [ ] are Student’s t of the differences of logarithms: p is at most {ALPHA} exactly when the \
             interval excludes 1. Holm: p corrected for the three; a verdict needs it to be at most {ALPHA}, and at least \
             {MIN_PAIRS} pairs. No relevant difference: the whole interval lies within {} (--margin). Undecided is neither: \
             it says nothing against the claim. Finds: the least difference that so many pairs find with 80% power.",
            per_cent(criteria.margin)
        ),
        "Each comparison of two optimizers is judged by itself: of twenty without a difference about one gets a false verdict. A \
         tuned experiment is looked at by itself: its choice holds of its own runs, which other experiments may share."
            .to_string(),
        "A run failed if a loss was not finite, or if it ended no better than before training (validation loss). It counts as ∞: \
         there is then neither mean nor interval, and the test is Wilcoxon’s of the signed ranks, exact."
            .to_string(),
        "‘More’ pairs are those of a new plan, started anew with other seeds: pairs added after a look at the results make a \
         false verdict more likely than 5%."
            .to_string(),
        "Everything else is described, with 95% intervals and no verdict. Epochs, steps and seconds to a loss are interpolated \
         between epochs on the least validation loss so far. Seconds are wall time, evaluation included."
            .to_string(),
    ]
}
