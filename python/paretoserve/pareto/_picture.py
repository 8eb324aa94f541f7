"""What `plot` draws: the two objectives of a picture, and the marks of its groups and runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve.errors import ShapeError
from paretoserve.pareto._arguments import directions, listed
from paretoserve.pareto._frame_columns import column_numbers
from paretoserve.pareto._frames import as_frame, is_frame
from paretoserve.pareto._labels import column_labels
from paretoserve.pareto._points import as_points
from paretoserve.pareto._table_rows import objective_senses
from paretoserve.pareto.attainment import attainment
from paretoserve.pareto.mask import mask
from paretoserve.pareto.staircase import staircase

if TYPE_CHECKING:
    from os import PathLike

    from numpy.typing import NDArray

__all__ = ["Picture", "draw_group", "draw_runs", "group_labels", "new_axes", "texts_of"]

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
LINES = ("-", "--", "-.", ":")
PALE = "#B4BDC7"
# Of the runs, the shares whose attainment surfaces bound the band, and that of the line between.
BAND, MIDDLE = (0.25, 0.75), 0.5


@dataclass(frozen=True)
class Picture:
    """Points as they are drawn.

    Attributes
    ----------
    columns : list of ndarray of shape (n,)
        All objectives.
    senses, sense : list of {"min", "max"}
        Of all objectives, and of the two drawn ones.
    xy : ndarray of float64, shape (n, 2)
    names : list of two str
    sure : ndarray of float64, shape (n,), or None
        How solid each point is drawn.
    """

    columns: list[NDArray[Any]]
    senses: list[str]
    sense: list[str]
    xy: NDArray[np.float64]
    names: list[str]
    sure: NDArray[np.float64] | None

    @classmethod
    def of(cls, points: Any, sense: Any, names: Sequence[str] | None, axes: Sequence[int], probability: Any) -> Picture:
        """Return the picture of `plot`'s arguments, checked."""
        columns, given, own = _objectives(points, sense)
        d = len(columns)
        if d < 2:
            raise ShapeError(f"`points` must have 2 objectives or more to be drawn, got {d}")
        senses = ["max" if larger else "min" for larger in directions(given, d)]
        names = own if names is None else listed("names", names, "a sequence of texts")
        if len(names) != d:
            raise ShapeError(f"`names` must have {d} entries, one per objective, got {len(names)}")
        axes = listed("axes", axes, "two objectives")
        if len(axes) != 2 or not all(axis in range(d) for axis in axes) or axes[0] == axes[1]:
            raise ValueError(f"`axes` must be two different objectives of 0 to {d - 1}, got {tuple(axes)}")
        x, y = axes
        xy = np.stack([columns[x].astype(np.float64), columns[y].astype(np.float64)], axis=1)
        drawn = [senses[x], senses[y]]
        return cls(columns, senses, drawn, xy, [names[x], names[y]], _probability(probability, len(xy)))

    @property
    def n(self) -> int:
        """Number of points."""
        return len(self.xy)

    def limits(self) -> NDArray[np.float64] | None:
        """Return the worst finite x and y, to which every staircase is drawn; None without a point."""
        placed = self.xy[np.isfinite(self.xy).all(axis=1)]
        if len(placed) == 0:
            return None
        worst: NDArray[np.float64] = np.where(
            [each == "max" for each in self.sense], placed.min(axis=0), placed.max(axis=0)
        )
        return worst


def _objectives(points: Any, sense: Any) -> tuple[list[NDArray[Any]], Any, list[str]]:
    """Return the columns of all objectives, their directions and names."""
    if isinstance(sense, Mapping):
        maximize, frame = objective_senses(sense), as_frame(points)
        numbers = [column_numbers(frame, name, frame.column(name)) for name in maximize]
        exact = [each.values if each.missing is None and not each.scale else each.floats() for each in numbers]
        return exact, ["max" if larger else "min" for larger in maximize.values()], list(maximize)
    table = as_points("points", points)
    named = isinstance(points, Mapping) or is_frame(points)
    names = list(as_frame(points).names) if named else [f"objective {k}" for k in range(table.d)]
    return [table.column(k) for k in range(table.d)], sense, names


def _probability(probability: Any, n: int) -> NDArray[np.float64] | None:
    if probability is None:
        return None
    sure = np.asarray(probability, dtype=np.float64)
    if sure.shape != (n,):
        raise ShapeError(f"`probability` must have shape ({n},), one per point, got {sure.shape}")
    if not ((sure >= 0) & (sure <= 1)).all():
        raise ValueError(f"`probability` must be from 0 to 1, got {sure[~((sure >= 0) & (sure <= 1))][0]}")
    return sure


