"""Measures training of the default ViT, or of the default MLP, beside PyTorch, JAX (ViT only) and stock Candle, interleaved in
one run.

    pip install numpy torch timm "jax[cpu]"
    cargo build --release
    cargo build --profile peers --no-default-features    # stock Candle, every crate at full optimisation
    python scripts/bench_peers.py [--rounds 3] [--batch 4096] [--threads 2] [--model mlp] [--only REGEX] [--json FILE]

One step is the gradient of the mean cross-entropy over the batch and an Adam step, f32, random images in memory;
PyTorch also under bf16 autocast, with f32 parameters as is usual.
Every contender lives in a process of its own and waits for its turn; a round lets each one do its steps, so that what
disturbs the machine disturbs all. Reported is each one's best step over all rounds.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
MODEL = dict(img_size=28, patch_size=4, in_chans=1, num_classes=10, embed_dim=64, depth=2, num_heads=4, mlp_ratio=4)
MICRO_BATCHES = [32, 128, 512]


def contenders(batch: int, model: str) -> list[str]:
    if model == "mlp":
        sizes = sorted({512, batch})
        kinds, candle = ("torch", "torch.compile", "torch.bf16"), sizes
    else:
        sizes = MICRO_BATCHES + [batch]
        kinds, candle = ("torch", "torch.compile", "torch.bf16", "jax"), MICRO_BATCHES[:2]
    names = [f"{kind}/{size}" for kind in kinds for size in sizes if size <= batch]
    return ["snr-bench"] + names + [f"candle/{size}" for size in candle if size <= batch]


def torch_model(kind: str):
    from timm.models.vision_transformer import VisionTransformer
    from torch import nn

    if kind == "vit":
        return VisionTransformer(**MODEL)
    layers = [nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 10)]
    return nn.Sequential(nn.Flatten(), *layers)


def torch_step(batch: int, micro: int, threads: int, kind: str, model: str):
    import torch

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    model = torch_model(model)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    images = torch.rand(batch, 1, 28, 28)
    labels = torch.randint(10, (batch,))

    def loss(x, y):
        with torch.autocast("cpu", torch.bfloat16, enabled=kind == "torch.bf16"):
            return torch.nn.functional.cross_entropy(model(x), y, reduction="sum") / batch

    if kind == "torch.compile":
        loss = torch.compile(loss)

    def step():
        optimizer.zero_grad()
        for x, y in zip(images.split(micro), labels.split(micro)):
            loss(x, y).backward()
        optimizer.step()

    return step


def jax_step(batch: int, micro: int, threads: int):
    import jax
    import jax.numpy as jnp
    import numpy as np

    d, hidden, heads, depth, tokens = 64, 256, 4, 2, 50
    rng = np.random.RandomState(0)

    def linear(inputs, outputs):
        return [rng.uniform(-1, 1, (inputs, outputs)).astype("f4") / inputs**0.5, np.zeros(outputs, "f4")]

    def norm():
        return [np.ones(d, "f4"), np.zeros(d, "f4")]

    params = {
        "cls": np.zeros((1, 1, d), "f4"),
        "pos": rng.normal(0, 0.02, (1, tokens, d)).astype("f4"),
        "patch": linear(16, d),
        "blocks": [
            dict(norm1=norm(), qkv=linear(d, 3 * d), proj=linear(d, d), norm2=norm(), fc1=linear(d, hidden), fc2=linear(hidden, d))
            for _ in range(depth)
        ],
        "norm": norm(),
        "head": linear(d, 10),
    }

    def affine(x, p):
        return x @ p[0] + p[1]

    def layer_norm(x, p):
        mean = x.mean(-1, keepdims=True)
        return (x - mean) * jax.lax.rsqrt(x.var(-1, keepdims=True) + 1e-6) * p[0] + p[1]

    def loss(p, x, y):
        n = x.shape[0]
        x = x.reshape(n, 7, 4, 7, 4).transpose(0, 1, 3, 2, 4).reshape(n, 49, 16)
        x = jnp.concatenate([jnp.broadcast_to(p["cls"], (n, 1, d)), affine(x, p["patch"])], 1) + p["pos"]
        for b in p["blocks"]:
            q, k, v = affine(layer_norm(x, b["norm1"]), b["qkv"]).reshape(n, tokens, 3, heads, 16).transpose(2, 0, 3, 1, 4)
            weights = jax.nn.softmax(q @ k.transpose(0, 1, 3, 2) * 0.25)
            x = x + affine((weights @ v).transpose(0, 2, 1, 3).reshape(n, tokens, d), b["proj"])
            x = x + affine(jax.nn.gelu(affine(layer_norm(x, b["norm2"]), b["fc1"]), approximate=False), b["fc2"])
        log_probs = jax.nn.log_softmax(affine(layer_norm(x[:, 0], p["norm"]), p["head"]))
        return -log_probs[jnp.arange(n), y].sum() / batch

    @jax.jit
    def add_gradient(total, p, x, y):
        return jax.tree.map(jnp.add, total, jax.grad(loss)(p, x, y))

    @jax.jit
    def adam(p, m, v, g, t):
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, g)
        v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
        move = lambda p, m, v: p - 1e-3 * (m / (1 - 0.9**t)) / (jnp.sqrt(v / (1 - 0.999**t)) + 1e-8)
        return jax.tree.map(move, p, m, v), m, v

    params = jax.tree.map(jnp.asarray, params)
    zeros = jax.tree.map(jnp.zeros_like, params)
    state = [params, zeros, zeros, 0]
    images = jnp.asarray(rng.rand(batch, 28, 28).astype("f4"))
    labels = jnp.asarray(rng.randint(10, size=batch))
    parts = [(images[i : i + micro], labels[i : i + micro]) for i in range(0, batch, micro)]

    def step():
        p, m, v, t = state
        gradient = zeros
        for x, y in parts:
            gradient = add_gradient(gradient, p, x, y)
        state[:] = [*adam(p, m, v, gradient, t + 1.0), t + 1]
        jax.block_until_ready(state[0])

    return step


def worker(name: str, batch: int, threads: int, model: str):
    """Times one step for every line on standard input."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])  # JAX has no setting for it
    kind, micro = name.split("/")
    if kind == "jax":
        step = jax_step(batch, int(micro), threads)
    else:
        step = torch_step(batch, int(micro), threads, kind, model)
    step()
    step()
    print("ready", flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        step()
        print(time.perf_counter() - start, flush=True)


class Process:
    """A contender in Python."""

    def __init__(self, name: str, args):
        env = dict(os.environ, OMP_NUM_THREADS=str(args.threads))
        command = [sys.executable, __file__, "--worker", name, "--batch", str(args.batch), "--threads", str(args.threads)]
        command += ["--model", args.model]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)
        assert self.process.stdout.readline().strip() == "ready", f"{name} did not start"

    def seconds(self) -> list[float]:
        times = []
        for _ in range(3):
            print(file=self.process.stdin, flush=True)
            times.append(float(self.process.stdout.readline()))
        return times

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Binary:
    """Ours, or the same model composed of stock Candle's operations."""

    def __init__(self, name: str, args):
        ours = name == "snr-bench"
        binary = ROOT / "target" / ("release" if ours else "peers") / "snr-bench"
        self.command = [binary, "bench", "--json", "--batch", str(args.batch), "--threads", str(args.threads)]
        self.command += ["--set", f"model.kind={args.model}"]
        self.command += ["--seconds", "0"]  # three steps, as the others
        self.command += [] if ours else ["--composed", "--micro-batch", name.split("/")[1]]
        self.env = dict(os.environ, RAYON_NUM_THREADS=str(args.threads))
        self.batch = args.batch
        self.reports = []

    def seconds(self) -> list[float]:
        report = json.loads(subprocess.run(self.command, check=True, stdout=subprocess.PIPE, env=self.env).stdout)
        self.reports.append(report)
        return [self.batch / report["training_images_per_second"]]

    def close(self):
        pass


