"""Writes every measured number of README.md and docs/ anew from results/: the parts between `<!-- NAME -->` and `<!-- /NAME -->`.

    cargo build --release
    python scripts/readme.py [--check]

`answer` and `comparison` come from the runs in results/: drawn by `snr-bench plot`, judged by `snr-bench compare`, held against the
article's claims by `snr-bench report`, which also writes results/report.html. `speed` comes from results/speed, which
scripts/bench_peers.py and scripts/bench_startup.py write. `example` is examples/own_optimizer.rs. With --check nothing is written:
exits 1 where a page says anything else than these.
"""

import argparse
import functools
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).parent.parent
BINARY = ROOT / "target" / "release" / "snr-bench"
RESULTS = Path("results")
FIGURES = RESULTS / "figures"
# The article's two experiments, and what is beyond them.
ARTICLE = ["train-loss", "val-loss"]
# The pair at the article's rate, each tuned in two ways, and what else was tried.
PAIRS = {
    "article": "mnist-b4096-e20",
    "each tuned, constant rate": "mnist-n50000-b4096-e20-tuned",
    "each tuned, warm-up and cosine": "mnist-n50000-b4096-e20-tuned-cosine",
    "article, MLP": "mnist-b4096-e20-mlp",
    "article, timm’s initialisation": "mnist-b4096-e20-timm",
}
# Several optimizers or variants, each tuned.
SEVERAL = ["mnist-n50000-b4096-e20-ablations", "mnist-n50000-b4096-e20-baselines"]
WAYS = ["at a constant rate", "with warm-up and cosine"]
BEYOND = "overview"


@functools.cache
def found() -> dict:
    return json.loads(snr_bench("compare", str(RESULTS), "--json", "-"))