def group_labels(points: Any, groups: Any, n: int) -> tuple[NDArray[np.int64], list[str | None]]:
    """Return a code per point and the name of each group; one group without a name if there are none."""
    if groups is None:
        return np.zeros(n, dtype=np.int64), [None]
    frame = as_frame(points if isinstance(groups, str) else {"groups": groups})
    name = groups if isinstance(groups, str) else "groups"
    codes, labels = column_labels(frame, name, frame.column(name))
    if len(codes) != n:
        raise ShapeError(f"`groups` must have shape ({n},), one label per point, got ({len(codes)},)")
    if (codes < 0).any():
        raise frame.problem(name, "must name the group of every row, got nothing", row=int((codes < 0).argmax()))
    # Groups are told in the order of their names, whatever the order of the points.
    order = sorted(range(len(labels)), key=lambda code: (str(type(labels[code])), labels[code]))
    position = np.empty(max(len(labels), 1), dtype=np.int64)
    position[order] = np.arange(len(labels))
    return position[codes], [str(labels[code]) for code in order]


def texts_of(points: Any, labels: str | Sequence[str] | None, n: int) -> list[str] | None:
    """Return the text of each point."""
    if labels is None:
        return None
    if isinstance(labels, str):
        frame = as_frame(points)
        codes, found = column_labels(frame, labels, frame.column(labels))
        return ["" if code < 0 else str(found[code]) for code in codes.tolist()]
    texts = [str(label) for label in labels]
    if len(texts) != n:
        raise ShapeError(f"`labels` must have {n} entries, one per point, got {len(texts)}")
    return texts


def new_axes(file: str | PathLike[str] | None) -> Any:
    """Return the axes of a new figure: one of pyplot's, which notebooks show, or a bare one for a file."""
    try:
        import matplotlib.figure
    except ModuleNotFoundError:
        message = "plot needs matplotlib\nhint: install paretoserve[plot], or `paretoserve front --html` for a page"
        raise ModuleNotFoundError(message, name="matplotlib") from None
    if file is not None:
        return matplotlib.figure.Figure(figsize=(7, 4.5), layout="constrained", dpi=150).add_subplot()
    from matplotlib import pyplot

    return pyplot.subplots(figsize=(7, 4.5), layout="constrained")[1]


def draw_group(
    ax: Any,
    picture: Picture,
    member: NDArray[np.bool_],
    number: int,
    name: str | None,
    *,
    everything: bool,
    texts: list[str] | None,
) -> None:
    """Draw the points of one group and the staircase of its front."""
    color, marker = COLORS[number % len(COLORS)], MARKERS[number % len(MARKERS)]
    placed = np.flatnonzero(member & np.isfinite(picture.xy).all(axis=1))
    if len(placed) == 0:
        return
    marked = mask([column[placed] for column in picture.columns], picture.senses, nan="drop")  # type: ignore[arg-type]
    front, others = placed[marked], placed[~marked]
    label = name if name is not None else "front"
    corners = staircase(picture.xy[placed], picture.sense, limits=picture.limits())  # type: ignore[arg-type]
    ax.plot(*corners.T, color=color, linestyle=LINES[number % len(LINES)], linewidth=1.4, alpha=0.7, zorder=2)
    if everything and len(others):
        pale = {"color": PALE, "label": "dominated"} if name is None else {"color": color, "alpha": 0.3}
        ax.scatter(*picture.xy[others].T, s=12, marker=marker, linewidths=0, zorder=1, **pale)
    alpha = None if picture.sure is None else 0.15 + 0.85 * picture.sure[front]
    solid = {"color": color, "edgecolors": "white", "linewidths": 0.6}
    ax.scatter(*picture.xy[front].T, s=36, marker=marker, alpha=alpha, zorder=3, label=label, **solid)
    for row, text in [] if texts is None else [(row, texts[row]) for row in front.tolist()]:
        ax.annotate(text, picture.xy[row], xytext=(5, 5), textcoords="offset points", fontsize=8)


def draw_runs(ax: Any, runs: Sequence[Any], picture: Picture, axes: Sequence[int]) -> None:
    """Draw the band between what the best quarter and three quarters of the runs reach, and what half of them do."""
    runs = listed("runs", runs, "a sequence of runs, each of shape (n, d)")
    if not runs:
        raise ValueError("`runs` must hold 1 run or more, got none")
    sets = []
    for number, run in enumerate(runs):
        table = as_points(f"runs[{number}]", run)
        if table.d != len(picture.columns):
            raise ShapeError(f"`runs[{number}]` must have {len(picture.columns)} objectives, got {table.d}")
        points = np.stack([table.column(axis).astype(np.float64) for axis in axes], axis=1)
        sets.append(points[np.isfinite(points).all(axis=1)])
    placed = np.concatenate(sets)
    if len(placed) == 0:
        return
    worst = np.where([each == "max" for each in picture.sense], placed.min(axis=0), placed.max(axis=0))
    senses: Any = picture.sense
    surfaces = attainment(sets, [*BAND, MIDDLE], senses)
    low, high, middle = (staircase(surface, senses, limits=worst.tolist()) for surface in surfaces)
    # Where three quarters of the runs reach nothing, the band ends in the corner that is worst in both.
    far = high if len(high) else worst[None]
    label = f"{BAND[0]:.0%} to {BAND[1]:.0%} of runs"
    ax.fill(*np.vstack([low, far[::-1]]).T, color=COLORS[5], alpha=0.35, linewidth=0, zorder=0, label=label)
    ax.plot(*middle.T, color="#000000", linestyle=":", zorder=2, label="half of the runs")
