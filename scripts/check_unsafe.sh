#!/usr/bin/env bash
# The matrix product has the project's only `unsafe` code (src/ops/matmul.rs). Its tests under Miri, which checks every
# access of the portable path; then those of all operations and of the fused model under AddressSanitizer, which checks the
# vector instructions of this processor. Needs nightly with the components miri and rust-src.
set -euo pipefail
cd "$(dirname "$0")/.."

export CARGO_TARGET_DIR=target/unsafe
MIRIFLAGS="-Zmiri-disable-isolation" cargo +nightly miri test --no-default-features --test ops matmul
host=$(rustc -vV | sed -n 's/^host: //p')
RUSTFLAGS="-Zsanitizer=address" cargo +nightly test --no-default-features --release --target "$host" --test ops --test fused
