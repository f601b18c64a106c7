"""Writes tests/golden/optim.safetensors: 200 steps of every optimizer on random gradients, in float64.

    pip install numpy torch timm safetensors
    python scripts/golden_optim.py

`start` [16] and `grads` [200, 16] are shared; `theta.CASE` [200, 16] are the parameters after each step, for lr 0.01 and
the optimizer's defaults but for what `cases` says. What PyTorch has is PyTorch's (AdamW with decay 0.1); Lion is timm's;
SNRAdam, AdaBelief and schedule-free AdamW are written here from their equations. `x.schedulefree` are its averages.

`tensors.start` and `tensors.grads` [60, …] hold the tensors of `TENSORS` one after another: for optimizers that know tensors.
`tensors.CASE` are the parameters after each step, with decay 0.1 where the name ends in `_decay`. LAMB is timm's, Muon is
PyTorch's with its iteration in float64 in place of bf16, the grafts combine the paths of `snradam` and `torch.optim`.
"""

import inspect
import sys
from pathlib import Path

import numpy as np
import timm.optim
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
            uncorrected = m
            m = B1 * m + (1 - B1) * g
            after = m / (1 - B1**t)
            centres = {"previous": before, "uncorrected": uncorrected, "current": after, "moments": 0.0}
            s = B2 * s + (1 - B2) * (g - centres[centering]) ** 2
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


def schedulefree(start, grads, decay=0.0):
    """Defazio et al. 2024 with a warm-up over 50 steps: the paths of y and of x."""
    x = y = z = start.astype(np.float64)
    v, weights, path, averages = 0.0, 0.0, [], []
    for t, g in enumerate(grads.astype(np.float64), start=1):
        lr = LR * min(1.0, t / 50)
        v = B2 * v + (1 - B2) * g**2
        z = z - lr * (g / (np.sqrt(v / (1 - B2**t)) + 1e-8) + decay * y)
        weights += lr**2
        x = (1 - lr**2 / weights) * x + lr**2 / weights * z
        y = (1 - B1) * z + B1 * x
        path.append(y)
        averages.append(x)
    return np.array(path), np.array(averages)


# Name, shape; two dimensions are a matrix.
TENSORS = [("in.weight", (4, 3)), ("in.bias", (4,)), ("tall.weight", (6, 4)), ("tall.bias", (6,))]
TENSORS += [("wide.weight", (3, 6)), ("norm.weight", (3,)), ("out.weight", (2, 3)), ("out.bias", (2,))]


def split(flat):
    ends = np.cumsum([np.prod(shape) for _, shape in TENSORS])
    return [part.reshape(shape) for part, (_, shape) in zip(np.split(flat, ends[:-1]), TENSORS)]


def tensors_run(make, start, grads):
    """`make` gives PyTorch optimizers for a list of tensors in the order of TENSORS."""
    params = [torch.tensor(part, dtype=torch.float64, requires_grad=True) for part in split(start)]
    optimizers, path = make(params), []
    for g in grads:
        for param, part in zip(params, split(g)):
            param.grad = torch.tensor(part, dtype=torch.float64)
        for optimizer in optimizers:
            optimizer.step()
        path.append(np.concatenate([param.detach().numpy().ravel() for param in params]))
    return np.array(path)


def muon(adjust):
    """PyTorch's on the hidden matrices, AdamW on the rest."""
    hidden = [2, 4]

    def make(params):
        rest = [param for i, param in enumerate(params) if i not in hidden]
        matrices = torch.optim.Muon([params[i] for i in hidden], lr=LR, weight_decay=0.1, adjust_lr_fn=adjust)
        return [matrices, torch.optim.AdamW(rest, lr=LR, weight_decay=0.1)]

    return make


def exact_muon():
    """Lets PyTorch's Newton-Schulz iterate in float64, where it casts to bf16."""
    module = sys.modules["torch.optim._muon"]
    source = inspect.getsource(module._zeropower_via_newtonschulz)
    assert source.count("torch.bfloat16") == 1
    exec(source.replace("torch.bfloat16", "torch.float64"), module.__dict__)


