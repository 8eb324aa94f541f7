"""Types of the native module; checked against it by the meta tests."""

from collections.abc import Sequence
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

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

class Operators:
    def __new__(
        cls,
        rates: tuple[float, float, float, float, float, float, int, int],
        launch_ns: float,
        fraction: float,
        tables: list[tuple[str, list[NDArray[np.float64]], NDArray[np.float32], NDArray[np.uint8]]],
    ) -> Operators: ...
    def estimate(
        self, ns: NDArray[np.float64], provenance: NDArray[np.uint8], table: str, rows: NDArray[np.float64]
    ) -> None: ...
    def memory_ns(self, bytes: float) -> float: ...

def cuda_devices() -> list[tuple[int, str, tuple[int, int], int]]: ...
def cuda_is_available() -> bool: ...
def fit_grid(
    values: NDArray[np.float32],
    supported: NDArray[np.uint8],
    axes_: list[NDArray[np.float64]],
    points: NDArray[np.float64],
    targets: NDArray[np.float64],
    bend: list[float],
    slope: float,
    rounds: int,
) -> None: ...
def operator_features(
    analytic_ns: NDArray[np.float64],
    points: NDArray[np.float64],
    rates: tuple[float, float, float, float, float, float, int, int],
    table: str,
    rows: NDArray[np.float64],
) -> None: ...
def pareto_mask(
    out: NDArray[np.uint8],
    points: NDArray[Any],
    dtype: str,
    maximize: list[bool],
    keep: str,
    nan: str,
    eps: list[float] | None,
    groups: NDArray[np.uint32] | None,
    num_groups: int,
    allowed: NDArray[np.uint8] | None,
    threads: int | None,
) -> None: ...
def simulate(
    arrays: object,
    trace: object,
    expected_output_tokens: NDArray[np.int32] | None,
    step_time: StepTime,
    config: object,
    extras: object,
) -> list[tuple[int, int, int, int, float, float, int, int, int, int, int]]: ...
