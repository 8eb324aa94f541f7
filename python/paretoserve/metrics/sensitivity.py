"""How much a layer suffers from few bits, predicted from what is cheap to measure while a model runs.

After "6Bit-Diffusion" (arXiv 2603.18742): a line from the change of a layer's input between two steps to its error in
few bits, by which each step chooses NVFP4 or INT8 anew; and "DynaQuant" (arXiv 2511.07903), which chooses bits for each
input. What is predicted goes to `paretoserve.quant.allocate_bits` as scores.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve.errors import ShapeError
from paretoserve.metrics._declare import declared
from paretoserve.metrics._numbers import number, numbers, plain

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["Sensitivity", "fit_sensitivity"]


@dataclass(frozen=True)
class Sensitivity:
    """A line from a difference to an error, ``slope * difference + intercept``.

    Attributes
    ----------
    slope, intercept : float
    r_squared : float
        Share of the variance of the errors that the line explains; 1 if they do not vary.
    """

    slope: float
    intercept: float
    r_squared: float = 1.0

    def __post_init__(self) -> None:
        for name in ("slope", "intercept", "r_squared"):
            number(name, getattr(self, name))

    def predict(self, difference: ArrayLike) -> Any:
        """Return the error expected at differences of 0 or more, in their shape; at least 0."""
        line = self.slope * numbers("difference", difference, 0) + self.intercept
        return plain(np.asarray(np.maximum(line, 0.0)))


@declared("6bit-diffusion", "dynaquant", grade="D")
def fit_sensitivity(difference: ArrayLike, error: ArrayLike) -> Sensitivity:
    """Fit the line from differences to errors by least squares; derived, the papers' fits were not found.

    ``error = slope * difference + intercept``

    Parameters
    ----------
    difference : array_like, shape (n,)
        Relative change of a layer's input, or another number that is cheap to get; 0 or more, two different at least.
    error : array_like, shape (n,)
        Of the layer in few bits at each, 0 or more, for example a mean squared error.

    Returns
    -------
    sensitivity : Sensitivity
        One for each format (and layer, where they differ).

    Raises
    ------
    ValueError
        If a number is negative, infinite or NaN, or all differences are equal.
    ShapeError
        If the arrays are not one-dimensional and of one length.

    References
    ----------
    arXiv 2603.18742 and 2511.07903.

    Examples
    --------
    Two inputs of three layers, in 4 or 8 bits, in 6 bits on the mean: each input gets its own choice.

    >>> four = fit_sensitivity([0.1, 0.2, 0.4], [0.5, 0.9, 1.7])
    >>> eight = fit_sensitivity([0.1, 0.2, 0.4], [0.01, 0.02, 0.04])
    >>> round(four.slope, 6), round(four.intercept, 6)
    (4.0, 0.1)
    >>> from paretoserve.quant import allocate_bits
    >>> costs = np.outer([10, 10, 20], [4, 8])
    >>> for difference in [[0.3, 0.1, 0.1], [0.1, 0.1, 0.5]]:
    ...     scores = np.column_stack([four.predict(difference), eight.predict(difference)])
    ...     print(allocate_bits(costs, scores, 240, method="dp").choice)
    [1 1 0]
    [0 0 1]
    """
    change, loss = numbers("difference", difference, 0, ndim=1), numbers("error", error, 0, ndim=1)
    if len(loss) != len(change):
        raise ShapeError(f"`error` must have {len(change)} rows as `difference`, got {len(loss)}")
    across, rise = change - change.mean(), loss - loss.mean()
    if not across.any():
        raise ValueError(f"`difference` must have two different values, got {len(change)} equal")
    slope = float(across @ rise / (across @ across))
    rest = rise - slope * across
    explained = 1 - float(rest @ rest / (rise @ rise)) if rise.any() else 1.0
    return Sensitivity(slope, float(loss.mean() - slope * change.mean()), explained)
