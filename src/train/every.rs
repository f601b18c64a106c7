//! When a checkpoint is due.

use std::time::Duration;

/// How often a checkpoint is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Every {
    /// After that many epochs.
    Epochs(u64),
    /// After an epoch, when the time since the last one is 100 times what writing it took: it costs less than 1%.
    Time,
}

impl Every {
    /// Whether a checkpoint is due after `epochs` epochs, `since` the last one, which took `cost` to write.
    pub fn is_due(self, epochs: u64, since: Duration, cost: Duration) -> bool {
        match self {
            Every::Epochs(n) => epochs.is_multiple_of(n),
            Every::Time => since >= 100 * cost,
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// Whatever an epoch and a checkpoint take: all but the last one, which the time to come pays for, cost at most 1%.
    #[test]
    fn the_schedule_spends_at_most_one_percent() {
        for seed in 0..1000 {
            let mut random = ChaCha8Rng::seed_from_u64(seed);
            let mut seconds = |low: f64, high: f64| Duration::from_secs_f64(10f64.powf(random.random_range(low..high)));
            let (mut now, mut saved, mut cost, mut spent) =
                (Duration::ZERO, Duration::ZERO, Duration::ZERO, Duration::ZERO);
            for epoch in 1..500 {
                now += seconds(-4.0, 2.0);
                if Every::Time.is_due(epoch, now - saved, cost) {
                    assert!(spent.as_secs_f64() <= 0.01 * now.as_secs_f64(), "seed {seed}: {spent:?} of {now:?}");
                    cost = seconds(-5.0, 1.0);
                    (spent, now) = (spent + cost, now + cost);
                    saved = now;
                }
            }
            assert!(spent > Duration::ZERO);
        }
    }
}
