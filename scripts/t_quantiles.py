"""Prints the 97.5% quantiles of Student's t that src/plot/interval.rs holds as a table (1 to 30 degrees of freedom) and
checks the rest of it against. Needs scipy."""

from scipy.stats import t

print(", ".join(f"{t.ppf(0.975, df):.9f}" for df in range(1, 31)))
for df in (31, 40, 99, 1000, 100_000):
    print(df, f"{t.ppf(0.975, df):.9f}")
