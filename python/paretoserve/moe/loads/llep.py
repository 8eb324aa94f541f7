"""The loads of the paper on least-loaded expert parallelism: x % of all copies into n experts, the rest equally.

Its generator sends all copies of a hot token to the hot experts even when there are fewer of them than a token chooses,
which no router does. Such cases are marked; `possible` gives the nearest ones that a router can produce.
"""

from __future__ import annotations

import numpy as np

from paretoserve._integers import check_integer
from paretoserve.moe.loads.trace import Loads

__all__ = ["SCENARIOS", "llep_scenario"]

SCENARIOS = ((0.0, 1), *((share, num_hot) for share in (0.3, 0.5, 0.8, 0.95) for num_hot in (16, 4, 1)))
"""Share and number of hot experts of the paper's table; the first is balanced."""


def llep_scenario(
    num_experts: int, num_tokens: int, top_k: int, *, share: float, num_hot: int, possible: bool = False
) -> Loads:
    """Return one step of the paper's table, without noise.

    Parameters
    ----------
    num_experts : int
        Experts of the layer.
    num_tokens : int
        Tokens of the step over all ranks.
    top_k : int
        Experts that each token chooses.
    share : float
        Share of all copies that goes to the hot experts, 0 to 1; 0 is a balanced step.
    num_hot : int
        Hot experts, the first of the layer.
    possible : bool, default False
        Whether to cut the share to what a router can produce, `num_hot` / `top_k`.

    Returns
    -------
    Loads
        `impossible` says why, if no router could produce it.

    Raises
    ------
    ValueError
        If a number is out of range.

    Examples
    --------
    >>> from paretoserve.moe import loads
    >>> loads.llep_scenario(8, 100, 2, share=0.95, num_hot=1).impossible
    'expert 0 has 190 tokens of 100 (step 0, layer 0)'
    >>> loads.llep_scenario(8, 100, 2, share=0.95, num_hot=1, possible=True).counts[0, 0]
    array([100,  15,  15,  14,  14,  14,  14,  14])
    """
    experts = check_integer("num_experts", num_experts, 1, 2**16)
    tokens, top_k = check_integer("num_tokens", num_tokens, 0, 2**40), check_integer("top_k", top_k, 1, experts)
    num_hot = check_integer("num_hot", num_hot, 1, experts)
    if not 0 <= share <= 1:
        raise ValueError(f"`share` must be from 0 to 1, got {share}")
    copies = tokens * top_k
    hot = round(copies * share)
    if possible:
        hot = min(hot, tokens * min(num_hot, top_k))
    if share == 0 or num_hot == experts:
        counts = _dealt(copies, experts)
    else:
        counts = np.concatenate([_dealt(hot, num_hot), _dealt(copies - hot, experts - num_hot)])
    name = "balanced" if share == 0 else f"{share:.0%} into {num_hot}"
    return Loads(counts[None, None], top_k, name)


def _dealt(copies: int, experts: int) -> np.ndarray:
    """Return `copies` in equal parts, the first ones larger by one."""
    return copies // experts + (np.arange(experts) < copies % experts)
