"""The texts of a report, and how their numbers are compared."""

import re
from pathlib import Path
from xml.etree import ElementTree

from recompute import Effect

ARTICLE = {"4096", "20", "0.001"}
WORDS = (
    r"trains faster|trains more slowly|trains as fast as|the same within|times as high|lower|higher|supported|contradicted|"
    r"equivalent|undecided|does not lengthen|lengthens|share the first place|has the lowest mean|"
    r"has the lowest|comes to the least|None of|No difference shown|finished|failed: diverged|does not come|comes from"
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
        return " ".join("".join(whole_text(element)).split())

    def without_names(self, text: str) -> str:
        for name in self.names:
            text = text.replace(name, "@")
        return text

    def tokens(self, text: str) -> list[str]:
        """The numbers, verdicts and directions of a text, in order; names of arms and groups are none."""
        text = re.sub(r"95%|data [0-9a-f]{8}", "", self.without_names(text))
        return [found[0] for found in TOKEN.finditer(text.replace("no relevant difference", "equivalent"))]

    def numbers(self, text: str) -> list[float]:
        return [number(token) for token in self.tokens(text) if token[-1].isdigit()]

    def check(self, where: str, text: str, expected: list) -> None:
        self.compare(where, self.tokens(text), expected, text)

    def compare(self, where: str, found: list[str], expected: list, text: str) -> None:
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
        yield (" " if child.tag in ("td", "th", "span", "small") else "") + (child.tail or "")


def hover_texts(figure) -> list[str]:
    """The values that a figure shows on hover."""
    titles = (circle.find("title") for circle in figure.findall(".//circle"))
    return [title.text for title in titles if title is not None]


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


def flat(element):
    """Titles, tables and paragraphs below an element, in order."""
    for child in element:
        if child.tag in ("h2", "h3", "summary", "table", "p"):
            yield child
        else:
            yield from flat(child)
