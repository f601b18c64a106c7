//! How long the rest of an experiment takes, from what was measured in this session.

/// Shortest time, in seconds of running jobs, before a rate is shown.
const ENOUGH: f64 = 1.0;

/// The seconds that runs of these lengths take when `jobs` of them run at once, each begun in its order as soon as a job is
/// free.
pub fn makespan(lengths: impl IntoIterator<Item = f64>, jobs: usize) -> f64 {
    let mut busy = vec![0.0; jobs.max(1)];
    for length in lengths {
        let first_free = busy.iter_mut().min_by(|a, b| f64::total_cmp(a, b)).expect("one job at least");
        *first_free += length;
    }
    busy.into_iter().fold(0.0, f64::max)
}

/// The work of an experiment that is done and left, and the rate at which it gets done. What was done before this session
/// is in neither. Work is counted in any one unit; `now` is in seconds since any one moment.
#[derive(Clone, Debug)]
pub struct Pace {
    jobs: usize,
    runs: Vec<RunWork>,
    /// Work of this session.
    done: f64,
    /// Work left, at the start of this session and now.
    total: f64,
    left: f64,
    /// Seconds of runs that have ended.
    busy: f64,
}

#[derive(Clone, Debug)]
struct RunWork {
    left: f64,
    since: Option<f64>,
    ended: bool,
}

impl Pace {
    /// `left`: the work left of each run, in the order in which they begin; 0 where it is done.
    pub fn new(left: impl IntoIterator<Item = f64>, jobs: usize) -> Self {
        let runs: Vec<RunWork> = left.into_iter().map(|left| RunWork { left, since: None, ended: false }).collect();
        let total = runs.iter().map(|run| run.left).sum();
        Self { jobs, runs, done: 0.0, total, left: total, busy: 0.0 }
    }

    /// A run begins.
    pub fn begin(&mut self, run: usize, now: f64) {
        self.runs[run].since = Some(now);
    }

    /// That much of a run is done.
    pub fn advance(&mut self, run: usize, work: f64) {
        let run = &mut self.runs[run].left;
        self.left -= work.min(*run);
        *run -= work.min(*run);
        self.done += work;
    }

    /// A run ends, perhaps early: nothing is left of it.
    pub fn end(&mut self, run: usize, now: f64) {
        let run = &mut self.runs[run];
        self.busy += run.since.take().map_or(0.0, |since| now - since);
        self.left -= run.left;
        (run.left, run.ended) = (0.0, true);
    }

    /// Runs that have ended.
    pub fn ended(&self) -> usize {
        self.runs.iter().filter(|run| run.ended).count()
    }

    /// Seconds until all is done, at the rate of this session so far; `None` before there is one.
    pub fn seconds_left(&self, now: f64) -> Option<f64> {
        let running: f64 = self.runs.iter().filter_map(|run| run.since).map(|since| now - since).sum();
        let busy = self.busy + running;
        let of_a_job = self.done / busy;
        (busy >= ENOUGH && self.done > 0.0)
            .then(|| makespan(self.runs.iter().map(|run| run.left / of_a_job), self.jobs))
    }

    /// Share of this session's work that is no longer to be done, 0 to 1.
    pub fn share_done(&self) -> f64 {
        if self.total > 0.0 { 1.0 - self.left / self.total } else { 1.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn makespan_fills_the_jobs_in_order() {
        assert_eq!(makespan([3.0, 3.0, 3.0], 1), 9.0);
        assert_eq!(makespan([3.0, 3.0, 3.0], 2), 6.0);
        assert_eq!(makespan([1.0, 5.0, 1.0, 1.0], 2), 5.0);
        assert_eq!(makespan([], 2), 0.0);
    }

    #[test]
    fn the_rate_is_that_of_this_session() {
        // The first run was done before; of the second, half was.
        let mut pace = Pace::new([0.0, 50.0, 100.0], 1);
        assert_eq!(pace.seconds_left(10.0), None);
        pace.begin(1, 10.0);
        pace.advance(1, 25.0);
        assert_eq!(pace.seconds_left(10.5), None, "too early to tell");
        // 25 in 5 seconds, 125 left.
        assert_eq!(pace.seconds_left(15.0), Some(25.0));
        assert!((pace.share_done() - 25.0 / 150.0).abs() < 1e-12);
    }

    #[test]
    fn a_run_that_ends_early_leaves_nothing() {
        let mut pace = Pace::new([100.0, 100.0], 1);
        pace.begin(0, 0.0);
        pace.advance(0, 10.0);
        pace.end(0, 2.0);
        pace.begin(1, 2.0);
        assert_eq!(pace.seconds_left(2.0), Some(20.0));
    }

    #[test]
    fn the_last_run_has_one_job() {
        let mut pace = Pace::new([100.0, 100.0, 100.0], 2);
        pace.begin(0, 0.0);
        pace.begin(1, 0.0);
        (0..2).for_each(|run| pace.advance(run, 50.0));
        // 5 a second and job: 10 for what is left of the two, then 20 for the third alone.
        assert_eq!(pace.seconds_left(10.0), Some(30.0));
    }
}
