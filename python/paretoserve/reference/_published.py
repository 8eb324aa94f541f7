"""Published figures as tables, fronts and pictures."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from paretoserve._names import close_names
from paretoserve.errors import UnknownNameError
from paretoserve.pareto import TableFront, from_frame
from paretoserve.pareto import plot as plot_front
from paretoserve.reference._papers import entries

if TYPE_CHECKING:
    from collections.abc import Mapping

    import matplotlib.axes
    from numpy.typing import NDArray

    from paretoserve.pareto._arguments import Sense

__all__ = ["Published", "front", "plot", "points", "table", "tables"]


@dataclass(frozen=True)
class Published:
    """A table of published figures.

    Attributes
    ----------
    name : str
        For `points`: the key of the paper, and a word behind a slash if it is not the first of its tables.
    paper : str
        Key of the paper.
    labels : tuple of str
        What each row is.
    columns : mapping from str to ndarray of float64, or of str for a column of texts, shape (n,)
        Read-only. NaN where nothing is stated; infinite where the paper says never.
    units : mapping from str to str
        Of each column; "1" for a ratio or a count, "text" for texts.
    senses : mapping from str to {"min", "max"}
        Better directions of the columns that are objectives.
    source : str
        Where in the paper, or beside it, the figures were read.
    note : str
        What to know about them, such as that a figure is the best case.
    """

    name: str
    paper: str
    labels: tuple[str, ...]
    columns: Mapping[str, NDArray[Any]]
    units: Mapping[str, str]
    senses: Mapping[str, Literal["min", "max"]]
    source: str
    note: str

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.labels)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain data."""
        columns = {name: column.tolist() for name, column in self.columns.items()}
        about = {"name": self.name, "paper": self.paper, "source": self.source, "note": self.note}
        return about | {
            "labels": list(self.labels),
            "columns": columns,
            "units": dict(self.units),
            "senses": dict(self.senses),
        }


def tables() -> list[str]:
    """List the names of all published tables.

    Returns
    -------
    names : list of str
        In the order of the papers.

    Examples
    --------
    >>> [name for name in tables() if name.startswith("algoperf")]
    ['algoperf', 'algoperf/times']
    """
    return [name for paper, _ in entries() for name in paper.tables]


def points(name: str) -> Published:
    """Return a published table with its units, directions and source.

    Parameters
    ----------
    name : str
        One of `tables`; the key of a paper is its first table.

    Returns
    -------
    published : Published

    Raises
    ------
    UnknownNameError
        If there is no table of that name; close names are suggested. A paper without any says why in its notes.

    Examples
    --------
    >>> published = points("efficient-agents")
    >>> published.labels, published.columns["cost_usd"].tolist(), published.units["cost_usd"]
    (('OWL', 'Efficient Agents'), [0.398, 0.228], 'USD')
    >>> published.source, published.senses["cost_usd"]
    ('abstract', 'min')
    """
    for paper, found in entries():
        if name in paper.tables:
            return _published(name, paper.key, found[paper.tables.index(name)])
        if name == paper.key:
            raise UnknownNameError(f"`{name}` has no published table: {paper.notes}")
    hint = close_names(str(name), tables())
    raise UnknownNameError(f"`name` must be one of paretoserve.reference.tables(), got `{name}`\nhint: {hint}")


def _published(name: str, paper: str, entry: dict[str, Any]) -> Published:
    texts = [column for column, unit, _ in entry["columns"] if unit == "text"]
    columns = {}
    for place, (column, _, _) in enumerate(entry["columns"], 1):
        values = np.array([row[place] for row in entry["rows"]], dtype=str if column in texts else np.float64)
        values.flags.writeable = False
        columns[column] = values
    return Published(
        name=name,
        paper=paper,
        labels=tuple(row[0] for row in entry["rows"]),
        columns=MappingProxyType(columns),
        units=MappingProxyType({column: unit for column, unit, _ in entry["columns"]}),
        senses=MappingProxyType({column: sense for column, _, sense in entry["columns"] if sense}),
        source=entry["source"],
        note=entry.get("note", ""),
    )


