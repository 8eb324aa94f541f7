"""What peers make of every pattern: the casts that `quant.cast` is compared with, by format and rule."""

import warnings

import numpy as np

# Our names and the dtypes of ml_dtypes and torch.
DTYPES = {
    "e4m3fn": "float8_e4m3fn",
    "e5m2": "float8_e5m2",
    "e4m3": "float8_e4m3",
    "e3m4": "float8_e3m4",
    "e4m3fnuz": "float8_e4m3fnuz",
    "e5m2fnuz": "float8_e5m2fnuz",
    "e4m3b11fnuz": "float8_e4m3b11fnuz",
    "e8m0": "float8_e8m0fnu",
    "e2m3": "float6_e2m3fn",
    "e3m2": "float6_e3m2fn",
    "e2m1": "float4_e2m1fn",
}
IN_TORCH = ("e4m3fn", "e5m2", "e4m3fnuz", "e5m2fnuz", "e8m0")


def by_ml_dtypes(x, name):
    """Return the codes that ml_dtypes makes."""
    import ml_dtypes

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return x.astype(getattr(ml_dtypes, DTYPES[name])).view(np.uint8)


def by_torch(x, name):
    """Return the codes that torch makes; `x` float32, float16 or the bits of bfloat16 as ml_dtypes has them."""
    import torch

    tensor = torch.from_numpy(x.view(np.uint16)).view(torch.bfloat16) if x.dtype.kind == "V" else torch.from_numpy(x)
    return tensor.to(getattr(torch, DTYPES[name])).view(torch.uint8).numpy()


def random_patterns(count, seed):
    """Return float32 numbers of random bits; every second one within the range of 8-bit formats."""
    bits = np.random.default_rng(seed).integers(0, 2**32, count, dtype=np.uint32)
    bits[::2] = (bits[::2] & 0x8FFF_FFFF) + 0x3000_0000
    return bits.view(np.float32)
