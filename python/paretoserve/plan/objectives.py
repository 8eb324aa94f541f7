"""The objective columns: what each number means, its unit and its direction.

All columns are computed for every simulated configuration; a plan chooses which of them span the front and which
bound it. Latencies are seconds, seen from arrival; TPOT leaves the first token out, as vLLM and AIPerf do.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from paretoserve.errors import DtypeError, UnknownNameError

__all__ = ["DEFAULT_OBJECTIVES", "OBJECTIVES", "Objective", "amount", "objective_name", "parse_objectives"]

Sense = Literal["min", "max"]


@dataclass(frozen=True)
class Objective:
    """One column of a plan's tables.

    Parameters
    ----------
    name : str
        Column name; the unit is part of it.
    sense : {"min", "max"}
        Which direction is better.
    unit : str
        Unit for display.
    meaning : str
        Definition in one sentence.
    """

    name: str
    sense: Sense
    unit: str
    meaning: str


LATENCIES = {
    "ttft": "time from arrival to the first output token, queueing included",
    "tpot": "(end-to-end time - TTFT) / (output tokens - 1) of one request; requests with one output token have none",
    "e2e": "time from arrival to the last output token, queueing included",
}
STATISTICS = ("mean", "p50", "p90", "p95", "p99")


def _latency(metric: str, statistic: str) -> Objective:
    over = "mean" if statistic == "mean" else f"{statistic[1:]}th percentile (linear interpolation)"
    return Objective(f"{metric}_{statistic}_s", "min", "s", f"{over} over requests of: {LATENCIES[metric]}")


OBJECTIVES: dict[str, Objective] = {
    objective.name: objective
    for objective in (
        *(_latency(metric, statistic) for metric in LATENCIES for statistic in STATISTICS),
        Objective("tokens_per_s_per_user", "max", "tokens/s", "1 / mean TPOT: how fast one user sees tokens appear"),
        Objective(
            "tokens_per_s_per_gpu",
            "max",
            "tokens/s",
            "output tokens / makespan / GPUs; the makespan runs from the first arrival to the last token",
        ),
        Objective(
            "goodput_rps",
            "max",
            "requests/s",
            "requests that meet each TTFT, TPOT and E2E limit of the SLO / makespan; without limits, all of them",
        ),
        Objective("usd_per_mtok", "min", "$/M tokens", "GPU rent over the makespan / million output tokens"),
        Objective(
            "joule_per_token",
            "min",
            "J/token",
            "energy of all GPUs over the makespan, idle time included / output tokens",
        ),
        Objective(
            "memory_headroom_bytes",
            "max",
            "bytes",
            "KV-cache bytes per GPU that stay free at the fullest moment of the run, on the fullest replica",
        ),
    )
}
"""Every objective column by name."""

DEFAULT_OBJECTIVES = ("ttft_p99_s", "tokens_per_s_per_user", "tokens_per_s_per_gpu")
"""The objectives of a plan that names none."""


def objective_name(word: str) -> str:
    """Return the column that `word` names; the unit suffix of a time may be left out.

    Parameters
    ----------
    word : str
        For example ``ttft_p99_s``, ``ttft_p99`` or ``usd_per_mtok``.

    Returns
    -------
    name : str
        A key of `OBJECTIVES`.

    Raises
    ------
    UnknownNameError
        If no column has that name; close names are suggested.

    Examples
    --------
    >>> objective_name("ttft_p99")
    'ttft_p99_s'
    """
    if not isinstance(word, str):
        raise DtypeError(f"an objective column must be named by text, got {word!r:.40}")
    word = word.strip()
    for name in (word, f"{word}_s"):
        if name in OBJECTIVES:
            return name
    short = {name.removesuffix("_s"): name for name in OBJECTIVES}
    close = difflib.get_close_matches(word, [*short, *OBJECTIVES], n=3, cutoff=0.5)
    close = list(dict.fromkeys(short.get(name, name) for name in close))
    close = close or [name for name in OBJECTIVES if name.startswith(word[:4])][:3]
    hint = "did you mean " + " or ".join(f"`{name}`" for name in close) if close else "known: " + ", ".join(OBJECTIVES)
    raise UnknownNameError(f"`{word}` is not an objective column\nhint: {hint}")


def amount(name: str, value: float) -> str:
    """Return a value of an objective column as text with its unit, three significant digits.

    Examples
    --------
    >>> amount("ttft_p99_s", 0.0421), amount("memory_headroom_bytes", 3.2e9), amount("usd_per_mtok", 0.5)
    ('42.1 ms', '3.2 GB', '$0.5')
    """
    unit = OBJECTIVES[name].unit
    if unit == "s":
        return (
            f"{value * 1e3:.3g} ms" if abs(value) < 1 else f"{value:,.0f} s" if abs(value) >= 1e3 else f"{value:.3g} s"
        )
    if unit == "bytes":
        return f"{value / 1e9:.3g} GB"
    text = f"{value:,.0f}" if abs(value) >= 1e3 else f"{value:.3g}"
    return f"${text}" if unit.startswith("$") else text


def parse_objectives(names: str | Iterable[str] | None) -> tuple[str, ...]:
    """Return the chosen columns, in the order given.

    Parameters
    ----------
    names : str or iterable of str or None
        Comma-separated or one by one; None means `DEFAULT_OBJECTIVES`.

    Returns
    -------
    names : tuple of str

    Raises
    ------
    UnknownNameError
        If a column is unknown.
    ValueError
        If there is none or one comes twice.

    Examples
    --------
    >>> parse_objectives("tpot_p95,usd_per_mtok")
    ('tpot_p95_s', 'usd_per_mtok')
    """
    if names is None:
        return DEFAULT_OBJECTIVES
    if not isinstance(names, Iterable):
        raise DtypeError(f"`objectives` must be text or a sequence of names, got {type(names).__name__}")
    words = [word for word in names.split(",") if word.strip()] if isinstance(names, str) else names
    chosen = tuple(objective_name(word) for word in words)
    if not chosen:
        raise ValueError(
            "`objectives` must name at least one column, got none\nhint: for example ttft_p99,tokens_per_s_per_gpu"
        )
    twice = {name for name in chosen if chosen.count(name) > 1}
    if twice:
        raise ValueError(f"`objectives` must be distinct, got `{sorted(twice)[0]}` twice")
    return chosen
