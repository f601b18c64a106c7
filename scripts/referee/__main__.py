#!/usr/bin/env python3
"""A referee's check: recomputes every number of a report from the runs' files, with pandas and SciPy alone.

    python scripts/referee [results/report.html]

It shares no code with snr-bench: runs are read with pandas, intervals, tests and power are SciPy's. Of every text of the page
(title, sentence, caption, cell, value on hover) all numbers, verdicts and directions ("lower") are compared in their order with
what the files come to; a number must agree within half a unit of its last digit. Exits 1 where one does not, where a text with
numbers was not expected, and where a finished run is not on the page.

Not recomputed, as they are no results: what "How it is computed" and "What produced it" say, and the marks of the axes.
"""

import re
import sys
from pathlib import Path

import recompute
from group import Group, GroupReferee, against_first, answer, seeds, speedup
from page import ARTICLE, Page, flat, hover_texts, size
from recompute import Effect


class Referee:
    """Walks over the page, part by part."""

    BLOCKS = ("h1", "h2", "h3", "p", "li", "caption", "th", "td", "summary", "dd", "figcaption", "a")

    def __init__(self, path: Path):
        self.page = page = Page(path)
        self.seen: set[int] = set()
        body = page.root.find("body")
        sections = [s for s in body.findall(".//section") if s.find(".//table[@class='runs']") is not None]
        titles = [page.text(section.find("h2")) for section in sections]
        page.names = sorted(titles, key=len, reverse=True)
        self.groups = [Group(page, section, title, path.parent) for section, title in zip(sections, titles)]
        names = {text for group in self.groups for text in group.labels} | {group.section.get("id") for group in self.groups}
        page.names = sorted({*titles, *names, "AVX-512"}, key=len, reverse=True)
        self.by_title = {group.title: group for group in self.groups}
        self.header, self.claims, self.why = body.find("header"), body.find(".//section[@id='claims']"), body.find(".//section[@id='why']")
        self.factorial = next(filter(None, map(self.factorial_of, self.groups)), None)
        gains = [group for group in self.groups if group.runs[0].is_probed]
        self.series = recompute.BatchSeries([group.only[1] for group in gains]) if gains else None
        self.answers_of_header()
        self.parts_of_header()
        if self.claims is not None:
            self.check_claims()
        if self.why is not None:
            self.check_why()
        for group in self.groups:
            GroupReferee(self, group).check_all()
        self.not_expected(body)
        self.not_shown(path.parent)

    def check(self, element, where: str, expected: list) -> None:
        """All of an element’s own text."""
        self.seen.update(id(inner) for inner in element.iter())
        self.page.check(where, self.page.text(element), expected)

    @staticmethod
    def factorial_of(group: Group):
        names = dict(group.order)
        graft = next((name for name in names if name.split("#")[0] in names and "#" in name and name.startswith("SNR")), None)
        if graft is None:
            return None
        own, base = graft.split("#")
        arms = [group.arm(name, names[name]) for name in (own, graft, f"{base}#{own}", base)]
        return group, recompute.Factorial(*arms), (own, base)

    def answers_of_header(self) -> None:
        title = self.header.find("h1")
        optimizers = {run.config["optim"] for group in self.groups for run in group.runs} - {"graft"}
        self.check(title, "title", [len(optimizers)] if "Which of" in self.page.text(title) else [])
        for item in self.header.findall("./ul[@class='answers']/li"):
            link = item.find("a")
            title = self.page.text(link)
            section = link.get("href")[1:]
            if title == "Why":
                expected = self.shares()
            elif title == "Batch size":
                small, large = self.series.meetings[0].judged[0], self.series.meetings[-1].judged[0]
                expected = [self.origin(), *size(small.effect), self.series.images[0], *size(large.effect)]
            else:
                group = next(group for group in self.groups if group.section.get("id") == section)
                rates = re.findall(r"lr ([\d.]+)", title.removeprefix(group.title))
                expected = [dict(group.order)[name] for name in list(dict(group.order))[: len(rates)]]
                expected += answer(group.only[1]) if group.only else against_first(group)
            self.check(item, f"answer {title}", expected)

    def shares(self) -> list:
        _, factorial, _ = self.factorial
        size_, direction, _ = factorial.contrasts(0)
        whole = factorial.against_base(0, 0).mean
        return [100 * size_.effect.mean / whole, 100 * direction.effect.mean / whole]

    def origin(self) -> str:
        """Whether the gain comes from the noise of mini-batches: it is there with the full batch, and no smaller there."""
        keeps = self.series.full.verdict == "supported" and self.series.change.effect.plain[2] <= recompute.MARGIN
        return "does not come" if keeps else "comes from"

    def parts_of_header(self) -> None:
        """Leaderboards, verdicts, facts, and the figure of all answers."""
        group = None
        for element in flat(self.header.find("div[@id='leaderboards']")):
            text = self.page.text(element)
            if element.tag in ("h2", "summary") and text in self.by_title:
                group = self.by_title[text]
                self.check(element, "title", [])
            elif element.tag == "table":
                self.table_of_header(group, element)
            elif element.tag == "p":
                expected = ["∞"] if text.startswith("Batch = ∞") else self.remark(group, text)
                self.check(element, f"{group.title}, below the leaderboard", expected)
        facts = self.header.find("dl[@class='facts']").findall("dd")
        everything = {run.dir.name for group in self.groups for run in group.runs}
        parameters = list(dict.fromkeys(recompute.parameters(group.runs[0]) for group in self.groups))
        threads = list(dict.fromkeys(run.meta["sessions"][0]["threads"] for group in self.groups for run in group.runs))
        expected = [[len(everything), len(everything), "finished"], [], parameters, threads, [2, *(g.target for g in self.groups)]]
        for element, values in zip(facts, expected):
            self.check(element, "facts", values)
        for figure in self.header.findall("./div[@class='figures']/figure"):
            self.overview(figure)

    def table_of_header(self, group: Group, table) -> None:
        where = f"{group.title}, {self.page.text(table.find('caption')) if table.find('caption') is not None else 'leaderboard'}"
        rows = table.findall("./tbody/tr")
        if self.page.text(table.find("./thead/tr/th[2]")) == "optimizer":
            ranked = recompute.places([group.arm(name, lr) for name, lr in group.order])
            for row, (place, runs) in zip(rows, ranked):
                losses = [x for endpoint in range(3) for x in recompute.mean_loss(runs, endpoint)]
                self.check(row, where, [place, runs[0].lr, len(runs), 0, *losses])
            return
        for row in rows:
            a, b = self.page.text(row.find("th")).split(" / ")
            meeting = group.meetings[a, b]
            judged = [x for j in meeting.judged for x in (*j.effect.ratio, j.verdict)]
            self.check(row, where, [meeting.n, *judged])

    def remark(self, group: Group, text: str) -> list:
        some = group.only[1] if group.only else next(iter(group.meetings.values()))
        if " needs " in text:
            return speedup(group, some)
        if text.startswith("Complete: all"):
            return [some.n]
        if text.startswith("Training loss over the run: on one"):
            return [group.runs[0].config["observe"]["probe"]]
        if re.search(r"\(seeds? [\d–, ]+\)\.$", text):
            rates = [lr for _, lr in group.order][: text.count("(lr ")]
            return [*rates, some.n, *seeds(some.seeds)]
        return answer(some) if group.only and "training loss" in text else []

    def overview(self, figure) -> None:
        singles = [group for group in self.groups if group.only and not group.runs[0].is_probed]
        _, factorial, _ = self.factorial
        factors = factorial.contrasts(0)
        rates = lambda group: sorted({lr for _, lr in group.order}) if "each at" in answer_kind(group) else [group.order[0][1]]
        found = [x for group in singles[:2] for x in (*size(group.only[1].judged[0].effect), *rates(group))]
        self.check(figure.find("h3"), "overview", found)
        sizes = [x for group in singles for x in (group.only[1].n, *rates(group))]
        self.check(figure.find("figcaption"), "overview", [*sizes, len(factorial.seeds), len(self.series.seeds)])
        rows = [x for group in singles for j in (0, 2) for x in [(rates(group), group.only[1].judged[j].effect)]]
        rows += [([], factors[0].effect), ([], factors[1].effect)]
        for meeting, images in zip(self.series.meetings, self.series.images):
            steps = meeting.pairs[0][0].rows.step.iloc[-1]
            rows.append(([steps] if meeting is self.series.meetings[-1] else [images, steps], meeting.judged[0].effect))
        self.hovers(figure, [[*names, *effect.ratio] for names, effect in rows])

    def hovers(self, figure, expected: list[list]) -> None:
        """The values that a figure shows on hover, one list each; and that its words are those beside it."""
        svg, title = figure.find("svg"), self.page.text(figure.find("h3"))
        if svg.find("title").text != title or self.page.text(figure.find("figcaption")) not in svg.find("desc").text:
            self.page.faults.append(f"the alternative text of “{title}” is another than its title and caption")
        shown = hover_texts(svg)
        if len(shown) != len(expected):
            self.page.faults.append(f"“{title}” has {len(shown)} values instead of {len(expected)}")
        for text, values in zip(shown, expected):
            self.page.check(f"figure “{title}”", text, values)
        self.drawn_as_text(svg, [*shown, title])

    def drawn_as_text(self, svg, texts: list[str]) -> None:
        """Values with intervals that a drawing writes beside its points are some of those on hover, or that of the title."""
        triples = lambda numbers: {tuple(round(x, 2) for x in numbers[i : i + 3]) for i in range(len(numbers) - 2)}
        known = set().union(*(triples(self.page.numbers(text)) for text in texts))
        for text in svg.findall(".//text"):
            if "[" in text.text:
                self.page.checked += 3
                if not triples(self.page.numbers(text.text)) <= known:
                    self.page.faults.append(f"“{text.text.strip()}” is drawn in “{texts[-1]}” and is none of its values")

    def check_claims(self) -> None:
        table = self.claims.find(".//table")
        heads = table.findall("./thead/tr/th")[1:]
        columns = [next(g for g in self.groups if self.page.text(head).split(" Not the")[0].strip() == g.title) for head in heads]
        for head, group in zip(heads, columns):
            config = group.runs[0].config
            settings = {"steps": config["steps"], "model.hidden_dim": config["model"].get("hidden_dim")}
            named = re.findall(r"([\w.]+) = \d", self.page.text(head))
            self.check(head, "claims", [settings[key] for key in named])
        rows = table.findall("./tbody/tr")
        for endpoint, row in enumerate(rows[:3]):
            for cell, group in zip(row.findall("td"), columns):
                self.check(cell, f"claims, {group.title}", [group.meetings["SNRAdam", "Adam"].judged[endpoint].verdict])
        word = "supported" if self.origin() == "does not come" else "contradicted"
        self.check(rows[3].find("td"), "claims", [word, *self.series_answer()])

    def series_answer(self) -> list:
        series = self.series
        steps = series.meetings[0].pairs[0][0].rows.step.iloc[-1]
        contrasts = [*size(series.full.effect), *size(series.change.effect), *size(series.slope.effect)]
        contrasts[4:4] = [series.images[0]]
        return [steps, self.origin(), len(series.seeds), *seeds(series.seeds), *contrasts]

    def check_why(self) -> None:
        group, factorial, (own, base) = self.factorial
        contrasts = [factorial.contrasts(endpoint) for endpoint in range(3)]
        size_, direction, interaction = contrasts[0]
        arm = lambda name: group.arm(name, dict(group.order)[name])
        (matched_name, matched_lr), matched = next((key, runs) for key, runs in group.arms.items() if key not in group.order)
        against = recompute.Meeting(arm(own), matched, group.target)
        effect = Effect(against.differences(lambda run: run.endpoints[0]))
        norms = [recompute.update_norm(runs) for runs in (arm(own), arm(base), matched)]
        carriers = [(recompute.amplification(arm(base), False), base), (recompute.amplification(arm(own), True), own)]
        low, high = carriers[0][0][0], carriers[0][0][-1]
        lengthens = ["lengthens" if high[1] > low[1] else "does not lengthen", low[1], low[0], high[1], high[0]]
        of = lambda judgement: [*size(judgement.effect), judgement.verdict]
        sentences = [
            [*seeds(factorial.seeds), *size(factorial.against_base(0, 0)), *self.shares(), *of(size_), *of(direction), *of(interaction),
             norms[0] / norms[1], norms[0] / norms[2], *size(effect), against.n],
            lengthens,
            self.series_answer(),
        ]
        for element, expected in zip(self.why.findall("p"), sentences):
            self.check(element, "why", expected)
        titles = [self.shares(), lengthens, [self.origin()]]
        captions = [[len(factorial.seeds)], [1, 0.1, 11, len(arm(own))], [len(self.series.seeds), 2000]]
        cells = [factorial.against_base(0, i) for i in (1, 2, 0)] + [effect] + [c.effect for c in contrasts[0]]
        rows = [[*e.ratio] for e in cells]
        curve = [[c, a] for points, _ in carriers for c, a in points]
        last = max(c for points, _ in carriers for c, _ in points)
        still = [(last * i / 40, 1 / (1 - (last * i / 40) ** 2) ** 0.5) for i in range(41)]
        curve += [[1, 1, c, y] for c, y in still]
        gains = [[images, *meeting.judged[0].effect.ratio] for images, meeting in zip(self.series.images, self.series.meetings)]
        for figure, title, caption, values in zip(self.why.findall(".//figure"), titles, captions, [rows, curve, gains]):
            self.check(figure.find("h3"), "why", title)
            self.check(figure.find("figcaption"), "why", caption)
            self.hovers(figure, values)
        together = [factorial.against_base(endpoint, 0) for endpoint in range(3)]
        for i, row in enumerate(self.why.findall("./div[@class='scroll']//tbody/tr")):
            each = [of_endpoint[i] for of_endpoint in contrasts] if i < 3 else together
            self.check(row, "why", [x for e in each for x in ((*e.effect.ratio, e.verdict) if i < 3 else e.ratio)])

    def not_expected(self, body) -> None:
        """Texts with numbers that nobody has asked for."""
        for section in body.findall(".//section"):
            if section.get("id") in ("method", "origin"):
                self.seen.update(id(inner) for inner in section.iter())
        for element in body.iter():
            is_inner = any(inner is not element and inner.tag in self.BLOCKS for inner in element.iter())
            if element.tag not in self.BLOCKS or id(element) in self.seen or is_inner:
                continue
            tokens = [token for token in self.page.tokens(self.page.text(element)) if token not in ARTICLE]
            if any(token[-1].isdigit() for token in tokens):
                self.page.faults.append(f"nothing says what “{self.page.text(element)}” should be")

    def not_shown(self, root: Path) -> None:
        shown = {run.dir.resolve() for group in self.groups for run in group.runs}
        there = {path.parent.resolve() for path in root.rglob("metrics.csv") if path.parent.parent.name != "tune"}
        self.page.faults += [f"the page lacks {folder}" for folder in sorted(there - shown)]


def answer_kind(group: Group) -> str:
    return "each at its best" if group.tuning else "at one rate"


if __name__ == "__main__":
    if len(sys.argv) > 2 or sys.argv[1:] in (["-h"], ["--help"]):
        sys.exit(__doc__)
    page = Referee(Path(sys.argv[1] if len(sys.argv) > 1 else "results/report.html")).page
    for fault in page.faults:
        print(fault)
    print(f"{page.checked} numbers and verdicts recomputed, {len(page.faults)} faults")
    sys.exit(1 if page.faults else 0)
