"""Rewards that make models efficient: fewer tool calls without fewer right answers, and code that runs faster.

After "Act Wisely" (HDPO, arXiv 2604.08545) and its repository, and "ACECode" (arXiv 2412.17264). HDPO keeps the
advantage of correctness and that of few tools apart. A comment in its code says that rollouts without tools stay out of
the latter; the code takes them in, and so does the default here. The levels of ACECode's reward were not found, so they
are arguments.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve.errors import ShapeError
from paretoserve.metrics._declare import declared
from paretoserve.metrics._numbers import broadcast, number, numbers, plain, rising, whole
from paretoserve.metrics._options import flag

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "code_reward",
    "group_advantages",
    "hdpo_accuracy_reward",
    "hdpo_loss",
    "hdpo_tool_reward",
    "tool_advantages",
]


@declared("act-wisely", grade="R", unit="1", sense="max")
def hdpo_accuracy_reward(correct: ArrayLike, formatted: ArrayLike) -> Any:
    """Return ``0.9 * correct + 0.1 * formatted``.

    Parameters
    ----------
    correct, formatted : array_like of bool, or of numbers 0 to 1
        Whether the answer is right, and in the format asked for; broadcast.

    Returns
    -------
    reward : float or ndarray of float64

    Raises
    ------
    ValueError
        If a number is out of range or NaN.

    References
    ----------
    arXiv 2604.08545; the authors' code.

    Examples
    --------
    >>> hdpo_accuracy_reward([True, False], [True, True])
    array([1. , 0.1])
    """
    right, shaped = broadcast(
        correct=numbers("correct", correct, 0, 1), formatted=numbers("formatted", formatted, 0, 1)
    )
    return plain(np.asarray(0.9 * right + 0.1 * shaped))


@declared("act-wisely", grade="R", unit="1", sense="max")
def hdpo_tool_reward(correct: ArrayLike, num_tools: ArrayLike) -> Any:
    """Return ``1 / (num_tools + 1)`` for correct rollouts, 0 for others.

    Parameters
    ----------
    correct : array_like of bool
    num_tools : array_like of whole numbers, 0 or more
        Tool calls; broadcasts.

    Returns
    -------
    reward : float or ndarray of float64

    Raises
    ------
    ValueError
        If a number is out of range, NaN or not whole.

    References
    ----------
    arXiv 2604.08545; the authors' code.

    Examples
    --------
    >>> hdpo_tool_reward([True, True, False], [0, 3, 0])
    array([1.  , 0.25, 0.  ])
    """
    right, calls = broadcast(correct=whole("correct", correct, 0, 1), num_tools=whole("num_tools", num_tools))
    return plain(np.asarray(np.where(right == 1, 1.0 / (calls + 1), 0.0)))


@declared("act-wisely", grade="R", unit="1")
def group_advantages(
    rewards: ArrayLike, *, qualifies: ArrayLike | None = None, epsilon: float = 1e-6
) -> NDArray[np.float64]:
    """Return rewards less their mean over their standard deviation, within groups of rollouts of one prompt.

    Parameters
    ----------
    rewards : array_like, shape (..., rollouts)
    qualifies : array_like of bool, optional
        Rollouts that take part; broadcasts. Others get 0, and so do all where fewer than two take part.
    epsilon : float, default 1e-6
        Added to the deviation, which is that of a sample (n - 1).

    Returns
    -------
    advantages : ndarray of float64, shape (..., rollouts)

    Raises
    ------
    ValueError
        If a number is infinite or NaN, or `epsilon` 0 or less.
    ShapeError
        If shapes do not fit, or there is no dimension of rollouts.

    References
    ----------
    arXiv 2604.08545; the authors' code.

    Examples
    --------
    >>> group_advantages([1.0, 0.0, 1.0, 0.0]).round(4)
    array([ 0.866, -0.866,  0.866, -0.866])
    """
    gains = numbers("rewards", rewards)
    taken = np.ones(gains.shape) if qualifies is None else whole("qualifies", qualifies, 0, 1).astype(np.float64)
    gains, taken = broadcast(rewards=gains, qualifies=taken)
    small = number("epsilon", epsilon, 0, open_low=True)
    if gains.ndim == 0:
        raise ShapeError("`rewards` must have shape (..., rollouts), got one number")
    count = taken.sum(axis=-1, keepdims=True)
    centered = (gains - (gains * taken).sum(axis=-1, keepdims=True) / np.maximum(count, 1)) * taken
    deviation = np.sqrt((centered**2).sum(axis=-1, keepdims=True) / np.maximum(count - 1, 1))
    return np.asarray(np.where((count >= 2) & (taken > 0), centered / (deviation + small), 0.0))


@declared("act-wisely", grade="R", unit="1")
def tool_advantages(
    correct: ArrayLike, num_tools: ArrayLike, *, without_tools: bool = True, epsilon: float = 1e-6
) -> NDArray[np.float64]:
    """Return the advantage of few tool calls among the correct rollouts of a prompt.

    Parameters
    ----------
    correct : array_like of bool, shape (..., rollouts)
    num_tools : array_like of whole numbers, shape (..., rollouts)
    without_tools : bool, default True
        Whether correct rollouts without tools take part, as the authors' code does; a comment there says otherwise.
    epsilon : float, default 1e-6
        As for `group_advantages`.

    Returns
    -------
    advantages : ndarray of float64, shape (..., rollouts)
        0 for wrong rollouts, and where fewer than two take part.

    Raises
    ------
    ValueError, ShapeError
        As for `hdpo_tool_reward` and `group_advantages`.

    References
    ----------
    arXiv 2604.08545; the authors' code.

    Examples
    --------
    >>> tool_advantages([True, False, True, True], [1, 2, 3, 0]).round(5)
    array([-0.21822,  0.     , -0.87287,  1.09109])
    """
    rewards = np.asarray(hdpo_tool_reward(correct, num_tools))
    taken = rewards > 0
    if not flag("without_tools", without_tools):
        taken = taken & (np.broadcast_to(whole("num_tools", num_tools), rewards.shape) > 0)
    return group_advantages(rewards, qualifies=taken, epsilon=epsilon)


@declared("act-wisely", grade="R", sense="min")
def hdpo_loss(
    accuracy_loss: ArrayLike, tool_loss: ArrayLike, *, accuracy_weight: float = 1.0, tool_weight: float = 0.15
) -> Any:
    """Return ``accuracy_weight * accuracy_loss + tool_weight * tool_loss``.

    Parameters
    ----------
    accuracy_loss, tool_loss : array_like
        Policy losses with the two advantages; broadcast.
    accuracy_weight : float, default 1
    tool_weight : float, default 0.15
        The best that the authors found.

    Returns
    -------
    loss : float or ndarray of float64

    Raises
    ------
    ValueError
        If a weight is negative, or a number infinite or NaN.

    References
    ----------
    arXiv 2604.08545; the authors' code.

    Examples
    --------
    >>> hdpo_loss(1.0, 2.0)
    1.3
    """
    right, tools = broadcast(
        accuracy_loss=numbers("accuracy_loss", accuracy_loss), tool_loss=numbers("tool_loss", tool_loss)
    )
    first, second = number("accuracy_weight", accuracy_weight, 0), number("tool_weight", tool_weight, 0)
    return plain(np.asarray(first * right + second * tools))


@declared("acecode", grade="D", sense="max")
def code_reward(
    runs: ArrayLike, passed: ArrayLike, seconds: ArrayLike, reference_s: ArrayLike, *, levels: Sequence[float]
) -> Any:
    """Return the reward of generated code: a level for how far it gets. Derived: the paper's constants were not found.

    Parameters
    ----------
    runs : array_like of bool
        Whether it compiles and ends without an error.
    passed : array_like
        Share of tests passed, 0 to 1.
    seconds, reference_s : array_like
        Its time and that of the reference, above 0; all broadcast. They count if all tests pass.
    levels : sequence of 5 floats, rising
        For code that does not run; passes nothing; passes some tests; all, but no faster than the reference; faster.

    Returns
    -------
    reward : float or ndarray of float64

    Raises
    ------
    ValueError
        If levels do not rise, or a number is out of range, infinite or NaN.
    ShapeError
        If there are not 5 levels, or shapes do not fit.

    References
    ----------
    arXiv 2412.17264.

    Examples
    --------
    >>> outcomes = [False, True, True, True, True], [0, 0, 0.5, 1, 1], [1, 1, 1, 2, 1], 1.5
    >>> code_reward(*outcomes, levels=[-1, -0.5, 0.25, 0.5, 1])
    array([-1.  , -0.5 ,  0.25,  0.5 ,  1.  ])
    """
    steps = numbers("levels", levels, ndim=1)
    if len(steps) != 5:
        raise ShapeError(f"`levels` must have 5 entries, got {len(steps)}")
    rising("levels", steps)
    ok, share, time, reference = broadcast(
        runs=whole("runs", runs, 0, 1),
        passed=numbers("passed", passed, 0, 1),
        seconds=numbers("seconds", seconds, 0, open_low=True),
        reference_s=numbers("reference_s", reference_s, 0, open_low=True),
    )
    reached = 1 + (share > 0) + (share == 1) * (1 + (time < reference))
    return plain(np.asarray(steps[np.where(ok == 1, reached, 0)]))
