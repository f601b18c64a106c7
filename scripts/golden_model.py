"""Writes tests/golden/model*.safetensors: what timm's Vision Transformer, and PyTorch's layers as a multilayer perceptron,
compute in float64 for fixed weights; and tests/golden/init.json: how timm's parameters start, over many seeds.

    pip install numpy torch timm safetensors
    python scripts/golden_model.py

Each file holds `weight.NAME`, `logits` [8, 10], `loss` [1] (mean cross-entropy, nats) and `grad.NAME` for the 8 images
of tests/golden/digits8.bin (8 × 784 pixels, then 8 labels, all bytes; the first test images of the built-in `digits`,
written by `cargo run --release --example digits8 -- tests/golden/digits8.bin`). tests/model.rs names the sizes again.

init.json holds for each parameter of timm's default initialisation of the first model the number of values that were
drawn, their mean, standard deviation and largest magnitude.
"""

import json
from collections import OrderedDict

from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file
from timm.models.vision_transformer import VisionTransformer

GOLDEN = Path(__file__).parent.parent / "tests" / "golden"
CONFIGS = {
    "model": dict(patch_size=4, embed_dim=64, depth=2, num_heads=4, mlp_ratio=4),
    # No size as in the default model, so that none of them can be hard-wired.
    "model_other": dict(patch_size=7, embed_dim=48, depth=3, num_heads=3, mlp_ratio=2),
}

SEEDS = 200


def perceptron(sizes: list[int]) -> torch.nn.Module:
    """Linear layers fc1, fc2, … with ReLU between them."""
    layers = [("flatten", torch.nn.Flatten())]
    for i, (inputs, outputs) in enumerate(zip(sizes, sizes[1:]), 1):
        layers += [(f"fc{i}", torch.nn.Linear(inputs, outputs)), (f"relu{i}", torch.nn.ReLU())]
    return torch.nn.Sequential(OrderedDict(layers[:-1]))


def read_digits() -> tuple[torch.Tensor, torch.Tensor]:
    """Pixels [8, 1, 28, 28] in 0 to 1 and labels [8]."""
    raw = np.fromfile(GOLDEN / "digits8.bin", dtype=np.uint8)
    pixels = torch.tensor(raw[: 8 * 784].reshape(8, 1, 28, 28)).double() / 255
    return pixels, torch.tensor(raw[8 * 784 :]).long()


def draw_weight(name: str, shape: tuple[int, ...], rng: np.random.RandomState) -> np.ndarray:
    """Somewhat larger than an initialisation, so that attention is not flat and every gradient counts. f32 values."""
    if "norm" in name:
        value = rng.normal(1.0 if name.endswith("weight") else 0.0, 0.2, shape)
    elif "." not in name:
        value = rng.normal(0.0, 0.3, shape)
    elif name.endswith("bias"):
        value = rng.uniform(-0.2, 0.2, shape)
    else:
        value = rng.uniform(-1.5, 1.5, shape) / np.sqrt(np.prod(shape[1:]))
    return value.astype(np.float32)


def vit(config: dict) -> torch.nn.Module:
    return VisionTransformer(img_size=28, in_chans=1, num_classes=10, **config)


def golden(model: torch.nn.Module, seed: int) -> dict[str, np.ndarray]:
    model = model.double()
    rng = np.random.RandomState(seed)
    weights = {name: draw_weight(name, tuple(p.shape), rng) for name, p in model.named_parameters()}
    model.load_state_dict({name: torch.tensor(w) for name, w in weights.items()}, strict=True)

    pixels, labels = read_digits()
    logits = model(pixels)
    loss = torch.nn.functional.cross_entropy(logits, labels)
    loss.backward()

    arrays = {f"weight.{name}": w for name, w in weights.items()}
    arrays |= {f"grad.{name}": p.grad.numpy() for name, p in model.named_parameters()}
    arrays |= {"logits": logits.detach().numpy(), "loss": np.array([loss.item()])}
    print(f"{sum(w.size for w in weights.values())} parameters, loss {loss.item():.6f}")
    return {name: np.ascontiguousarray(a, dtype=np.float32) for name, a in arrays.items()}


def initial_moments(config: dict) -> dict[str, dict]:
    """Of each parameter over SEEDS models as timm makes them."""
    drawn: dict[str, list[np.ndarray]] = {}
    for seed in range(SEEDS):
        torch.manual_seed(seed)
        for name, p in vit(config).named_parameters():
            drawn.setdefault(name, []).append(p.detach().double().numpy().ravel())
    moments = {}
    for name, values in drawn.items():
        x = np.concatenate(values)
        moments[name] = dict(n=x.size, mean=x.mean(), sd=x.std(), largest=np.abs(x).max())
    return moments


for seed, (name, config) in enumerate(CONFIGS.items()):
    save_file(golden(vit(config), seed), GOLDEN / f"{name}.safetensors")
save_file(golden(perceptron([784, 24, 24, 24, 10]), 2), GOLDEN / "model_mlp.safetensors")
text = json.dumps(initial_moments(CONFIGS["model"]), indent=1)
(GOLDEN / "init.json").write_text(text + "\n")