def graft(magnitude, direction, whole):
    """Agarwal et al. 2020: steps do not depend on the parameters, so that those of the two paths can be combined."""

    def run(start, grads):
        size, way = (np.diff(path(start, grads), axis=0, prepend=start[None].astype(np.float64)) for path in (magnitude, direction))
        theta, path = start.astype(np.float64), []
        for a, b in zip(size, way):
            parts = [(a, b)] if whole else zip(split(a), split(b))
            step = [np.linalg.norm(x) / np.linalg.norm(y) * y for x, y in parts]
            theta = theta + np.concatenate([part.ravel() for part in step])
            path.append(theta)
        return np.array(path)

    return run


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
        "snradam_uncorrected": snradam("uncorrected", eps=1e-8),
        # Their first step is g / eps: with the default eps it would drown everything after it.
        "snradam_current": snradam("current", eps=0.1),
        "snradam_moments": snradam("moments", eps=0.1),
    }
    torch_cases = {
        "nadam": torch.optim.NAdam,
        "radam": torch.optim.RAdam,
        "adamax": torch.optim.Adamax,
        "rmsprop": torch.optim.RMSprop,
        "adagrad": torch.optim.Adagrad,
        "lion": timm.optim.Lion,
    }
    for name, optimizer in torch_cases.items():
        cases[name] = lambda *a, make=optimizer: torch_run(lambda p: make(p, lr=LR), *a)
    cases["amsgrad"] = lambda *a: torch_run(lambda p: torch.optim.Adam(p, lr=LR, amsgrad=True), *a)
    cases["rmsprop_momentum"] = lambda *a: torch_run(lambda p: torch.optim.RMSprop(p, lr=LR, momentum=0.9), *a)
    arrays = {f"theta.{name}": run(start, grads).astype(np.float32) for name, run in cases.items()}
    arrays["theta.schedulefree"], arrays["x.schedulefree"] = (a.astype(np.float32) for a in schedulefree(start, grads))
    decayed = schedulefree(start, grads, decay=0.1)
    arrays["theta.schedulefree_decay"], arrays["x.schedulefree_decay"] = (a.astype(np.float32) for a in decayed)
    save_file({"start": start, "grads": grads, **arrays, **of_tensors(rng)}, GOLDEN / "optim.safetensors")


def of_tensors(rng):
    exact_muon()
    size = sum(int(np.prod(shape)) for _, shape in TENSORS)
    start = rng.normal(size=size).astype(np.float32)
    # A tensor that starts from 0, as biases do.
    split(start)[1][:] = 0.0
    grads = (rng.normal(size=size) + rng.normal(size=(60, size))).astype(np.float32)
    lamb = lambda decay: lambda p: [timm.optim.Lamb(p, lr=LR, weight_decay=decay, always_adapt=True, max_grad_norm=None)]
    adam = lambda *a: tensors_run(lambda p: [torch.optim.Adam(p, lr=LR)], *a)
    snr = snradam("previous", eps=1e-8)
    matrices = [i for i, (_, shape) in enumerate(TENSORS) if len(shape) == 2]

    def decay_on_matrices(params):
        groups = [[p for i, p in enumerate(params) if (i in matrices) == decayed] for decayed in (True, False)]
        return [torch.optim.AdamW(group, lr=LR, weight_decay=decay) for group, decay in zip(groups, (0.1, 0.0))]

    cases = {
        "lamb": lambda *a: tensors_run(lamb(0.0), *a),
        "lamb_decay": lambda *a: tensors_run(lamb(0.1), *a),
        "muon_decay": lambda *a: tensors_run(muon("match_rms_adamw"), *a),
        "muon_original_decay": lambda *a: tensors_run(muon("original"), *a),
        "adamw_matrices_decay": lambda *a: tensors_run(decay_on_matrices, *a),
        "graft_tensor": graft(snr, adam, whole=False),
        "graft_global": graft(snr, adam, whole=True),
        "graft_swapped": graft(adam, snr, whole=False),
    }
    arrays = {f"tensors.{name}": run(start, grads).astype(np.float32) for name, run in cases.items()}
    return {"tensors.start": start, "tensors.grads": grads, **arrays}


main()
