"""From the layout that one engine writes to the one that another reads.

Every layout reads into and writes from a `QTensor`; a few pairs have a shorter path. What changed is in the report:
codes and scales that could not be kept are counted, never silently rounded.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve._arrays import check_array, dtype_name, is_torch, numpy_values, to_library
from paretoserve._integers import shown
from paretoserve._names import close_names
from paretoserve.errors import DtypeError, ShapeError, UnknownNameError
from paretoserve.quant._formats import block_format
from paretoserve.quant._library import in_numpy, like
from paretoserve.quant._qtensor import QTensor
from paretoserve.quant._report import ConvertReport, report
from paretoserve.quant.layout import Direct, Layout, Log, Setting, direct, registry
from paretoserve.quant.layout._layout import by_name
from paretoserve.quant.transcode import as_nvfp4, requantized

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from paretoserve._arrays import Array

__all__ = ["convert", "layouts"]

REQUANTIZE = Setting("requantize", "format to quantize anew in, if the destination does not hold the source's", None)
STRICT = Setting("strict", "whether to refuse MXFP4 that NVFP4 cannot hold exactly", True, (True, False))


def layouts() -> dict[str, str]:
    """List the layouts that `convert` knows.

    Returns
    -------
    dict of str to str
        Names with a line about each; ``qtensor`` is the `QTensor` itself.

    Examples
    --------
    >>> from paretoserve import quant
    >>> quant.layouts()["gpt_oss_mxfp4"]
    'experts of gpt-oss: vLLM, transformers, SGLang'
    """
    known = {name: layout.what for name, layout in registry().items()}
    return known | {"qtensor": "paretoserve.quant.QTensor"}


def convert(
    tensors: Mapping[str, Array] | QTensor, src: str, dst: str, **meta: Any
) -> tuple[dict[str, Array] | QTensor, ConvertReport]:
    """Convert one quantized weight from a layout to another.

    Parameters
    ----------
    tensors : mapping of str to ndarray or CPU torch.Tensor, or QTensor
        The arrays of the weight by the names that they have in a checkpoint, without the name of the module; a
        `QTensor` if `src` is ``qtensor``. Not modified.
    src, dst : str
        Names of layouts, see `layouts`.
    **meta
        What the bytes do not tell, as the two layouts declare it.

    Returns
    -------
    tensors : dict of str to ndarray or torch.Tensor, or QTensor
        In the library of the input; arrays that need no change share its memory.
    report : ConvertReport
        Whether that was exact, and what was not.

    Raises
    ------
    UnknownNameError
        If a layout is not known.
    TypeError
        If a keyword is unknown or missing.
    ShapeError, DtypeError
        If an array is missing, unknown, or has the wrong shape or dtype.
    ValueError
        If the destination cannot hold the format, or a scale cannot be right: zero, NaN, or stored in the wrong
        direction.

    Notes
    -----
    Costs a pass over the codes where their order changes, and nothing where it does not.

    Examples
    --------
    >>> import numpy as np
    >>> from paretoserve import quant
    >>> expert = {"blocks": np.full((64, 2, 16), 0x21, np.uint8), "scales": np.full((64, 2), 127, np.uint8)}
    >>> q, report = quant.convert(expert, "gpt_oss_mxfp4", "qtensor")
    >>> q.meta.fmt, q.shape, report.exact
    ('mxfp4', (64, 64), True)
    """
    source, target = _layout(src, "src"), _layout(dst, "dst")
    path = direct().get((src, dst))
    if path is None:
        _refuse_one_way(source, target)
    settings = _settings(src, dst, source, target, path, meta)
    log = Log()
    if not isinstance(tensors, QTensor if source is None else Mapping):
        wanted = "a QTensor" if source is None else "a mapping of arrays"
        raise DtypeError(f"`tensors` must be {wanted} for src={src!r}, got {type(tensors).__name__}")
    if isinstance(tensors, QTensor):
        q, torch = in_numpy(tensors)
    else:
        assert source is not None
        arrays, torch = _arrays(tensors, source)
        if path is not None and target is not None:
            done = path.function(arrays, log, **_of(path.settings, settings))
            if done is not None:
                return _with_library(done, target, torch), report(log)
        _refuse_one_way(source, target)
        assert source.read is not None
        q = source.read(arrays, log, **_of(source.read_settings, settings))
    if target is None:
        return like(q, torch), report(log)
    q = _held(q, target, settings, log)
    _note_dropped(q, target, log)
    assert target.write is not None
    written = target.write(q, log, **_of(target.write_settings, settings))
    return _with_library(written, target, torch), report(log)


def _layout(name: str, argument: str) -> Layout | None:
    """Return the layout called `name`, None for a `QTensor`."""
    if isinstance(name, str) and name == "qtensor":
        return None
    known = registry()
    if not isinstance(name, str):
        raise TypeError(f"`{argument}` must be the name of a layout, got {shown(name)}")
    if name not in known:
        hint = close_names(name, [*known, "qtensor"])
        raise UnknownNameError(f"`{argument}` must be the name of a layout, got {name!r}\nhint: {hint}")
    return known[name]


def _refuse_one_way(source: Layout | None, target: Layout | None) -> None:
    if target is not None and target.write is None:
        raise ValueError(f"`dst` must be a layout that can be written, got {target.name!r}\nhint: {target.refusal}")
    if source is not None and source.read is None:
        raise ValueError(f"`src` must be a layout that can be read, got {source.name!r}\nhint: {source.refusal}")


def _settings(
    src: str, dst: str, source: Layout | None, target: Layout | None, path: Direct | None, meta: dict[str, Any]
) -> dict[str, Any]:
    """Return the value of every setting that the pair declares; refuse unknown, missing and impossible ones."""
    declared: dict[str, Setting] = {}
    for group in (
        source.read_settings if source else (),
        target.write_settings if target else (),
        path.settings if path else (),
        _of_formats(source, target),
    ):
        for setting in group:
            # A setting that either side requires is required.
            if setting.required or setting.name not in declared:
                declared[setting.name] = setting
    pair = f"{src} to {dst}"
    unknown = [name for name in meta if name not in declared]
    if unknown:
        takes = ", ".join(f"`{name}`" for name in declared) or "none"
        raise TypeError(f"`{unknown[0]}` is not a setting of {pair}\nhint: its settings are {takes}")
    for setting in declared.values():
        if setting.required and setting.name not in meta:
            raise TypeError(f"`{setting.name}` must be given for {pair}\nhint: {setting.what}")
        if setting.choices is not None and setting.name in meta and not _among(meta[setting.name], setting.choices):
            expected = ", ".join(map(repr, setting.choices))
            raise ValueError(f"`{setting.name}` must be one of {expected}, got {meta[setting.name]!r}")
    return {name: meta.get(name, setting.default) for name, setting in declared.items()}


def _among(value: object, choices: tuple[object, ...]) -> bool:
    # What is equal to an array has no truth value.
    return isinstance(value, str | int | float | np.integer | None) and value in choices


def _of_formats(source: Layout | None, target: Layout | None) -> tuple[Setting, ...]:
    """Return the settings of a change of formats, if the pair may need one."""
    if target is None or target.any_shape or (source and set(source.formats) <= set(target.formats)):
        return ()
    strict = "nvfp4" in target.formats and (source is None or "mxfp4" in source.formats)
    return (REQUANTIZE, STRICT) if strict else (REQUANTIZE,)


def _of(declared: tuple[Setting, ...], settings: dict[str, Any]) -> dict[str, Any]:
    return {setting.name: settings[setting.name] for setting in declared}


def _arrays(tensors: Mapping[str, Array], layout: Layout) -> tuple[dict[str, NDArray[Any]], bool]:
    """Return the arrays as numpy sees them, checked against their declaration, and whether they came from torch."""
    declared = by_name(layout.tensors)
    unknown = [name for name in tensors if name not in declared]
    if unknown:
        hint = f"its arrays are {', '.join(declared)}"
        raise ShapeError(f"`tensors` has {unknown[0]!r}, which {layout.name} does not know\nhint: {hint}")
    for name, array in tensors.items():
        check_array(f"tensors[{name!r}]", array)
    libraries = {is_torch(array) for array in tensors.values()}
    if len(libraries) > 1:
        raise DtypeError("`tensors` must all be numpy arrays or all torch tensors, got both")
    arrays = {}
    for name, tensor in declared.items():
        if name not in tensors:
            if tensor.optional:
                continue
            raise ShapeError(f"`tensors` must have {name!r} for {layout.name}, got {', '.join(tensors) or 'nothing'}")
        came = dtype_name(tensors[name]) if hasattr(tensors[name], "dtype") else type(tensors[name]).__name__
        if came not in tensor.dtypes:
            raise DtypeError(f"`{name}` must be {' or '.join(tensor.dtypes)} for {layout.name}, got {came}")
        array = numpy_values(tensors[name])
        if tensor.ndim is not None and array.ndim != tensor.ndim:
            raise ShapeError(f"`{name}` must have {tensor.ndim} dimensions for {layout.name}, got shape {array.shape}")
        arrays[name] = array
    return arrays, True in libraries


def _held(q: QTensor, target: Layout, settings: dict[str, Any], log: Log) -> QTensor:
    """Return `q` in a format that `target` holds, or refuse it with the reason."""
    if q.meta.fmt not in target.formats:
        if settings.get("requantize") is not None:
            fmt = block_format(settings["requantize"], "requantize").name
            if fmt not in target.formats:
                raise ValueError(f"`requantize` must be {' or '.join(target.formats)} for {target.name}, got {fmt!r}")
            q = requantized(q, fmt, log, {})
        elif q.meta.fmt == "mxfp4" and "nvfp4" in target.formats:
            q = as_nvfp4(q, log, settings["strict"])
        else:
            hint = f'requantize="{target.formats[0]}" quantizes anew and reports the loss' if target.formats else ""
            held = " or ".join(target.formats)
            raise ValueError(f"`dst` {target.name} holds {held}, and the source is {q.meta.fmt}\nhint: {hint}")
    meta = q.meta
    if target.any_shape:
        return q
    if meta.axis != len(meta.shape) - 1:
        raise ValueError(
            f"`dst` {target.name} has its blocks along the last axis, got axis {meta.axis} of {len(meta.shape)}\n"
            "hint: quantize the transposed weight"
        )
    if meta.shape[-1] % meta.block[1]:
        raise ShapeError(
            f"`dst` {target.name} has rows of whole blocks of {meta.block[1]}, got {meta.shape[-1]} columns\n"
            "hint: pad the weight and its inputs before quantization"
        )
    if meta.hadamard:
        raise ValueError(
            f"`dst` {target.name} cannot say that weights are rotated, got hadamard={meta.hadamard}\n"
            "hint: quantize without it, or rotate the weights and their inputs beforehand"
        )
    return q


def _note_dropped(q: QTensor, target: Layout, log: Log) -> None:
    for name in q.extras or {}:
        if name not in target.extras:
            log.note(f"{target.name} has no place for {name}: dropped")


def _with_library(arrays: dict[str, NDArray[Any]], layout: Layout, torch: bool) -> dict[str, Array]:
    declared = by_name(layout.tensors)
    result = {}
    for name, values in arrays.items():
        dtypes = declared[name].dtypes
        dtype = dtypes[0] if values.dtype.name not in dtypes or dtypes[0].startswith("float8") else values.dtype.name
        result[name] = to_library(values, torch=torch, dtype=dtype)
    return result
