"""Writes tests/golden/observe.json: what NumPy says of a shadow and of the noise of the batches, for src/train/watch.rs.

    pip install numpy
    python scripts/golden_observe.py

Gradients of 200 images with a drift are drawn, batches of several sizes taken without replacement. Adam moves the
parameters, SNRAdam is its shadow; both are written out here from their equations, in f64.
"""

import json
from pathlib import Path

import numpy as np

GOLDEN = Path(__file__).parent.parent / "tests" / "golden" / "observe.json"
IMAGES, LR, BETA1, BETA2, EPS = 200, 2e-3, 0.8, 0.95, 1e-3
TENSORS = {"weight": slice(0, 24), "bias": slice(24, 30)}
SIZE = 30
# samples of the batch and of its first part; a batch too small to be parted has none
BATCHES = [(64, 32), (64, 32), (33, 16), (3, None), (64, 30), (200, 96), (64, 32)]

random = np.random.default_rng(3)
centre = random.normal(0, 0.3, SIZE)
spread = random.uniform(0.01, 1.0, SIZE)


def f32(x):
    return np.asarray(x, np.float32).astype(np.float64)


def quantiles(x):
    x = x[~np.isnan(x)]
    if len(x) == 0:
        return [None] * 5
    return np.quantile(x, [0.05, 0.25, 0.5, 0.75, 0.95], method="inverted_cdf").tolist()


def ratio(a, b):
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.divide(a, b)


class Adam:
    def __init__(self):
        self.m, self.v, self.t = np.zeros(SIZE), np.zeros(SIZE), 0

    def step(self, g):
        self.t += 1
        self.m = BETA1 * self.m + (1 - BETA1) * g
        self.v = BETA2 * self.v + (1 - BETA2) * g**2
        self.mean, self.second = self.m / (1 - BETA1**self.t), self.v / (1 - BETA2**self.t)
        return LR * self.mean / (np.sqrt(self.second) + EPS)


class SnrAdam(Adam):
    def step(self, g):
        c = np.zeros(SIZE) if self.t == 0 else self.m / (1 - BETA1**self.t)
        self.t += 1
        self.m = BETA1 * self.m + (1 - BETA1) * g
        self.v = BETA2 * self.v + (1 - BETA2) * (g - c) ** 2
        self.mean, self.second = self.m / (1 - BETA1**self.t), self.v / (1 - BETA2**self.t)
        return LR * self.mean / (np.sqrt(self.second) + EPS)


theta = f32(random.normal(0, 0.1, SIZE))
start = theta.copy()
own, shadow = Adam(), SnrAdam()
sampling, parted = np.zeros(SIZE), 0
steps = []
for t, (n, n1) in enumerate(BATCHES, 1):
    gradients = centre * np.cos(0.3 * t) + spread * random.normal(0, 1, (IMAGES, SIZE))
    gradients[:, 5] = 0  # a pixel that is always black
    order = random.permutation(IMAGES)[:n]
    grad = f32(gradients[order].mean(0))
    part = None if n1 is None else f32(gradients[order[:n1]].mean(0))
    o, s = own.step(grad), shadow.step(grad)

    noise = {"trace": None, "scale": None, "share": None}
    if part is not None:
        n2 = n - n1
        second = (n * grad - n1 * part) / n2
        single = n1 * n2 / n * (part - second) ** 2
        rest = 1 / n - 1 / IMAGES
        square = (grad**2).sum() - rest * single.sum()
        noise["trace"] = single.sum()
        noise["scale"] = single.sum() / square if square > 0 else None
        sampling = BETA2 * sampling + (1 - BETA2) * rest * single
        parted += 1

    def share(at):
        return (sampling[at] / (1 - BETA2**parted)).sum() / shadow.second[at].sum()

    noise["share"] = share(slice(None))
    amplification = ratio(np.abs(s), np.abs(o))
    snr = ratio(np.abs(shadow.mean), np.sqrt(shadow.second))
    consistency = ratio(np.abs(own.mean), np.sqrt(own.second))
    rows = []
    for name, at in [("all", slice(None)), *TENSORS.items()]:
        norm = np.linalg.norm
        rows.append({
            "tensor": name,
            "grad_norm": norm(grad[at]), "weight_norm": norm(theta[at]), "update_norm": norm(o[at]),
            "update_to_weight": norm(o[at]) / norm(theta[at]), "step_ratio": norm(s[at]) / norm(o[at]),
            "cosine": s[at] @ o[at] / norm(s[at]) / norm(o[at]),
            "amplification": quantiles(amplification[at]), "snr": quantiles(snr[at]),
            "eps_share": float(np.mean(EPS > 0.01 * (np.sqrt(shadow.second[at]) + EPS))),
            "noise_share": share(at),
        })
    bins = []
    for i in range(10):
        inside = (consistency >= i / 10) & ((consistency < (i + 1) / 10) | (i == 9)) & (amplification > 0)
        bins.append([int(inside.sum()), float(np.exp(np.log(amplification[inside]).mean())) if inside.any() else None])
    steps.append({"grad": grad.tolist(), "part": None if part is None else part.tolist(), "samples": n1, "of": n, "noise": noise,
                  "rows": rows, "bins": bins})
    theta = theta - o

settings = {"lr": LR, "beta1": BETA1, "beta2": BETA2, "eps": EPS, "images": IMAGES, "params": start.tolist()}
GOLDEN.write_text(json.dumps({**settings, "steps": steps}) + "\n")
