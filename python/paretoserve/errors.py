"""Exceptions of paretoserve.

Every class derives from `ParetoserveError` and from the built-in exception that callers would catch anyway. A value
out of range is a plain `ValueError`. Messages say what came, what was expected and what to do.
"""

__all__ = [
    "CapacityError",
    "CompileError",
    "DataError",
    "DeviceError",
    "DtypeError",
    "ParetoserveError",
    "PolicyError",
    "RankLostError",
    "RankMismatchError",
    "ShapeError",
    "StageError",
    "UnknownNameError",
    "UnmetSloError",
]


class ParetoserveError(Exception):
    """Base of all exceptions of this package."""


class ShapeError(ParetoserveError, ValueError):
    """An array has the wrong shape."""


class DtypeError(ParetoserveError, TypeError):
    """An array has the wrong dtype."""


class DeviceError(ParetoserveError, RuntimeError):
    """A device is missing or is the wrong one."""


class CompileError(ParetoserveError, RuntimeError):
    """A kernel could not be compiled: no compiler, or it refused; the message has the first lines of its log."""


class CapacityError(ParetoserveError, ValueError):
    """A model does not fit the memory of a layout; the message says what is missing and what would fit."""


class DataError(ParetoserveError, ValueError):
    """Input data is missing or broken; the message names file, row and column."""


class PolicyError(ParetoserveError, RuntimeError):
    """A policy or predictor given as a function raised or returned nonsense; nothing has changed."""


class RankLostError(ParetoserveError, RuntimeError):
    """Another rank of the group is gone or did not answer in time; the message names it."""


class RankMismatchError(ParetoserveError, ValueError):
    """The ranks of a group were given inputs that do not belong together; the message names ranks and values."""


class StageError(ParetoserveError, RuntimeError):
    """A stage of a running split raised, died or did not answer in time; the message names it."""


class UnknownNameError(ParetoserveError, KeyError):
    """A model, system, profile or metric of that name is not known; close names are suggested."""

    def __str__(self) -> str:
        """Return the message itself; KeyError would show its repr."""
        return str(self.args[0]) if self.args else ""


class UnmetSloError(ParetoserveError):
    """No configuration meets the SLO; the message has the nearest miss and the limit that binds."""
