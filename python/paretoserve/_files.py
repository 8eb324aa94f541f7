"""Bytes of a file that a user names, plain or compressed (gz, xz, zst, bz2), and the error that says what is wrong.

The compression is recognized by the first bytes, not by the name; a name that promises another one is refused, because
such a file was usually cut or downloaded as an error page.
"""

import gzip
import zlib
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path

from paretoserve.errors import DataError

__all__ = ["file_error", "read_bytes", "shown_bytes"]

_MAGIC = {"gz": b"\x1f\x8b", "xz": b"\xfd7zXZ\x00", "zst": b"\x28\xb5\x2f\xfd", "bz2": b"BZh"}
_NAMES = {".gz": "gz", ".xz": "xz", ".zst": "zst", ".zstd": "zst", ".bz2": "bz2"}


def file_error(file: str, what: str, *, at: str | None = None, column: str | None = None, hint: str = "") -> DataError:
    """Return the error about a file; `at` is the place in it, such as ``line 4``."""
    place = f"`{file}`" + (f" {at}" if at else "") + (f", column `{column}`" if column else "")
    return DataError(f"{place}: {_printable(what)}" + (f"\nhint: {hint}" if hint else ""))


def _printable(text: str) -> str:
    """Return a text of a message: what came out of a file must not move the cursor of a terminal."""
    return "".join(letter if letter.isprintable() or letter == "\n" else "\ufffd" for letter in text)


def shown_bytes(text: bytes) -> str:
    """Return what stands in a file as it can be shown in a message: in backticks, cut, without control characters."""
    if not text.strip():
        return "nothing"
    line = text[:80].replace(b"\n", b"\xff").decode("utf-8", "replace")
    return f"`{_printable(line)}`"


def read_bytes(path: Path) -> bytes:
    """Return the decompressed content of `path`; DataError if it is missing, empty, cut or not what it says."""
    file = str(path)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise file_error(file, "no such file", hint=_similar_files(path)) from None
    except IsADirectoryError:
        raise file_error(file, "is a folder, expected a file") from None
    except OSError as error:
        raise file_error(file, f"cannot be read: {error.strerror or error}") from None
    found = next((kind for kind, magic in _MAGIC.items() if content.startswith(magic)), None)
    promised = _NAMES.get(path.suffix.lower())
    if content and promised is not None and found != promised:
        raise file_error(file, f"is not {promised} as its name says; it starts with {content[:6]!r}")
    if found is not None:
        content = _decompress(file, found, content)
    if not content.strip():
        raise file_error(file, "is empty")
    return content


def _similar_files(path: Path) -> str:
    try:
        names = [entry.name for entry in path.parent.iterdir()]
    except OSError:
        return f"the folder `{path.parent}` cannot be listed either"
    close = get_close_matches(path.name, names, n=3)
    return "in that folder are " + ", ".join(f"`{name}`" for name in close) if close else ""


def _decompress(file: str, kind: str, content: bytes) -> bytes:
    try:
        if kind == "gz":
            return gzip.decompress(content)
        if kind == "xz":
            return _decompress_xz(content)
        if kind == "bz2":
            # Imported here because a Python may be built without it, as without lzma.
            return bytes(import_module("bz2").decompress(content))
        return _decompress_zstd(content)
    except (EOFError, OSError, ValueError, zlib.error) as error:
        hint = "the file may have been cut while it was copied; fetch it again"
        raise file_error(file, f"does not decompress as {kind}: {error}", hint=hint) from None


def _decompress_xz(content: bytes) -> bytes:
    # Imported here because a Python may be built without it; only xz files should fail then.
    import lzma

    try:
        return lzma.decompress(content)
    except lzma.LZMAError as error:
        raise ValueError(str(error)) from None


def _decompress_zstd(content: bytes) -> bytes:
    """Use the standard library, which has zstd from Python 3.14, else pyarrow."""
    try:
        zstd = import_module("compression.zstd")
    except ImportError:
        return _decompress_zstd_by_pyarrow(content)
    try:
        return bytes(zstd.decompress(content))
    except zstd.ZstdError as error:
        raise ValueError(str(error)) from None


def _decompress_zstd_by_pyarrow(content: bytes) -> bytes:
    try:
        import pyarrow
    except ImportError:
        message = "reading zst needs pyarrow\nhint: install paretoserve[plan], or use gz or xz"
        raise ModuleNotFoundError(message, name="pyarrow") from None
    with pyarrow.input_stream(pyarrow.py_buffer(content), compression="zstd") as stream:
        return bytes(stream.read())
