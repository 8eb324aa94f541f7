"""Models by name, folder or file.

`data/models.json` holds architecture numbers of published models under the field names of a config.json, so that one
parser reads both. They are facts written down by us, without anything that sizes do not need.
"""

from __future__ import annotations

from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from paretoserve._names import close_names
from paretoserve.cost.config import model_from_config, parse_config
from paretoserve.cost.config_fields import read_json
from paretoserve.cost.model import Model
from paretoserve.errors import DataError, UnknownNameError

__all__ = ["hub_id", "load_model", "model_names", "unknown_name"]

DATA = Path(__file__).parent / "data"


def load_model(name_or_path: str | Path | Model) -> Model:
    """Find a model.

    Parameters
    ----------
    name_or_path : str, Path or Model
        A bundled name such as "qwen3-32b" or its Hugging Face id "Qwen/Qwen3-32B" (case does not matter), a folder
        that holds a config.json, or such a file. A bundled name wins over a folder of that name; write ./name for the
        folder. A Model is returned as it is.

    Returns
    -------
    model : Model

    Raises
    ------
    UnknownNameError
        If it is neither a bundled name nor an existing path; close names are suggested.
    DataError
        If the file is missing, broken or describes an unknown architecture; names file and field.

    Examples
    --------
    >>> from paretoserve.cost import load_model
    >>> load_model("qwen3-32b").num_layers
    64
    """
    if isinstance(name_or_path, Model):
        return name_or_path
    name = str(name_or_path)
    key = name.lower() if isinstance(name_or_path, str) else ""
    key = _ids().get(key, key)
    if key in _catalog():
        return _bundled(key)
    path = _config_path(name)
    if path is not None:
        return model_from_config(path)
    if isinstance(name_or_path, Path) or name.startswith((".", "/", "~")):
        raise DataError(f"{name}: file not found")
    raise unknown_name("model", name, model_names(), "or give the path of its config.json")


def _config_path(name: str) -> Path | None:
    """Return the file that `name` means if it means one: an existing file or folder, or anything that ends in .json."""
    try:
        path = Path(name).expanduser()
        if name and path.is_dir():
            return path / "config.json"
        return path if path.suffix == ".json" or (name and path.exists()) else None
    except (OSError, RuntimeError):  # too long for a file name, or a home folder of nobody
        return None


def model_names() -> list[str]:
    """List the bundled models.

    Returns
    -------
    names : list of str
        In alphabetical order.

    Examples
    --------
    >>> from paretoserve.cost import model_names
    >>> "qwen3-32b" in model_names()
    True
    """
    return sorted(_catalog())


def hub_id(name: str) -> str | None:
    """Return the Hugging Face id of a bundled model, None for a model that is not bundled.

    Parameters
    ----------
    name : str
        `Model.name`.

    Returns
    -------
    id : str or None

    Examples
    --------
    >>> hub_id("qwen3-32b")
    'Qwen/Qwen3-32B'
    """
    fields = _catalog().get(name)
    return None if fields is None else str(fields["id"])


def unknown_name(kind: str, name: str, known: list[str], way_out: str) -> UnknownNameError:
    """Make the exception for a name that is not known, with close names."""
    shown = name if len(name) <= 80 else f"{name[:77]}..."
    return UnknownNameError(f"`{shown}` is not a known {kind}\nhint: {close_names(name.lower(), known)}, {way_out}")


@lru_cache(maxsize=1)
def _catalog() -> dict[str, dict[str, Any]]:
    models: dict[str, dict[str, Any]] = read_json(DATA / "models.json")
    return models


@lru_cache(maxsize=1)
def _ids() -> dict[str, str]:
    return {str(fields["id"]).lower(): key for key, fields in _catalog().items()}


@cache
def _bundled(key: str) -> Model:
    return parse_config(_catalog()[key], source=f"bundled model {key}", name=key)
