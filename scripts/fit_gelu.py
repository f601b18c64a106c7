#!/usr/bin/env python3
"""Fits the polynomials of src/ops/math.rs by linear programming (weighted minimax on Chebyshev points).

    python3 scripts/fit_gelu.py        (needs numpy and scipy)

exp:   2^f for f in [-1/2, 1/2], relative error.
tail:  R(y) = exp(y^2/2) * Phi(-y) for y in [0, 5], in t = 2y/5 - 1; the error is weighted with exp(-y^2/2) * max(1, y), so
       that it bounds the absolute error of Phi and of y * Phi(-y).
"""
import numpy as np
from scipy.optimize import linprog
from scipy.special import erfcx, ndtr


def minimax(t, target, weight, degree):
    basis = np.polynomial.chebyshev.chebvander(t, degree) * weight[:, None]
    ones = np.ones((len(t), 1))
    scale = 1e6  # the solver's tolerances are absolute
    fit = linprog(
        c=[0.0] * (degree + 1) + [1.0],
        A_ub=np.block([[basis, -ones / scale], [-basis, -ones / scale]]),
        b_ub=np.concatenate([target * weight, -target * weight]),
        bounds=[(None, None)] * (degree + 2),
        method="highs-ds",
        options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
    )
    assert fit.status == 0, fit.message
    coefficients = np.polynomial.chebyshev.cheb2poly(fit.x[:-1])
    error = np.abs((np.polynomial.polynomial.polyval(t, coefficients) - target) * weight).max()
    return coefficients, error


def show(name, coefficients, error):
    print(f"{name}: error {error:.2e}")
    print("    " + ", ".join(str(np.float32(c)) for c in coefficients))


def horner(x, coefficients):
    result = np.full_like(x, coefficients[-1])
    for c in coefficients[-2::-1]:
        result = np.float32(result * x + np.float32(c))
    return result


t = -np.cos(np.linspace(0, np.pi, 2001))
f = t / 2
# In the variable t/2 = f: rescale the coefficients of t.
exp2, error = minimax(t, 2.0**f, 2.0**-f, 5)
show("exp (powers of f)", exp2 * 2.0 ** np.arange(len(exp2)), error)

y = 2.5 * (t + 1)
tail, error = minimax(t, 0.5 * erfcx(y / np.sqrt(2)), np.exp(-y * y / 2) * np.maximum(1, y), 11)
show("tail (powers of t)", tail, error)

x = np.linspace(-8, 8, 400001).astype(np.float32)
u = np.abs(x)
q = np.exp(-(u * u) / np.float32(2)) * horner(np.minimum(u, np.float32(5)) * np.float32(0.4) - np.float32(1), tail.astype(np.float32))
phi = np.where(x < 0, q, 1 - q)
print(f"in f32: Phi off by {np.abs(phi - ndtr(x.astype(float))).max():.2e}, gelu by {np.abs(x * phi - x * ndtr(x.astype(float))).max():.2e}")
