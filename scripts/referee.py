#!/usr/bin/env python3
"""A referee's check: recomputes every number of a report from the runs' files, with pandas and SciPy alone.

    python scripts/referee.py [results/report.html]

It shares no code with snr-bench: runs are read with pandas, intervals, tests and power are SciPy's. Of every text of the page
(title, sentence, caption, cell, value on hover) all numbers, verdicts and directions ("lower") are compared in their order with
what the files come to; a number must agree within half a unit of its last digit. Exits 1 where one does not, where a text with
numbers was not expected, and where a finished run is not on the page.

Not recomputed, as they are no results: what "How it is computed" and "What produced it" say, and the marks of the axes.
"""

import re
import sys
from functools import cached_property
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import referee_math as math_
from referee_math import Effect, Run, Tuning

ARTICLE = {"4096", "20", "0.001"}
WORDS = (
    r"trains faster|trains more slowly|trains as fast as|the same within|times as high|lower|higher|supported|contradicted|"
    r"equivalent|no relevant difference|undecided|does not lengthen|lengthens|share the first place|has the lowest mean|"
    r"has the lowest|None of|No difference shown|finished|failed: diverged|does not come|comes from"
)
NUMBER = r"[−-]?\d[\d,]*(?:\.\d+)?(?:e-?\d+)?(?:×10[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)?|∞"
TOKEN = re.compile(f"{WORDS}|{NUMBER}")


class Page:
    """The page, and what was found on it."""

    def __init__(self, path: Path):
        text = path.read_text()
        text = re.sub(r"<(meta|link)([^>]*?)/?>", r"<\1\2/>", text).replace("<!DOCTYPE html>", "")
        self.root = ElementTree.fromstring(re.sub(r' xmlns="[^"]*"', "", text))
        self.names: list[str] = []
        self.checked = 0
        self.faults: list[str] = []

    def text(self, element) -> str:
        return "".join(whole_text(element)).strip()

    def tokens(self, text: str) -> list[str]:
        """The numbers, verdicts and directions of a text, in order; names of arms and groups are none."""
        for name in self.names:
            text = text.replace(name, "@")
        text = re.sub(r"95%|data [0-9a-f]{8}", "", text)
        return [found[0] for found in TOKEN.finditer(text)]

    def check(self, where: str, text: str, expected: list) -> None:
        found = self.tokens(text)
        if len(found) != len(expected):
            self.faults.append(f"{where}: {found} instead of {[short(x) for x in expected]} in “{text}”")
            return
        for token, value in zip(found, expected):
            self.checked += 1
            if not agrees(token, value):
                self.faults.append(f"{where}: {token} instead of {short(value)} in “{text}”")


def whole_text(element):
    """All text but that of drawings."""
    yield element.text or ""
    for child in element:
        if child.tag != "svg":
            yield from whole_text(child)
        yield child.tail or ""


def agrees(token: str, value) -> bool:
    if isinstance(value, str):
        return token == value
    if isinstance(value, tuple):  # between two bounds, for what stands at a rounded place
        return min(value) - half_unit(token) <= number(token) <= max(value) + half_unit(token)
    if token == "∞" or value == float("inf"):
        return token == "∞" and value == float("inf")
    return abs(number(token) - value) <= half_unit(token)


POWERS = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")


def number(token: str) -> float:
    return float(token.replace("−", "-").replace(",", "").translate(POWERS).replace("×10", "e"))


def half_unit(token: str) -> float:
    digits = token.replace(",", "").translate(POWERS).replace("×10", "e").split("e")
    decimals = len(digits[0].partition(".")[2])
    return 0.500001 * 10.0 ** ((int(digits[1]) if len(digits) > 1 else 0) - decimals)


def short(value) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def size(effect: Effect) -> list:
    """As sentences write it: "10.3% [8.8%, 11.8%] lower", from twice as high on as a factor."""
    mean, low, high = effect.ratio
    if mean >= 2:
        return [mean, low, high, "times as high"]
    if mean < 1:
        return [100 * (1 - mean), 100 * (1 - high), 100 * (1 - low), "lower"]
    return [100 * (mean - 1), 100 * (low - 1), 100 * (high - 1), "higher"]


def size_without_interval(effect: Effect) -> list:
    return [size(effect)[0], size(effect)[3]]


