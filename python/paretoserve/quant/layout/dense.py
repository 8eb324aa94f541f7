"""Plain numbers: where every layout can go, and where quantization starts again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve._arrays import as_numpy, to_library
from paretoserve.quant._formats import block_names
from paretoserve.quant._qtensor import QTensor
from paretoserve.quant.layout._layout import Layout, Log, Setting, Tensor
from paretoserve.quant.quantize import dequantize

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from paretoserve.quant.layout._layout import Tensors

__all__ = ["DTYPE", "LAYOUTS", "compare", "narrow"]

_FLOATS = ("float32", "float16", "bfloat16")
DTYPE = Setting("dtype", "dtype of the numbers", "float32", _FLOATS)


def narrow(weight: NDArray[np.float32], dtype: str, block: int, log: Log) -> NDArray[Any]:
    """Return float32 numbers as `dtype`, rounded to nearest even, and report what that changed."""
    if dtype == "float32":
        return weight
    with np.errstate(over="ignore", invalid="ignore"):
        result = weight.astype(np.asarray(to_library(np.empty(0, np.uint16), torch=False, dtype=dtype)).dtype)
    compare(weight, result, block, f"rounded to {dtype}", log)
    return result


def compare(before: NDArray[Any], after: NDArray[Any], block: int, text: str, log: Log) -> None:
    """Report in how many blocks of `block` columns numbers differ, and by how much at most."""
    old, new = before.astype(np.float32), after.astype(np.float32)
    changed = (old != new) & ~(np.isnan(old) & np.isnan(new))
    if not changed.any():
        return
    lost = np.add.reduceat(changed, np.arange(0, old.shape[-1], block), axis=-1, dtype=np.int64)
    with np.errstate(invalid="ignore"):
        error = float(np.abs(old[changed] - new[changed]).max())
    log.lossy(text, blocks=int(np.count_nonzero(lost)), max_abs_err=error)


def _write(q: QTensor, log: Log, *, dtype: str) -> Tensors:
    return {"weight": narrow(as_numpy(dequantize(q)), dtype, q.meta.block[1], log)}


LAYOUTS = (
    Layout(
        "float",
        "plain float32, float16 or bfloat16",
        tuple(block_names()),
        (Tensor("weight", _FLOATS),),
        None,
        _write,
        write_settings=(DTYPE,),
        refusal="numbers need a format first: quantize(x, fmt), then convert from 'qtensor'",
        any_shape=True,
    ),
)
