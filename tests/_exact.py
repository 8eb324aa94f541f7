"""Hypervolumes in exact rational arithmetic, by slicing: for a few points only."""

from fractions import Fraction
from itertools import pairwise

import numpy as np


def exact_volume(points, ref, sense="min"):
    """Return the volume that `points` dominate below `ref`, a Fraction."""
    senses = [sense] * len(ref) if isinstance(sense, str) else sense
    signs = [-1 if way == "max" else 1 for way in senses]
    rows = [[Fraction(float(x)) * s for x, s in zip(row, signs, strict=True)] for row in np.asarray(points).tolist()]
    bound = [Fraction(float(x)) * s for x, s in zip(ref, signs, strict=True)]
    return sliced([row for row in rows if all(x < r for x, r in zip(row, bound, strict=True))], bound)


def sliced(rows, bound):
    if not rows:
        return Fraction(0)
    if len(bound) == 1:
        return bound[0] - min(row[0] for row in rows)
    levels = [*sorted({row[-1] for row in rows}), bound[-1]]
    total = Fraction(0)
    for low, high in pairwise(levels):
        total += (high - low) * sliced([row[:-1] for row in rows if row[-1] <= low], bound[:-1])
    return total
