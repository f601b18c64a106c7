"""Writes every measured number of README.md anew from results/: the parts between `<!-- NAME -->` and `<!-- /NAME -->`.

    cargo build --release
    python scripts/readme.py [--check]

`article` comes from the runs in results/article, judged by `snr-bench compare` and drawn by `snr-bench plot`; `speed` from
results/speed, which scripts/bench_peers.py and scripts/bench_startup.py write. With --check nothing is written: exits 1
where README.md says anything else than the results.
"""

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
BINARY = ROOT / "target" / "release" / "snr-bench"
ARTICLE = Path("results/article")


def article() -> str:
    findings = json.loads(snr_bench("compare", str(ARTICLE), "--json", "-"))
    mini_batches_first = sorted(findings["groups"], key=lambda found: "-full-" in found["name"])
    return "\n\n".join(group(found) for found in mini_batches_first)


def snr_bench(*arguments: str) -> str:
    return subprocess.run([BINARY, *arguments], check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT).stdout


def group(found: dict) -> str:
    """The figures of a group, and what its comparisons say."""
    parts = [f"**{found['title']}**", figures(found)]
    for comparison in found["comparisons"]:
        # Seconds are the machine's, and both optimizers' steps cost the same: epochs say it.
        judgements = [judged for judged in comparison["judgements"] if judged["metric"] != "seconds-to-target"]
        parts.append("\n".join("- " + judged["sentence"] + "." for judged in judgements))
    parts += ["> " + warning for warning in found["warnings"]]
    return "\n\n".join(parts)


def figures(found: dict) -> str:
    def images(suffix: str, what: str) -> list[str]:
        metrics = [("train-loss", "training loss"), ("val-loss", "validation loss")]
        paths = [(ARTICLE / "figures" / f"{found['name']}-{metric}{suffix}.png", name) for metric, name in metrics]
        return [f"![{what} {name} by epoch, {found['title']}]({path})" for path, name in paths if (ROOT / path).exists()]

    rows = [images("", "Mean"), images("-difference", "Paired difference in")]  # the latter from two pairs on
    return "| | |\n| --- | --- |\n" + "\n".join(f"| {' | '.join(row)} |" for row in rows if row)


def speed() -> str:
    peers = json.loads((ROOT / "results/speed/peers.json").read_text())
    startup = json.loads((ROOT / "results/speed/startup.json").read_text())
    ours, report = peers["images_per_second"]["snr-bench"], peers["snr_bench"]
    best = best_pytorch(peers["images_per_second"])
    lines = ["| | images/s | snr-bench is faster by |", "| --- | ---: | ---: |"]
    for name, rate in sorted(peers["images_per_second"].items(), key=lambda item: -item[1]):
        ratio = "" if name == "snr-bench" else f"{ours / rate:.1f}×"
        lines.append(f"| {label(name, peers)}{' (best PyTorch)' if name == best else ''} | {rate:,.0f} | {ratio} |")
    return "\n".join([
        f"Training (gradient and Adam step, f32, batch {peers['batch']}) on {peers['threads']} cores of an {peers['cpu']}"
        f" ({report['simd']}), best step of {peers['rounds']} interleaved rounds:",
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
    names = {"torch": "PyTorch {torch}, eager", "torch.compile": "PyTorch {torch}, torch.compile", "jax": "JAX {jax}", "candle": "stock Candle {candle}"}
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
    for name, make in (("article", article), ("speed", speed)):
        part = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        assert part.search(text), f"README.md has no part called {name}"
        text = part.sub(lambda found: found[1] + "\n" + make() + "\n\n" + found[2], text)
    if check and text != README.read_text():
        sys.exit("README.md says something else than results/; run scripts/readme.py")
    if not check:
        README.write_text(text)


if __name__ == "__main__":
    main()
