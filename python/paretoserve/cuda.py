"""CUDA devices: is there one, and which.

Nothing here needs CUDA to be installed; the driver library is looked for when a function is called.
"""

from dataclasses import dataclass

from paretoserve import _native

__all__ = ["Device", "devices", "is_available"]


@dataclass(frozen=True, slots=True)
class Device:
    """One CUDA device.

    Attributes
    ----------
    ordinal : int
        Its number for the driver.
    name : str
        Its marketing name.
    compute_capability : tuple of int
        Major and minor, for example ``(9, 0)``.
    memory_bytes : int
        Its memory.
    """

    ordinal: int
    name: str
    compute_capability: tuple[int, int]
    memory_bytes: int


def is_available() -> bool:
    """Tell whether a CUDA driver is present and shows at least one device.

    Returns
    -------
    bool
        False on a machine without a driver; never raises.

    Examples
    --------
    >>> from paretoserve import cuda
    >>> cuda.is_available() in (True, False)
    True
    """
    return _native.cuda_is_available()


def devices() -> list[Device]:
    """List the CUDA devices, in the driver's order.

    Returns
    -------
    list of Device
        Empty when a driver is present but shows no device.

    Raises
    ------
    DeviceError
        If there is no CUDA driver, or it refuses to answer.

    Examples
    --------
    >>> from paretoserve import cuda
    >>> names = [device.name for device in cuda.devices()] if cuda.is_available() else []
    """
    return [Device(*row) for row in _native.cuda_devices()]
