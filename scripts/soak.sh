#!/usr/bin/env bash
# Many short runs on digits: one after another in one process, which must need no more memory than one with a quarter of
# them; and again, 8 processes at once. No row may be lost, no state wrong, and both must give the same losses.
#
#   scripts/soak.sh [RUNS=200, a multiple of 8] [FOLDER, kept]
set -euo pipefail
cd "$(dirname "$0")/.."

runs=${1:-200}
epochs=3
at_once=8
program=$PWD/target/release/snr-bench
[ -x "$program" ] || cargo build --release
out=${2:-$(mktemp -d)}
mkdir -p "$out"
pids=()
clean() {
    for pid in "${pids[@]}"; do kill "$pid" 2> /dev/null || true; done
    [ -n "${kept:-}" ] || rm -rf "$out"
}
kept=${2:-}
trap clean EXIT
cd "$out"

fail() { echo "soak: $*" >&2 && exit 1; }

cat > soak.toml <<TOML
dataset = "digits"
validation = "holdout:200"
train_subset = 300
epochs = $epochs
batch = 64
optim = "snradam"
model = { patch_size = 7, embed_dim = 16, depth = 1 }
TOML

# Every run finished, with the evaluation before training and a row for each epoch.
check() { # FOLDER RUNS
    local count=0
    for run in "$1"/digits-*; do
        grep -q '"state": "finished"' "$run/meta.json" || fail "$run is not finished"
        [ "$(wc -l < "$run/metrics.csv")" = $((epochs + 2)) ] || fail "$run lacks a row or has one too many"
        count=$((count + 1))
    done
    [ "$count" = "$2" ] || fail "$count of $2 runs in $1"
}

# The columns that must not depend on time.
losses() { cut -d, -f1-11 "$1/metrics.csv"; }

# Does so many runs in one process, and tells its peak of memory in KiB.
in_one_process() { # FOLDER RUNS
    python3 - "$program" run soak.toml --seed "$(seq -s, 0 $(($2 - 1)))" --out "$1" --quiet <<'PYTHON'
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:]).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)
PYTHON
}

echo "a quarter of $runs runs in one process, and all of them"
start=$SECONDS
quarter=$(in_one_process quarter $((runs / 4))) || fail "exit code $?"
all=$(in_one_process one "$runs") || fail "exit code $?"
check quarter $((runs / 4))
check one "$runs"
echo "peak of memory: $quarter KiB with a quarter of the runs, $all KiB with all"
# The same command's peak varies by 18 MiB, with how the threads meet.
[ "$all" -le $((quarter + 24 * 1024)) ] || fail "memory grows with the number of runs"
echo "$((SECONDS - start)) s"

each=$((runs / at_once))
echo "$at_once processes at once, $each runs each"
start=$SECONDS
pids=()
for i in $(seq 0 $((at_once - 1))); do
    seeds=$(seq -s, $((i * each)) $((i * each + each - 1)))
    "$program" run soak.toml --seed "$seeds" --out "many/$i" --quiet --threads 1 &
    pids+=($!)
done
for pid in "${pids[@]}"; do wait "$pid" || fail "exit code $?"; done
for i in $(seq 0 $((at_once - 1))); do
    check "many/$i" "$each"
    for run in "many/$i"/digits-*; do
        cmp -s <(losses "$run") <(losses "one/$(basename "$run")") || fail "$run differs from the same run alone"
    done
done
echo "$((SECONDS - start)) s"
echo "soak: $runs runs in one process and $((at_once * each)) at once, none lost, all the same"
