"""What of a checkpoint is finished: shards wait in a hidden folder until all are there, then move to their names.

A run that is killed is continued by the same call. Another call (other options, other input) starts anew. Until the
last moment an older result in the same folder stays complete.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from paretoserve.quant.checkpoint.files import TensorFile, replace_file

__all__ = ["State", "digest"]

_FOLDER = ".paretoserve-quantize"


def digest(shards: Sequence[TensorFile], options: Any) -> str:
    """Return a name for the result: headers, sizes and times of the shards, and all options that matter."""
    found = hashlib.sha256(json.dumps(options, sort_keys=True).encode())
    for shard in shards:
        status = shard.path.stat()
        found.update(json.dumps([shard.path.name, status.st_size, status.st_mtime_ns]).encode())
        found.update(shard.header)
    return found.hexdigest()


class State:
    """Progress of one result, on disk in `out`; locked against a second process while it is open.

    Parameters
    ----------
    out : Path
        Folder of the result; made if missing.
    name : str
        Its digest.

    Raises
    ------
    ValueError
        If another process writes to `out`.
    """

    def __init__(self, out: Path, name: str) -> None:
        self.out, self.folder = out, out / _FOLDER
        self._made = [each for each in (out, *out.parents) if not each.exists()]
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = (self.folder / "lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.close()
            raise ValueError(f"`out` is being written by another process, got {out}") from None
        self._content: dict[str, Any] = {"digest": name, "formats": None, "shards": {}, "moving": False}
        try:
            found = json.loads((self.folder / "state.json").read_text())
            same = found["digest"] == name and found.keys() == self._content.keys()
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            same = False
        if same:
            self._content = found
        else:
            self._clear()

    def _clear(self) -> None:
        for path in self.folder.iterdir():
            if path.name != "lock":
                path.unlink()

    def _save(self) -> None:
        replace_file(self.folder / "state.json", json.dumps(self._content).encode())

    @property
    def formats(self) -> dict[str, str] | None:
        """Formats that were chosen for the tensors, if that was done."""
        found: dict[str, str] | None = self._content["formats"]
        return found

    def choose(self, formats: dict[str, str]) -> None:
        """Keep the formats that were chosen."""
        self._content["formats"] = formats
        self._save()

    def part(self, shard: str) -> Path:
        """Return where a shard is written."""
        return self.folder / shard

    def finished(self, shard: str) -> list[dict[str, Any]] | None:
        """Return the report of a shard that is finished, None if it is not."""
        known = self._content["shards"].get(shard)
        if known is None:
            return None
        places = [self.part(shard)] + ([self.out / shard] if self._content["moving"] else [])
        there = any(path.is_file() and path.stat().st_size == known["size"] for path in places)
        rows: list[dict[str, Any]] = known["rows"]
        return rows if there else None

    def finish(self, shard: str, size: int, rows: list[dict[str, Any]]) -> None:
        """Keep that a shard is complete, with its report."""
        self._content["shards"][shard] = {"size": size, "rows": rows}
        self._save()

    def publish(self, shards: Sequence[str], files: Mapping[str, bytes], copies: Sequence[Path]) -> None:
        """Move all shards to their names, write small files and copies beside them, and forget the progress."""
        self._content["moving"] = True
        self._save()
        for shard in shards:
            if self.part(shard).exists():
                os.replace(self.part(shard), self.out / shard)
        for path in copies:
            beside = self.folder / path.name
            shutil.copyfile(path, beside)
            os.replace(beside, self.out / path.name)
        for name, content in files.items():
            replace_file(self.out / name, content)
        shutil.rmtree(self.folder)

    def discard(self) -> None:
        """Forget what is finished: the input was refused, and the same call would be again."""
        if not self._content["moving"]:
            self._content |= {"formats": None, "shards": {}}

    def close(self) -> None:
        """Let other processes write; if nothing is finished, remove the folder and those that were made for it."""
        if self.folder.exists() and not self._content["shards"] and self._content["formats"] is None:
            shutil.rmtree(self.folder)
            with contextlib.suppress(OSError):
                # Up to the first that holds something by now.
                for each in self._made:
                    each.rmdir()
        self._lock.close()
