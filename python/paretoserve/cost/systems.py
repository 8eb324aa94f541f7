"""Systems by name or file.

`data/systems.json` holds the bundled systems, each with the source of its numbers; `data/power.json` holds the power
coefficients that `tools/fit_power.py` derives. A YAML or JSON file with the same fields describes a system of one's
own, or changes a bundled one with `base: h100_sxm`.
"""

from __future__ import annotations

from dataclasses import MISSING, fields, replace
from difflib import get_close_matches
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from paretoserve.cost.bundled import DATA, unknown_name
from paretoserve.cost.checks import not_negative
from paretoserve.cost.config_fields import read_json
from paretoserve.cost.gpu import Hardware, Power
from paretoserve.errors import DataError

__all__ = ["hardware", "hardware_names"]

# Where several prices are known, the first of these is the default.
PRICE_SOURCES = {
    "neocloud": "InferenceX cost constants, neocloud",
    "hyperscaler": "InferenceX cost constants, hyperscaler",
    "rental_3y": "InferenceX cost constants, three-year rental",
    "on_demand": "list price on demand, Nebius, SkyPilot catalog v8 at 0082b0435f39",
}
TEXTS = ("base", "name", "title", "source", "price_source")
SUFFIXES = (".yaml", ".yml", ".json")


def hardware(name_or_path: str | Path | Hardware, *, price_usd_per_gpu_hour: float | None = None) -> Hardware:
    """Find a system.

    Parameters
    ----------
    name_or_path : str, Path or Hardware
        A bundled name such as "h100_sxm" (case, "-" and "_" do not matter), or a .yaml, .yml or .json file with the
        same fields as `data/systems.json`. With `base: h100_sxm` in the file, its other fields change that system. A
        Hardware is returned as it is.
    price_usd_per_gpu_hour : float, optional
        Replaces the price.

    Returns
    -------
    hardware : Hardware

    Raises
    ------
    UnknownNameError
        If no system has that name; close names are suggested.
    DataError
        If the file is missing or broken, or a field is missing, unknown, not positive or not finite.
    ValueError
        If the price is negative or not finite.

    Notes
    -----
    The default price is the neocloud constant of InferenceX where there is one, else the on-demand list price, else
    None. YAML files need the package pyyaml (extra `plan`).

    Examples
    --------
    >>> from paretoserve.cost import hardware
    >>> hardware("h100_sxm").memory_bandwidth
    3350000000000.0
    >>> hardware("h100_sxm", price_usd_per_gpu_hour=2.0).price_usd_per_gpu_hour
    2.0
    """
    found = name_or_path if isinstance(name_or_path, Hardware) else _find(name_or_path)
    if price_usd_per_gpu_hour is None:
        return found
    return replace(found, price_usd_per_gpu_hour=price_usd_per_gpu_hour, price_source="given by the user")


def hardware_names() -> list[str]:
    """List the bundled systems.

    Returns
    -------
    names : list of str
        In alphabetical order.

    Examples
    --------
    >>> from paretoserve.cost import hardware_names
    >>> "h100_sxm" in hardware_names()
    True
    """
    return sorted(_catalog())


def _find(name_or_path: str | Path) -> Hardware:
    name = str(name_or_path)
    path = Path(name)
    if isinstance(name_or_path, Path) or path.suffix.lower() in SUFFIXES:
        return _from_file(path)
    key = name.lower().replace("-", "_")
    if key not in _catalog():
        raise unknown_name("system", name, hardware_names(), "or give the path of a YAML file that describes it")
    return _bundled(key)


@lru_cache(maxsize=1)
def _catalog() -> dict[str, dict[str, Any]]:
    systems: dict[str, dict[str, Any]] = read_json(DATA / "systems.json")
    for name, power in read_json(DATA / "power.json").items():
        systems[name]["power"] = power
    return systems