def snr_bench(*arguments: str) -> str:
    done = subprocess.run([BINARY, *arguments], check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    return done.stdout


@functools.cache
def report() -> str:
    """The page of all results; it lies beside the kept one, as it says where runs are."""
    page = ROOT / RESULTS / ".report.html"
    try:
        snr_bench("report", str(RESULTS), "--out", str(page))
        return page.read_text()
    finally:
        page.unlink(missing_ok=True)


def answer() -> str:
    """Three sentences, the figure of all answers, the article's figures, its claims beside what the runs say of them, and the rest
    in a table."""
    groups = {group["name"]: group for group in found()["groups"]}
    pairs = {title: groups[name]["comparisons"][0] for title, name in PAIRS.items() if name in groups}
    first, *tuned = list(pairs.values())[:3]
    a, b = (first[side]["name"] for side in "ab")
    sentences = [
        f"At the article's learning rate, {a}’s training loss over the run is {said(first, 0, f' than {b}’s')}.",
        f"With each tuned, it is {' and '.join(f'{said(c, 0)} {way}' for c, way in zip(tuned, WAYS))}; the final validation loss is "
        f"{' and '.join(said(c, 2) for c in tuned)}.",
        f"{capital(split(found()['factorials'][0]))}; {found()['batch_series'][0]['answer'].split(': ')[1].split(' (')[0]}.",
    ]
    sizes = [f"{len(group['comparisons'][0]['seeds'])} pairs ({group['title']})" for group in article_groups()]
    pictures = "\n".join(f"| {' | '.join(image(group['name'], metric, group['title']) for metric in ARTICLE)} |" for group in article_groups())
    several = [relatives(groups[name]) for name in SEVERAL if name in groups]
    return "\n\n".join([
        " ".join(sentences),
        f"`[ ]` is the 95% interval, n the number of pairs of runs with one seed; every test and every run is in `{RESULTS}/report.html`.",
        f'<img src="{FIGURES}/{BEYOND}.png" alt="All answers in one figure" width="640">',
        f"The article's two experiments, {' and '.join(sizes)}, with the learning rate of the article:",
        f"| training loss | validation loss |\n| --- | --- |\n{pictures}",
        claims(),
        f"Every comparison of the two, {a} by {b}:",
        others(pairs),
        *several,
    ])


def said(comparison: dict, endpoint: int, than: str = "") -> str:
    """"10.3% [8.8%, 11.8%] lower than Adam’s (n = 12, supported)"."""
    judged = comparison["judgements"][endpoint]
    return f"{effect(judged)}{than} (n = {len(comparison['seeds'])}, {judged['verdict'].replace('-', ' ')})"


def effect(judged: dict) -> str:
    return re.search(r"−?[\d.]+% \[.*?\] (?:lower|higher)|[\d.]+ \[.*?\] times as high", judged["sentence"])[0]


def split(factorial: dict) -> str:
    """"82% of the gain at that rate goes with the size of the step, 18% with its direction"."""
    size, direction = re.search(r"(\d+)% of that goes with the size of the step, (\d+)%", factorial["answer"]).groups()
    return f"{size}% of the gain at the article's rate goes with the size of the step, {direction}% with its direction"


def capital(text: str) -> str:
    return text[0].upper() + text[1:]


def others(pairs: dict) -> str:
    rows = []
    for title, comparison in pairs.items():
        cells = [f"{effect(judged)}, {judged['verdict'].replace('-', ' ')}" for judged in comparison["judgements"]]
        rows.append(f"| {title}, lr {comparison['a']['lr']:g} | {len(comparison['seeds'])} | {' | '.join(cells)} |")
    head = "| | n | training loss over the run | final training loss | final validation loss |\n| --- | ---: | --- | --- | --- |"
    return "\n".join([head, *rows])


def article_groups() -> list[dict]:
    """Those of the article's settings: batch 4096 and batch = ∞."""
    names = ["mnist-b4096-e20", "mnist-full-100steps"]
    return [group for group in found()["groups"] if group["name"] in names]


def with_first(group: dict) -> list[dict]:
    return [comparison for comparison in group["comparisons"] if comparison["b"]["name"] == group["comparisons"][0]["b"]["name"]]


def relatives(group: dict) -> str:
    """What is better than the first optimizer, where several were tuned and compared with it."""
    by_verdict = {}
    for comparison in with_first(group):
        by_verdict.setdefault(comparison["judgements"][0]["verdict"], []).append(comparison)
    words = {"supported": "Lower:", "undecided": "Undecided:", "no-relevant-difference": "The same within the margin:", "contradicted": "Higher:"}
    size = lambda comparison: f" ({effect(comparison['judgements'][0])})" if comparison["judgements"][0]["verdict"] == "supported" else ""
    said = [f"{word} {listed([c['a']['name'] + size(c) for c in by_verdict[verdict]])}" for verdict, word in words.items() if verdict in by_verdict]
    first = group["comparisons"][0]
    return (
        f"Training loss over the run against {first['b']['name']}’s, each tuned on the same budget, {len(first['seeds'])} pairs. "
        f"{'. '.join(said)}."
    )


def listed(names: list[str]) -> str:
    """With semicolons where a name has a comma."""
    return "; ".join(names) if any(", " in name for name in names) else ", ".join(names)


def image(group: str, metric: str, title: str) -> str:
    figure = FIGURES / f"{group}-{metric}.png"
    assert (ROOT / figure).exists(), f"{figure} is missing"
    return f"![{metric}, {title}]({figure})"


def claims() -> str:
    """The report's table of claims, in the article's own settings."""
    table = ElementTree.fromstring(re.search(r'<table class="claims">.*?</table>', report(), re.DOTALL)[0])
    rows = [[": ".join(filter(None, map(str.strip, cell.itertext()))) for cell in row] for row in table.iter("tr")]
    # what the conclusion rests on is on the page
    rows[-1] = [cell.partition(": SNRAdam")[0] for cell in rows[-1]]
    own = [i for i, title in enumerate(rows[0]) if "Not the article" not in title]
    rows = [[row[i] for i in own if i < len(row)] for row in rows]
    columns = len(rows[0])
    lines = [f"| {' | '.join(row + [''] * (columns - len(row)))} |" for row in rows]
    return "\n".join([lines[0].replace("claim", "the article says", 1), "| --- " * columns + "|", *lines[1:]])


def comparison() -> str:
    """All judgements of the comparisons that come first, and what size and direction of the step do."""
    parts = [part for group in found()["groups"] for part in of_group(group)]
    parts += ["**Why**", *(factorial["answer"] for factorial in found()["factorials"])]
    parts += [series["answer"] for series in found()["batch_series"]]
    return "\n\n".join(parts)


def of_group(group: dict) -> list[str]:
    """Of many comparisons those with the first optimizer."""
    several = len(group["comparisons"]) > 1
    parts = [f"**{group['title']}**"]
    shown = group["comparisons"] if len(group["comparisons"]) <= 6 else with_first(group)
    for comparison in shown:
        sentences = "\n".join(f"- {judged['sentence']}." for judged in comparison["judgements"])
        parts.append((f"{comparison['a']['name']} against {comparison['b']['name']}:\n\n" if several else "") + sentences)
    return parts + ["> " + warning for warning in group["warnings"]]


def example() -> str:
    """The program that adds an optimizer, as it is built and run."""
    return f"```rust\n{(ROOT / 'examples/own_optimizer.rs').read_text()}```"


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


PARTS = {
    "README.md": [answer],
    "docs/statistics.md": [comparison],
    "docs/speed.md": [speed],
    "docs/optimizer.md": [example],
}


def draw():
    """The figures that the pages show, and the page of all results."""
    for figure in (ROOT / FIGURES).glob("*"):
        figure.unlink()
    wanted = [f"{group['name']}-{metric}" for group in article_groups() for metric in ARTICLE]
    with tempfile.TemporaryDirectory() as folder:
        snr_bench("plot", str(RESULTS), "--out", folder, "--metric", ",".join([*ARTICLE, BEYOND]), "--format", "png", "--all")
        (ROOT / FIGURES).mkdir(exist_ok=True)
        for name in [*wanted, BEYOND]:
            (ROOT / FIGURES / f"{name}.png").write_bytes((Path(folder) / f"{name}.png").read_bytes())
    snr_bench("plot", str(RESULTS), "--out", str(FIGURES), "--format", "svg", "--all")
    snr_bench("report", str(RESULTS))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    if not check:
        draw()
    elif report() != (ROOT / RESULTS / "report.html").read_text():
        sys.exit("results/report.html is not the page of results/; run scripts/readme.py")
    for name, makers in PARTS.items():
        page = ROOT / name
        text = page.read_text()
        for make in makers:
            part = re.compile(rf"(<!-- {make.__name__} -->\n).*?(<!-- /{make.__name__} -->)", re.DOTALL)
            assert part.search(text), f"{name} has no part called {make.__name__}"
            text = part.sub(lambda found: found[1] + "\n" + make() + "\n\n" + found[2], text)
        if check and text != page.read_text():
            sys.exit(f"{name} says something else than results/; run scripts/readme.py")
        if not check:
            page.write_text(text)


if __name__ == "__main__":
    main()
