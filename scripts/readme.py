"""Writes every measured number of README.md anew from results/: the parts between `<!-- NAME -->` and `<!-- /NAME -->`.

    cargo build --release
    python scripts/readme.py [--check]

`article` and `comparison` come from the runs in results/article: drawn by `snr-bench plot`, judged by `snr-bench compare`,
held against the article's claims by `snr-bench report`. `example` is examples/own_optimizer.rs. `speed` comes from
results/speed, which scripts/bench_peers.py and scripts/bench_startup.py write. With --check nothing is written: exits 1
where README.md says anything else than these.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
BINARY = ROOT / "target" / "release" / "snr-bench"
ARTICLE = Path("results/article")


def article() -> str:
    """The answers, the article's four figures, and its claims beside what the runs say of them."""
    found = groups()
    answers = "\n".join(f"- {group['title']}: {comparison['answer']}" for group in found for comparison in group["comparisons"])
    sizes = " and ".join(f"{len(group['comparisons'][0]['seeds'])} pairs ({group['title']})" for group in found)
    figures = "\n".join(images(group, "", "Mean") for group in found)
    return f"""{answers}

Adam and SNRAdam with the same seeds, {sizes}; `[ ]` is the 95% interval. All of it: `{ARTICLE}/report.html`.

| | |
| --- | --- |
{figures}

{claims()}"""


def comparison() -> str:
    """The paired differences, and all judgements."""
    return "\n\n".join(group(found) for found in groups())


def groups() -> list[dict]:
    return json.loads(snr_bench("compare", str(ARTICLE), "--json", "-"))["groups"]


def snr_bench(*arguments: str) -> str:
    return subprocess.run([BINARY, *arguments], check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT).stdout


def claims() -> str:
    """The report's table of claims."""
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "report.html"
        snr_bench("report", str(ARTICLE), "--out", str(page))
        report = page.read_text()
    table = ElementTree.fromstring(re.search(r'<table class="claims">.*?</table>', report, re.DOTALL)[0])
    rows = [[": ".join(filter(None, map(str.strip, cell.itertext()))) for cell in row] for row in table.iter("tr")]
    columns = len(rows[0])
    lines = [f"| {' | '.join(row + [''] * (columns - len(row)))} |" for row in rows]
    return "\n".join([lines[0].replace("claim", "the article says", 1), "| --- " * columns + "|", *lines[1:]])


def group(found: dict) -> str:
    """The ratios of a group by epoch, and what its comparisons say."""
    parts = [f"**{found['title']}**", "| | |\n| --- | --- |\n" + images(found, "-difference", "Ratio of")]
    for comparison in found["comparisons"]:
        parts.append("\n".join(f"- {judged['sentence']}." for judged in comparison["judgements"]))
    parts += ["> " + warning for warning in found["warnings"]]
    return "\n\n".join(parts)


def images(found: dict, suffix: str, what: str) -> str:
    """A group's figures of training and of validation loss, side by side."""
    cells = []
    for metric, name in (("train-loss", "training loss"), ("val-loss", "validation loss")):
        figure = ARTICLE / "figures" / f"{found['name']}-{metric}{suffix}.png"
        assert (ROOT / figure).exists(), f"{figure} is missing"
        cells.append(f"![{what} {name} by epoch, {found['title']}]({figure})")
    return f"| {' | '.join(cells)} |"


def example() -> str:
    """The program that adds an optimizer, as it is built and run."""
    return f"```rust,ignore\n{(ROOT / 'examples/own_optimizer.rs').read_text()}```"


def speed() -> str:
    peers = json.loads((ROOT / "results/speed/peers.json").read_text())
    startup = json.loads((ROOT / "results/speed/startup.json").read_text())
    ours, report = peers["images_per_second"]["snr-bench"], peers["snr_bench"]
    best = best_pytorch(peers["images_per_second"])
    lines = ["| | images/s | speed-up of snr-bench |", "| --- | ---: | ---: |"]
    for name, rate in sorted(peers["images_per_second"].items(), key=lambda item: -item[1]):
        ratio = "" if name == "snr-bench" else f"{ours / rate:.1f}×"
        lines.append(f"| {label(name, peers)}{' (best PyTorch)' if name == best else ''} | {rate:,.0f} | {ratio} |")
    return "\n".join([
        f"Training (gradient and Adam step, f32, batch {peers['batch']}) on {peers['threads']} cores of an {peers['cpu']}"
        f" ({report['simd']}), best step of {peers['rounds']} interleaved round{'' if peers['rounds'] == 1 else 's'}"
        f" (our median step: {report['training_images_per_second_median']:,.0f} images/s):",
        "",
        *lines,
        "",
        f"In the same run snr-bench executed {report['gflops_executed']:.0f} GFLOP/s,"
        f" {100 * report['gflops_executed'] / report['peak_gflops']:.0f}% of what a 2048³ product through gemm reached on all"
        f" cores ({report['gflops_whole_graph']:.0f} GFLOP/s counted on the whole graph), and validated"
        f" {report['evaluation_images_per_second']:,.0f} images/s,"
        f" {report['evaluation_images_per_second'] / ours:.1f} times the training rate."
        f" From start to the first training step on MNIST, read from its .gz files: {startup['median_seconds']:.2f} s;"
        f" peak memory {startup['train_mib']:.0f} MiB, with batch = ∞ {startup['full_batch_mib']:.0f} MiB, data set included.",
    ])


def best_pytorch(rates: dict) -> str:
    return max((name for name in rates if name.startswith("torch")), key=rates.get)


def label(name: str, peers: dict) -> str:
    kind, _, micro = name.partition("/")
    names = {"torch": "PyTorch {torch}, eager", "torch.compile": "PyTorch {torch}, torch.compile", "torch.bf16": "PyTorch {torch}, bf16 autocast", "jax": "JAX {jax}", "candle": "stock Candle {candle}"}
    size = f", micro-batch {micro}" if micro and int(micro) < peers["batch"] else ", whole batch" if micro else ""
    return names.get(kind, kind).format(**peers["versions"]) + size


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    text = README.read_text()
    if not check:
        for figure in (ROOT / ARTICLE / "figures").glob("*"):
            figure.unlink()
        snr_bench("plot", str(ARTICLE), "--out", str(ARTICLE / "figures"))
        snr_bench("report", str(ARTICLE))
    for name, make in (("article", article), ("comparison", comparison), ("speed", speed), ("example", example)):
        part = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        assert part.search(text), f"README.md has no part called {name}"
        text = part.sub(lambda found: found[1] + "\n" + make() + "\n\n" + found[2], text)
    if check and text != README.read_text():
        sys.exit("README.md says something else than results/; run scripts/readme.py")
    if not check:
        README.write_text(text)


if __name__ == "__main__":
    main()
