"""Types of the native module; checked against it by the meta tests."""

from collections.abc import Sequence
from typing import final

@final
class Model:
    def __new__(cls, hidden: int, vocab: int, tied_embeddings: bool, layers: Sequence[object]) -> Model: ...
    def kv_bytes(self, kv_format: str, num_tokens: int) -> int: ...
    def rank_memory(
        self,
        layout: tuple[int, int, int, bool],
        weight_format: str,
        kv_format: str,
        memory_bytes: int,
        utilization: float,
        reserved_bytes: int,
        max_num_seqs: int,
        max_num_batched_tokens: int,
        block_size: int,
        context_tokens: int | None,
    ) -> list[tuple[int, int, int, int, int, int, float, int]]: ...
    def sizes(self) -> tuple[int, int, int]: ...

def cuda_devices() -> list[tuple[int, str, tuple[int, int], int]]: ...
def cuda_is_available() -> bool: ...
