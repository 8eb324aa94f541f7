"""What a sweep has finished, kept on disk so that a killed one goes on where it stopped.

One JSON line per configuration, flushed as it is finished, in a file whose name carries a digest of everything that the
results depend on. A line that a kill tore in half is ignored. The file goes when the plan is complete.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

__all__ = ["Progress", "digest", "json_text"]


def digest(value: Any) -> str:
    """Return the SHA-256 of plain data in hexadecimal, independent of the order of keys.

    Examples
    --------
    >>> digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    True
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def json_text(value: Any) -> str:
    """Return plain data as indented JSON with a final newline.

    NaN and infinities, which JSON does not have, become null.

    Examples
    --------
    >>> print(json_text({"a": float("nan")}), end="")
    {
     "a": null
    }
    """
    return json.dumps(_finite(value), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


class Progress:
    """Finished results by key, in memory and, with a folder, in an append-only file.

    Parameters
    ----------
    folder : Path or None
        Where the file lies; None keeps everything in memory.
    inputs : str
        Digest of all inputs; results of other inputs are never read.

    Raises
    ------
    OSError
        If the folder cannot be made or the file cannot be opened.
    ValueError
        If another process runs the same plan into the same folder.
    """

    def __init__(self, folder: Path | None, inputs: str) -> None:
        self.path = folder / f".progress-{inputs[:16]}.jsonl" if folder else None
        self.finished: dict[str, dict[str, Any]] = {}
        self._lock = threading.Lock()
        self._file = None
        if self.path and folder:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("ab", buffering=0)
            self._lock_file()
            # A torn last line is cut off, or the next record would be glued to it.
            self._size = self._read()
            self._file.truncate(self._size)

    def _lock_file(self) -> None:
        """Refuse to share the file with another run, which would tear its records."""
        import fcntl

        assert self._file is not None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.close()
            raise ValueError(f"`out` must not be in use, got {self.path}: another run writes to it") from None

    def _read(self) -> int:
        """Load all whole records and return how many bytes they take."""
        whole = 0
        if self.path is None or not self.path.exists():
            return whole
        with self.path.open("rb") as file:
            for line in file:
                try:
                    record = json.loads(line)
                    key, result = record["key"], record["result"]
                except (ValueError, KeyError, TypeError):
                    break
                if not line.endswith(b"\n"):
                    break
                whole += len(line)
                self.finished[key] = result
        return whole

    def add(self, key: str, result: dict[str, Any]) -> None:
        """Keep one result; safe from several threads.

        Raises
        ------
        OSError
            If the disk is full; the result stays in memory, and what was written before stays readable.
        """
        line = (json.dumps({"key": key, "result": result}, allow_nan=False) + "\n").encode()
        with self._lock:
            self.finished[key] = result
            if self._file is None:
                return
            try:
                written = 0
                while written < len(line):
                    written += self._file.write(line[written:])
            except OSError as error:
                self._file.truncate(self._size)
                raise OSError(error.errno, error.strerror, str(self.path)) from None
            self._size += len(line)

    def discard(self) -> None:
        """Delete the file: the plan is complete."""
        self.close()
        if self.path:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.path)

    def close(self) -> None:
        """Close the file and leave it for the next run."""
        if self._file:
            file, self._file = self._file, None
            with contextlib.suppress(OSError):
                file.close()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self.close()
