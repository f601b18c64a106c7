"""What runs come to, from their files, with pandas and SciPy alone: the definitions of docs/statistics.md, written a second time.

Used by the referee beside it.
"""

import json
import math
import tomllib
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from pathlib import Path

import pandas as pd
from scipy import optimize, special, stats

MARGIN = math.log(1.02)
ALPHA = 0.05
POWER = 0.8
LEAST_PAIRS = 6
WITHIN_OF_BEST = math.log(1.05)


class Run:
    """A run directory."""

    def __init__(self, folder: Path):
        self.dir = folder
        self.config = {"weight_decay": 0.0, "model": {}} | tomllib.loads((folder / "config.toml").read_text())
        self.meta = json.loads((folder / "meta.json").read_text())
        self.rows = pd.read_csv(folder / "metrics.csv")
        self.seed, self.lr = self.config["seed"], float(self.config["lr"])
        self.is_probed = False

    @cached_property
    def state(self) -> str:
        losses = self.rows[["train_loss", "val_loss"]].iloc[1:].to_numpy()
        diverged = self.meta["state"] == "diverged" or not all(math.isfinite(x) for x in losses.ravel())
        no_better = self.rows.val_loss.iloc[-1] >= self.rows.val_loss.iloc[0]
        return "failed: diverged" if diverged else "failed" if no_better else self.meta["state"]

    @cached_property
    def probe(self) -> float | None:
        """Mean over the steps of ln(loss on the fixed sample)."""
        if not self.config.get("observe", {}).get("probe"):
            return None
        steps = pd.read_csv(self.dir / "steps.csv")
        losses = steps.probe_loss[steps.step > 0].dropna()
        return losses.map(math.log).mean() if len(losses) == self.rows.step.iloc[-1] else None

    @cached_property
    def last_quarter(self) -> pd.DataFrame:
        epochs = self.rows.iloc[1:]
        return epochs.iloc[len(epochs) - math.ceil(len(epochs) / 4) :]

    @cached_property
    def endpoints(self) -> list[float]:
        """Logarithms: over the run, final training loss, final validation loss."""
        if self.state != "finished":
            return [math.inf] * 3
        speed = self.probe if self.is_probed else self.rows.train_loss.iloc[1:].map(math.log).mean()
        return [speed, math.log(self.last_quarter.train_loss.mean()), math.log(self.last_quarter.val_loss.mean())]

    @cached_property
    def ways(self) -> dict[str, list[float]]:
        """Least validation loss so far, validation loss, and what was spent on it, by epoch."""
        columns = {name: self.rows[name].tolist() for name in ("val_loss", "epoch", "step", "wall_seconds")}
        return columns | {"least": self.rows.val_loss.cummin().tolist()}

    def reached(self, level: float) -> dict[str, float] | None:
        """Where the least validation loss so far first was at most `level`: linear in the epoch and ln(loss)."""
        ways = self.ways
        at = next((i for i, loss in enumerate(ways["least"]) if loss <= level), None)
        if not at:  # never, or before training
            return None
        above, below = math.log(ways["least"][at - 1]), math.log(ways["val_loss"][at])
        share = (above - math.log(level)) / (above - below)
        between = lambda values: values[at - 1] + share * (values[at] - values[at - 1])
        return {name: between(ways[name]) for name in ("epoch", "step", "wall_seconds")}


@dataclass
class Effect:
    """A mean of paired differences with its 95% interval."""

    values: list[float]

    @cached_property
    def mean(self) -> float:
        return sum(self.values) / len(self.values)

    @cached_property
    def sd(self) -> float:
        return pd.Series(self.values).std(ddof=1)

    @cached_property
    def plain(self) -> tuple[float, float, float]:
        if self.sd == 0:
            return (self.mean,) * 3
        n = len(self.values)
        low, high = stats.t.interval(0.95, n - 1, self.mean, self.sd / math.sqrt(n))
        return self.mean, low, high

    @property
    def ratio(self) -> tuple[float, float, float]:
        return tuple(math.exp(x) for x in self.plain)

    @cached_property
    def p(self) -> float:
        return float(stats.ttest_1samp(self.values, 0).pvalue)


def holm(ps: list[float]) -> list[float]:
    order = sorted(range(len(ps)), key=lambda i: ps[i])
    corrected, most = [0.0] * len(ps), 0.0
    for rank, i in enumerate(order):
        most = max(most, min(1.0, (len(ps) - rank) * ps[i]))
        corrected[i] = most
    return corrected


