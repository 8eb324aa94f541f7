"""Drawing again until a verifier accepts, when the verifier errs: value of more attempts, and how accurate they can be.

Stroebl, Kapoor and Narayanan, "Inference Scaling fLaws: The Limits of LLM Resampling with Imperfect Verifiers" (arXiv
2411.17501).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from paretoserve.errors import ShapeError
from paretoserve.metrics._declare import declared
from paretoserve.metrics._numbers import broadcast, integer, number, numbers, place_of, plain
from paretoserve.metrics._options import one_of

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["Resampling", "accuracy_ceiling", "imperfect_verifier"]


@dataclass(frozen=True, eq=False)
class Resampling:
    """What attempts are worth.

    Attributes
    ----------
    value : ndarray of float64, shape (attempts + 1,)
        Expected value of at most K attempts, for K from 0.
    best_attempts : int
        The first K of largest value; 0 if no attempt is worth it.
    best_value : float
    reject : ndarray of float64, shape (num_types,)
        That an attempt at a task of a type is rejected.
    false_accept : ndarray of float64, shape (num_types,)
        That it is wrong and accepted.
    belief : ndarray of float64, shape (attempts, num_types)
        Share of the types among the tasks that still wait at each attempt.
    """

    value: NDArray[np.float64]
    best_attempts: int
    best_value: float
    reject: NDArray[np.float64]
    false_accept: NDArray[np.float64]
    belief: NDArray[np.float64]


@declared("inference-flaws", grade="R")
def imperfect_verifier(
    accuracy: ArrayLike,
    prior: ArrayLike,
    *,
    soundness: ArrayLike,
    completeness: ArrayLike = 1,
    loss: float,
    gain: float = 1,
    cost: float = 0,
    attempts: int = 100,
    variant: Literal["exact", "notebook"] = "exact",
) -> Resampling:
    """Return the value of drawing up to K answers until a verifier accepts one.

    Parameters
    ----------
    accuracy : array_like, shape (num_types,)
        r, that an answer to a task of each type is right, 0 to 1.
    prior : array_like, shape (num_types,)
        Shares of the types; sum to 1.
    soundness : array_like
        s, that a wrong answer is rejected, 0 to 1; one number or one per type.
    completeness : array_like, default 1
        c, that a right answer is accepted, 0 to 1; one number or one per type.
    loss : float
        Value of a wrong answer that was accepted; as a rule negative.
    gain : float, default 1
        Value of a right answer that was accepted.
    cost : float, default 0
        Of an attempt, 0 or more.
    attempts : int, default 100
        Largest K looked at.
    variant : {"exact", "notebook"}, default "exact"
        ``E_K = sum_{k <= K} sum_t prior_t reject_t^(k - 1) (gain c r + loss (1 - s)(1 - r) - cost)``; or as in the
        authors' notebook, which takes the means over the types that still wait of value and of survival apart and so
        counts that belief twice.

    Returns
    -------
    resampling : Resampling

    Raises
    ------
    ValueError
        If a number is out of range, `prior` does not sum to 1 (to 1e-9), or `variant` is neither.
    ShapeError
        If the arrays are not one-dimensional, are empty or do not broadcast.

    References
    ----------
    arXiv 2411.17501 and its repository.

    Examples
    --------
    >>> found = imperfect_verifier([0.87, 0.13], [0.58, 0.42], soundness=0.75, loss=-1)
    >>> found.best_attempts, round(found.best_value, 6)
    (2, 0.472381)
    """
    one_of("variant", variant, ("exact", "notebook"))
    r, share, sound, complete = broadcast(
        accuracy=numbers("accuracy", accuracy, 0, 1, ndim=1),
        prior=numbers("prior", prior, 0, 1, ndim=1),
        soundness=numbers("soundness", soundness, 0, 1),
        completeness=numbers("completeness", completeness, 0, 1),
    )
    if r.ndim > 1:
        raise ShapeError(f"`soundness` and `completeness` must be one number or one per type, got shape {r.shape}")
    if abs(share.sum() - 1) > 1e-9:
        raise ValueError(f"`prior` must sum to 1, got {share.sum():g}")
    most = integer("attempts", attempts, 1, 10**6)
    wrong = (1 - sound) * (1 - r)
    reject = (1 - complete) * r + sound * (1 - r)
    each = number("gain", gain) * complete * r + number("loss", loss) * wrong
    each = each - number("cost", cost, 0)
    survival = reject ** np.arange(most)[:, None]
    waiting = share * survival
    left = waiting.sum(axis=1, keepdims=True)
    # Where nobody waits any more, the belief does not matter; keep the prior.
    belief = np.where(left > 0, waiting / np.where(left > 0, left, 1), share)
    steps = waiting @ each if variant == "exact" else (belief @ each) * (belief * survival).sum(axis=1)
    value = np.concatenate([[0.0], np.cumsum(steps)])
    best = int(value.argmax())
    return Resampling(value, best, float(value[best]), reject, wrong, belief)


@declared("inference-flaws", grade="R", unit="1", sense="max")
def accuracy_ceiling(accuracy: ArrayLike, *, soundness: ArrayLike, completeness: ArrayLike = 1) -> Any:
    """Return the accuracy of drawing until accepted, however often, ``c r / (c r + (1 - s)(1 - r))``.

    Parameters
    ----------
    accuracy, soundness, completeness : array_like
        r, s and c, 0 to 1; by default `completeness` is 1. Tasks of several types have the mean of their ceilings,
        weighted by their shares.

    Returns
    -------
    ceiling : float or ndarray of float64
        1 for a perfect verifier and a model that is ever right.

    Raises
    ------
    ValueError
        If an argument is out of range, or nothing would ever be accepted.
    ShapeError
        If the arguments do not broadcast.

    References
    ----------
    arXiv 2411.17501.

    Examples
    --------
    >>> ceiling = accuracy_ceiling([0.87, 0.13], soundness=0.75)
    >>> ceiling.round(6), round(float(ceiling @ [0.58, 0.42]), 6)
    (array([0.963989, 0.374101]), 0.716236)
    """
    r, sound, complete = broadcast(
        accuracy=numbers("accuracy", accuracy, 0, 1),
        soundness=numbers("soundness", soundness, 0, 1),
        completeness=numbers("completeness", completeness, 0, 1),
    )
    right, wrong = complete * r, (1 - sound) * (1 - r)
    never = np.argwhere(right + wrong == 0)
    if len(never):
        where = place_of(never[0])
        raise ValueError(f"`accuracy` and `completeness` must let something be accepted, got nothing that is{where}")
    return plain(right / (right + wrong))
