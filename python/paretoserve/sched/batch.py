"""One step of an engine, as plain data."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Batch"]


@dataclass(frozen=True, eq=False)
class Batch:
    """What runs in one step. Read-only arrays.

    Attributes
    ----------
    request_ids : ndarray of int64, shape (n,)
        What runs, oldest admission first.
    num_tokens : ndarray of int64, shape (n,)
        Tokens to compute for each; 1 for a decode.
    num_computed_tokens : ndarray of int64, shape (n,)
        Tokens computed, or found in the cache, before this step.
    admitted : ndarray of int64, shape (a,)
        Which of them start, or start again, in this step.
    preempted : ndarray of int64, shape (p,)
        Requests that lost their place: the engine frees their blocks, and they will be computed again from nothing.
    """

    request_ids: NDArray[np.int64]
    num_tokens: NDArray[np.int64]
    num_computed_tokens: NDArray[np.int64]
    admitted: NDArray[np.int64]
    preempted: NDArray[np.int64]

    def __len__(self) -> int:
        """Return the number of requests that run."""
        return len(self.request_ids)

    def to_dict(self) -> dict[str, list[int]]:
        """Return the columns as lists of int.

        Examples
        --------
        >>> from paretoserve.sched import Scheduler
        >>> scheduler = Scheduler("fcfs")
        >>> scheduler.submit(7, 0, prompt_tokens=5)
        >>> batch = scheduler.next_batch(0, 4, 100, None)
        >>> batch.to_dict()
        {'request_ids': [7], 'num_tokens': [5], 'num_computed_tokens': [0], 'admitted': [7], 'preempted': []}
        """
        return {field.name: getattr(self, field.name).tolist() for field in fields(self)}

    def explain(self) -> str:
        """Return one sentence about the step.

        Examples
        --------
        >>> from paretoserve.sched import Scheduler
        >>> Scheduler("fcfs").next_batch(0, 4, 100, None).explain()
        '0 requests compute 0 tokens; 0 admitted, 0 preempted'
        """
        counts = f"{len(self)} requests compute {int(self.num_tokens.sum())} tokens"
        return f"{counts}; {len(self.admitted)} admitted, {len(self.preempted)} preempted"
