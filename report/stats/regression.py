# SPDX-License-Identifier: Apache-2.0
"""Least squares of one variable on a few others, with what tells whether to believe it.

An interval that takes neighbours for independent is too narrow where they are not; so the fits of several visits are put
together by their slopes (quantities), and the checks here say what each fit by itself would hide.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from scipy import stats

LEAST = 12  # observations
LEVEL = 0.05  # of the checks


@dataclasses.dataclass(frozen=True)
class Slope:
    """Of the dependent variable on one of the others, with its 95 % interval by errors robust to unequal spread (HC3)."""

    value: float
    low: float
    high: float


@dataclasses.dataclass(frozen=True)
class Fit:
    """An ordinary least squares fit with a constant."""

    slopes: dict[str, Slope]
    constant: float
    explained: float  # share of the variance, R²
    observations: int
    inflation: float  # the greatest variance inflation factor: 1 where regressors have nothing in common
    uneven: float  # p: the spread of residuals does not depend on the regressors (Breusch and Pagan, Koenker's form)
    correlated: float  # p: neighbouring residuals have nothing in common (Ljung and Box at lag 1)
    skewed: float  # p: residuals are normal (Jarque and Bera)

    @property
    def doubts(self) -> list[str]:
        """The checks that fail at LEVEL."""
        return [name for name in ("uneven", "correlated", "skewed") if getattr(self, name) < LEVEL]


def fit(y: Sequence[float], regressors: Mapping[str, Sequence[float]]) -> Fit | None:
    """The fit, with observations in their order in time; None where they are too few, y does not vary, or the regressors
    do not vary independently of one another."""
    y = np.asarray(y, float)
    columns = [np.asarray(values, float) for values in regressors.values()]
    n, k = len(y), len(columns)
    if n < max(LEAST, 3 * (k + 1)) or any(np.ptp(c) <= 1e-9 * max(1.0, np.abs(c).max()) for c in [y, *columns]):
        return None
    # In units of their own spread, so that the rank does not depend on them.
    scale = np.array([1.0, *(c.std() for c in columns)])
    x = np.column_stack([np.ones(n), *((c - c.mean()) / c.std() for c in columns)])
    if np.linalg.cond(x) > 1e6:
        return None
    inverse = np.linalg.inv(x.T @ x)
    beta = inverse @ x.T @ y
    residuals = y - x @ beta
    leverage = np.einsum("ij,jk,ik->i", x, inverse, x)
    weighted = x * (residuals / np.maximum(1e-12, 1 - leverage))[:, None]
    errors = np.sqrt(np.diag(inverse @ (weighted.T @ weighted) @ inverse))
    reach = stats.t.ppf(0.975, n - k - 1)
    slopes = {name: Slope(*(float(v / scale[i]) for v in (beta[i], beta[i] - reach * errors[i], beta[i] + reach * errors[i])))
              for i, name in enumerate(regressors, 1)}
    constant = float(beta[0] - sum(s.value * c.mean() for s, c in zip(slopes.values(), columns)))
    return Fit(slopes, constant, _explained(y, residuals), n, _inflation(x[:, 1:]), _uneven(x, residuals, k),
               _correlated(residuals), _skewed(residuals))


def _explained(y: np.ndarray, residuals: np.ndarray) -> float:
    return float(1 - (residuals @ residuals) / ((y - y.mean()) @ (y - y.mean())))


def _inflation(standard: np.ndarray) -> float:
    """Of columns of mean 0: the greatest diagonal element of their inverse correlation matrix."""
    if standard.shape[1] < 2:
        return 1.0
    return float(np.diag(np.linalg.inv(np.corrcoef(standard, rowvar=False))).max())


def _uneven(x: np.ndarray, residuals: np.ndarray, k: int) -> float:
    squares = residuals**2
    if np.ptp(squares) <= 1e-12 * max(1e-300, squares.max()):
        return 1.0
    beta, *_ = np.linalg.lstsq(x, squares, rcond=None)
    return float(stats.chi2.sf(len(squares) * _explained(squares, squares - x @ beta), k))


def _correlated(residuals: np.ndarray) -> float:
    n = len(residuals)
    whole = residuals @ residuals
    if whole <= 0:
        return 1.0
    r = (residuals[1:] @ residuals[:-1]) / whole
    return float(stats.chi2.sf(n * (n + 2) * r * r / (n - 1), 1))


def _skewed(residuals: np.ndarray) -> float:
    return float(stats.jarque_bera(residuals).pvalue) if np.ptp(residuals) > 0 else 1.0
