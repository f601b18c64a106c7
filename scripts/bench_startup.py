"""Measures on MNIST the time from the start of `snr-bench train` to its first training step, and the peak memory of a
training run and of one with batch = ∞.

    cargo build --release
    SNR_BENCH_DATA=… python scripts/bench_startup.py [--rounds 10] [--json FILE]

The program prints the line of epoch 0 (the evaluation before training) at the moment when training begins.
"""

import argparse
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

BINARY = Path(__file__).parent.parent / "target" / "release" / "snr-bench"


def run(*arguments: str) -> tuple[float, float]:
    """Seconds to the first training step, peak memory in MiB."""
    with tempfile.TemporaryDirectory() as out:
        start = time.perf_counter()
        process = subprocess.Popen([BINARY, "train", *arguments, "--out", out + "/run"], stdout=subprocess.PIPE, text=True)
        line = process.stdout.readline()
        seconds = time.perf_counter() - start
        assert "before training" in line, line
        process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        assert status == 0
        return seconds, usage.ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--json", type=Path, help="write the results there, as scripts/readme.py reads them")
    args = parser.parse_args()
    runs = [run("--epochs", "1", "--train-subset", "4096") for _ in range(args.rounds)]
    times = sorted(seconds for seconds, _ in runs)
    result = dict(
        median_seconds=times[len(times) // 2],
        best_seconds=times[0],
        rounds=args.rounds,
        train_mib=run("--epochs", "1")[1],
        full_batch_mib=run("--epochs", "1", "--batch", "full")[1],
    )
    print(json.dumps(result, indent=2))
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
