"""What is found of CUDA, with and without a device."""

import ctypes.util

import pytest

from paretoserve import cuda
from paretoserve.errors import DeviceError


def test_no_driver_means_not_available():
    if ctypes.util.find_library("cuda"):
        pytest.skip("this machine has a CUDA driver")
    assert cuda.is_available() is False
    with pytest.raises(DeviceError, match=r"no CUDA driver was found\nhint: .*is_available"):
        cuda.devices()


def test_availability_agrees_with_the_list_of_devices():
    if not cuda.is_available():
        pytest.skip("no CUDA device")
    found = cuda.devices()
    assert found
    assert all(device.memory_bytes > 0 for device in found)
