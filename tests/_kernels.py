"""Kernels and device functions on the CPU: built with g++ from the files that are shipped, called through ctypes."""

import ctypes
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
CUDA = ROOT / "cuda"
COMPILER = shutil.which("g++")

_WIDTHS = {"u64": ctypes.c_uint64, "u32": ctypes.c_uint32, "i32": ctypes.c_int32, "float": ctypes.c_float}


def build(out: Path, source: Path) -> ctypes.CDLL:
    """Compile one file as a library that rounds as the device does."""
    if COMPILER is None:
        pytest.skip("g++ is not here")
    library = out / f"{source.stem}.so"
    flags = ["-std=c++17", "-O1", "-ffp-contract=off", "-fPIC", "-shared", "-w"]
    folders = [f"-I{CUDA / name}" for name in ("include", "kernels", "host")]
    subprocess.run([COMPILER, *flags, *folders, "-o", library, source], check=True, capture_output=True, text=True)
    return ctypes.CDLL(str(library))


def entries(file: str) -> dict[str, list[str]]:
    """Return the kernels of a file: the kinds of their parameters by entry, as the compiler sees them."""
    if COMPILER is None:
        pytest.skip("g++ is not here")
    command = [COMPILER, "-E", "-P", "-x", "c++", f"-I{CUDA / 'include'}", CUDA / "kernels" / file]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = {}
    for entry, parameters in re.findall(r"__global__ void __launch_bounds__\(\d+\)\s+(\w+)\(([^)]*)\)", text):
        kinds = []
        for each in parameters.split(","):
            words = re.sub(r"paretoserve::", "", each)
            kinds.append("Pointer" if "*" in words else words.split()[-2])
        found[entry] = kinds
    return found


class Kernels:
    """The kernels of one file, run on the CPU."""

    def __init__(self, file: str, out: Path) -> None:
        self.entries = entries(file)
        lines = ['#include "runner.hpp"', f'#include "{file}"', '#include "apply.hpp"']
        lines += [f"RUNNER_EXPORT({entry})" for entry in self.entries]
        source = out / f"run_{Path(file).stem}.cpp"
        source.write_text("\n".join(lines) + "\n")
        self.library = build(out, source)

    def launch(self, entry: str, grid: int | tuple[int, ...], block: int, *arguments: Any) -> None:
        """Run a kernel. Arrays are passed by address, None is a null pointer."""
        kinds = self.entries[entry]
        assert len(kinds) == len(arguments), f"{entry} takes {kinds}"
        held: list[Any] = []
        for kind, value in zip(kinds, arguments, strict=True):
            if kind == "Pointer":
                address = None if value is None else value.ctypes.data
                held.append(ctypes.c_void_p(address))
            else:
                held.append(_WIDTHS[kind](value))
        pointers = (ctypes.c_void_p * len(held))(*[ctypes.addressof(each) for each in held])
        sizes = (*((grid,) if isinstance(grid, int) else grid), 1, 1)[:3]
        getattr(self.library, f"run_{entry}")(*[ctypes.c_uint(size) for size in (*sizes, block)], pointers)


def numbers(dtype: str, count: int, seed: int = 0, *, special: bool = True) -> np.ndarray:
    """Return numbers of every size, as float32 or the bits of a 16-bit float; some are NaN or infinite if `special`."""
    random = np.random.default_rng(seed)
    if dtype == "f32":
        bits = random.integers(0, 2**32, count, dtype=np.uint32)
        x = np.where(random.random(count) < 0.5, random.standard_normal(count).astype(np.float32), bits.view(np.float32))
        return x if special else np.where(np.isfinite(x), x, np.float32(1.25))
    bits = random.integers(0, 2**16, count, dtype=np.uint16)
    normal = narrow(random.standard_normal(count).astype(np.float32), dtype)
    bits = np.where(random.random(count) < 0.5, normal, bits)
    return bits if special else np.where(np.isfinite(widen(bits, dtype)), bits, narrow(np.float32([1.25]), dtype))


def widen(bits: np.ndarray, dtype: str) -> np.ndarray:
    """Return the values of float32, or of float16 or bfloat16 bits."""
    if dtype == "f32":
        return bits
    return bits.view(np.float16).astype(np.float32) if dtype == "f16" else (bits.astype(np.uint32) << 16).view("f4")


def narrow(x: np.ndarray, dtype: str) -> np.ndarray:
    """Return float32 as it is, or rounded to float16 or bfloat16 bits; numbers only."""
    if dtype == "f32":
        return x
    if dtype == "f16":
        with np.errstate(over="ignore"):
            return x.astype(np.float16).view(np.uint16)
    bits = x.view(np.uint32)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype(np.uint16)


def aligned(count: int, dtype: Any, fill: int = 0xAA) -> np.ndarray:
    """Return an array at an address that is a multiple of 64, filled with a byte."""
    size = count * np.dtype(dtype).itemsize
    raw = np.full(size + 64, fill, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + size].view(dtype)


def place(x: np.ndarray, offset: int = 0) -> np.ndarray:
    """Return a copy that starts `offset` elements after an address that is a multiple of 64."""
    room = aligned(x.size + offset, x.dtype)[offset:]
    room[:] = x.reshape(-1)
    return room


def public(x: np.ndarray, dtype: str) -> np.ndarray:
    """Return numbers as the array that the library's functions take, without a copy."""
    if dtype == "f32":
        return x
    if dtype == "f16":
        return x.view(np.float16)
    import ml_dtypes

    return x.view(ml_dtypes.bfloat16)


def same_numbers(got: np.ndarray, expected: np.ndarray, dtype: str) -> None:
    """Assert equal bits, NaN where there is NaN."""
    nan = np.isnan(widen(expected, dtype))
    assert (np.isnan(widen(got, dtype)) == nan).all()
    bits = np.uint32 if dtype == "f32" else np.uint16
    np.testing.assert_array_equal(got.view(bits)[~nan], expected.view(bits)[~nan])


DTYPES = ("f32", "f16", "bf16")
NAMES = {"f32": "float32", "f16": "float16", "bf16": "bfloat16"}
ROUNDINGS = ("rne", "half_away", "stochastic")

CAST_RULES = ("paretoserve", "ml_dtypes", "torch")
KINDS = ("float", "exponent", "int", "uint")
SPECIALS = ("ieee", "nan", "nan_at_negative_zero", "none")


def layout(name: str) -> tuple[int, int]:
    """Return a scalar format as the two parameters that kernels take: its fields in one word, and its bias."""
    from paretoserve.quant import format_info

    f = format_info(name, kind="scalar")
    word = f.exponent_bits | f.mantissa_bits << 4 | f.signed << 8
    return word | SPECIALS.index(f.special) << 9 | KINDS.index(f.kind) << 11 | f.bits << 13, f.bias
