//! Prints the logits of a checkpoint, one CSV row an image:
//!
//! ```text
//! cargo run --release --example logits -- DIR IMAGES
//! ```
//!
//! DIR holds `config.toml` and `model.safetensors`, as `snr-bench train` leaves them; IMAGES is a file of n × 784 pixels
//! and n labels, all bytes (such as `tests/golden/digits8.bin`). `scripts/check_timm.py` compares the output with timm's.

use std::path::Path;

use anyhow::{Context, ensure};
use candle_core::{DType, Device, Tensor};
use snr_bench::run_dir::{MODEL, read_config};

fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [dir, images] = args.as_slice() else { anyhow::bail!("usage: logits DIR IMAGES") };
    let (dir, device) = (Path::new(dir), Device::Cpu);

    let spec = read_config(dir)?;
    let input = spec.dataset.shape();
    let tensors = candle_core::safetensors::load(dir.join(MODEL), &device)?;
    let model = spec.model.module(input, tensors)?;

    let mut bytes = std::fs::read(images).with_context(|| format!("cannot read the images in {images}"))?;
    let n = bytes.len() / (input.pixels() + 1);
    ensure!(n * (input.pixels() + 1) == bytes.len(), "{images} is not n × {} pixels and n labels", input.pixels());
    bytes.truncate(n * input.pixels());
    let pixels = (Tensor::from_vec(bytes, (n, 1, input.height, input.width), &device)?.to_dtype(DType::F32)? / 255.0)?;

    for row in model.forward(&pixels)?.to_vec2::<f32>()? {
        println!("{}", row.iter().map(f32::to_string).collect::<Vec<_>>().join(","));
    }
    Ok(())
}
