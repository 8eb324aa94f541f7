"""Arguments of formulas that are no numbers: names, flags, lists, functions and objects, checked by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from paretoserve.errors import DtypeError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["flag", "function", "hashable", "instance", "items", "one_of", "sign_of"]

Kind = TypeVar("Kind")


def one_of(argument: str, value: Any, names: Iterable[str]) -> str:
    """Return a name if it is one of those, else raise ValueError."""
    known = tuple(names)
    if not isinstance(value, str) or value not in known:
        raise ValueError(f"`{argument}` must be one of {', '.join(known)}, got {value!r:.60}")
    return value


def sign_of(sense: Any) -> int:
    """Return the factor that makes the better direction larger."""
    return 1 if one_of("sense", sense, ("min", "max")) == "max" else -1


def flag(argument: str, value: Any) -> bool:
    """Return a value if it is True or False, else raise DtypeError."""
    if not isinstance(value, bool | np.bool_):
        raise DtypeError(f"`{argument}` must be True or False, got {_type(value)}")
    return bool(value)


def instance(argument: str, value: Any, kind: type[Kind]) -> Kind:
    """Return a value if it is of a class, else raise DtypeError."""
    if not isinstance(value, kind):
        raise DtypeError(f"`{argument}` must be a {kind.__name__}, got {_type(value)}")
    return value


def function(argument: str, value: Any) -> Callable[..., Any]:
    """Return a value if it can be called, else raise DtypeError."""
    if not callable(value):
        raise DtypeError(f"`{argument}` must be a function, got {_type(value)}")
    return value  # type: ignore[no-any-return]


def items(argument: str, values: Any) -> list[Any]:
    """Return what a sequence holds; a text, and what has no order of its own, is none."""
    if isinstance(values, str | bytes | Mapping | Set) or not isinstance(values, Iterable):
        raise DtypeError(f"`{argument}` must be a sequence, got {_type(values)}")
    return list(values)


def hashable(argument: str, values: Any) -> list[Any]:
    """Return what a sequence holds, which must be fit for the keys of a dictionary."""
    found = items(argument, values)
    for row, value in enumerate(found):
        # A tuple that holds a list has the method and still has no hash.
        try:
            hash(value)
        except TypeError:
            raise DtypeError(f"`{argument}` must be hashable, got {_type(value)} in row {row}") from None
    return found


def _type(value: Any) -> str:
    return type(value).__name__
