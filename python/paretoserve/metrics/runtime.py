"""Idealized and denoised runtime of models behind an interface: what a request would take without contention.

After Narayanan et al., "Cheaply Evaluating Inference Efficiency Metrics" (arXiv 2305.02440): the time of a request is
that of its prompt plus a constant per further output token. The table in the authors' repository and its logs come from
different runs and differ by up to 3 ms in the time of a prompt. The authors round both to milliseconds, we do not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from paretoserve.errors import ShapeError
from paretoserve.metrics._declare import declared
from paretoserve.metrics._numbers import broadcast, number, numbers, plain, whole
from paretoserve.metrics._options import one_of

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["Runtime", "accelerator_seconds", "fit_denoised_runtime", "fit_idealized_runtime", "runtime_cost"]

Interpolation = Literal["bucket", "linear"]


@dataclass(frozen=True)
class Runtime:
    """Seconds of a request: ``prompt(p) + seconds_per_token * (o - 1) + overhead``.

    Attributes
    ----------
    seconds_per_token : float
        Per output token after the first, 0 or more.
    prompt_tokens : ndarray of int64, shape (n,)
        Profiled prompt lengths, rising, 1 or more.
    prompt_seconds : ndarray of float64, shape (n,)
        Time of each prompt and the first output token.
    overhead : float, default 0
        Seconds that every request pays beside.
    """

    seconds_per_token: float
    prompt_tokens: NDArray[np.int64]
    prompt_seconds: NDArray[np.float64]
    overhead: float = 0.0

    def __post_init__(self) -> None:
        number("seconds_per_token", self.seconds_per_token, 0)
        number("overhead", self.overhead, 0)
        tokens = whole("prompt_tokens", self.prompt_tokens, 1, ndim=1)
        seconds = numbers("prompt_seconds", self.prompt_seconds, 0)
        if (np.diff(tokens) <= 0).any():
            raise ValueError(f"`prompt_tokens` must rise, got {tokens.tolist()}")
        if seconds.shape != tokens.shape:
            raise ShapeError(f"`prompt_seconds` must have shape {tokens.shape} as `prompt_tokens`, got {seconds.shape}")
        object.__setattr__(self, "prompt_tokens", tokens)
        object.__setattr__(self, "prompt_seconds", seconds)

    def prompt(self, prompt_tokens: ArrayLike, *, interpolation: Interpolation = "bucket") -> Any:
        """Return the seconds of prompts of any length.

        Parameters
        ----------
        prompt_tokens : array_like of whole numbers, 1 or more
        interpolation : {"bucket", "linear"}, default "bucket"
            Between profiled lengths: the throughput of the next longer one, as the authors do, so that the time jumps
            there; or a straight line. Beyond the longest, its throughput; "linear" below the shortest is "bucket".
        """
        asked, known, seconds = whole("prompt_tokens", prompt_tokens, 1), self.prompt_tokens, self.prompt_seconds
        one_of("interpolation", interpolation, ("bucket", "linear"))
        at = np.minimum(np.searchsorted(known, asked), len(known) - 1)
        result = seconds[at] * (asked / known[at])
        if interpolation == "linear":
            inside = (asked >= known[0]) & (asked <= known[-1])
            result = np.where(inside, np.interp(asked, known, seconds), result)
        return plain(np.asarray(result))

    def predict(
        self, prompt_tokens: ArrayLike, output_tokens: ArrayLike, *, interpolation: Interpolation = "bucket"
    ) -> Any:
        """Return the seconds of requests; without output tokens only the prompt (and the overhead) counts."""
        first = np.asarray(self.prompt(prompt_tokens, interpolation=interpolation))
        first, outputs = broadcast(prompt_tokens=first, output_tokens=whole("output_tokens", output_tokens))
        return plain(np.asarray(first + self.seconds_per_token * np.maximum(outputs - 1, 0) + self.overhead))


@declared("idealized-runtime", grade="R")
def fit_idealized_runtime(prompt_tokens: ArrayLike, output_tokens: ArrayLike, seconds: ArrayLike) -> Runtime:
    """Fit the runtime of requests measured without contention.

    The time of a prompt is that with one output token. The time per token is the slope of least squares, with an
    intercept that is dropped, of what is beyond that over the further output tokens, pooled over all prompts.

    Parameters
    ----------
    prompt_tokens, output_tokens : array_like of whole numbers, shape (n,)
        1 or more; rows with equal numbers are averaged.
    seconds : array_like, shape (n,)

    Returns
    -------
    runtime : Runtime
        A prompt length without a row of one output token takes that from a line through its own rows, and not less
        than the shortest prompt.

    Raises
    ------
    ValueError
        If a number is negative, infinite, NaN or not whole; a prompt length has neither a row of one output token nor
        two others; no row has more than one output token; or time falls with output tokens.
    ShapeError
        If shapes differ or are empty.

    References
    ----------
    arXiv 2305.02440; the authors' `fit_runtimes`.

    Examples
    --------
    >>> runtime = fit_idealized_runtime([512, 512, 512, 1024], [1, 2, 8, 1], [0.179, 0.261, 0.749, 0.324])
    >>> round(runtime.seconds_per_token, 4), round(runtime.predict(600, 1), 4)
    (0.0814, 0.1898)
    """
    return _fitted(prompt_tokens, output_tokens, seconds, np.add)


@declared("idealized-runtime", grade="R")
def fit_denoised_runtime(
    prompt_tokens: ArrayLike, output_tokens: ArrayLike, seconds: ArrayLike, *, overhead: float | None = None
) -> Runtime:
    """Fit the runtime of a public interface, whose repeated timings hold noise: the shortest of each counts.

    Parameters
    ----------
    prompt_tokens, output_tokens : array_like of whole numbers, shape (n,)
        1 or more, with repetitions.
    seconds : array_like, shape (n,)
    overhead : float, optional
        Seconds of network and such in every request. Default: what a prompt of one token takes beyond a token, which
        is derived from the published tables; the step is not in the authors' code.

    Returns
    -------
    runtime : Runtime
        Its prompt times are without the overhead, so that they scale with the prompt.

    Raises
    ------
    ValueError, ShapeError
        As for `fit_idealized_runtime`; and if the overhead is negative, longer than a prompt takes, or not given where
        no prompt has one token.

    References
    ----------
    arXiv 2305.02440.

    Examples
    --------
    >>> runtime = fit_denoised_runtime([1, 1, 1, 512], [1, 1, 11, 1], [0.31, 0.28, 0.58, 0.45])
    >>> round(runtime.overhead, 3), round(runtime.predict(512, 11), 3), round(runtime.prompt(1), 3)
    (0.25, 0.75, 0.03)
    """
    fitted = _fitted(prompt_tokens, output_tokens, seconds, np.minimum)
    beside = 0.0 if overhead is None else number("overhead", overhead, 0)
    if overhead is None:
        if fitted.prompt_tokens[0] != 1:
            raise ValueError("`overhead` must be given where no prompt has 1 token, got None")
        beside = max(float(fitted.prompt_seconds[0]) - fitted.seconds_per_token, 0.0)
    short = np.flatnonzero(fitted.prompt_seconds < beside)
    if len(short):
        what = f"{fitted.prompt_seconds[short[0]]:g} s of {fitted.prompt_tokens[short[0]]} tokens"
        raise ValueError(f"`overhead` must be at most the time of each prompt, got {beside:g} and {what}")
    return Runtime(fitted.seconds_per_token, fitted.prompt_tokens, fitted.prompt_seconds - beside, beside)


@declared("idealized-runtime", grade="R", unit="s", sense="min")
def accelerator_seconds(seconds: ArrayLike, num_accelerators: ArrayLike) -> Any:
    """Return the accelerator time of requests, ``seconds * num_accelerators``.

    Parameters
    ----------
    seconds : array_like
        Of requests, 0 or more.
    num_accelerators : array_like
        That serve the model, above 0; broadcasts.

    Returns
    -------
    seconds : float or ndarray of float64

    Raises
    ------
    ValueError
        If a number is out of range, infinite or NaN.

    References
    ----------
    arXiv 2305.02440.

    Examples
    --------
    >>> accelerator_seconds(5.282, 8)
    42.256
    """
    time, count = broadcast(
        seconds=numbers("seconds", seconds, 0),
        num_accelerators=numbers("num_accelerators", num_accelerators, 0, open_low=True),
    )
    return plain(np.asarray(time * count))


@declared("idealized-runtime", grade="R", unit="USD", sense="min")
def runtime_cost(seconds: ArrayLike, num_accelerators: ArrayLike, *, usd_per_hour: ArrayLike) -> Any:
    """Return the rent of requests in dollars, ``seconds * num_accelerators * usd_per_hour / 3600``.

    Parameters
    ----------
    seconds : array_like
        Of requests, 0 or more.
    num_accelerators : array_like
        That serve the model, above 0; broadcasts.
    usd_per_hour : array_like
        Price of one accelerator, 0 or more; broadcasts.

    Returns
    -------
    cost : float or ndarray of float64
        Dollars; the paper's tables hold cents.

    Raises
    ------
    ValueError
        If a number is out of range, infinite or NaN.

    References
    ----------
    arXiv 2305.02440.

    Examples
    --------
    >>> round(100 * runtime_cost(5.282, 8, usd_per_hour=4.096), 3)
    4.808
    """
    time, price = broadcast(
        seconds=np.asarray(accelerator_seconds(seconds, num_accelerators)),
        usd_per_hour=numbers("usd_per_hour", usd_per_hour, 0),
    )
    return plain(np.asarray(time * price / 3600))


def _fitted(prompt_tokens: ArrayLike, output_tokens: ArrayLike, seconds: ArrayLike, combine: np.ufunc) -> Runtime:
    prompts, outputs = (
        whole("prompt_tokens", prompt_tokens, 1, ndim=1),
        whole("output_tokens", output_tokens, 1, ndim=1),
    )
    times = numbers("seconds", seconds, 0, ndim=1)
    if not len(prompts) == len(outputs) == len(times):
        shapes = f"{len(prompts)}, {len(outputs)} and {len(times)}"
        raise ShapeError(f"`prompt_tokens`, `output_tokens` and `seconds` must have one length, got {shapes}")
    pairs, row, count = np.unique(np.stack([prompts, outputs]), axis=1, return_inverse=True, return_counts=True)
    combined = np.full(pairs.shape[1], 0.0 if combine is np.add else np.inf)
    combine.at(combined, row.reshape(-1), times)
    if combine is np.add:
        combined /= count
    lengths = np.unique(pairs[0])
    firsts = np.array([_first(int(p), pairs[1, pairs[0] == p], combined[pairs[0] == p]) for p in lengths])
    measured = np.array([(pairs[1, pairs[0] == p] == 1).any() for p in lengths])
    firsts = np.where(measured, firsts, np.maximum(firsts, firsts[0]))
    further = pairs[1] - 1.0
    if not further.any():
        raise ValueError("`output_tokens` must be above 1 in a row or more, got 1 everywhere")
    slope = _line(further, combined - firsts[np.searchsorted(lengths, pairs[0])])[0]
    if slope < 0:
        raise ValueError(f"`seconds` must not fall with `output_tokens`, got {slope:g} s per token")
    return Runtime(slope, lengths, firsts)


def _first(length: int, outputs: NDArray[np.int64], seconds: NDArray[np.float64]) -> float:
    """Return the time of a prompt with one output token, if need be from a line through the others."""
    if outputs[0] == 1:
        return float(seconds[0])
    if len(outputs) < 2:
        raise ValueError(
            f"`output_tokens` must hold 1, or two numbers, for each prompt length, got {outputs[0]} for {length}"
        )
    slope, intercept = _line(outputs.astype(np.float64), seconds)
    return slope + intercept


def _line(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float]:
    centered = x - x.mean()
    slope = float(centered @ y / (centered @ centered))
    return slope, float(y.mean() - slope * x.mean())
