"""Writes tests/golden/schedule.json: the learning rates that PyTorch's schedulers give, for tests/steps.rs.

    pip install torch
    python scripts/golden_schedule.py

The inverse square root, which PyTorch lacks, is fairseq's `inverse_square_root` with its warm-up from lr/w, in a LambdaLR.
"""

import json
import warnings
from pathlib import Path

import torch
from torch.optim import lr_scheduler

GOLDEN = Path(__file__).parent.parent / "tests" / "golden" / "schedule.json"
LR = 0.003

warnings.filterwarnings("ignore")  # a scheduler before any gradient, which is all that happens here


def after_warmup(optimizer, name, warmup, steps):
    if name == "constant":
        return lr_scheduler.ConstantLR(optimizer, factor=1.0)
    if name == "linear":
        return lr_scheduler.LinearLR(optimizer, start_factor=1.0, end_factor=0.0, total_iters=steps - warmup)
    if name == "cosine":
        return lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps - warmup)
    w = max(warmup, 1)
    # after the warm-up the scheduler counts from 0 again
    return lr_scheduler.LambdaLR(optimizer, lambda k: w**0.5 * (k + 1 + warmup) ** -0.5)


def rates(name, warmup, steps):
    optimizer = torch.optim.SGD([torch.zeros(1, dtype=torch.float64, requires_grad=True)], lr=LR)
    if warmup > 0:
        rise = lr_scheduler.LinearLR(optimizer, start_factor=1 / warmup, end_factor=1.0, total_iters=warmup - 1)
        schedule = lr_scheduler.SequentialLR(optimizer, [rise, after_warmup(optimizer, name, warmup, steps)], [warmup])
    else:
        schedule = after_warmup(optimizer, name, 0, steps)
    found = []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return found


cases = [
    {"schedule": name, "warmup": warmup, "steps": steps, "rates": rates(name, warmup, steps)}
    for name in ["constant", "linear", "cosine", "inverse-sqrt"]
    for warmup, steps in [(0, 12), (2, 12), (5, 30)]
]
GOLDEN.write_text(json.dumps({"lr": LR, "cases": cases}) + "\n")
