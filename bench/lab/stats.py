# SPDX-License-Identifier: ISC
"""Medians, bootstrap intervals, and whether two samples differ."""
import itertools
import math
import random
from statistics import median

RESAMPLES = 1000
POINTS = 6  # that a law of three parameters needs: it fits anything less


def interval(values, share=0.95, seed=1):
    """Of the median, by bootstrap; the same values give the same interval."""
    if len(values) < 2:
        return (values[0], values[0]) if values else (math.nan, math.nan)
    dice = random.Random(seed)
    medians = sorted(median(dice.choices(values, k=len(values))) for _ in range(RESAMPLES))
    edge = int((1 - share) / 2 * RESAMPLES)
    return medians[edge], medians[-1 - edge]


def rank_test(a, b):
    """Mann and Whitney's two-sided p: the chance that two samples of one kind come out so far apart."""
    count = math.comb(len(a) + len(b), len(a))
    pooled = a + b
    ranks = [sum(x < y for x in pooled) + (sum(x == y for x in pooled) + 1) / 2 for y in pooled]
    seen = sum(ranks[:len(a)])
    middle = sum(ranks) * len(a) / len(pooled)
    if count > 50000:
        spread = math.sqrt(len(a) * len(b) * (len(pooled) + 1) / 12)
        return math.erfc(max(0, abs(seen - middle) - 0.5) / spread / math.sqrt(2)) if spread else 1.0
    far = sum(abs(sum(c) - middle) >= abs(seen - middle) - 1e-9 for c in itertools.combinations(ranks, len(a)))
    return far / count


def least_squares(rows, wanted):
    """x that brings rows·x nearest to wanted, by the normal equations."""
    n = len(rows[0])
    m = [[sum(r[i] * r[j] for r in rows) for j in range(n)] + [sum(r[i] * w for r, w in zip(rows, wanted))]
         for i in range(n)]
    for i in range(n):
        best = max(range(i, n), key=lambda k: abs(m[k][i]))
        m[i], m[best] = m[best], m[i]
        if abs(m[i][i]) < 1e-12:
            return None
        for k in range(n):
            if k != i:
                factor = m[k][i] / m[i][i]
                m[k] = [a - factor * b for a, b in zip(m[k], m[i])]
    return [m[i][n] / m[i][i] for i in range(n)]


def scalability(points):
    """Gunther's Universal Scalability Law, fitted to {workers: throughput}: one worker's throughput, contention and
    coherency.  None below six points."""
    if len(points) < POINTS:
        return None
    found = least_squares([[1, n - 1, n * (n - 1)] for n in points], [n / x for n, x in points.items()])
    if not found or found[0] <= 0:
        return None
    return {"one_per_s": 1 / found[0], "contention": found[1] / found[0], "coherency": found[2] / found[0]}
