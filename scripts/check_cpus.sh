#!/usr/bin/env bash
# Runs the tests of the fused operations, and one small run of the built program, on processors without AVX-512, without
# AVX, and with SSE2 alone, under user-mode emulation (Debian: apt-get install qemu-user). The same binaries throughout:
# vector instructions are chosen when the program runs.
set -euo pipefail
cd "$(dirname "$0")/.."

command -v qemu-x86_64 > /dev/null || { echo "qemu-x86_64 is missing: apt-get install qemu-user"; exit 1; }
cargo build --release --quiet
tests=$(cargo test --release --no-run --test ops --test fused 2>&1 | sed -n 's/.*(\(target[^)]*\))/\1/p')
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
tiny=(--dataset digits --train-subset 100 --validation holdout:50 --epochs 1 --batch 64 --threads 1 --quiet
    --set model.patch_size=7 --set model.embed_dim=16 --set model.depth=1)

for cpu in Haswell Nehalem qemu64; do
    for test in $tests; do
        echo "$cpu: $test"
        # Of the fused model the comparison with the composed one: emulated, the others take hours and ask nothing else.
        filter=$([[ $test == *fused* ]] && echo agrees_with_the_composed_model || true)
        time qemu-x86_64 -cpu "$cpu" "$test" --quiet $filter
    done
    qemu-x86_64 -cpu "$cpu" target/release/snr-bench train "${tiny[@]}" --out "$out/$cpu"
    grep -o '"simd": "[^"]*"' "$out/$cpu/meta.json"
    cut -d, -f1-10 "$out/$cpu/metrics.csv" | tail -1
done
