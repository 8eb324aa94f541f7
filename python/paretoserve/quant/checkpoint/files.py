"""Safetensors files, read tensor by tensor and written to known places.

The file is an 8-byte length, a JSON header with dtype, shape and place of each tensor, then the bytes without gaps.
Reading is by position rather than by memory map, so that a file cut while it is read gives an error and no signal.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Entry", "Stored", "TensorFile", "TensorWriter", "replace_file"]

BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
    "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32, "I64": 64, "U64": 64, "F64": 64,
    "C64": 64, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
}  # fmt: skip
# What the safetensors library refuses to read.
MOST_HEADER_BYTES = 100_000_000
PIECE_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Stored:
    """Name, dtype (as safetensors writes it) and shape of a tensor in a file."""

    name: str
    dtype: str
    shape: tuple[int, ...]

    @property
    def num_elements(self) -> int:
        """Product of the shape."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of its data."""
        return self.num_elements * BITS[self.dtype] // 8


@dataclass(frozen=True, slots=True)
class Entry(Stored):
    """A tensor of a file, with its place after the header."""

    start: int
    stop: int

    @property
    def nbytes(self) -> int:
        """Bytes of its data; also of a dtype that is not known here."""
        return self.stop - self.start


@dataclass(frozen=True, slots=True)
class TensorFile:
    """A safetensors file whose header was read and found sound.

    Attributes
    ----------
    path : Path
    entries : dict of str to Entry
        In the order of their bytes.
    metadata : dict of str to str
    header : bytes
        As it stands in the file.
    """

    path: Path
    entries: dict[str, Entry]
    metadata: dict[str, str]
    header: bytes

    @classmethod
    def open(cls, path: Path) -> TensorFile:
        """Read the header of a file.

        Raises
        ------
        DataError
            If the file is missing, cut, or no safetensors file; the message has the reason.
        """
        try:
            with path.open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                length = int.from_bytes(file.read(8), "little")
                if size < 8 or length > min(size - 8, MOST_HEADER_BYTES):
                    raise _broken(path, f"is no safetensors file, or cut: {size} bytes, header of {length}")
                header = file.read(length)
        except OSError as error:
            raise DataError(f"`{path}` cannot be read: {(error.strerror or str(error)).lower()}") from None
        metadata, entries = _parsed(path, header, size - 8 - length)
        return cls(path, entries, metadata, header)

    def load(self, entry: Entry, offset: int = 0, nbytes: int | None = None) -> NDArray[np.uint8]:
        """Return the bytes of a tensor, or `nbytes` of them from `offset` on."""
        data = np.empty(entry.nbytes if nbytes is None else nbytes, dtype=np.uint8)
        with self.path.open("rb") as file:
            file.seek(8 + len(self.header) + entry.start + offset)
            if file.readinto(data.data) != data.nbytes:
                raise _broken(self.path, f"ends in tensor `{entry.name}`; it was cut since its header was read")
        return data


def _broken(path: Path, reason: str) -> DataError:
    return DataError(f"`{path}` {reason}")


