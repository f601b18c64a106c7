"""What the page shows of a group of runs, and what the runs come to."""

import math
import re
from functools import cached_property
from itertools import combinations
from pathlib import Path

import recompute
from page import Page, flat, half_unit, hover_texts, number, size, size_without_interval
from recompute import Run, Tuning


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
            length = [run.config["steps"] or run.config["epochs"]]
            batch = [run.config["batch"]] if run.config["batch"] != "full" else []
            expected = [run.config["seed"], run.config["lr"], *batch, *length, run.state]
            expected += [last.train_loss, last.val_loss, 100 * last.val_accuracy, last.wall_seconds]
            page.check(f"{title}, runs", " ".join(cells[1:10]), expected)
        self.runs = [run for runs in self.arms.values() for run in runs]
        self.check_names()
        probed = all(run.probe is not None for run in self.runs)
        for run in self.runs:
            run.is_probed = probed
        tuned = self.runs[0].dir.parent / "chosen.toml"
        self.tuning = Tuning(self.runs[0].dir.parent) if tuned.exists() else None
        self.target = recompute.target(self.runs)

    def check_names(self) -> None:
        """The settings in the names of the group and of its arms, which are no numbers to look for in other texts."""
        config = self.runs[0].config
        numbers = [config["batch"], config["steps"] or config["epochs"], config["train_subset"], config["warmup_steps"]]
        expected = [x for x in numbers if x not in ("full", 0)]
        self.page.compare(self.title, re.findall(r"\d[\d,]*", self.title.partition(" (")[0]), expected, self.title)
        for (name, _), runs in self.arms.items():
            found = re.findall(r"(\w+) (\d[\d.e-]*)", name)
            self.page.compare(self.title, [value for _, value in found], [setting(runs[0].config, key) for key, _ in found], name)

    @cached_property
    def labels(self) -> dict[str, tuple[str, float]]:
        """Names of arms with the learning rate, as figures write them."""
        return {label(name, lr): (name, lr) for name, lr in self.arms} | {name: (name, lr) for name, lr in self.arms}

    def arm(self, name: str, lr: float | None = None) -> list[Run]:
        """The runs of an arm; at the first of its rates where none is named."""
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

    def meeting(self, a: str, b: str) -> "recompute.Meeting":
        rates = dict(self.order)
        return recompute.Meeting(self.arm(a, rates[a]), self.arm(b, rates[b]), self.target)

    @cached_property
    def meetings(self) -> dict[tuple[str, str], "recompute.Meeting"]:
        """Every two optimizers, the later one first."""
        names = [name for name, _ in self.order]
        return {(a, b): self.meeting(a, b) for b, a in combinations(names, 2)}

    @cached_property
    def only(self):
        return next(iter(self.meetings.items())) if len(self.meetings) == 1 else None


def setting(config: dict, name: str):
    """What a name calls "decay 0.1" is weight_decay."""
    return config.get(name, config.get(f"weight_{name}"))


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
    said = [word[speed.verdict]] if speed.verdict in word else ["trains faster", "undecided", n]
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
        sizes = [token for m in found for token in size(m.judged[0].effect) if [token] != word]
        said += (word if found else []) + sizes
    return said


def speedup(group: Group, meeting) -> list:
    effect = meeting.steps_to(group.target)
    return [*effect.ratio, group.target]


def seeds(values) -> list:
    """"seeds 200–211"."""
    return [min(values), max(values)]