class Group:
    """Runs that the page shows together, by its own table of them; and what they come to."""

    def __init__(self, page: Page, section, title: str, root: Path):
        self.page, self.section, self.title = page, section, title
        self.arms: dict[tuple[str, float], list[Run]] = {}
        for row in section.findall(".//table[@class='runs']/tbody/tr"):
            cells = [page.text(cell) for cell in row]
            run = Run(root / cells[10])
            self.arms.setdefault((cells[0], run.config["lr"]), []).append(run)
            last = run.rows.iloc[-1]
            length = [run.config["steps"]] if "steps" in run.config else [run.config["epochs"]]
            batch = [run.config["batch"]] if run.config["batch"] != "full" else []
            expected = [run.config["seed"], run.config["lr"], *batch, *length, run.state]
            expected += [last.train_loss, last.val_loss, 100 * last.val_accuracy, last.wall_seconds]
            page.check(f"{title}, runs", " ".join(cells[1:10]), expected)
        self.runs = [run for runs in self.arms.values() for run in runs]
        probed = all(run.probe is not None for run in self.runs)
        for run in self.runs:
            run.is_probed = probed
        tuned = self.runs[0].dir.parent / "chosen.toml"
        self.tuning = Tuning(self.runs[0].dir.parent) if tuned.exists() else None
        self.target = math_.target(self.runs)

    @cached_property
    def labels(self) -> dict[str, tuple[str, float]]:
        """Names of arms with the learning rate, as figures write them."""
        return {label(name, lr): (name, lr) for name, lr in self.arms} | {name: (name, lr) for name, lr in self.arms}

    def arm(self, name: str, lr: float | None = None) -> list[Run]:
        """The runs of an arm; of the judged rate where none is named: that of most runs with one seed each."""
        found = [(key, runs) for key, runs in self.arms.items() if key[0] == name and lr in (None, key[1])]
        return found[0][1]

    @cached_property
    def order(self) -> list[tuple[str, float]]:
        """Each optimizer at the rate at which others were trained as well; a rate that only matches a step's length is none."""
        seen: dict[str, float] = {}
        for name, lr in self.arms:
            shared = sum(1 for _, other in self.arms if other == lr)
            if name not in seen or shared > sum(1 for _, other in self.arms if other == seen[name]):
                seen[name] = lr
        return list(seen.items())

    def meeting(self, a: str, b: str) -> "math_.Meeting":
        rates = dict(self.order)
        return math_.Meeting(self.arm(a, rates[a]), self.arm(b, rates[b]), self.target)

    @cached_property
    def meetings(self) -> dict[tuple[str, str], "math_.Meeting"]:
        """Every two optimizers, the later one first."""
        names = [name for name, _ in self.order]
        return {(a, b): self.meeting(a, b) for b, a in combinations(names, 2)}

    @cached_property
    def only(self):
        return next(iter(self.meetings.items())) if len(self.meetings) == 1 else None


def label(name: str, lr: float) -> str:
    """"SNRAdam, lr 0.004, eps 0.001" of "SNRAdam, eps 0.001"."""
    first, comma, rest = name.partition(", ")
    return f"{first}, lr {plain(lr)}{comma}{rest}"


def plain(x: float) -> str:
    return f"{x:.12f}".rstrip("0").rstrip(".")


def answer(meeting) -> list:
    """The tokens of the sentence about a single comparison."""
    n, (speed, *ends) = meeting.n, meeting.judged
    word = {"supported": "trains faster", "contradicted": "trains more slowly", "equivalent": "trains as fast as"}
    said = [word[speed.verdict]] if speed.verdict in word else ["undecided", n]
    said += [2] if speed.verdict == "equivalent" else []
    said += size(speed.effect)
    for end in ends:
        said += {"undecided": ["undecided", n], "equivalent": ["the same within", 2]}.get(end.verdict, []) + size(end.effect)
    return said


def against_first(group: Group) -> list:
    """The tokens of the sentence about several comparisons with the first optimizer."""
    first = group.order[0][0]
    said = []
    kinds = {"supported": ["lower"], "contradicted": ["higher"], "equivalent": [], "undecided": ["undecided"]}
    for verdict, word in kinds.items():
        found = [m for (_, b), m in group.meetings.items() if b == first and m.judged[0].verdict == verdict]
        said += (word if found else []) + [token for m in found for token in size(m.judged[0].effect)]
    return said


def speedup(group: Group, meeting) -> list:
    effect = meeting.steps_to(group.target)
    return [*effect.ratio, group.target]


def seeds(values) -> list:
    """"seeds 200–211"."""
    return [min(values), max(values)]
