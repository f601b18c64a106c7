//! The reader of checkpoints, and what restores a model and an optimizer from one.
#![no_main]

use candle_core::Device;
use libfuzzer_sys::fuzz_target;
use snr_bench::config::RunSpec;
use snr_bench::model::{Params, VitConfig};
use snr_bench::optim::{Config, Optimizer};
use snr_bench::train::checkpoint::Checkpoint;

fuzz_target!(|bytes: &[u8]| {
    let Ok(checkpoint) = Checkpoint::parse(bytes, &Device::Cpu) else { return };
    let model = VitConfig { patch_size: 7, embed_dim: 1, depth: 1, num_heads: 1, mlp_ratio: 1.0 };
    let params = Params::init(&model, 0, &Device::Cpu).expect("a model");
    let rule = RunSpec::default().rule().expect("a rule");
    let config = Config { lr: 1e-3, weight_decay: 0.0, rule };
    let mut optimizer = Optimizer::new(params.vars().to_vec(), config).expect("an optimizer");
    let _ = checkpoint.restore(&params, &mut optimizer);
});