class GroupReferee:
    """The section of a group: figures, tuning, tables, settings."""

    def __init__(self, whole, group: Group):
        self.whole, self.group, self.page, self.section = whole, group, whole.page, group.section

    def check(self, element, expected: list) -> None:
        self.whole.check(element, self.group.title, expected)

    def check_all(self) -> None:
        page, group = self.page, self.group
        self.check(next(p for p in self.section.iter("p") if "parameters" in (p.text or "")), self.about())
        for figure in self.section.findall(".//figure"):
            self.figure(figure)
        for summary in self.section.iter("summary"):
            if page.text(summary).startswith("All "):
                self.check(summary, [len(group.runs)])
        meeting = None
        for element in flat(self.section):
            head = page.text(element.find("./thead/tr/th")) if element.tag == "table" else ""
            text = page.text(element)
            if element.get("class") == "runs":
                self.whole.seen.update(id(inner) for inner in element.iter())  # checked when they were read
            elif element.get("class") == "settings":
                self.settings_that_differ(element) if element.tag == "table" else self.settings_of_all(element)
            elif text.startswith("Every learning rate"):
                self.every_rate(element)
            elif head == "optimizer" and group.tuning:
                self.tuning_table(element)
            elif group.tuning and re.match("Tuned on|Within noise:|@: lr", page.without_names(text)):
                self.check(element, self.tuning_sentence(text))
            elif " against " in text and element.tag == "h3":
                a, b = (side.split(" (lr")[0] for side in text.split(", each at")[0].split(" against "))
                meeting = group.meetings[a, b]
                self.check(element, [dict(group.order)[name] for name in (a, b)] if "(lr" in text else [])
            elif head == "judged":
                self.judged(element, meeting)
            elif head == "described":
                self.described(element, meeting)
            elif meeting and text.startswith("With "):
                needs = [judgement.equivalence_needs for judgement in meeting.judged]
                self.check(element, [meeting.n, "equivalent", 2, *(n for n in needs if n)])
            elif meeting and re.search(r"\(seeds? [\d–, ]+\)\.$", text):
                self.check(element, [meeting.n, *seeds(meeting.seeds)])
            elif meeting and "training loss" in text and element.tag == "p":
                self.check(element, answer(meeting))

    def about(self) -> list:
        run = self.group.runs[0]
        rates = {run.lr for run in self.group.runs}
        trained = run.config["train_subset"] or 60_000
        batch = [] if run.config["batch"] == "full" else [run.config["batch"]]
        return [trained, 10_000, recompute.parameters(run), *batch, *(rates if len(rates) == 1 else [])]

    def figure(self, figure) -> None:
        caption = self.page.text(figure.find("figcaption"))
        is_training = "Training loss:" in caption
        kinds = [
            ("seeds each. Lines: mean", lambda: self.curve(figure, 0 if is_training else 2)),
            ("for each epoch by itself", lambda: self.ratio_by_epoch(figure, 0 if is_training else 2)),
            ("Optimizer steps until", lambda: self.steps(figure)),
            ("no dot where a run failed", lambda: self.rows(figure)),
            ("at each rate. Dots", lambda: self.tuned_rates(figure)),
            ("The expected loss of the best", lambda: self.trials(figure)),
        ]
        check = next((check for words, check in kinds if words in caption), None)
        check() if check else self.page.faults.append(f"nothing says what “{caption}” should be")

    def with_first(self) -> list:
        """(label, meeting) of the comparisons with the first optimizer."""
        first, rates = self.group.order[0][0], dict(self.group.order)
        found = [(a, meeting) for (a, b), meeting in self.group.meetings.items() if b == first]
        return [(label(a, rates[a]), meeting) for a, meeting in found]

    def points(self, figure, value) -> None:
        """The values on hover: “label, axis x: y [low, high]”."""
        expected = []
        for text in hover_texts(figure):
            name = max((label for label in self.group.labels if text.startswith(label + ",")), key=len)
            place = self.page.tokens(text.removeprefix(name))[0]
            expected.append([number(place), *value(name, place)])
        self.whole.hovers(figure, expected)

    def curve(self, figure, endpoint: int) -> None:
        column = ("train_loss", None, "val_loss")[endpoint]
        best = [self.group.arm(name, lr) for name, lr in self.group.order]
        title = self.page.text(figure.find("h3"))
        if self.group.only:
            effect = self.group.only[1].judged[endpoint].effect
            shown = effect.plain[1] > 0 or effect.plain[2] < 0
            self.check(figure.find("h3"), size(effect) if shown else ["No difference shown", *effect.ratio])
        elif "share the first place" in title:
            first = [recompute.mean_loss(runs, endpoint)[0] for place, runs in recompute.places(best) if place == 1]
            self.check(figure.find("h3"), ["share the first place", min(first), max(first)])
        else:
            least = min(recompute.mean_loss(runs, endpoint)[0] for runs in best)
            self.check(figure.find("h3"), [len(best), "has the lowest mean", least])
        self.check(figure.find("figcaption"), [len(best[0])])

        def value(name, place):
            runs = self.group.arm(*self.group.labels[name])
            low, mean, high = recompute.plain_interval([run.rows[column].iloc[int(number(place))] for run in runs])
            return mean, max(low, 0.1 * mean), high

        self.points(figure, value)

    def meeting_of(self, name: str):
        a = self.group.labels[name][0]
        return self.group.meetings[a, self.group.order[0][0]]

    def counts(self) -> list:
        pairs = [meeting.n for _, meeting in self.with_first()]
        return pairs[:1] if len(set(pairs)) == 1 else pairs

    def ratio_by_epoch(self, figure, endpoint: int) -> None:
        effects = [meeting.judged[endpoint].effect for _, meeting in self.with_first()]
        best = min(effects, key=lambda effect: effect.mean)
        if len(effects) == 1:
            shown = best.plain[1] > 0 or best.plain[2] < 0
            title = size(best) if shown else ["No difference shown", *best.ratio]
        else:
            title = ["has the lowest", *best.ratio] if best.plain[2] < 0 else ["None of", len(effects)]
        self.check(figure.find("h3"), title)
        self.check(figure.find("figcaption"), self.counts())
        column = ("train_loss", None, "val_loss")[endpoint]

        def value(name, epoch):
            effect = self.meeting_of(name).by_epoch(column, int(number(epoch)))
            return effect.ratio if effect.sd > 0 else effect.ratio[:1]

        self.points(figure, value)

    def steps(self, figure) -> None:
        only = self.group.only
        batch = [x for x in [self.group.runs[0].config["batch"]] if x != "full"]
        self.check(figure.find("h3"), speedup(self.group, only[1]) if only else batch)
        reached = [meeting.steps_to(self.group.target) for _, meeting in self.with_first()]
        self.check(figure.find("figcaption"), [*self.counts(), *([self.group.target] if any(reached) else [])])

        def value(name, place):
            # the place is rounded: what the ratio is around it, as far as all runs come
            meeting = self.meeting_of(name)
            lowest = max(min(run.ways["least"]) for pair in meeting.pairs for run in pair)
            levels = [max(lowest, number(place) + half_unit(place) * x) for x in (-1, 0, 1)]
            found = [effect.ratio for effect in map(meeting.steps_to, levels) if effect]
            return [tuple(ratios[i] for ratios in found) for i in range(3)]

        self.points(figure, value)

    def rows(self, figure) -> None:
        endpoint = 2 if "validation" in self.page.text(figure.find("h3")) else 0
        self.check(figure.find("h3"), [])
        self.check(figure.find("figcaption"), self.counts()[:1])
        self.whole.hovers(figure, [[*meeting.judged[endpoint].effect.ratio] for _, meeting in self.with_first()])

    def tuned(self) -> list:
        """The tuned arms in the order of the group’s."""
        by_run = {arm.judged.dir.name: arm for arm in self.group.tuning.arms}
        return [by_run[run.dir.name] for runs in self.group.arms.values() for run in runs if run.dir.name in by_run]

    def tuned_rates(self, figure) -> None:
        arms = self.tuned()
        loss = lambda arm, lr: math.exp(arm.value(lr))
        best = min(arms, key=lambda arm: loss(arm, arm.best))
        of_all = [len(arms), "comes to the least", loss(best, best.best), best.best]
        each = [x for arm in arms for x in (loss(arm, arm.best), arm.best)]
        self.check(figure.find("h3"), of_all if len(arms) > 4 else each)
        failed = sum(1 for arm in arms for losses in arm.trials.values() for x in losses if x == float("inf"))
        self.check(figure.find("figcaption"), [len(arms[0].seeds), 5, *([failed] if failed else [])])
        rates = [(arm, lr) for arm in arms for lr in sorted(arm.trials) if arm.value(lr) != float("inf")]
        self.whole.hovers(figure, [[arm.basin()[0], lr, loss(arm, lr)] for arm, lr in rates])
        for arm in arms:
            open_ = [text for text in hover_texts(figure) if "≥" in text]
            name = next(name for (name, _), runs in self.group.arms.items() if any(r.dir == arm.judged.dir for r in runs))
            if any(text.startswith(f"{name} ·") for text in open_) != arm.basin()[1]:
                self.page.faults.append(f"{name}: whether its basin is open")

    def trials(self, figure) -> None:
        arms = self.tuned()
        most = max(len(arm.trials) for arm in arms)
        ways = [(k, min(arm.expected_best(k) for arm in arms)) for k in (1, most)]
        self.check(figure.find("h3"), [x for k, loss in ways for x in (k, loss)])
        counts = [len(arm.trials) for arm in arms]
        self.check(figure.find("figcaption"), counts[:1] if len(set(counts)) == 1 else counts)
        points = [[k, arm.expected_best(k)] for arm in arms for k in range(1, len(arm.trials) + 1)]
        self.whole.hovers(figure, [point for point in points if point[1] != float("inf")])

    def tuning_table(self, table) -> None:
        steps = [int(n) for n in re.findall(r"of (\d+)", self.page.text(table.find("thead")))]
        for row, arm in zip(table.findall("./tbody/tr"), self.group.tuning.arms):
            best = [arm.expected_best(k) for k in steps]
            self.check(row, [arm.chosen, len(arm.trials), arm.failed, len(arm.within_noise), *best])
            if arm.chosen != arm.best:
                self.page.faults.append(f"{self.page.text(row)}: chosen is not the best of its trials")
        self.check(table.find("thead"), steps)

    def tuning_sentence(self, text: str) -> list:
        tuning = self.group.tuning
        if text.startswith("Tuned on"):
            ends = [min(tuning.seeds), max(tuning.seeds)]
            return [*ends, 10_000, tuning.chosen["rounds"], tuning.chosen["most_rounds"]]
        if text.startswith("Within noise:"):
            return [len(tuning.seeds)]
        names = {arm.judged.dir: arm for arm in tuning.arms}
        name = max((n for n, _ in self.group.arms if text.startswith(n + ": ")), key=len)
        arm = next(names[run.dir] for run in self.group.arm(name) if run.dir in names)
        close = arm.within_noise or arm.rivals[:1]
        return [arm.chosen, *(x for lr, effect in close[:4] for x in (lr, *size_without_interval(effect)))]

    def every_rate(self, table) -> None:
        for row, ((_, lr), runs) in zip(table.findall("./tbody/tr"), self.group.arms.items()):
            self.check(row, [lr, len(runs), 0, *(x for endpoint in range(3) for x in recompute.mean_loss(runs, endpoint))])

    def judged(self, table, meeting) -> None:
        self.whole.seen.update(id(inner) for inner in table.find("thead").iter())
        for endpoint, (row, judgement) in enumerate(zip(table.findall("./tbody/tr"), meeting.judged)):
            losses = [meeting.mean_loss(side, endpoint) for side in (0, 1)]
            p = [x if x >= 0.0005 else 0.001 for x in (judgement.effect.p, judgement.holm)]
            found = [judgement.verdict]
            if judgement.verdict == "undecided" and judgement.pairs_needed > meeting.n:
                found += [judgement.pairs_needed - meeting.n, judgement.pairs_needed]
            finds = 100 * (math.exp(judgement.detectable) - 1)
            self.check(row, [*losses, *judgement.effect.ratio, meeting.lower_in(endpoint), meeting.n, *p, finds, *found])

    def described(self, table, meeting) -> None:
        self.whole.seen.update(id(inner) for inner in table.find("thead").iter())
        for row, (a, b, effect, is_ratio) in zip(table.findall("./tbody/tr"), meeting.described):
            level = [self.group.target] if " to validation loss" in self.page.text(row.find("th")) else []
            self.check(row, [*level, a, b, *(effect.ratio if is_ratio else effect.plain)])

    def settings_of_all(self, paragraph) -> None:
        configs = [flattened(run.config) for run in self.group.runs]
        for code in paragraph.findall("code"):
            key, value = self.page.text(code).split(" = ")
            for config in configs:
                self.setting(key, value, config)
        self.whole.seen.update(id(inner) for inner in paragraph.iter())

    def settings_that_differ(self, table) -> None:
        arms = list(self.group.arms.values())
        for row in table.findall("./tbody/tr"):
            key = self.page.text(row.find("th"))
            for cell, runs in zip(row.findall("td"), arms):
                self.setting(key, self.page.text(cell), flattened(runs[0].config))
        self.whole.seen.update(id(inner) for inner in table.iter())

    def setting(self, key: str, value: str, config: dict) -> None:
        """What a run's file leaves out is the default."""
        own = config.get(key)
        self.page.checked += 1
        try:
            is_own = own is None or float(own) == float(value)
        except ValueError:
            is_own = str(own) == value
        if not is_own:
            self.page.faults.append(f"{self.group.title}, settings: {key} = {value} instead of {own}")


def flattened(config: dict, before: str = "") -> dict:
    flat_ = {}
    for key, value in config.items():
        flat_ |= flattened(value, f"{before}{key}.") if isinstance(value, dict) else {before + key: value}
    return flat_
