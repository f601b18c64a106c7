#!/usr/bin/env bash
# Many short runs on digits: one after another in one process, whose memory must stay flat; and again, 8 processes at
# once. No row may be lost, no state wrong, and both must give the same losses.
#
#   scripts/soak.sh [RUNS=200] [FOLDER, kept]
set -euo pipefail
cd "$(dirname "$0")/.."

runs=${1:-200}
epochs=3
at_once=8
program=$PWD/target/release/snr-bench
[ -x "$program" ] || cargo build --release
out=${2:-$(mktemp -d)}
mkdir -p "$out/one"
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

echo "$runs runs in one process"
start=$SECONDS
"$program" run soak.toml --seed "$(seq -s, 0 $((runs - 1)))" --out one --quiet &
pid=$! pids=($!)
: > rss
while kill -0 $pid 2> /dev/null && [ ! -d one/figures ]; do
    done_runs=$(find one -name model.safetensors | wc -l)
    [ "$done_runs" = 0 ] || echo "$done_runs $(awk '/VmRSS/ { print $2 }' /proc/$pid/status 2> /dev/null || true)" >> rss
    sleep 0.1
done
wait $pid || fail "exit code $?"
check one "$runs"
# Warm after a quarter of the runs; from there to the end the median of a tenth may grow by 2% and 2 MiB.
awk -v runs="$runs" '
    function median(a, n) { asort_(a, n); return a[int((n + 1) / 2)] }
    function asort_(a, n,    i, j, t) { for (i = 2; i <= n; i++) for (j = i; j > 1 && a[j] < a[j-1]; j--) { t = a[j]; a[j] = a[j-1]; a[j-1] = t } }
    NF == 2 && $1 >= 0.25 * runs && $1 < 0.4 * runs { early[++e] = $2 + 0 }
    NF == 2 && $1 >= 0.85 * runs { late[++l] = $2 + 0 }
    END {
        if (!e || !l) { print "soak: too few samples of the memory"; exit 1 }
        a = median(early, e); b = median(late, l)
        printf "resident memory: %d KiB after a quarter, %d KiB at the end (%d and %d samples)\n", a, b, e, l
        if (b > 1.02 * a + 2048) { print "soak: memory grows"; exit 1 }
    }' rss
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
echo "soak: $runs runs and $((at_once * each)) at once, none lost, all the same"
