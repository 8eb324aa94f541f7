"""What a mixture-of-experts step costs: expert blocks on the ranks, weights on the links."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["CostModel"]

_MOST_NS = 1e12


@dataclass(frozen=True)
class CostModel:
    """Times of a standard rank, with which planners weigh tokens against weights.

    A block of `n` tokens of one expert takes ``launch_ns + max(expert_ns, n * token_ns)``; a rank works through its
    blocks one after another, at its speed. Ranks send one expert at a time and receive one at a time, so transfers take
    as long as the busiest rank sends or receives; a share `overlap` of that is hidden. A step takes the longest
    work of a rank plus the transfers that nothing hides. Kept in whole picoseconds, so that all ranks agree.

    Parameters
    ----------
    token_ns : float
        Per token of a block, nanoseconds.
    expert_ns : float, default 0
        Least time of a block: its weights must be read. What counts in decode.
    transfer_ns : float, default 0
        Moving the weights of one expert to a rank of the same node.
    transfer_inter_ns : float, optional
        To a rank of another node; as within a node by default.
    overlap : float, default 0
        Share of the transfers that other work hides, from 0 to 1.
    launch_ns : float, default 0
        Per block, before anything else.
    source : str, default "given"
        Where the numbers come from.

    Raises
    ------
    ValueError
        If a number is negative, not finite or above 1000 seconds, or `overlap` is not from 0 to 1.

    Examples
    --------
    >>> cost = CostModel(token_ns=98, expert_ns=13_000, transfer_ns=119_000)
    >>> cost.block_ns(1), cost.block_ns(1000)
    (13000.0, 98000.0)
    """

    token_ns: float
    expert_ns: float = 0.0
    transfer_ns: float = 0.0
    transfer_inter_ns: float | None = None
    overlap: float = 0.0
    launch_ns: float = 0.0
    source: str = "given"

    def __post_init__(self) -> None:
        for name in ("token_ns", "expert_ns", "transfer_ns", "transfer_inter_ns", "launch_ns", "overlap"):
            value = getattr(self, name)
            if value is None and name == "transfer_inter_ns":
                continue
            most = 1 if name == "overlap" else _MOST_NS
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not number or not math.isfinite(value) or not 0 <= value <= most:
                raise ValueError(f"`{name}` must be from 0 to {most:g}, got {value!r}")

    def block_ns(self, tokens: int) -> float:
        """Return the time of one block on a standard rank; none without tokens.

        Parameters
        ----------
        tokens : int
            Tokens of one expert on one rank.

        Returns
        -------
        float
            Nanoseconds.
        """
        return self.launch_ns + max(self.expert_ns, tokens * self.token_ns) if tokens else 0.0

    def _row(self) -> tuple[int, int, int, int, int, int]:
        """Return the numbers as the native module takes them."""
        inter = self.transfer_ns if self.transfer_inter_ns is None else self.transfer_inter_ns
        token, expert, launch, transfer, between = (
            round(value * 1000) for value in (self.token_ns, self.expert_ns, self.launch_ns, self.transfer_ns, inter)
        )
        return token, expert, launch, transfer, between, round((1 - self.overlap) * 1_000_000)
