//! Writes the first 8 test images of `digits` and their labels (8·784 + 8 bytes) to the file named as argument: the
//! images of the golden model test, see scripts/golden_model.py.

use snr_bench::data::{DatasetKind, MNIST_SHAPE, load};

fn main() -> anyhow::Result<()> {
    let Some(path) = std::env::args_os().nth(1) else {
        anyhow::bail!("usage: cargo run --release --example digits8 -- tests/golden/digits8.bin");
    };
    let test = load(&DatasetKind::Digits, None, &|_| ())?.test;
    std::fs::write(path, [&test.pixels[..8 * MNIST_SHAPE.pixels()], &test.labels[..8]].concat())?;
    Ok(())
}
