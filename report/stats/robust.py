# SPDX-License-Identifier: Apache-2.0
"""Robust estimation on small samples: pooled spread, Huber regression, linear splines.

Effects are log ratios (dimensionless, 0.01 is about 1 %). Cost: O(n p^2) an iteration, with n at most some
hundreds of visits and p at most about ten knots.
"""

import dataclasses
import math

import numpy as np
from scipy import special

_HUBER_K = 1.345  # 95 % efficient for normal noise
_TINY = 1e-12


def t_quantile(p, df):
    """The p-quantile of Student's t with df degrees of freedom; infinite without any."""
    return float(special.stdtrit(df, p)) if df > 0 else math.inf


def pooled_sd(x, y, resolution=1e-6):
    """The spread of one visit, pooled over groups of equal x, from differences within groups.

    The weighted median of |y_i - y_j| over pairs of the same group, scaled to the SD of normal noise. Outliers in
    fewer than about a quarter of the visits hardly move it. A pair of a group of n weighs 2 / n, so that a group
    counts by its n - 1 degrees of freedom.

    Returns (sd, degrees of freedom); (nan, 0) when no x was visited twice.
    """
    x, y = np.asarray(x, float), np.asarray(y, float)
    labels = np.round(x / resolution).astype(np.int64)
    differences, weights, df = [], [], 0
    for label in np.unique(labels):
        group = y[labels == label]
        n = len(group)
        if n < 2:
            continue
        i, j = np.triu_indices(n, 1)
        differences.append(np.abs(group[i] - group[j]))
        weights.append(np.full(len(i), 2.0 / n))
        df += n - 1
    if not differences:
        return math.nan, 0
    d, w = np.concatenate(differences), np.concatenate(weights)
    order = np.argsort(d, kind="stable")
    cumulative = np.cumsum(w[order])
    # The middle of the two neighbours when the half falls between them, as for an ordinary median.
    k = int(np.searchsorted(cumulative, cumulative[-1] / 2))
    median = d[order][k]
    if math.isclose(cumulative[k], cumulative[-1] / 2) and k + 1 < len(d):
        median = (median + d[order][k + 1]) / 2
    return float(median) / (math.sqrt(2) * 0.6744897501960817), df


@dataclasses.dataclass(frozen=True)
class Fit:
    """A fitted linear model: coefficients, their covariance, noise SD of one visit, degrees of freedom."""

    beta: np.ndarray
    covariance: np.ndarray
    sd: float
    df: int

    def at(self, rows):
        """(value, standard error) at rows of the design matrix."""
        rows = np.atleast_2d(rows)
        variance = np.einsum("ij,jk,ik->i", rows, self.covariance, rows)
        return rows @ self.beta, np.sqrt(np.maximum(variance, 0.0))


def huber_fit(design, y, sd=None):
    """Huber's M-estimate of y = design @ beta, by iterated reweighting at a fixed scale.

    `sd` is the spread of one visit (from `pooled_sd`); without it, that of the residuals. The covariance is Huber's
    (1981, section 7.6): the winsorised residual variance over the squared share of unwinsorised residuals, with his
    small-sample correction. With as many coefficients as visits there are no degrees of freedom and the
    covariance is infinite.
    """
    design, y = np.asarray(design, float), np.asarray(y, float)
    n, p = design.shape
    beta = np.linalg.lstsq(design, y, rcond=None)[0]
    residual = y - design @ beta
    if sd is None or not math.isfinite(sd):
        sd = float(np.median(np.abs(residual))) / 0.6744897501960817 * math.sqrt(n / max(1, n - p))
    scale = max(sd, _TINY)
    for _ in range(30):
        size = np.abs(residual) / scale
        weight = np.where(size <= _HUBER_K, 1.0, _HUBER_K / np.maximum(size, _HUBER_K))
        gram = design.T @ (weight[:, None] * design)
        try:
            new = np.linalg.solve(gram, design.T @ (weight * y))
        except np.linalg.LinAlgError:
            new = np.linalg.lstsq(gram, design.T @ (weight * y), rcond=None)[0]
        moved = np.max(np.abs(new - beta), initial=0.0)
        beta = new
        residual = y - design @ beta
        if moved < 1e-3 * scale / max(1, n) or moved < _TINY:
            break
    df = n - p
    if df <= 0:
        return Fit(beta, np.full((p, p), math.inf), sd, 0)
    inverse = np.linalg.pinv(design.T @ design)
    clipped = np.clip(residual / scale, -_HUBER_K, _HUBER_K)
    inside = float(np.mean(np.abs(residual) <= _HUBER_K * scale))
    inside = max(inside, 1.0 / n)
    correction = 1 + p / n * (1 - inside) / inside
    variance = correction**2 * scale**2 * float(np.sum(clipped**2)) / df / inside**2
    return Fit(beta, variance * inverse, sd, df)


def hat_rows(knots, x):
    """Design rows of the linear spline whose coefficients are its values at the (ascending) knots.

    Beyond the outermost knots the spline is constant: nothing is extrapolated.
    """
    knots = np.asarray(knots, float)
    x = np.clip(np.atleast_1d(np.asarray(x, float)), knots[0], knots[-1])
    rows = np.zeros((len(x), len(knots)))
    if len(knots) == 1:
        rows[:, 0] = 1.0
        return rows
    right = np.clip(np.searchsorted(knots, x, side="right"), 1, len(knots) - 1)
    share = (x - knots[right - 1]) / (knots[right] - knots[right - 1])
    index = np.arange(len(x))
    rows[index, right - 1] = 1 - share
    rows[index, right] = share
    return rows