def power(effect: float, n: int, alpha: float = ALPHA / 3) -> float:
    """Of the two-sided paired t-test, for an effect in standard deviations."""
    critical, shift = stats.t.ppf(1 - alpha / 2, n - 1), effect * math.sqrt(n)
    # of the tail on the other side SciPy has no value where it is next to nothing
    other = stats.nct.cdf(-critical, n - 1, shift)
    return stats.nct.sf(critical, n - 1, shift) + (0.0 if math.isnan(other) else other)


@dataclass
class Judgement:
    """What one of three contrasts says, Holm's correction made."""

    effect: Effect
    holm: float

    @property
    def verdict(self) -> str:
        _, low, high = self.effect.plain
        if -MARGIN <= low and high <= MARGIN:
            return "equivalent"
        if self.holm > ALPHA:
            return "undecided"
        return "supported" if self.effect.mean < 0 else "contradicted"

    @property
    def detectable(self) -> float:
        """The least difference of logarithms that so many pairs find with 80% power."""
        n = len(self.effect.values)
        return self.effect.sd * optimize.brentq(lambda x: power(x, n) - POWER, 0.01, 20)

    @property
    def pairs_needed(self) -> int:
        """Pairs in all that find the seen difference, or the margin, with 80% power."""
        wanted = max(abs(self.effect.mean), MARGIN) / self.effect.sd
        return max(LEAST_PAIRS, next(n for n in range(2, 10_000) if power(wanted, n) >= POWER))

    @property
    def equivalence_needs(self) -> int | None:
        """Pairs in all whose interval fits into the margin; `None` where these do."""
        fits = lambda n: stats.t.ppf(0.975, n - 1) * self.effect.sd / math.sqrt(n) <= MARGIN
        n = len(self.effect.values)
        return None if fits(n) else next(more for more in range(n + 1, 100_000) if fits(more))


def judged(contrasts: list[list[float]]) -> list[Judgement]:
    effects = [Effect(values) for values in contrasts]
    return [Judgement(effect, p) for effect, p in zip(effects, holm([effect.p for effect in effects]))]


class Meeting:
    """Two arms over the seeds that both have."""

    def __init__(self, a: list[Run], b: list[Run], target: float):
        partners = {run.seed: run for run in b}
        self.pairs = [(run, partners[run.seed]) for run in sorted(a, key=lambda run: run.seed) if run.seed in partners]
        self.n, self.seeds, self.target = len(self.pairs), [a.seed for a, _ in self.pairs], target

    def differences(self, value) -> list[float]:
        return [value(a) - value(b) for a, b in self.pairs]

    @cached_property
    def judged(self) -> list[Judgement]:
        return judged([self.differences(lambda run: run.endpoints[i]) for i in range(3)])

    def mean_loss(self, side: int, endpoint: int) -> float:
        return math.exp(sum(pair[side].endpoints[endpoint] for pair in self.pairs) / self.n)

    def lower_in(self, endpoint: int) -> int:
        return sum(1 for a, b in self.pairs if a.endpoints[endpoint] < b.endpoints[endpoint])

    def steps_to(self, level: float) -> Effect | None:
        if any(run.reached(level) is None for pair in self.pairs for run in pair):
            return None
        return Effect(self.differences(lambda run: math.log(run.reached(level)["step"])))

    def by_epoch(self, column: str, epoch: int) -> Effect:
        return Effect(self.differences(lambda run: math.log(run.rows[column].iloc[epoch])))

    @cached_property
    def described(self) -> list[tuple]:
        """(mean of A, mean of B, effect, whether it is a ratio) of every measure that both have."""
        at = lambda column: lambda run: (run.reached(self.target) or {}).get(column)
        measures = [
            (lambda run: run.rows.val_loss.iloc[1:].min(), True),
            (lambda run: 100 * (1 - run.last_quarter.val_accuracy).mean(), False),
            (at("epoch"), True),
            (at("step"), True),
            (at("wall_seconds"), True),
            (lambda run: run.rows.wall_seconds.iloc[-1], True),
        ]
        found = []
        for of, is_ratio in measures:
            values = [(of(a), of(b)) for a, b in self.pairs]
            each = [math.log(a / b) if is_ratio else a - b for a, b in values]
            means = [sum(side) / self.n for side in zip(*values)]
            found.append((*means, Effect(each), is_ratio))
        return found


