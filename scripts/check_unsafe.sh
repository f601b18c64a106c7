#!/usr/bin/env bash
# The matrix product has the project's only `unsafe` code (src/ops/matmul.rs): fuzzed under AddressSanitizer with the vector
# instructions of this processor, in buffers that end where the last row does. Needs nightly and `cargo install cargo-fuzz`.
#
#   scripts/check_unsafe.sh [SECONDS=60]
set -euo pipefail
cd "$(dirname "$0")/.."

cargo +nightly fuzz run matmul -- -max_total_time="${1:-60}" -print_final_stats=1
