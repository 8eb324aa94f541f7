"""Latency and energy of reasoning on edge devices: fitted closed forms of prefill and decode.

After "EdgeReasoning" (arXiv 2511.01866) and its repository. A prompt is padded up to whole tiles before it is computed;
a decode step reads a cache that grows by a token per step, which summed up gives the square of the output length.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve.errors import ShapeError
from paretoserve.metrics._declare import declared
from paretoserve.metrics._numbers import broadcast, integer, number, numbers, plain, whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray

__all__ = ["ORIN_MODELS", "EdgeModel", "fit_edge_model", "prefill_token_energy", "ramp_energy", "short_output_power"]


@dataclass(frozen=True)
class EdgeModel:
    """Seconds of a request with ``i`` input and ``o`` output tokens.

    Attributes
    ----------
    a, b, c : float
        Prefill takes ``a * p**2 + b * p + c`` with ``p`` the input padded up to whole tiles.
    m, n : float
        Decode takes ``o * (m * i + n + m * (o - 1) / 2)``.
    tile : int, default 128
        Tokens to whose multiple a prompt is padded.
    """

    a: float
    b: float
    c: float
    m: float
    n: float
    tile: int = 128

    def __post_init__(self) -> None:
        for name in ("a", "b", "c", "m", "n"):
            number(name, getattr(self, name))
        integer("tile", self.tile, 1)

    def prefill(self, input_tokens: ArrayLike) -> Any:
        """Return the seconds of prompts of 1 token or more."""
        padded = _padded(whole("input_tokens", input_tokens, 1), self.tile)
        return plain(np.asarray((self.a * padded + self.b) * padded + self.c))

    def decode(self, input_tokens: ArrayLike, output_tokens: ArrayLike) -> Any:
        """Return the seconds of outputs of any length behind prompts, which are not padded here."""
        prompts, outputs = _requests(input_tokens, output_tokens)
        return plain(np.asarray(outputs * (self.m * prompts + self.n + self.m * (outputs - 1) / 2)))

    def total(self, input_tokens: ArrayLike, output_tokens: ArrayLike) -> Any:
        """Return the seconds of whole requests."""
        return self.prefill(input_tokens) + self.decode(input_tokens, output_tokens)


ORIN_MODELS: Mapping[str, EdgeModel] = {
    "r1-distill-qwen-1.5b": EdgeModel(1.56355488e-7, 2.30955428e-6, 0.045981026, 1.49680869e-7, 0.0236338658),
    "r1-distill-llama-8b": EdgeModel(6.64520729e-7, 2.90354513e-4, 0.103808499, 6.92021950e-7, 0.1003842957),
    "r1-distill-qwen-14b": EdgeModel(1.23300334e-6, 5.30454013e-4, 0.188581458, 1.13016584e-6, 0.1865536914),
}
"""Fits of the authors of EdgeReasoning on a Jetson AGX Orin (arXiv 2511.01866)."""


@declared("edgereasoning", grade="R")
def fit_edge_model(
    input_tokens: ArrayLike, output_tokens: ArrayLike, prefill_s: ArrayLike, decode_s: ArrayLike, *, tile: int = 128
) -> EdgeModel:
    """Fit prefill and decode of measured requests, each by linear least squares.

    Parameters
    ----------
    input_tokens, output_tokens : array_like of whole numbers, shape (n,), 1 or more
    prefill_s, decode_s : array_like, shape (n,)
        Seconds, 0 or more.
    tile : int, default 128
        Tokens to whose multiple a prompt is padded; 1 for none.

    Returns
    -------
    model : EdgeModel

    Raises
    ------
    ValueError
        If a number is out of range, or rows do not determine the fit: prefill needs three padded lengths, decode two
        mean lengths of the cache.
    ShapeError
        If shapes differ or are empty.

    References
    ----------
    arXiv 2511.01866; the authors' `fit_decode_latency`.

    Examples
    --------
    >>> model = ORIN_MODELS["r1-distill-llama-8b"]
    >>> inputs, outputs = [128, 512, 1024, 2048], [64, 256, 512, 64]
    >>> fitted = fit_edge_model(inputs, outputs, model.prefill(inputs), model.decode(inputs, outputs))
    >>> round(fitted.total(512, 512), 6)
    52.095366
    """
    size = integer("tile", tile, 1)
    prompts, outputs = whole("input_tokens", input_tokens, 1, ndim=1), whole("output_tokens", output_tokens, 1, ndim=1)
    prefill, decode = numbers("prefill_s", prefill_s, 0, ndim=1), numbers("decode_s", decode_s, 0, ndim=1)
    for name, rows in (("output_tokens", outputs), ("prefill_s", prefill), ("decode_s", decode)):
        if len(rows) != len(prompts):
            raise ShapeError(f"`{name}` must have {len(prompts)} rows as `input_tokens`, got {len(rows)}")
    padded = _padded(prompts, size)
    cached = prompts + (outputs - 1) / 2
    a, b, c = _solved("input_tokens", [padded**2, padded, np.ones_like(padded)], prefill)
    m, n = _solved("output_tokens", [outputs * cached, outputs.astype(np.float64)], decode)
    return EdgeModel(a, b, c, m, n, size)


@declared("edgereasoning", grade="R", unit="J", sense="min")
def ramp_energy(steady_watts: ArrayLike, rise_watts: ArrayLike, rise_s: ArrayLike, seconds: ArrayLike) -> Any:
    """Return the energy of decoding while power rises: ``steady * t - rise * tau * (1 - exp(-t / tau))``.

    Power is ``steady - rise * exp(-t / tau)``, so short requests cost less than the steady state says.

    Parameters
    ----------
    steady_watts : array_like
        Power in the long run, 0 or more.
    rise_watts : array_like
        By how much it starts below, 0 or more; fits of few readings go a little beyond `steady_watts`.
    rise_s : array_like
        The time constant tau, above 0.
    seconds : array_like
        Time of decoding, 0 or more; all broadcast.

    Returns
    -------
    joules : float or ndarray of float64
        At least 0, as in the authors' code.

    Raises
    ------
    ValueError
        If a number is out of range, infinite or NaN.

    References
    ----------
    arXiv 2511.01866; the authors' `power_model`, which uses it from 65 output tokens on.

    Examples
    --------
    >>> round(ramp_energy(30, 8, 2, 10), 4)
    284.1078
    """
    steady, rise, constant, time = broadcast(
        steady_watts=numbers("steady_watts", steady_watts, 0),
        rise_watts=numbers("rise_watts", rise_watts, 0),
        rise_s=numbers("rise_s", rise_s, 0, open_low=True),
        seconds=numbers("seconds", seconds, 0),
    )
    return plain(np.asarray(np.maximum(steady * time + rise * constant * np.expm1(-time / constant), 0)))


@declared("edgereasoning", grade="R", unit="W", sense="min")
def short_output_power(output_tokens: ArrayLike, slope: float, intercept: float) -> Any:
    """Return the mean power of decoding few tokens, ``slope * ln(output_tokens) + intercept``, at least 0.

    Parameters
    ----------
    output_tokens : array_like of whole numbers, 1 to 64
        Above that the authors use `ramp_energy`.
    slope, intercept : float
        Watts, of a fit; there are no defaults.

    Returns
    -------
    watts : float or ndarray of float64

    Raises
    ------
    ValueError
        If a number is out of range, infinite or NaN.

    References
    ----------
    arXiv 2511.01866; the authors' `power_model`.

    Examples
    --------
    >>> short_output_power([1, 16, 64], 4.0, 6.0).round(2)
    array([ 6.  , 17.09, 22.64])
    """
    tokens = whole("output_tokens", output_tokens, 1, 64)
    a, b = number("slope", slope), number("intercept", intercept)
    return plain(np.asarray(np.maximum(a * np.log(tokens) + b, 0)))


@declared("edgereasoning", grade="R", unit="J/token", sense="min")
def prefill_token_energy(
    input_tokens: ArrayLike, amplitude: float, rate: float, floor: float, *, tile: int = 128
) -> Any:
    """Return the energy per token of prefill, ``amplitude * exp(-rate * input_tokens) + floor``.

    Parameters
    ----------
    input_tokens : array_like of whole numbers, 1 or more
        Padded up to whole tiles, as the authors do; the energy of a prompt is this times its padded length.
    amplitude, rate, floor : float
        Of a fit, 0 or more; there are no defaults.
    tile : int, default 128
        Tokens to whose multiple a prompt is padded; 1 for none.

    Returns
    -------
    joules_per_token : float or ndarray of float64

    Raises
    ------
    ValueError
        If a number is out of range, infinite or NaN.

    References
    ----------
    arXiv 2511.01866; the authors' `energy_model`.

    Examples
    --------
    >>> prefill_token_energy([100, 128, 129], 0.073, 0.0319, 0.00092).round(6)
    array([0.00215 , 0.00215 , 0.000941])
    """
    padded = _padded(whole("input_tokens", input_tokens, 1), integer("tile", tile, 1))
    scale, decay, rest = (number(n, v, 0) for n, v in (("amplitude", amplitude), ("rate", rate), ("floor", floor)))
    return plain(np.asarray(scale * np.exp(-decay * padded) + rest))


def _padded(tokens: NDArray[np.int64], tile: int) -> NDArray[np.float64]:
    return np.asarray(-(-tokens // tile) * tile, dtype=np.float64)


def _requests(input_tokens: ArrayLike, output_tokens: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    prompts, outputs = broadcast(
        input_tokens=whole("input_tokens", input_tokens, 1), output_tokens=whole("output_tokens", output_tokens)
    )
    return prompts.astype(np.float64), outputs.astype(np.float64)


def _solved(argument: str, columns: list[NDArray[np.float64]], values: NDArray[np.float64]) -> list[float]:
    """Return the coefficients of least squares; columns are scaled, since they differ by factors of millions."""
    matrix = np.stack(columns, axis=1)
    scale = np.abs(matrix).max(axis=0)
    solution, _, rank, _ = np.linalg.lstsq(matrix / scale, values, rcond=None)
    if rank < len(columns):
        raise ValueError(f"`{argument}` must take {len(columns)} different values or more to be fitted")
    return [float(value) for value in solution / scale]