def mean_loss(runs: list[Run], endpoint: int) -> tuple[float, float, float]:
    """Geometric mean over runs, with its interval."""
    return Effect([run.endpoints[endpoint] for run in runs]).ratio


def places(arms: list[list[Run]]) -> list[tuple[int, list[Run]]]:
    """By final validation loss; the place of the first at it as long as no paired difference to that is shown."""
    ranked = sorted(arms, key=lambda runs: Effect([run.endpoints[2] for run in runs]).mean)
    placed: list[tuple[int, list[Run]]] = []
    leader, place = ranked[0], 1
    for i, runs in enumerate(ranked):
        if i and Effect(Meeting(leader, runs, 0).differences(lambda run: run.endpoints[2])).p <= ALPHA:
            leader, place = runs, i + 1
        placed.append((place, runs))
    return placed


def target(runs: list[Run]) -> float:
    """The largest least loss at three quarters of the way, to as few digits as let all reach it in training."""
    most = max(run.rows.val_loss.iloc[: math.ceil(3 * (len(run.rows) - 1) / 4) + 1].min() for run in runs)
    start, end = min(run.rows.val_loss.iloc[0] for run in runs), max(run.rows.val_loss.min() for run in runs)
    for decimals in range(4):
        exponent = math.floor(math.log10(most)) - decimals
        for way in (lambda x: math.floor(x + 0.5), math.ceil):
            level = float(f"{way(most / 10.0**exponent * (1 - 1e-12))}e{exponent}")
            if end <= level < start:
                return level
    raise ValueError("no target")


class Factorial:
    """The size of a step against its direction: four arms over common seeds."""

    WEIGHTS = [(0.5, 0.5, -0.5, -0.5), (0.5, -0.5, 0.5, -0.5), (1, -1, -1, 1)]

    def __init__(self, own: list[Run], own_size: list[Run], own_direction: list[Run], base: list[Run]):
        arms = [{run.seed: run for run in arm} for arm in (own, own_size, own_direction, base)]
        self.seeds = sorted(set.intersection(*(set(arm) for arm in arms)))
        self.values = [[[arm[seed].endpoints[i] for arm in arms] for seed in self.seeds] for i in range(3)]

    def contrasts(self, endpoint: int) -> list[Judgement]:
        """Size, direction, interaction."""
        of = lambda weights: [sum(w * y for w, y in zip(weights, four)) for four in self.values[endpoint]]
        return judged([of(weights) for weights in self.WEIGHTS])

    def against_base(self, endpoint: int, arm: int) -> Effect:
        return Effect([four[arm] - four[3] for four in self.values[endpoint]])


def plain_interval(values: list[float]) -> tuple[float, float, float]:
    """Low end, mean and high end."""
    mean, low, high = Effect(values).plain
    return low, mean, high


