"""The metadata of a GGUF file, walked without keeping it: whether every length it names lies within the file.

The reader of the gguf library believes lengths: told of an array of 2^60 elements, it starts to collect them.
"""

from __future__ import annotations

import mmap
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["check_metadata"]

# Bytes of a value by its type: integers, floats and booleans; strings and arrays have lengths of their own.
_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_STRING, _ARRAY = 8, 9
_DEPTH = 8


def check_metadata(path: Path) -> None:
    """Raise ValueError if the metadata of a little-endian GGUF file are cut or name what cannot be.

    O(number of fields and of strings); reads nothing else.
    """
    if path.stat().st_size < 24:
        raise ValueError("it has no whole header")
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        version, _, count = struct.unpack_from("<IQQ", data, 4)
        if data[:4] != b"GGUF" or version & 0xFFFF == 0:
            return  # The reader says so, or knows the other byte order.
        at = 24
        for _ in range(count):
            at = _value(data, _advance(data, at, _length(data, at), 8), None, 0)


def _length(data: mmap.mmap, at: int) -> int:
    if at + 8 > len(data):
        raise ValueError("its metadata are cut")
    return int.from_bytes(data[at : at + 8], "little")


def _advance(data: mmap.mmap, at: int, size: int, more: int = 0) -> int:
    """Return the offset after `more` and `size` bytes, if the file is that long."""
    if at + more + size > len(data):
        raise ValueError(f"its metadata name {size} bytes at byte {at} of {len(data)}")
    return at + more + size


def _value(data: mmap.mmap, at: int, kind: int | None, depth: int) -> int:
    """Return the offset after a value, whose type is stored before it if `kind` is None."""
    if kind is None:
        after = _advance(data, at, 4)
        at, kind = after, int.from_bytes(data[at:after], "little")
    if kind in _SIZES:
        return _advance(data, at, _SIZES[kind])
    if kind == _STRING:
        return _advance(data, at, _length(data, at), 8)
    if kind != _ARRAY or depth == _DEPTH:
        raise ValueError(f"its metadata have a value of type {kind} at byte {at}")
    after = _advance(data, at, 4)
    element, count = int.from_bytes(data[at:after], "little"), _length(data, after)
    at = _advance(data, after, count * _SIZES.get(element, 4), 8)
    if element in _SIZES:
        return at
    at = after + 8
    for _ in range(count):
        at = _value(data, at, element, depth + 1)
    return at