def table(name: str, *, kind: Literal["dict", "pyarrow"] = "dict") -> Any:
    """Return a published table as columns.

    Parameters
    ----------
    name : str
        One of `tables`.
    kind : {"dict", "pyarrow"}, default "dict"
        A dict from names to lists, or a pyarrow.Table whose metadata holds source, units and directions.

    Returns
    -------
    table : dict or pyarrow.Table
        Column ``label``, then those of `points`. What is not stated is NaN in a dict and null in a pyarrow.Table.

    Raises
    ------
    UnknownNameError
        If there is no table of that name.
    ValueError
        If `kind` is neither.
    ModuleNotFoundError
        If pyarrow is wanted and not installed.

    Examples
    --------
    >>> table("efficient-agents")
    {'label': ['OWL', 'Efficient Agents'], 'relative_accuracy': [1.0, 0.967], 'cost_usd': [0.398, 0.228]}
    >>> table("efficient-agents", kind="pyarrow").num_rows
    2
    """
    published = points(name)
    columns = {"label": list(published.labels)}
    columns |= {column: values.tolist() for column, values in published.columns.items()}
    if kind == "dict":
        return columns
    if kind != "pyarrow":
        raise ValueError(f'`kind` must be "dict" or "pyarrow", got `{kind}`')
    from paretoserve.pareto._frames import require_pyarrow

    pyarrow = require_pyarrow("a published table")
    fields, arrays = [], []
    for column, values in columns.items():
        arrays.append(pyarrow.array(values, from_pandas=True))
        unit, sense = published.units.get(column, "text"), published.senses.get(column, "")
        fields.append(pyarrow.field(column, arrays[-1].type, metadata={"unit": unit, "sense": sense}))
    schema = pyarrow.schema(fields, metadata={"paper": published.paper, "source": published.source})
    return pyarrow.table(arrays, schema=schema)


def front(name: str, objectives: Mapping[str, Sense] | None = None) -> TableFront:
    """Return the rows of a published table that no other row beats.

    Parameters
    ----------
    name : str
        One of `tables`.
    objectives : mapping from str to {"min", "max"}, optional
        Columns to compare; default: all that have a direction.

    Returns
    -------
    front : pareto.TableFront
        Rows that lack an objective are left out and counted.

    Raises
    ------
    UnknownNameError
        If there is no table of that name.
    ValueError
        If none of its columns has a direction and `objectives` names none.

    Examples
    --------
    >>> front("efficientvmamba").table["label"]
    ['EfficientVMamba-T', 'EfficientVMamba-S', 'EfficientVMamba-B']
    """
    senses = _objectives(name, objectives)
    return from_frame(table(name), senses, nan="drop")


def plot(name: str, objectives: Mapping[str, Sense] | None = None, **options: Any) -> matplotlib.axes.Axes:
    """Draw a published table: its front as a staircase, with labels.

    Parameters
    ----------
    name : str
        One of `tables`.
    objectives : mapping from str to {"min", "max"}, optional
        The two columns to draw; default: the first two that have a direction.
    **options
        Of `pareto.plot`, such as ``file`` or ``ax``.

    Returns
    -------
    ax : matplotlib.axes.Axes

    Raises
    ------
    UnknownNameError
        If there is no table of that name.
    ShapeError
        If fewer than two columns have a direction.
    ModuleNotFoundError
        If matplotlib is not installed (extra ``plot``).

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = plot("efficientvmamba", ax=Figure().add_subplot())
    >>> ax.get_xlabel(), len(ax.texts)
    ('flops_g, GFLOP (lower is better)', 3)
    """
    published = points(name)
    senses = dict(list(_objectives(name, objectives).items())[:2])
    columns = table(name)
    names = [f"{column}, {published.units[column]}" for column in senses]
    return plot_front(columns, senses, **({"names": names, "labels": "label", "title": published.paper} | options))


def _objectives(name: str, objectives: Mapping[str, Sense] | None) -> dict[str, Sense]:
    senses: dict[str, Sense] = dict(points(name).senses if objectives is None else objectives)
    if not senses:
        raise ValueError(f"no column of `{name}` has a direction\nhint: give objectives={{column: direction}}")
    return senses
