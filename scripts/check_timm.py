"""Opens a checkpoint of `snr-bench train` in timm, by name and without renaming, and compares the logits.

    pip install numpy torch timm safetensors
    python scripts/check_timm.py results/EXPERIMENT/RUN

Takes the sizes from config.toml. Exits with 1 where a logit differs by more than 1e-5 (relative, absolute below 1).
"""

import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from timm.models.vision_transformer import VisionTransformer

ROOT = Path(__file__).parent.parent
IMAGES = ROOT / "tests" / "golden" / "digits8.bin"


def timm_logits(run: Path) -> np.ndarray:
    sizes = tomllib.loads((run / "config.toml").read_text())["model"]
    if sizes.get("kind", "vit") != "vit":
        sys.exit(f"{run} is no Vision Transformer, and timm has no other model of ours")
    sizes.pop("init", None)  # what the parameters started from
    model = VisionTransformer(img_size=28, in_chans=1, num_classes=10, **sizes).eval()
    model.load_state_dict(load_file(run / "model.safetensors"), strict=True)
    raw = np.fromfile(IMAGES, dtype=np.uint8)
    n = len(raw) // 785
    pixels = torch.tensor(raw[: n * 784].reshape(n, 1, 28, 28)).float() / 255
    with torch.no_grad():
        return model(pixels).numpy()


def our_logits(run: Path) -> np.ndarray:
    command = ["cargo", "run", "--quiet", "--release", "--example", "logits", "--", str(run.resolve()), str(IMAGES)]
    output = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    return np.loadtxt(output.splitlines(), delimiter=",", dtype=np.float32, ndmin=2)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    run = Path(sys.argv[1])
    theirs, ours = timm_logits(run), our_logits(run)
    error = np.max(np.abs(ours - theirs) / np.maximum(np.abs(theirs), 1))
    print(f"{theirs.shape[0]} images, largest difference of a logit {error:.1e}")
    if not error <= 1e-5:
        sys.exit("the logits differ")


main()
