"""Writes tests/golden/optim.safetensors: 200 steps of every optimizer on random gradients, in float64.

    pip install numpy torch safetensors
    python scripts/golden_optim.py

`start` [16] and `grads` [200, 16] are shared; `theta.CASE` [200, 16] are the parameters after each step, for lr 0.01 and
the optimizer's defaults but for what `cases` says. Adam, AdamW (decoupled decay 0.1) and SGD are PyTorch's; PyTorch has
neither SNRAdam nor AdaBelief, which are written here from their equations.
"""

from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file

GOLDEN = Path(__file__).parent.parent / "tests" / "golden"
STEPS, SIZE, LR = 200, 16, 0.01
B1, B2 = 0.9, 0.999


def torch_run(make, start, grads):
    theta = torch.tensor(start, dtype=torch.float64, requires_grad=True)
    optimizer = make([theta])
    path = []
    for g in grads:
        theta.grad = torch.tensor(g, dtype=torch.float64)
        optimizer.step()
        path.append(theta.detach().numpy().copy())
    return np.array(path)


def snradam(centering, eps):
    """snr_adam.py of iitmdinesh/kf_adam for "previous"; the other centres are this project's, for ablation."""

    def run(start, grads):
        theta, m, s, path = start.astype(np.float64), 0.0, 0.0, []
        for t, g in enumerate(grads.astype(np.float64), start=1):
            before = m / (1 - B1 ** (t - 1)) if t > 1 else 0.0
            m = B1 * m + (1 - B1) * g
            after = m / (1 - B1**t)
            s = B2 * s + (1 - B2) * (g - {"previous": before, "current": after, "moments": 0.0}[centering]) ** 2
            variance = s / (1 - B2**t)
            if centering == "moments":
                variance = np.maximum(variance - after**2, 0.0)
            theta = theta - LR * after / (np.sqrt(variance) + eps)
            path.append(theta)
        return np.array(path)

    return run


def adabelief(start, grads, eps=1e-16):
    theta, m, s, path = start.astype(np.float64), 0.0, 0.0, []
    for t, g in enumerate(grads.astype(np.float64), start=1):
        m = B1 * m + (1 - B1) * g
        s = B2 * s + (1 - B2) * (g - m) ** 2 + eps
        theta = theta - LR * m / (1 - B1**t) / (np.sqrt(s / (1 - B2**t)) + eps)
        path.append(theta)
    return np.array(path)


def main():
    rng = np.random.RandomState(0)
    start = rng.normal(size=SIZE).astype(np.float32)
    # Means and scales differ by orders of magnitude from one parameter to the next.
    scale = 10.0 ** rng.uniform(-3, 1, SIZE)
    grads = (scale * (rng.normal(size=SIZE) + rng.normal(size=(STEPS, SIZE)))).astype(np.float32)
    cases = {
        "adam": lambda *a: torch_run(lambda p: torch.optim.Adam(p, lr=LR), *a),
        "adamw": lambda *a: torch_run(lambda p: torch.optim.AdamW(p, lr=LR, weight_decay=0.1), *a),
        "sgd": lambda *a: torch_run(lambda p: torch.optim.SGD(p, lr=LR, momentum=0.9), *a),
        "adabelief": adabelief,
        "snradam": snradam("previous", eps=1e-8),
        # Their first step is g / eps: with the default eps it would drown everything after it.
        "snradam_current": snradam("current", eps=0.1),
        "snradam_moments": snradam("moments", eps=0.1),
    }
    arrays = {f"theta.{name}": run(start, grads).astype(np.float32) for name, run in cases.items()}
    save_file({"start": start, "grads": grads, **arrays}, GOLDEN / "optim.safetensors")


main()
