"""What all ranks must agree on before the first row moves, exchanged in one small message of fixed size.

A rank that finds its own input wrong says so in the same message, so that nobody waits for it. The exchange also
carries the counts of tokens, which every rank needs from every other anyway.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from paretoserve.errors import RankMismatchError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from paretoserve.moe.executor.mail import Mail

__all__ = ["Terms", "agree"]

_TEXT_WORDS = 30


class Terms(NamedTuple):
    """What must be the same on all ranks; each field is one integer."""

    step: int = 0
    """Calls so far: differs when a rank skipped one."""
    num_experts: int = 0
    home: int = 0
    hidden_size: int = 0
    experts_per_token: int = 0
    dtype: int = 0
    num_weights: int = 0
    weight_shapes: int = 0
    gradients: int = 0
    """Which inputs need gradients, as bits."""
    plan: int = 0


_WORDS = {
    "step": "number of calls so far",
    "num_experts": "number of experts",
    "home": "home ranks of the experts (digest)",
    "hidden_size": "hidden size",
    "experts_per_token": "experts per token",
    "dtype": "dtype of the hidden states (digest)",
    "num_weights": "number of weight tensors",
    "weight_shapes": "shapes and dtypes of one expert's weights (digest)",
    "gradients": "inputs that need gradients (bits: hidden states, router weights, expert weights)",
    "plan": "plan (digest)",
}


def agree(
    mail: Mail, terms: Terms, problem: Exception | None, counts: NDArray[np.int64] | None = None
) -> NDArray[np.int64]:
    """Exchange terms and counts; return the counts of all ranks, shape (num_ranks, len(counts)).

    Raises
    ------
    Exception
        `problem` itself, after all ranks have heard of it.
    RankMismatchError
        If another rank has a problem, or the terms differ.
    RankLostError
        If a rank does not answer.
    """
    mine = np.zeros(1 + len(Terms._fields) + _TEXT_WORDS + (0 if counts is None else len(counts)), dtype=np.int64)
    fields = slice(1, 1 + len(Terms._fields))
    text = slice(fields.stop, fields.stop + _TEXT_WORDS)
    mine[fields] = terms
    if problem is not None:
        mine[0] = 1
        words = f"{type(problem).__name__}: {problem}".encode()[: _TEXT_WORDS * 8]
        mine[text] = np.frombuffer(words.ljust(_TEXT_WORDS * 8, b"\0"), dtype=np.int64)
    elif counts is not None:
        mine[text.stop :] = counts
    found = mail.everywhere("agreement", torch.from_numpy(mine)).numpy()
    if problem is not None:
        raise problem
    if found[:, 0].any():
        rank = int(found[:, 0].argmax())
        said = found[rank, text].tobytes().rstrip(b"\0").decode(errors="replace")
        raise RankMismatchError(f"rank {rank} could not take part: {said}")
    for index, name in enumerate(Terms._fields):
        column = found[:, 1 + index]
        others = np.flatnonzero(column != column[0])
        if others.size:
            rank = int(others[0])
            raise RankMismatchError(
                f"ranks disagree on the {_WORDS[name]}: rank 0 has {column[0]}, rank {rank} has {column[rank]}"
            )
    return found[:, text.stop :]
