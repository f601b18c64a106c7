//! Several processes, on any number of machines, that do one experiment in one folder.
//!
//! Each takes a part of the runs, balanced by cost, and then what nobody has taken; the lock of a run directory decides
//! whose a run is. So no run is done twice, and none is lost with a process that dies: its lock is gone with it. That
//! holds where a lock of one machine is seen by the others: on a local disk, NFS version 4 (version 3 with its lock
//! service; not where it is mounted with `nolock` or `local_lock`), GPFS, and Lustre mounted with `flock`.

use std::str::FromStr;

use crate::error::{Result, UsageError};
use crate::usage;

/// Where one of several processes begins: part `index` of `of`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    index: usize,
    of: usize,
}

impl Share {
    /// All runs, for one process.
    pub const ALL: Self = Self { index: 1, of: 1 };

    /// Part `index` of `of`, from 1 on.
    ///
    /// # Errors
    /// A part that is not among these.
    pub fn new(index: usize, of: usize) -> Result<Self> {
        if index == 0 || index > of {
            usage!("part {index} of {of} is none; parts are 1/N to N/N");
        }
        Ok(Self { index, of })
    }

    /// Which runs of these costs are its own: those whose middle lies in its Nth of the sum, the same on every machine where
    /// the costs are. So no part is more than one run from an even share, and runs that stand together, such as a pair,
    /// mostly stay together.
    pub fn own(&self, costs: &[f64]) -> Vec<bool> {
        let total: f64 = costs.iter().sum();
        let mut before = 0.0;
        let is_own = |cost: &f64| {
            let middle = before + cost / 2.0;
            before += cost;
            let part = (middle / total * self.of as f64) as usize;
            part.min(self.of - 1) + 1 == self.index
        };
        costs.iter().map(is_own).collect()
    }

    /// The order in which it looks at runs: its own as planned, then those of the others from the last on, where they would
    /// come latest.
    pub(super) fn order(&self, costs: &[f64]) -> Vec<usize> {
        let own = self.own(costs);
        let mine = (0..own.len()).filter(|run| own[*run]);
        mine.chain((0..own.len()).rev().filter(|run| !own[*run])).collect()
    }
}

impl FromStr for Share {
    type Err = UsageError;

    fn from_str(text: &str) -> std::result::Result<Self, UsageError> {
        let numbers = text.split_once('/').and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
        let share = numbers.and_then(|(index, of)| Self::new(index, of).ok());
        share.ok_or_else(|| UsageError("write I/N, with I from 1 to N: 2/8 is the second of eight parts".to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The part of each run, and the cost of each part.
    fn split(costs: &[f64], of: usize) -> (Vec<usize>, Vec<f64>) {
        let mut parts = vec![0; costs.len()];
        let mut sums = vec![0.0; of];
        for index in 1..=of {
            for (run, own) in Share::new(index, of).unwrap().own(costs).into_iter().enumerate() {
                if own {
                    assert_eq!(parts[run], 0, "run {run} is in two parts");
                    parts[run] = index;
                    sums[index - 1] += costs[run];
                }
            }
        }
        assert!(parts.iter().all(|part| *part > 0), "a run is in no part: {parts:?}");
        (parts, sums)
    }

    #[test]
    fn every_run_is_in_one_part_and_parts_cost_the_same_up_to_a_run() {
        assert_eq!(split(&[1.0; 6], 3).0, [1, 1, 2, 2, 3, 3]);
        assert_eq!(split(&[1.0, 1.0, 4.0], 2).0, [1, 1, 2]);
        assert_eq!(split(&[5.0, 5.0], 4).0, [2, 4], "more parts than runs: some have none of their own");
        let costs = [1.0, 1.0, 2.0, 2.0, 4.0, 4.0, 8.0, 8.0, 3.0, 3.0];
        for of in 1..=12 {
            let (_, sums) = split(&costs, of);
            let even = costs.iter().sum::<f64>() / of as f64;
            assert!(sums.iter().all(|sum| (sum - even).abs() <= 8.0), "{of}: {sums:?}");
        }
    }

    #[test]
    fn its_own_come_first_and_the_others_from_the_end() {
        assert_eq!(Share::new(2, 3).unwrap().order(&[1.0; 6]), [2, 3, 5, 4, 1, 0]);
    }

    #[test]
    fn parts_are_counted_from_one() {
        assert_eq!("2/8".parse::<Share>().unwrap(), Share::new(2, 8).unwrap());
        for text in ["0/8", "9/8", "1/0", "8", "1/2/3", "-1/2", "a/b", ""] {
            assert!(text.parse::<Share>().unwrap_err().0.contains("write I/N"), "{text}");
        }
    }
}
