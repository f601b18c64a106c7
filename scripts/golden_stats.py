"""Writes tests/golden/stats.json: what SciPy (and for Holm's correction statsmodels) says of paired differences, for tests/stats.rs.

    pip install numpy scipy statsmodels
    python scripts/golden_stats.py
"""

import json
from pathlib import Path

import numpy as np
from scipy import optimize, stats
from statsmodels.stats.multitest import multipletests

GOLDEN = Path(__file__).parent.parent / "tests" / "golden" / "stats.json"


def paired_t(name, a, b):
    a, b = np.array(a, float), np.array(b, float)
    test = stats.ttest_rel(a, b)
    interval = test.confidence_interval(0.95)
    return {"name": name, "differences": (a - b).tolist(), "mean": np.mean(a - b), "sd": np.std(a - b, ddof=1), "p": test.pvalue,
            "interval": [interval.low, interval.high]}


def signed_rank(name, differences):
    """Wilcoxon's test over all combinations of signs, ties and infinities included, zeros left out."""
    d = np.array(differences, float)
    d = d[d != 0]
    ranks = np.sign(d) * stats.rankdata(np.abs(d))
    p = stats.permutation_test((ranks,), np.sum, permutation_type="samples", n_resamples=np.inf).pvalue
    if len(set(abs(ranks))) == len(d):
        assert abs(stats.wilcoxon(d, method="exact").pvalue - p) < 1e-12
    return {"name": name, "differences": [str(x) for x in differences], "sum": ranks.sum(), "p": p}


def power(effect, n, alpha):
    """Of the two-sided paired t-test, by the noncentral t."""
    critical, shift = stats.t.ppf(1 - alpha / 2, n - 1), effect * np.sqrt(n)
    # where the shift is large, SciPy has no value for the other side: it is nothing
    return stats.nct.sf(critical, n - 1, shift) + np.nan_to_num(stats.nct.cdf(-critical, n - 1, shift))


def detectable(n, alpha):
    # SciPy's nct fails on very large shifts, whose power is 1
    return optimize.brentq(lambda effect: np.nan_to_num(power(effect, n, alpha), nan=1.0) - 0.8, 1e-3, 20, xtol=1e-12)


def main():
    rng = np.random.default_rng(0)
    normal = lambda n, shift, scale: (rng.normal(1, 0.1, n) + shift, rng.normal(1, scale, n))
    t = [
        paired_t("normal", *normal(10, -0.05, 0.1)),
        paired_t("large effect", *normal(10, -0.5, 0.05)),
        paired_t("skewed", rng.exponential(1, 12) ** 2, np.ones(12)),
        paired_t("six", *normal(6, 0.02, 0.2)),
        paired_t("two", *normal(2, 0.02, 0.2)),
        paired_t("outlier", [0.1, 0.12, 0.11, 0.09, 0.13, 0.1, 0.115, 2.0], [0.101, 0.11, 0.105, 0.1, 0.12, 0.108, 0.1, 0.1]),
        paired_t("twenty-five", *normal(25, -0.04, 0.1)),
        paired_t("tiny", *(1e-9 * x for x in normal(8, -1.0, 0.1))),
    ]
    inf = float("inf")
    ranks = [
        signed_rank("six", rng.normal(0.1, 0.2, 6)),
        signed_rank("twelve", rng.normal(0.1, 0.2, 12)),
        signed_rank("twenty", rng.normal(0.05, 0.2, 20)),
        signed_rank("infinite", [inf, inf, -0.3, 0.4, 0.1, inf, -inf, 0.25]),
        signed_rank("all infinite", [inf] * 8),
        signed_rank("ties", [-1, -1, -3, 0, 1, -3, -1, 0, -2, 1]),
        signed_rank("one side", [1, 2, 3, 4, 5, 6, 7]),
    ]
    ps = [[0.001, 0.04, 0.03, 0.2, 0.015, 0.9], [0.01, 0.01, 0.01], [0.5], [0.0021, 0.011, 0.011, 0.6, 1.0, 0.3]]
    alphas = [0.05, 0.05 / 3]
    golden = {
        "paired_t": t,
        "signed_rank": ranks,
        "holm": [{"p": p, "adjusted": multipletests(p, method="holm")[1].tolist()} for p in ps],
        "t975": [[df, stats.t.ppf(0.975, df)] for df in [*range(1, 31), 31, 40, 99, 500, 1000, 2000, 5000, 10_000]],
        "power": [[effect, n, alpha, power(effect, n, alpha)]
                  for effect in [0.0, 0.2, 0.5, 1.0, 1.5] for n in [3, 4, 6, 8, 10, 14, 20, 50] for alpha in alphas],
        "detectable": [[n, alpha, detectable(n, alpha)] for n in [3, 4, 5, 6, 7, 8, 10, 15, 20, 50] for alpha in alphas],
    }
    GOLDEN.write_text(json.dumps(golden, allow_nan=False) + "\n")
    print(f"{GOLDEN}: {GOLDEN.stat().st_size / 1024:.0f} KiB, SciPy {__import__('scipy').__version__}")


main()
