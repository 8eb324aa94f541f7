"""Rows of a scan that may still be on the front: what a batch adds, and what later batches strike out.

The front of a union is the front of the parts' fronts, so the answer does not depend on how the rows were cut.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve.pareto._frame_columns import Numbers
from paretoserve.pareto._labels import column_labels, dense
from paretoserve.pareto._table_rows import front_rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from paretoserve.pareto._frame_columns import Place
    from paretoserve.pareto._table_rows import Question

__all__ = ["Survivors", "batch_groups"]

# Rows that are kept without looking whether later ones strike them out.
FEWEST_ROWS = 1 << 16

Labels = list[tuple[Any, Any]]


class Survivors:
    """The front of the rows so far, and those added since it was last made.

    Parameters
    ----------
    question : Question
        Without `eps` in mind: boxes are for the final front.
    """

    def __init__(self, question: Question) -> None:
        self._question = replace(question, eps=None)
        self._parts: list[tuple[list[Numbers], NDArray[np.int64], NDArray[np.uint32]]] = []
        self._labels: dict[Any, int] = {}
        self._most_rows, self._num_rows = FEWEST_ROWS, 0

    def add(
        self,
        objectives: Sequence[Numbers],
        taken: NDArray[np.bool_],
        groups: tuple[NDArray[np.int64], int, Labels] | None,
        first_row: int,
    ) -> None:
        """Add the front of a batch whose rows are numbered from `first_row` on."""
        local = None if groups is None else (groups[0].astype(np.uint32), groups[1])
        rows = front_rows(self._question, objectives, None if taken.all() else taken, local)
        codes = np.zeros(len(rows), dtype=np.uint32) if groups is None else self._global_codes(rows, groups)
        self._parts.append(([numbers.at(rows) for numbers in objectives], rows + first_row, codes))
        self._num_rows += len(rows)
        if self._num_rows > self._most_rows:
            self._compact()
            self._most_rows = max(FEWEST_ROWS, 2 * self._num_rows)

    def _global_codes(
        self, rows: NDArray[np.int64], groups: tuple[NDArray[np.int64], int, Labels]
    ) -> NDArray[np.uint32]:
        """Return for rows of a batch the codes that their groups have in all batches."""
        unique, first, inverse = np.unique(groups[0][rows], return_index=True, return_inverse=True)
        found = np.empty(len(unique), dtype=np.uint32)
        for position, row in enumerate(rows[first].tolist()):
            label = tuple(labels[codes[row]] for codes, labels in groups[2])
            found[position] = self._labels.setdefault(label, len(self._labels))
        return found[inverse]

    def _joined(self) -> tuple[list[Numbers], NDArray[np.int64], NDArray[np.uint32]]:
        columns = [_concatenated(column) for column in zip(*(part[0] for part in self._parts), strict=True)]
        return columns, np.concatenate([p[1] for p in self._parts]), np.concatenate([p[2] for p in self._parts])

    def _groups(self, codes: NDArray[np.uint32]) -> tuple[NDArray[np.uint32], int] | None:
        return (codes, max(len(self._labels), 1)) if self._question.by else None

    def _compact(self) -> None:
        columns, numbers, codes = self._joined()
        kept = front_rows(self._question, columns, None, self._groups(codes))
        self._parts = [([column.at(kept) for column in columns], numbers[kept], codes[kept])]
        self._num_rows = len(kept)

    def front(self, question: Question) -> tuple[NDArray[np.int64], Numbers | None]:
        """Return the row numbers of the whole front, rising, and their first objective; boxes are applied now."""
        if not self._parts:
            return np.zeros(0, dtype=np.int64), None
        self._compact()
        columns, numbers, codes = self._parts[0]
        if question.eps is not None:
            kept = front_rows(question, columns, None, self._groups(codes))
            columns, numbers = [column.at(kept) for column in columns], numbers[kept]
        return numbers, columns[0]


def batch_groups(
    place: Place, columns: Mapping[str, Any], first_row: int
) -> tuple[NDArray[np.int64], int, Labels] | None:
    """Return a code per row of a batch, the number of codes, and per column its codes and labels."""
    if not columns:
        return None
    labels: Labels = []
    joint, num_codes = None, 1
    for name, column in columns.items():
        codes, found = column_labels(place, name, column)
        if (codes < 0).any():
            row = first_row + int((codes < 0).argmax())
            hint = "give such rows a label of their own or leave them out"
            raise place.problem(name, "must name the group of every row, got nothing", row=row, hint=hint)
        labels.append((codes, found))
        size = max(len(found), 1)
        joint, num_codes = (codes, size) if joint is None else (joint * size + codes, num_codes * size)
        if num_codes > max(4 * len(codes), 1 << 16):
            joint, num_codes = dense(joint)
    assert joint is not None
    return joint, num_codes, labels


def _concatenated(parts: Sequence[Numbers]) -> Numbers:
    missing = None
    if any(part.missing is not None for part in parts):
        none = [np.zeros(len(part.values), dtype=np.bool_) if part.missing is None else part.missing for part in parts]
        missing = np.concatenate(none)
    return Numbers(np.concatenate([part.values for part in parts]), missing, parts[0].scale)
