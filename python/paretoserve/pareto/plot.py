"""Fronts as a picture: staircases, the points behind them, groups beside each other and what repeated runs reached.

Colors are those of Okabe and Ito (2008), which color-blind readers can tell apart; groups differ by marker and line as
well, so that a print in gray keeps them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from paretoserve._names import one_of
from paretoserve.pareto._picture import Picture, draw_group, draw_runs, group_labels, new_axes, texts_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from os import PathLike

    import matplotlib.axes
    from numpy.typing import ArrayLike

    from paretoserve.pareto._arguments import Sense

__all__ = ["plot"]

BETTER = {"min": "lower is better", "max": "higher is better"}


def plot(
    points: Any,
    sense: Sense | Sequence[Sense] | Mapping[str, Sense] = "min",
    *,
    groups: str | ArrayLike | None = None,
    labels: str | Sequence[str] | None = None,
    axes: Sequence[int] = (0, 1),
    names: Sequence[str] | None = None,
    show: str = "all",
    runs: Sequence[ArrayLike] | None = None,
    probability: ArrayLike | None = None,
    title: str | None = None,
    ax: matplotlib.axes.Axes | None = None,
    file: str | PathLike[str] | None = None,
) -> matplotlib.axes.Axes:
    """Draw the front of two objectives as a staircase over the points.

    Parameters
    ----------
    points : array_like, shape (n, d), or table of pandas, polars, pyarrow or a mapping of columns
        Not modified. Points with a NaN or an infinity in a drawn objective have no place and are left out.
    sense : {"min", "max"}, sequence of d of them, or mapping from column to them, default "min"
        Directions; a mapping also chooses the columns of a table.
    groups : array_like of shape (n,), or column of the table, optional
        A label per point; every group has its own color, marker and staircase.
    labels : sequence of n texts, or column of the table, optional
        Written beside the points of the front.
    axes : sequence of two int, default (0, 1)
        Which objectives are x and y. With more than two objectives, points on the front of all are drawn large, and the
        staircase is that of the two.
    names : sequence of d texts, optional
        Of the objectives, with units; default: names of columns, else "objective 0" and so on.
    show : {"all", "front"}, default "all"
        Whether dominated points are drawn, small and pale.
    runs : sequence of array_like of shape (n_i, d), optional
        Repeated runs: a band is drawn between what the best quarter and what three quarters of them reach (their
        attainment surfaces), and the line that half of them reach. Not together with groups.
    probability : array_like of shape (n,), optional
        Of every point, how sure it is on the front, from 0 to 1: drawn as how solid the point is.
    title : str, optional
    ax : matplotlib.axes.Axes, optional
        Where to draw; default: a new figure.
    file : path, optional
        Write the picture here, in the format of the suffix; no window and no state of pyplot is involved.

    Returns
    -------
    ax : matplotlib.axes.Axes

    Raises
    ------
    ShapeError
        If there are fewer than two objectives, or an argument has not one entry per point or objective.
    DataError
        If a column is missing or not one of numbers.
    ValueError
        If an option is out of range, or matplotlib does not know the suffix of `file`.
    ModuleNotFoundError
        If matplotlib is not installed (extra ``plot``).

    Notes
    -----
    The cost of `mask` on two objectives per group, and that of drawing n points.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> table = {"tok_s_gpu": [900, 700, 500], "ttft_p99_s": [0.9, 0.4, 0.8], "gpu": ["h100", "b200", "h100"]}
    >>> sense = {"ttft_p99_s": "min", "tok_s_gpu": "max"}
    >>> ax = plot(table, sense, groups="gpu", ax=Figure().add_subplot())
    >>> ax.get_ylabel()
    'tok_s_gpu (higher is better)'
    >>> ax = plot([[0, 3], [1, 1], [2, 2]], labels=["a", "b", "c"], show="front", ax=Figure().add_subplot())
    >>> [text.get_text() for text in ax.texts]
    ['a', 'b']
    """
    one_of("show", show, ("all", "front"))
    if groups is not None and runs is not None:
        raise ValueError("`runs` and `groups` cannot be drawn together\nhint: draw one picture per group")
    picture = Picture.of(points, sense, names, axes, probability)
    codes, group_names = group_labels(points, groups, picture.n)
    texts = texts_of(points, labels, picture.n)
    drawing: Any = new_axes(file) if ax is None else ax
    if runs is not None:
        draw_runs(drawing, runs, picture, axes)
    for code, name in enumerate(group_names):
        draw_group(drawing, picture, codes == code, code, name, everything=show == "all", texts=texts)
    for set_label, name, direction in zip(
        (drawing.set_xlabel, drawing.set_ylabel), picture.names, picture.sense, strict=True
    ):
        set_label(f"{name} ({BETTER[direction]})")
    if title is not None:
        drawing.set_title(title)
    drawing.grid(visible=True, color="#E8ECF0", linewidth=0.8)
    drawing.set_axisbelow(True)
    if drawing.get_legend_handles_labels()[1]:
        drawing.legend(frameon=False, fontsize=8)
    if file is not None:
        # The root: axes may lie in a part of a figure.
        getattr(drawing.figure, "figure", drawing.figure).savefig(file)
    return drawing  # type: ignore[no-any-return]
