"""Which versions of an engine an adapter was tested with."""

import re
from importlib.metadata import PackageNotFoundError, version

__all__ = ["require"]


def require(package: str, least: str, below: str) -> str:
    """Return the installed version of a package.

    Raises
    ------
    ImportError
        If it is missing or outside ``least <= version < below``.

    Examples
    --------
    >>> require("numpy", "1.26", "99") >= "1.26"
    True
    >>> require("numpy", "0.1", "0.2")
    Traceback (most recent call last):
    ImportError: `numpy` must be at least 0.1 and below 0.2, the versions this adapter was tested with, got ...
    """
    try:
        found = version(package)
    except PackageNotFoundError:
        hint = f'hint: pip install "{package}>={least},<{below}"'
        raise ImportError(f"`{package}` is not installed; this adapter needs it\n{hint}") from None
    if not _numbers(least) <= _numbers(found) < _numbers(below):
        tested = f"at least {least} and below {below}, the versions this adapter was tested with"
        hint = f'hint: pip install "{package}>={least},<{below}", or the version of paretoserve that knows yours'
        raise ImportError(f"`{package}` must be {tested}, got {found}\n{hint}")
    return found


def _numbers(text: str) -> tuple[int, ...]:
    """Return the release part of a version: "5.20.2.dev0" is (5, 20, 2)."""
    release = re.match(r"\d+(\.\d+)*", text)
    return tuple(int(number) for number in release.group().split(".")) if release else ()
