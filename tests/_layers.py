"""Ten-line versions of sorting into layers and of counting dominated rows, and random small tables of every kind."""

import numpy as np

FLOATS = ["float64", "float32", "float16"]
INTEGERS = ["int64", "int32", "int16", "int8", "uint64", "uint32", "uint16", "uint8"]
DTYPES = [*FLOATS, *INTEGERS, "bool"]


def dominance(points, senses, nan="worst"):
    """Return dominated[i, j]: whether row i dominates row j, and which rows take part."""
    signs = [-1 if sense == "max" else 1 for sense in senses]
    # Python integers do not overflow; NaN becomes a value after all numbers.
    rows = [
        [(x != x, 0 if x != x else sign * x) for x, sign in zip(row, signs, strict=True)] for row in points.tolist()
    ]
    present = np.array([nan == "worst" or not any(missing for missing, _ in row) for row in rows], dtype=bool)
    columns = [[row[k] for row in rows] for k in range(points.shape[1])]
    order = [{value: rank for rank, value in enumerate(sorted(set(column)))} for column in columns]
    values = np.array([[order[k][value] for k, value in enumerate(row)] for row in rows]).reshape(points.shape)
    weak = (values[:, None] <= values[None]).all(axis=2)
    return weak & ~weak.T & present[:, None] & present[None], present


def obvious_ranks(points, senses, nan="worst"):
    """Take front after front away."""
    beats, left = dominance(points, senses, nan)
    ranks = np.full(len(points), -1, dtype=np.int32)
    layer = 0
    while left.any():
        front = left & ~beats[left].any(axis=0)
        ranks[front] = layer
        left = left & ~front
        layer += 1
    return ranks


def random_case(seed):
    """Return (points, senses, nan): a small table of some dtype with ties, equal rows, infinities and NaN."""
    generator = np.random.default_rng(seed)
    n, d = int(generator.integers(0, 50)), int(generator.integers(1, 9))
    dtype = np.dtype(DTYPES[seed % len(DTYPES)])
    levels = 2 if dtype.kind == "b" else int(generator.choice([2, 3, 6, 100]))
    points = generator.integers(0, levels, (n, d))
    if dtype.kind in "if":
        points = points - levels // 2
    if dtype.kind == "f" and generator.random() < 0.5:
        points = points + generator.random((n, d))
    points = points.astype(dtype)
    if dtype.kind == "f" and generator.random() < 0.5:
        special = generator.random((n, d))
        points[special < 0.05] = np.nan
        points[special > 0.95] = np.inf
        points[(special > 0.9) & (special < 0.95)] = -np.inf
        points[(special > 0.85) & (special < 0.9)] = -0.0
    senses = generator.choice(["min", "max"], d).tolist()
    return points, senses, str(generator.choice(["drop", "worst"]))
