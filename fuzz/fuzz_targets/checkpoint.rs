//! The reader of checkpoints, and what restores a model and an optimizer from one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use snr_bench::config::RunSpec;
use snr_bench::data::MNIST_SHAPE;
use snr_bench::model::{Params, VitConfig};
use snr_bench::optim::Optimizer;
use snr_bench::train::checkpoint::Checkpoint;

fuzz_target!(|bytes: &[u8]| {
    let Ok(checkpoint) = Checkpoint::parse(bytes) else { return };
    let model =
        VitConfig { patch_size: 7, embed_dim: 1, depth: 1, num_heads: 1, mlp_ratio: 1.0, ..VitConfig::default() };
    let mut params = Params::init(model.layout(MNIST_SHAPE), 0).expect("a model");
    let rule = RunSpec::default().rule().expect("a rule");
    let mut optimizer = Optimizer::new(params.layout().clone(), 0.0, rule).expect("an optimizer");
    let _ = checkpoint.restore(&mut params, &mut optimizer);
});
