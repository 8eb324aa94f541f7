"""A front that grows: points come one by one or in batches, and those that another one dominates go.

The members and the search among them are `paretoserve_core::pareto::archive`; here the arguments get their meaning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self

import numpy as np

from paretoserve import _native
from paretoserve._names import one_of
from paretoserve.errors import DtypeError, ShapeError
from paretoserve.pareto._archive_data import archive_parts, broken, point_ids
from paretoserve.pareto._arguments import box_sizes, directions, real_numbers, thread_count
from paretoserve.pareto._points import as_points

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from paretoserve.pareto._arguments import Sense
    from paretoserve.pareto._points import PointsLike

__all__ = ["Archive", "Counters"]

# An index is laid out for them at once.
_MOST_OBJECTIVES = 4096


class Counters(NamedTuple):
    """What happened to an archive so far.

    Attributes
    ----------
    offered : int
        Points that were offered.
    kept : int
        Points that became members.
    removed : int
        Members that a later point or the capacity removed.
    """

    offered: int
    kept: int
    removed: int


class Archive(_native.ParetoArchive):
    """Points that none of the others dominates, kept up to date while points come in.

    Parameters
    ----------
    num_objectives : int
        Number of objectives, from 1 to 4,096.
    sense : {"min", "max"} or sequence of d of them, default "min"
        Direction per objective.
    keep : {"all", "first"}, default "all"
        Whether all of equal points stay or only the one that came first.
    eps : float or sequence of d floats, optional
        Thin the front as `mask` does: of each box of this size that no other box dominates the lexicographically best
        point stays, so every point ever offered is at most `eps` better than some member in any objective.
    capacity : int, optional
        Most members. When there is one more, the one with the least crowding distance goes (equal points first, of
        equally crowded ones the latest). The archive is then no longer exact and depends on the order of the points,
        and on which come together: of a batch only its own front is offered.
    ref : sequence of d floats, optional
        Reference point of `hypervolume`.

    Attributes
    ----------
    front : ndarray of float64, shape (m, d)
        The members, lexicographically best first, equal ones in the order they came in.
    ids : ndarray of int64, shape (m,)
        Their ids in the same order.
    counters : Counters
        Points offered, kept and removed so far.

    Raises
    ------
    ShapeError
        If an argument has not one entry per objective.
    ValueError
        If an argument is out of range.

    Notes
    -----
    Values are compared as float64; integers above 2^53 are rounded. NaN is refused, an infinity is a value like any
    other. Without `capacity` the members are those of `front` of all points offered, in any order; only which of equal
    points ``keep="first"`` keeps depends on it. Calls from several threads take turns.

    Two objectives: a sorted list, O(log m) per point. Others: a tree of boxes (ND-tree of Jaszkiewicz and Lust,
    IEEE Trans. Evol. Comput. 22, 2018). Boxes: Laumanns et al., Evol. Comput. 10, 2002. Crowding distance: Deb et al.,
    IEEE Trans. Evol. Comput. 6, 2002.

    Examples
    --------
    >>> archive = Archive(2, ["max", "min"])
    >>> archive.add([3.0, 5.0]), archive.add([2.0, 6.0]), archive.add([1.0, 1.0])
    (True, False, True)
    >>> archive.front, archive.ids
    (array([[3., 5.],
           [1., 1.]]), array([0, 2]))
    >>> archive.add_many([[3, 4], [0, 0]], ids=[10, 11])
    array([ True,  True])
    >>> archive.ids, archive.counters
    (array([10,  2, 11]), Counters(offered=5, kept=4, removed=1))
    >>> once = Archive(2, keep="first")
    >>> once.add([1.0, 1.0]), once.add([1.0, 1.0])
    (True, False)
    >>> coarse = Archive(2, eps=1)
    >>> coarse.add_many([[0.0, 9.0], [0.2, 8.9], [5.0, 0.0]])
    array([False,  True,  True])
    >>> small = Archive(2, capacity=3)
    >>> int(small.add_many([[0, 4], [1, 3], [1.1, 2.9], [4, 0]]).sum())
    3
    """

    # Set by `__new__` before anybody else sees the object, never changed.
    _settings: dict[str, Any]

    def __new__(
        cls,
        num_objectives: int,
        sense: Sense | Sequence[Sense] = "min",
        *,
        keep: Literal["all", "first"] = "all",
        eps: float | Sequence[float] | None = None,
        capacity: int | None = None,
        ref: Sequence[float] | None = None,
    ) -> Self:
        """Return an empty archive."""
        d = _count("num_objectives", num_objectives, _MOST_OBJECTIVES)
        maximize = directions(sense, d)
        sizes = None if eps is None else box_sizes(eps, d)
        reference = None if ref is None else as_point(ref, d, "ref").tolist()
        most = None if capacity is None else _count("capacity", capacity, 2**31 - 1)
        keep_all = one_of("keep", keep, ("all", "first")) == "all"
        self = super().__new__(cls, maximize, keep_all, sizes, most, reference)
        self._settings = {
            "num_objectives": d,
            "sense": ["max" if each else "min" for each in maximize],
            "keep": keep,
            "eps": sizes,
            "capacity": most,
            "ref": reference,
        }
        return self

    def add_many(
        self, points: PointsLike, ids: ArrayLike | None = None, *, threads: int | None = None
    ) -> NDArray[np.bool_]:
        """Offer many points at once, much faster than one by one.

        Parameters
        ----------
        points : array_like, shape (n, d), or d columns
            Not modified.
        ids : array_like of int, shape (n,), optional
            None numbers them on from the points offered before.
        threads : int, optional
            Most threads to use; the result never depends on it.

        Returns
        -------
        kept : ndarray of bool, shape (n,)
            Whether each is a member at the end.

        Raises
        ------
        ShapeError, DtypeError
            If `points` or `ids` do not fit.
        ValueError
            If a value is NaN.

        Examples
        --------
        >>> Archive(2).add_many([[0, 1], [1, 0], [1, 1]])
        array([ True,  True, False])
        """
        rows = self._rows(points)
        kept = np.zeros(len(rows), dtype=np.bool_)
        self.offer(kept.view(np.uint8), rows, None if ids is None else point_ids(ids, len(rows)), thread_count(threads))
        return kept

    def dominated(self, points: PointsLike) -> NDArray[np.bool_]:
        """Tell which points some member dominates; a point equal to a member is not dominated by it.

        Parameters
        ----------
        points : array_like, shape (n, d), or d columns

        Returns
        -------
        dominated : ndarray of bool, shape (n,)

        Raises
        ------
        ShapeError, DtypeError, ValueError
            As for `add_many`.

        Examples
        --------
        >>> archive = Archive(2)
        >>> archive.add([1.0, 1.0])
        True
        >>> archive.dominated([[1, 1], [1, 2], [0, 5]])
        array([False,  True, False])
        """
        rows = self._rows(points)
        out = np.zeros(len(rows), dtype=np.bool_)
        self.mark_dominated(out.view(np.uint8), rows)
        return out

    def merge(self, other: Archive) -> NDArray[np.bool_]:
        """Offer the members of another archive with their ids.

        Parameters
        ----------
        other : Archive
            With the same objectives and directions. Not modified.

        Returns
        -------
        kept : ndarray of bool, shape (len(other),)
            Which of its members, in the order of `other.front`, are members here at the end.

        Raises
        ------
        ValueError
            If objectives or directions differ.

        Examples
        --------
        >>> one, two = Archive(2), Archive(2)
        >>> one.add([1.0, 1.0]), two.add([0.0, 3.0]), two.add([2.0, 2.0])
        (True, True, True)
        >>> one.merge(two)
        array([ True, False])
        """
        if not isinstance(other, Archive):
            raise DtypeError(f"`other` must be an Archive, got {type(other).__name__}")
        own, theirs = self._settings["sense"], other._settings["sense"]
        if own != theirs:
            raise ValueError(f"`other` must have the directions {own}, got {theirs}")
        points, ids, _ = other._members()
        return self.add_many(points, ids)

    @property
    def front(self) -> NDArray[np.float64]:
        """The members, shape (m, d), lexicographically best first."""
        return self._members()[0]

    @property
    def ids(self) -> NDArray[np.int64]:
        """The ids of the members in the order of `front`, shape (m,)."""
        return self._members()[1]

    @property
    def counters(self) -> Counters:
        """Points offered, kept and removed so far."""
        return Counters(*self.counted())

    def to_dict(self) -> dict[str, Any]:
        """Return settings, members and counters as plain data.

        Returns
        -------
        data : dict
            The arguments of `Archive`, ``points`` and ``ids`` in the order in which they came in, and ``counters``.

        Examples
        --------
        >>> Archive(1).to_dict()["points"]
        []
        """
        points, ids, serials = self._members()
        # What comes first matters when a full archive must lose one of several equally crowded members.
        order = np.argsort(serials)
        members = {"points": points[order].tolist(), "ids": ids[order].tolist()}
        return self._settings | members | {"counters": list(self.counted())}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """Return the archive that `to_dict` described; so does ``pickle``.

        Parameters
        ----------
        data : dict
            What `to_dict` returned.

        Returns
        -------
        archive : Archive

        Raises
        ------
        DtypeError, DataError
            If `data` is no dict, lacks an entry, or its entries do not belong together.
        ShapeError, ValueError
            As for `Archive` and `add_many`.

        Examples
        --------
        >>> archive = Archive(2)
        >>> archive.add([1.0, 2.0])
        True
        >>> Archive.from_dict(archive.to_dict()).front
        array([[1., 2.]])
        """
        settings, points, ids, counters = archive_parts(data)
        archive = cls(settings.pop("num_objectives"), settings.pop("sense"), **settings)
        if settings["capacity"] is not None and len(points) > settings["capacity"]:
            raise broken(f"at most {settings['capacity']} points, its capacity, got {len(points)}")
        if len(points):
            kept = archive.add_many(points, ids)
            if not kept.all():
                raise broken(f"points none of which another one beats, but one beats that in row {kept.argmin()}")
        if counters[1] - counters[2] != len(archive):
            raise broken(f"counters [offered, kept, removed] of {len(archive)} members, got {counters}")
        archive.set_counted(*counters)
        return archive

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self).from_dict, (self.to_dict(),)

    def __repr__(self) -> str:
        return f"Archive({len(self)} members, {self._settings['num_objectives']} objectives)"

    def _members(self) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
        """Return points, ids and how many points had been offered before each, best first."""
        # Another thread may add between the question how many there are and the copy.
        while True:
            ids = np.empty(len(self), dtype=np.int64)
            serials = np.empty_like(ids)
            points = np.empty((len(ids), self._settings["num_objectives"]))
            if self.members(points, ids, serials):
                return points, ids, serials

    def _rows(self, points: PointsLike) -> NDArray[np.float64]:
        d = self._settings["num_objectives"]
        if type(points) is np.ndarray and points.dtype == np.float64 and points.shape[1:] == (d,):
            # The most common form needs no further look; what it costs counts in small batches.
            flags = points.flags
            return points if flags.c_contiguous and flags.aligned else np.ascontiguousarray(points)
        table = as_points("points", points)
        if table.d != d:
            raise ShapeError(f"`points` must have {d} objectives as the archive, got {table.d}")
        return table.table()


def as_point(point: ArrayLike, d: int, argument: str = "point") -> NDArray[np.float64]:
    """Return one point as contiguous float64 of shape (d,), checked."""
    array = real_numbers(argument, point, f"{d} real numbers")
    if array.shape != (d,):
        raise ShapeError(f"`{argument}` must have shape ({d},), one number per objective, got {array.shape}")
    return array


def _count(argument: str, value: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"`{argument}` must be a whole number, got {value!r:.40}")
    if not 1 <= value <= most:
        raise ValueError(f"`{argument}` must be from 1 to {most}, got {value}")
    return int(value)