def results(rates: dict[str, float], ours: Binary, args) -> dict:
    from importlib.metadata import version

    lock = (ROOT / "Cargo.lock").read_text()
    candle = re.search(r'name = "candle-core"\nversion = "(.*?)"', lock)[1]
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    report = max(ours.reports, key=lambda report: report["training_images_per_second"])
    return dict(
        cpu=cpu[1] if cpu else "unknown processor",
        threads=args.threads,
        batch=args.batch,
        rounds=args.rounds,
        versions=dict(torch=version("torch").split("+")[0], jax=version("jax"), candle=candle),
        images_per_second=rates,
        # Its best, and the best peak that was seen: the share is not flattered by a disturbed measurement of the peak.
        snr_bench=report
        | dict(
            peak_gflops=max(report["peak_gflops"] for report in ours.reports),
            evaluation_images_per_second=max(report["evaluation_images_per_second"] for report in ours.reports),
        ),
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch", type=int, default=4096)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--model", choices=["vit", "mlp"], default="vit")
    parser.add_argument("--only", default="", help="contenders whose name matches this, beside snr-bench")
    parser.add_argument("--json", type=Path, help="write the results there, as scripts/readme.py reads them")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        return worker(args.worker, args.batch, args.threads, args.model)
    names = [name for name in contenders(args.batch, args.model) if name == "snr-bench" or re.search(args.only, name)]
    running = {}
    for name in names:
        print(f"starting {name}", file=sys.stderr)
        running[name] = (Binary if name.startswith(("snr-bench", "candle")) else Process)(name, args)
    best = dict.fromkeys(names, float("inf"))
    for round in range(args.rounds):
        for name, contender in running.items():
            best[name] = min(best[name], *contender.seconds())
            print(f"round {round + 1} {name}: {args.batch / best[name]:,.0f} images/s", file=sys.stderr)
    for contender in running.values():
        contender.close()
    rates = {name: args.batch / seconds for name, seconds in best.items()}
    for name, rate in sorted(rates.items(), key=lambda item: -item[1]):
        print(f"{name:24} {rate:8,.0f} images/s   snr-bench is {rates['snr-bench'] / rate:5.2f} times as fast")
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(results(rates, running["snr-bench"], args), indent=2) + "\n")


if __name__ == "__main__":
    main()