def _parsed(path: Path, header: bytes, data_bytes: int) -> tuple[dict[str, str], dict[str, Entry]]:
    """Return metadata and entries of a header, or say what is wrong with it."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise _broken(path, f"names `{twice}` twice in its header")
        return dict(pairs)

    try:
        content = json.loads(header.decode("utf-8"), object_pairs_hook=once)
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise _broken(path, f"is no safetensors file: its header is no JSON ({error})") from None
    if not isinstance(content, dict):
        raise _broken(path, "is no safetensors file: its header is no JSON object")
    metadata = content.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise _broken(path, "has a `__metadata__` that is not text by name")
    entries = sorted((_entry(path, name, each) for name, each in content.items()), key=lambda e: (e.start, e.stop))
    at = 0
    for entry in entries:
        if entry.start != at:
            raise _broken(path, f"has tensor `{entry.name}` at byte {entry.start}, expected at {at}")
        at = entry.stop
    if at != data_bytes:
        raise _broken(path, f"is cut or too long: its header describes {at} bytes of data, it has {data_bytes}")
    return metadata, {entry.name: entry for entry in entries}


def _entry(path: Path, name: str, fields: Any) -> Entry:
    def whole(values: Any) -> bool:
        return isinstance(values, list) and all(type(value) is int and 0 <= value < 2**63 for value in values)

    if (
        not isinstance(fields, dict)
        or not isinstance(fields.get("dtype"), str)
        or not whole(fields.get("shape"))
        or not whole(fields.get("data_offsets"))
        or len(fields["data_offsets"]) != 2
    ):
        raise _broken(path, f"has no sound dtype, shape and data_offsets for tensor `{name}`")
    start, stop = fields["data_offsets"]
    bits = BITS.get(fields["dtype"])
    if start > stop or (bits is not None and math.prod(fields["shape"]) * bits != 8 * (stop - start)):
        what = f"{fields['dtype']} of shape {fields['shape']}"
        raise _broken(path, f"has {stop - start} bytes for tensor `{name}`, which is {what}")
    return Entry(name, fields["dtype"], tuple(fields["shape"]), start, stop)


class TensorWriter:
    """A safetensors file being written: places are known first, tensors come in any order.

    Parameters
    ----------
    path : Path
        Made, or replaced; a file to be renamed once it is complete.
    tensors : sequence of Stored
        All that will be written. The file has them by falling width of dtype, then by name, which aligns each.
    metadata : mapping of str to str
    """

    def __init__(self, path: Path, tensors: Sequence[Stored], metadata: Mapping[str, str]) -> None:
        header: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
        self._places: dict[str, tuple[int, int]] = {}
        at = 0
        for tensor in sorted(tensors, key=lambda each: (-BITS.get(each.dtype, 8), each.name)):
            header[tensor.name] = {
                "dtype": tensor.dtype,
                "shape": list(tensor.shape),
                "data_offsets": [at, at + tensor.nbytes],
            }
            self._places[tensor.name] = (at, tensor.nbytes)
            at += tensor.nbytes
        text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
        text += b" " * (-len(text) % 8)
        self.path = path
        self.size = 8 + len(text) + at
        self._data = 8 + len(text)
        self._file = path.open("w+b")
        try:
            self._file.truncate(self.size)
            self._write(len(text).to_bytes(8, "little") + text, 0)
        except BaseException:
            self.abandon()
            raise

    def put(self, name: str, data: NDArray[Any]) -> None:
        """Write a tensor; its bytes must be as many as announced."""
        place, nbytes = self._places.pop(name)
        if data.nbytes != nbytes:
            raise ValueError(f"`{name}` must have {nbytes} bytes, got {data.nbytes}")
        self._write(np.ascontiguousarray(data).reshape(-1).view(np.uint8).data, self._data + place)

    def copy(self, source: TensorFile, entry: Entry) -> None:
        """Write a tensor as it stands in another file, a piece at a time."""
        place, nbytes = self._places.pop(entry.name)
        start = 8 + len(source.header) + entry.start
        with source.path.open("rb") as file:
            file.seek(start)
            for offset in range(0, nbytes, PIECE_BYTES):
                length = min(PIECE_BYTES, nbytes - offset)
                piece = file.read(length)
                if len(piece) != length:
                    raise _broken(source.path, f"ends in tensor `{entry.name}`; it was cut since its header was read")
                self._write(piece, self._data + place + offset)

    def close(self) -> None:
        """Finish the file: every tensor must have been written, and the disk must have it."""
        if self._places:
            raise ValueError(f"every announced tensor must be written, missing is {next(iter(self._places))}")
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def abandon(self) -> None:
        """Close and remove the file."""
        with suppress(OSError):
            self._file.close()
        self.path.unlink(missing_ok=True)

    def _write(self, data: bytes | memoryview, place: int) -> None:
        view = memoryview(data)
        try:
            while len(view):
                written = os.pwrite(self._file.fileno(), view[:PIECE_BYTES], place)
                view, place = view[written:], place + written
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self.path)) from None


def replace_file(path: Path, content: bytes) -> None:
    """Write a small file beside `path`, then move it there: the old one stays complete until then."""
    beside = path.with_name(f".{path.name}.part")
    try:
        beside.write_bytes(content)
        os.replace(beside, path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
    finally:
        beside.unlink(missing_ok=True)
