"""Writes tests/golden/stats.json: what SciPy (and for Holm's correction statsmodels) says of paired differences, for tests/stats.rs.

    pip install numpy scipy statsmodels
    python scripts/golden_stats.py

A bootstrap is random, so that two programs agree only if they resample alike: `resamples` are the indices that SciPy drew,
recorded by a generator that stands in for its own, and `bca` is the interval that it made of exactly those. `bca_large` is
SciPy's interval of a million resamples of its own, which ours must meet within a tolerance.
"""

import json
from pathlib import Path

import numpy as np
from scipy import stats
from statsmodels.stats.multitest import multipletests

GOLDEN = Path(__file__).parent.parent / "tests" / "golden" / "stats.json"


class Recorder(np.random.Generator):
    """Draws as usual and keeps the indices."""

    def integers(self, *args, **kwargs):
        self.drawn = super().integers(*args, **kwargs)
        return self.drawn


def mean_difference(a, b, axis=-1):
    return np.mean(a - b, axis=axis)


def bootstrap(a, b, resamples, rng):
    result = stats.bootstrap((a, b), mean_difference, paired=True, vectorized=True, method="BCa",
                             n_resamples=resamples, random_state=rng, batch=min(resamples, 100_000))
    return list(result.confidence_interval)


def case(name, a, b):
    a, b = np.array(a, float), np.array(b, float)
    out = {"name": name, "a": a.tolist(), "b": b.tolist()}
    if len(a) <= 12 and np.ptp(a - b) > 0:
        for seed in range(100):
            recorder = Recorder(np.random.PCG64(seed))
            out["bca"] = bootstrap(a, b, 499, recorder)
            # a resample of the same values in another order has the same mean but for rounding, which SciPy takes for a
            # difference and we do not: such draws are no test
            gaps = np.abs(mean_difference(a, b) - mean_difference(a[recorder.drawn], b[recorder.drawn]))
            if not np.any((0 < gaps) & (gaps < 1e-12)):
                out["resamples"] = recorder.drawn.tolist()
                break
        else:
            del out["bca"]
        # means of a few round numbers jump, and a quantile with them
        if len(set(a - b)) == len(a):
            out["bca_large"] = bootstrap(a, b, 1_000_000, np.random.default_rng(2))
    exact = len(a) <= 20
    flips = stats.permutation_test((a, b), mean_difference, permutation_type="samples", vectorized=True,
                                   n_resamples=np.inf if exact else 1_000_000, random_state=np.random.default_rng(3))
    out["sign_flip"] = flips.pvalue
    # Wilcoxon's signed-rank test over all combinations of signs, ties included, zeros left out; SciPy does not see ties that
    # rounding breaks
    d = (a - b)[a != b].round(12)
    ranks = np.sign(d) * stats.rankdata(np.abs(d))
    if exact and len(d):
        out["signed_rank"] = stats.permutation_test((ranks, np.zeros(len(d))), mean_difference, permutation_type="samples",
                                                    vectorized=True, n_resamples=np.inf).pvalue
        if len(set(abs(ranks))) == len(d) == len(a):
            assert abs(stats.wilcoxon(a, b, method="exact").pvalue - out["signed_rank"]) < 1e-12
    return out


def exact_detectable(n):
    """The standardised difference at which the paired t-test (two-sided, 5%) has 80% power, by the noncentral t."""
    critical = stats.t.ppf(0.975, n - 1)
    power = lambda d: stats.nct.sf(critical, n - 1, d * np.sqrt(n)) + stats.nct.cdf(-critical, n - 1, d * np.sqrt(n))
    lo, hi = 0.0, 20.0
    for _ in range(100):
        mid = (lo + hi) / 2
        lo, hi = (mid, hi) if power(mid) < 0.8 else (lo, mid)
    return lo


def main():
    rng = np.random.default_rng(0)
    normal = lambda n, shift, scale: (rng.normal(1, 0.1, n) + shift, rng.normal(1, scale, n))
    cases = [
        case("normal", *normal(10, -0.05, 0.1)),
        case("large effect", *normal(10, -0.5, 0.05)),
        case("skewed", rng.exponential(1, 12) ** 2, np.ones(12)),
        case("six", *normal(6, 0.02, 0.2)),
        case("outlier", [0.1, 0.12, 0.11, 0.09, 0.13, 0.1, 0.115, 2.0], [0.101, 0.11, 0.105, 0.1, 0.12, 0.108, 0.1, 0.1]),
        case("epochs", [12, 13, 11, 12, 14, 12, 13, 12], [13, 13, 14, 12, 13, 15, 14, 13]),
        case("twenty", *normal(20, -0.03, 0.1)),
        case("twenty-five", *normal(25, -0.04, 0.1)),
        case("zeros", [1, 2, 3, 4, 5, 6, 7, 8], [1, 2, 3, 4, 5, 6, 9, 9]),
        case("tenths", [0.1, 0.2, 0.3, 0.1, 0.2, 0.4], [0.2, 0.1, 0.1, 0.3, 0.1, 0.1]),
    ]
    ps = [[0.001, 0.04, 0.03, 0.2, 0.015, 0.9], [0.01, 0.01, 0.01], [0.5], [0.0021, 0.011, 0.011, 0.6, 1.0, 0.3]]
    golden = {
        "cases": cases,
        "holm": [{"p": p, "adjusted": multipletests(p, method="holm")[1].tolist()} for p in ps],
        "t975": [[df, stats.t.ppf(0.975, df)] for df in [*range(1, 31), 31, 40, 99, 500, 1000, 2000, 5000, 10_000]],
        "t80": [[df, stats.t.ppf(0.8, df)] for df in [1, 2, 5, 9, 30, 99]],
        "detectable": [[n, exact_detectable(n)] for n in [6, 7, 8, 10, 15, 20, 50]],
    }
    GOLDEN.write_text(json.dumps(golden) + "\n")
    print(f"{GOLDEN}: {GOLDEN.stat().st_size / 1024:.0f} KiB, SciPy {__import__('scipy').__version__}")


main()
