"""Small tables of every dtype, layout and option, and masks by comparing every row with every other one."""

import numpy as np

from paretoserve import pareto

FLOATS = ["float64", "float32", "float16"]
INTEGERS = ["int64", "int32", "int16", "int8", "uint64", "uint32", "uint16", "uint8"]


def obvious_mask(points, sense="min", keep="all", nan="worst"):
    """Compare every row with every other one; a value becomes the pair (is NaN, signed value)."""
    senses = [sense] * points.shape[1] if isinstance(sense, str) else sense
    signs = [-1 if way == "max" else 1 for way in senses]
    rows = [
        tuple((x != x, 0 if x != x else sign * x) for x, sign in zip(row, signs, strict=True))
        for row in points.tolist()
    ]
    present = [i for i, row in enumerate(rows) if nan == "worst" or not any(missing for missing, _ in row)]
    marked = np.zeros(len(rows), dtype=bool)
    for i in present:
        beaten = any(rows[j] != rows[i] and all(a <= b for a, b in zip(rows[j], rows[i], strict=True)) for j in present)
        equal = [j for j in present if rows[j] == rows[i]]
        marked[i] = not beaten and {"all": True, "first": equal[0] == i, "last": equal[-1] == i}[keep]
    return marked


def table(seed, n, d, dtype, levels=6):
    """Small integers of the dtype: ties and duplicates everywhere."""
    values = np.random.default_rng(seed).integers(0, levels, size=(n, d))
    if np.dtype(dtype).kind in "if":
        values -= levels // 2
    return values.astype(dtype)


def laid_out(points, layout):
    """The same table in another layout of memory."""
    if layout == "columns":
        return [points[:, k] for k in range(points.shape[1])]
    if layout == "mapping":
        return {f"c{k}": points[:, k].copy() for k in range(points.shape[1])}
    if layout == "negative":
        return np.ascontiguousarray(points[::-1, ::-1])[::-1, ::-1]
    if layout == "wide":
        wide = np.zeros((2 * len(points), 3 * points.shape[1]), dtype=points.dtype)
        wide[::2, ::3] = points
        return wide[::2, ::3]
    return np.asfortranarray(points) if layout == "fortran" else points


def check_random_case(seed):
    """Draw a table and options; the mask must be that of the obvious version, and the input must stay."""
    generator = np.random.default_rng(seed)
    n, d = int(generator.integers(0, 25)), int(generator.integers(1, 8))
    dtype = str(generator.choice([*FLOATS, *INTEGERS, "bool"]))
    points = table(seed, n, d, dtype, levels=2 if dtype == "bool" else int(generator.integers(2, 9)))
    if dtype in INTEGERS and generator.random() < 0.3:
        limits = np.iinfo(dtype)
        points[generator.random(points.shape) < 0.2] = limits.max
        points[generator.random(points.shape) < 0.2] = limits.min
    nan = str(generator.choice(["raise", "drop", "worst"]))
    if dtype in FLOATS:
        special = generator.random(points.shape)
        points[special < 0.05] = np.inf
        points[special > 0.95] = -np.inf
        points[(special > 0.45) & (special < 0.5)] = -0.0
        if nan != "raise":
            points[(special > 0.5) & (special < 0.6)] = np.nan
    sense = generator.choice(["min", "max"], size=d).tolist()
    keep = str(generator.choice(["all", "first", "last"]))
    groups = generator.integers(-2, 2, size=n) if generator.random() < 0.3 else None
    inside = points[:, 0] <= points.dtype.type(1) if generator.random() < 0.3 else np.ones(n, dtype=bool)
    where = None if inside.all() else {0: (None, 1)}
    layout = str(generator.choice(["c", "fortran", "columns", "mapping", "negative", "wide"]))
    given = laid_out(points, layout)
    before = points.tobytes()
    marked = pareto.mask(
        given, sense, keep=keep, nan=nan, groups=groups, where=where, threads=int(generator.choice([1, 2, 4]))
    )
    expected = np.zeros(n, dtype=bool)
    for label in [None] if groups is None else np.unique(groups):
        part = inside if label is None else inside & (groups == label)
        expected[part] = obvious_mask(points[part], sense, keep, nan)
    context = f"seed {seed}: {dtype} {points.shape} {sense} {keep} {nan} {layout} groups={groups is not None}"
    assert marked.tolist() == expected.tolist(), context
    assert points.tobytes() == before, context
