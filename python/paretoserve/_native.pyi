"""Types of the native module; checked against it by the meta tests."""

def cuda_devices() -> list[tuple[int, str, tuple[int, int], int]]: ...
def cuda_is_available() -> bool: ...
def simulate(
    arrays: object,
    trace: object,
    expected_output_tokens: NDArray[np.int32] | None,
    step_time: StepTime,
    config: object,
    extras: object,
) -> list[tuple[int, int, int, int, float, float, int, int, int, int, int]]: ...
