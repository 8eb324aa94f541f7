"""Types of the native module; checked against it by the meta tests."""

import numpy as np
from numpy.typing import NDArray

class Operators:
    def __new__(
        cls,
        rates: tuple[float, float, float, float, float, float, int],
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
    rates: tuple[float, float, float, float, float, float, int],
    table: str,
    rows: NDArray[np.float64],
) -> None: ...
