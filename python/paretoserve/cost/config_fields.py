"""Checked access to the fields of a config.json: every complaint names the file and the field."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from paretoserve._integers import shown
from paretoserve.cost.model import LARGEST_SIZE
from paretoserve.errors import DataError

__all__ = ["Fields", "read_json"]


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object, or raise DataError that names the file."""
    try:
        values = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise DataError(f"{path}: file not found") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None
    except RecursionError:
        raise DataError(f"{path}: is nested too deeply for a config.json") from None
    except ValueError as error:  # broken JSON, broken UTF-8, an integer of thousands of digits
        raise DataError(f"{path}: is not valid JSON: {error}") from None
    if not isinstance(values, dict):
        raise DataError(f"{path}: must hold a JSON object, got {type(values).__name__}")
    return values


class Fields:
    """The fields of one (possibly nested) JSON object.

    Parameters
    ----------
    source : str
        File name for messages.
    values : dict
        The object.
    prefix : str, default ""
        Path of the object inside the file, for messages.
    """

    def __init__(self, source: str, values: dict[str, Any], *, prefix: str = "") -> None:
        self.source, self.values, self.prefix = source, values, prefix

    def error(self, key: str, problem: str) -> DataError:
        """Make the exception for a field, ready to be raised."""
        return DataError(f"{self.source}: field `{self.prefix}{key}` {problem}")

    def has(self, key: str) -> bool:
        """Whether the field is there and not null."""
        return self.values.get(key) is not None

    def size(self, *keys: str, default: int | None = None, least: int = 1) -> int:
        """Return the first present of several names of one integer field.

        Raises
        ------
        DataError
            If none is there and there is no default, or the value is not an integer from `least` to 2^31 - 1.
        """
        for key in keys:
            if self.has(key):
                return self._integer(key, self.values[key], least)
        if default is None:
            others = f" (or {', '.join(f'`{key}`' for key in keys[1:])})" if len(keys) > 1 else ""
            raise self.error(keys[0], f"is missing{others}")
        return default

    def optional_size(self, key: str) -> int | None:
        """Return an integer field, or None where it is absent or null."""
        return self._integer(key, self.values[key], 1) if self.has(key) else None

    def _integer(self, key: str, value: object, least: int) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= LARGEST_SIZE:
            raise self.error(key, f"must be an integer from {least} to {LARGEST_SIZE}, got {shown(value)}")
        return value

    def flag(self, key: str, *, default: bool) -> bool:
        """Return a boolean field."""
        value = self.values.get(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self.error(key, f"must be true or false, got {shown(value)}")
        return value

    def text(self, key: str) -> str:
        """Return a string field that must be there."""
        if not self.has(key):
            raise self.error(key, "is missing")
        value = self.values[key]
        if not isinstance(value, str):
            raise self.error(key, f"must be a string, got {shown(value)}")
        return value

    def items(self, key: str, *, length: int | None = None) -> list[Any] | None:
        """Return a list field, or None; with `length`, a list of that length."""
        value = self.values.get(key)
        if value is None:
            return None
        if not isinstance(value, list):
            raise self.error(key, f"must be a list, got {shown(value)}")
        if length is not None and len(value) != length:
            raise self.error(key, f"must have one entry per layer, {length}, got {len(value)}")
        return value

    def inner(self, key: str) -> Fields | None:
        """Return a nested object, or None where it is absent or null."""
        value = self.values.get(key)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise self.error(key, f"must be an object, got {shown(value)}")
        return Fields(self.source, value, prefix=f"{self.prefix}{key}.")
