//! In full-batch mode checkpoints cost less than 1% of the time.

use std::time::{Duration, Instant};

use candle_core::Device;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use snr_bench::config::RunSpec;
use snr_bench::data::{self, DatasetKind};
use snr_bench::machine::Machine;
use snr_bench::model::Fused;
use snr_bench::run_dir::{Meta, RunDir};
use snr_bench::train::{Every, Start, TrainOptions, Trainer};
use tempfile::tempdir;

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

/// The article's model with the exact gradient of 512 images: an epoch of it is a hundredth of one of 60,000, so that
/// checkpoints weigh a hundred times as much as they do there.
#[test]
fn measured() {
    let data = data::load(DatasetKind::Digits, None, &|_| ()).unwrap();
    let settings = "dataset = 'digits'\nbatch = 'full'\ntrain_subset = 512\nvalidation = 'holdout:64'\nepochs = 60";
    let spec = RunSpec::resolve([settings.parse().unwrap()]).unwrap();
    let dir = tempdir().unwrap();
    let dir = RunDir::lock(dir.path()).unwrap();
    let meta = Meta::new(&spec, &data, &Machine { threads: 2, device: Device::Cpu });
    let backend = Box::new(Fused::new(&Default::default(), spec.dataset.shape(), 2).unwrap());
    let options = TrainOptions { backend, checkpoint: Every::Time, stop: &|| None, observer: &() };
    let start = Instant::now();
    let summary = Trainer::new(&spec, &data, &dir, meta, options, Start::Fresh).unwrap().run().unwrap();
    let share = 100.0 * summary.saving.as_secs_f64() / start.elapsed().as_secs_f64();
    eprintln!("{:?} of {:?} for checkpoints, the last one included: {share:.2}%", summary.saving, start.elapsed());
    // In a run of seconds the first and the last one, which are not by time, count for as much as all others.
    assert!(share < 4.0);
}