def parameters(run: Run) -> int:
    """Of the model: MNIST has 28 × 28 pixels and 10 classes."""
    model = run.config["model"]
    if model.get("kind") == "mlp":
        hidden = model["hidden_dim"]
        return 784 * hidden + hidden + hidden * hidden + hidden + 10 * hidden + 10
    d, patches = model["embed_dim"], (28 // model["patch_size"]) ** 2
    wide = int(d * model["mlp_ratio"])
    block = 4 * d + 3 * d * d + 3 * d + d * d + d + 2 * d * wide + wide + d
    return model["patch_size"] ** 2 * d + d + d + (patches + 1) * d + model["depth"] * block + 2 * d + 10 * d + 10


def update_norm(runs: list[Run]) -> float:
    return sum(run.rows.update_norm.iloc[1:].mean() for run in runs) / len(runs)


class BatchSeries:
    """The gain at several batch sizes over common seeds; by images of a step, smallest first."""

    def __init__(self, meetings: list[Meeting]):
        def images(meeting):
            batch, last = meeting.pairs[0][0].config["batch"], meeting.pairs[0][0].rows.iloc[-1]
            return last.samples_seen / last.step if batch == "full" else batch

        self.meetings = sorted(meetings, key=images)
        self.images = [images(meeting) for meeting in self.meetings]
        self.seeds = sorted(set.intersection(*(set(meeting.seeds) for meeting in self.meetings)))
        d = [meeting.differences(lambda run: run.endpoints[0]) for meeting in self.meetings]
        x = [math.log10(n) for n in self.images]
        slopes = [stats.linregress(x, [size[i] for size in d]).slope for i in range(len(self.seeds))]
        self.full, self.change, self.slope = judged([d[-1], [a - b for a, b in zip(d[-1], d[0])], slopes])


def amplification(runs: list[Run], own_over_shadow: bool) -> list[tuple[float, float]]:
    """(consistency, geometric mean of |SNRAdam’s step| / |Adam’s|) of the tenths that hold 0.1% of the elements."""
    counts, logs = [0.0] * 10, [0.0] * 10
    for run in runs:
        rows = pd.read_csv(run.dir / "tensors.csv").query("step > 10").dropna(subset=["consistency_counts"])
        for row in rows.itertuples():
            means = str(row.consistency_amplification).split(";")
            for i, (n, mean) in enumerate(zip(str(row.consistency_counts).split(";"), means)):
                if float(n) > 0:
                    counts[i] += float(n)
                    logs[i] += float(n) * math.log(float(mean)) * (-1 if own_over_shadow else 1)
    return [(0.1 * i + 0.05, math.exp(logs[i] / n)) for i, n in enumerate(counts) if n >= 1e-3 * sum(counts)]


class Tuning:
    """What tuning chose, from the tuning runs themselves."""

    def __init__(self, folder: Path):
        self.chosen = tomllib.loads((folder / "chosen.toml").read_text())
        runs = [Run(path.parent) for path in sorted((folder / "tune").glob("*/metrics.csv"))]
        self.seeds = self.chosen["seeds"]
        self.arms = [TunedArm(arm, Run(folder / arm["runs"][0]), self.seeds, runs) for arm in self.chosen["arm"]]


class TunedArm:
    """The trials of an arm: learning rate, and final validation loss by seed."""

    def __init__(self, arm: dict, judged: Run, seeds: list[int], runs: list[Run]):
        self.judged, self.seeds = judged, seeds
        rest = lambda run: {key: value for key, value in run.config.items() if key not in ("validation", "seed", "lr")}
        own = [run for run in runs if rest(run) == rest(judged)]
        self.trials: dict[float, list[float]] = {}
        for trial in arm["trial"]:
            lr = float(trial["settings"]["lr"])
            found = {run.seed: math.exp(run.endpoints[2]) for run in own if run.lr == lr}
            self.trials[lr] = [found[seed] for seed in seeds]
        self.chosen = float(arm["chosen"]["lr"])
        self.best = min(self.trials, key=self.value)

    def value(self, lr: float) -> float:
        return sum(math.log(loss) for loss in self.trials[lr]) / len(self.seeds)

    @cached_property
    def failed(self) -> int:
        return sum(1 for lr in self.trials if math.isinf(self.value(lr)))

    @cached_property
    def rivals(self) -> list[tuple[float, Effect]]:
        """The other trials of which no run failed against the chosen one, best first."""
        others = sorted((lr for lr in self.trials if lr != self.best and math.isfinite(self.value(lr))), key=self.value)
        pairs = [(lr, zip(self.trials[lr], self.trials[self.best])) for lr in others]
        return [(lr, Effect([math.log(a) - math.log(b) for a, b in each])) for lr, each in pairs]

    @cached_property
    def within_noise(self) -> list[tuple[float, Effect]]:
        return [(lr, effect) for lr, effect in self.rivals if effect.plain[1] <= 0]

    def expected_best(self, k: int) -> float:
        """Mean over all subsets of k trials of the least in them."""
        subsets = list(combinations([self.value(lr) for lr in self.trials], k))
        return math.exp(sum(min(subset) for subset in subsets) / special.comb(len(self.trials), k))

    def basin(self) -> tuple[float, bool]:
        """Factor between the rates within 5% of the best, interpolated in logarithms; and whether an end was not found."""
        points = [(math.log(lr), self.value(lr)) for lr in sorted(self.trials)]
        at = min(range(len(points)), key=lambda i: points[i][1])
        level, ends, is_open = points[at][1] + WITHIN_OF_BEST, [], False
        for side in (points[at::-1], points[at:]):
            end, found = side[0][0], False
            for (x0, y0), (x1, y1) in zip(side, side[1:]):
                if math.isinf(y1):
                    break
                if y1 > level:
                    end, found = x0 + (x1 - x0) * (level - y0) / (y1 - y0), True
                    break
                end = x1
            ends.append(end)
            is_open = is_open or not found
        return math.exp(ends[1] - ends[0]), is_open

