"""What one engine step contains, as the step model sees it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

from paretoserve._integers import BITS_32, BITS_63, check_integer

__all__ = ["StepShape"]


@dataclass(frozen=True)
class StepShape:
    """One engine step, summed over its requests.

    `StepShape.of` counts it from the requests.

    Parameters
    ----------
    prefill_tokens, num_prefills : int
        Prompt tokens computed in this step over all chunks, and how many requests they belong to.
    prefill_context : int
        Tokens already in the cache before each chunk, summed.
    prefill_pairs : int
        Query-key pairs of the chunks: sum of ``c * past + c * (c + 1) / 2``.
    num_decodes, decode_context : int
        Requests that decode one token, and their context lengths summed.
    num_sampled : int
        Sequences that sample a token: all decodes and the prefills that end.

    Raises
    ------
    ValueError
        If a count is negative, not an integer or too large, or if the counts contradict each other.

    Examples
    --------
    >>> StepShape.of(chunks=[(512, 0)], contexts=[100, 300])
    StepShape(prefill_tokens=512, num_prefills=1, prefill_context=0, prefill_pairs=131328, num_decodes=2, \
decode_context=400, num_sampled=3)
    """

    prefill_tokens: int = 0
    num_prefills: int = 0
    prefill_context: int = 0
    prefill_pairs: int = 0
    num_decodes: int = 0
    decode_context: int = 0
    num_sampled: int = 0

    def __post_init__(self) -> None:
        """Check the counts."""
        for field in fields(self):
            largest = BITS_32 if field.name.startswith("num_") else BITS_63
            check_integer(field.name, getattr(self, field.name), 0, largest)
        if self.prefill_tokens < self.num_prefills or (self.prefill_tokens > 0) != (self.num_prefills > 0):
            raise ValueError(
                f"`prefill_tokens` must be at least 1 for each of {self.num_prefills} prefills, "
                f"got {self.prefill_tokens}"
            )
        if self.num_decodes == 0 and self.decode_context > 0:
            raise ValueError(f"`decode_context` must be 0 without decodes, got {self.decode_context}")

    @classmethod
    def of(
        cls,
        *,
        chunks: Iterable[tuple[int, int]] = (),
        contexts: Iterable[int] = (),
        num_sampled: int | None = None,
    ) -> StepShape:
        """Count a step from its requests.

        Parameters
        ----------
        chunks : iterable of (int, int)
            Tokens of each prompt chunk and tokens already in the cache before it.
        contexts : iterable of int
            Context length of each decoding request.
        num_sampled : int, optional
            Sequences that sample; by default all of them.

        Raises
        ------
        ValueError
            If an entry is not an integer of at least 0, or as for the class.
        """
        # Plain integers: sums and products of numpy's would wrap around.
        prefills = [
            (check_integer("chunks", chunk, 0, BITS_63), check_integer("chunks", past, 0, BITS_63))
            for chunk, past in chunks
        ]
        decodes = [check_integer("contexts", context, 0, BITS_63) for context in contexts]
        return cls(
            prefill_tokens=sum(chunk for chunk, _ in prefills),
            num_prefills=len(prefills),
            prefill_context=sum(past for _, past in prefills),
            prefill_pairs=sum(chunk * past + chunk * (chunk + 1) // 2 for chunk, past in prefills),
            num_decodes=len(decodes),
            decode_context=sum(decodes),
            num_sampled=len(prefills) + len(decodes) if num_sampled is None else num_sampled,
        )

    @property
    def counts(self) -> tuple[int, int, int, int, int, int, int]:
        """The fields in order, as the native module takes them."""
        return (
            self.prefill_tokens,
            self.num_prefills,
            self.prefill_context,
            self.prefill_pairs,
            self.num_decodes,
            self.decode_context,
            self.num_sampled,
        )