@cache
def _bundled(key: str) -> Hardware:
    return _from_fields({"name": key, **_catalog()[key]}, f"bundled system {key}")


def _from_file(path: Path) -> Hardware:
    values = _read(path)
    known = {field.name for field in fields(Hardware)} - {"nccl_buffers"} | {"base", "nccl_bytes"}
    for key in values:
        if key not in known:
            close = get_close_matches(str(key), sorted(known), n=1)
            hint = f"; did you mean `{close[0]}`?" if close else ""
            raise DataError(f"{path}: field `{key}` is not known{hint}")
    values = {key: _scientific(value) if key not in TEXTS else value for key, value in values.items()}
    base = values.pop("base", None)
    start: dict[str, Any] = {"title": path.stem, "source": str(path.name)}
    if base is not None:
        key = str(base).lower().replace("-", "_")
        if key not in _catalog():
            raise unknown_name("system", str(base), hardware_names(), f"as `base` in {path}")
        start = {**_catalog()[key], "source": f"{path.name} over {key}"}
    if "prices" in values:
        start.pop("price_usd_per_gpu_hour", None)
    return _from_fields({"name": path.stem, **start, **values}, str(path))


def _read(path: Path) -> dict[str, Any]:
    if path.suffix.lower() == ".json":
        return read_json(path)
    try:
        import yaml
    except ImportError:
        raise DataError(
            f"{path}: reading YAML needs the package pyyaml\nhint: pip install 'paretoserve[plan]'"
        ) from None
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{path}: file not found") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: is not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(values, dict):
        raise DataError(f"{path}: must hold fields of a system, got {type(values).__name__}")
    return values


def _scientific(value: object) -> object:
    """YAML 1.1 reads 3.35e12 as text; users mean the number."""
    if isinstance(value, dict):
        return {key: _scientific(inner) for key, inner in value.items()}
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value


def _from_fields(values: dict[str, Any], source: str) -> Hardware:
    values = dict(values)
    try:
        values["nccl_buffers"] = _pairs(values.pop("nccl_bytes", None) or {1: 0}, "nccl_bytes", int)
        values["prices"] = _pairs(values.get("prices") or {}, "prices", str)
        if values.get("price_usd_per_gpu_hour") is not None:
            values.setdefault("price_source", Path(source).name)
        else:
            _default_price(values)
        if values.get("power") is not None:
            values["power"] = _power(values["power"])
        required = [field.name for field in fields(Hardware) if field.default is MISSING]
        missing = [name for name in required if name not in values]
        if missing:
            raise ValueError(f"field `{missing[0]}` is missing; start from a bundled system with `base: h100_sxm`")
        return Hardware(**values)
    except ValueError as error:
        raise DataError(f"{source}: {error}") from None


def _pairs(values: object, key: str, kind: type) -> tuple[tuple[Any, Any], ...]:
    if not isinstance(values, dict):
        raise ValueError(f"field `{key}` must be a mapping, got {values!r}")
    try:
        return tuple((kind(name), value) for name, value in values.items())
    except (TypeError, ValueError):
        raise ValueError(f"field `{key}` has a name that is no {kind.__name__}: {list(values)!r}") from None


def _default_price(values: dict[str, Any]) -> None:
    prices = dict(values["prices"])
    for kind, origin in PRICE_SOURCES.items():
        if kind in prices:
            price = not_negative(f"prices.{kind}", prices[kind])
            values["price_usd_per_gpu_hour"], values["price_source"] = price, origin
            return


def _power(value: object) -> Power:
    if not isinstance(value, dict):
        raise ValueError(f"field `power` must be a mapping with idle_w, memory_w and compute_w, got {value!r}")
    unknown = set(value) - {field.name for field in fields(Power)}
    missing = {"idle_w", "memory_w", "compute_w"} - set(value)
    if unknown or missing:
        raise ValueError(f"field `power` must have idle_w, memory_w and compute_w, got {sorted(map(str, value))}")
    return Power(**value)
