"""`quantize_checkpoint`: shard by shard, tensor by tensor, with a budget or one format for all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from paretoserve._integers import check_integer
from paretoserve.errors import DataError, UnknownNameError
from paretoserve.quant._formats import block_format
from paretoserve.quant.checkpoint.folder import Checkpoint, open_checkpoint
from paretoserve.quant.checkpoint.job import Job
from paretoserve.quant.checkpoint.report import KEPT, CheckpointReport
from paretoserve.quant.checkpoint.select import kept_because
from paretoserve.quant.checkpoint.state import State, digest
from paretoserve.quant.checkpoint.target import TARGETS, Target, unfit_because
from paretoserve.quant.checkpoint.weights import Options, Weights

__all__ = ["quantize_checkpoint"]


def quantize_checkpoint(
    source: str | Path,
    out: str | Path,
    fmt: str | None = None,
    *,
    layout: str = "compressed-tensors",
    budget: float | None = None,
    formats: Sequence[str] = (),
    group: int | None = None,
    scale: str | None = None,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    sensitivity: Mapping[str, float] | None = None,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> CheckpointReport:
    """Quantize the weights of a safetensors checkpoint, as an engine reads them.

    Parameters
    ----------
    source : path
        A safetensors file, a folder with one or more of them, or an index of shards.
    out : path
        Folder for the result, other than that of `source`; made if missing.
    fmt : str, optional
        Format of all weights: ``mxfp4``, ``nvfp4``, ``mxfp8``, ``int4``, ``int4_asym``, ``int8``, ``fp8_row`` or
        ``fp8_block``, as `layout` admits. Either this or `budget`.
    layout : {"compressed-tensors", "modelopt", "gpt-oss"}, default "compressed-tensors"
        Whose tensors and configuration are written. ``gpt-oss`` quantizes fused experts only.
    budget : float, optional
        Bits per weight over all quantized tensors, scales included: each tensor gets one of `formats`, so that the
        sum of relative errors is least.
    formats : sequence of str
        With `budget`: what to choose from; ``kept`` for leaving a tensor as it is.
    group : int, optional
        Columns of a group of ``int4`` and ``int4_asym``, default 128; -1 for rows. Other formats have groups of their
        own, and where none of the two is asked for a `group` is refused.
    scale : {"rceil", "floor", "ceil", "even"}, optional
        Rule of the power-of-two scales of MX formats; default ``rceil``.
    include, exclude : sequence of str
        Patterns such as ``*.layers.0.*`` for names of tensors or modules. By default all weight matrices but
        embeddings, norms, heads and routers are quantized; `include` replaces that, `exclude` has the last word.
    sensitivity : mapping of str to float, optional
        With `budget`: factor on the relative error of a tensor, by name; 1 where it has none.
    threads : int, optional
        The result does not depend on it.
    progress : callable, optional
        Called with bytes done and bytes in all.

    Returns
    -------
    CheckpointReport

    Raises
    ------
    DataError
        If a file is missing, broken or cut, or a weight holds NaN or infinity.
    UnknownNameError
        If a format or layout is not known.
    ValueError
        If options contradict each other, the weights are quantized already, nothing is left to be quantized, `out`
        holds other weights, or no choice meets the budget.
    OSError
        If the disk is full.

    Notes
    -----
    Memory: the largest tensor, its codes, and some megabytes. One read of the input, with `budget` one more. Weights
    that an engine fuses (q, k, v; gate, up) share format and global scale, experts of a layer the format. A run that
    was interrupted goes on when the same call is made again; an older result in `out` stays complete until the end.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from safetensors.numpy import save_file
    >>> folder = Path(tempfile.mkdtemp())
    >>> weight = np.random.default_rng(0).standard_normal((64, 128), dtype=np.float32)
    >>> save_file({"up_proj.weight": weight, "norm.weight": weight[0]}, folder / "model.safetensors")
    >>> report = quantize_checkpoint(folder / "model.safetensors", folder / "mxfp4", "mxfp4")
    >>> [(each.name, each.format, each.bits_per_weight) for each in report.tensors]
    [('norm.weight', 'kept', 32.0), ('up_proj.weight', 'mxfp4', 4.25)]
    >>> round(report.quantized[0].qsnr_db, 1)
    18.8
    """
    source, out = Path(source), Path(out)
    target = _target(layout)
    candidates = _candidates(target, fmt, budget, formats)
    if scale is not None and not any(each != KEPT and block_format(each).family == "mx" for each in candidates):
        raise ValueError(f"`scale` applies to MX formats only, got {scale!r} for {', '.join(candidates)}")
    group = _group(group, candidates)
    checkpoint = open_checkpoint(source)
    reasons = _reasons(checkpoint, target, candidates, group, include, exclude)
    selected = [name for name, reason in reasons.items() if reason is None]
    if not selected:
        raise ValueError(_nothing_left(reasons))
    weighted = dict(sensitivity or {})
    _check_sensitivity(weighted, selected)
    _refuse_mixture(checkpoint, source, out)
    weights = Weights(checkpoint.shards, selected, target, Options(group, scale, threads))
    options = [layout, candidates, budget, group, scale, sorted(selected), sorted(weighted.items()), checkpoint.config]
    state = State(out, digest(checkpoint.shards, options))
    try:
        job = Job(checkpoint, target, weights, group, reasons, progress)
        allocation = job.choose(state, candidates, budget, weighted)
        rows = [row for shard in checkpoint.shards for row in job.shard(state, shard)]
        job.publish(state)
    except (DataError, ValueError):
        state.discard()
        raise
    finally:
        state.close()
    return CheckpointReport(out, tuple(rows), allocation)


def _target(layout: str) -> Target:
    if layout not in TARGETS:
        raise UnknownNameError(f"`layout` must be one of {', '.join(TARGETS)}, got {layout!r}")
    return TARGETS[layout]


def _candidates(target: Target, fmt: str | None, budget: float | None, formats: Sequence[str]) -> list[str]:
    """Return the full names of the formats to choose from: one without a budget."""
    if (fmt is None) == (budget is None):
        raise ValueError(f"one of `fmt` (--format) and `budget` must be given, got {fmt!r} and {budget!r}")
    if budget is None and formats:
        raise ValueError("`formats` are what a budget chooses from, got them without `budget`")
    if budget is not None and not 0 < budget < float("inf"):
        raise ValueError(f"`budget` must be a positive number of bits per weight, got {budget}")
    if isinstance(formats, str) or (budget is not None and len(formats) == 0):
        raise ValueError(f"`formats` must be one or more names to choose from, got {formats!r}")
    asked = [fmt] if fmt is not None else list(formats)
    names = [
        each if each == KEPT and fmt is None else block_format(each, "formats" if fmt is None else "fmt").name
        for each in asked
    ]
    twice = next((name for name, times in Counter(names).items() if times > 1), None)
    if twice is not None:
        raise ValueError(f"`formats` must name each format once, got {twice} more than once")
    for name in names:
        if name != KEPT and name not in target.formats:
            holders = [each.name for each in TARGETS.values() if name in each.formats]
            hint = f"\nhint: it can be written for {' or '.join(holders)}" if holders else ""
            raise ValueError(f"{target.name} holds {', '.join(target.formats)}, got {name}{hint}")
    return names


def _group(group: int | None, candidates: Sequence[str]) -> int:
    """Return the columns of a group of integers, which other formats do not have."""
    if group is None:
        return 128
    if group != -1:
        check_integer("group", group, 1, 1 << 30)
    if not any(each.startswith("int4") for each in candidates):
        raise ValueError(f"`group` applies to int4 and int4_asym only, got {group} for {', '.join(candidates)}")
    return group


def _reasons(
    checkpoint: Checkpoint,
    target: Target,
    candidates: Sequence[str],
    group: int,
    include: Sequence[str],
    exclude: Sequence[str],
) -> dict[str, str | None]:
    """Return why each tensor is kept, None for those that are quantized, in the order of files and bytes."""
    reasons = {}
    for shard in checkpoint.shards:
        for name, tensor in shard.entries.items():
            reason = kept_because(tensor, experts=target.experts, include=include, exclude=exclude)
            if reason is None:
                unfit = [unfit_because(target, tensor, fmt, group) for fmt in candidates if fmt != KEPT]
                reason = unfit[0] if unfit and all(unfit) else None
            reasons[name] = reason
    return reasons


def _nothing_left(reasons: Mapping[str, str | None]) -> str:
    counts = Counter(str(reason) for reason in reasons.values())
    listed = ", ".join(f"{times} {reason}" for reason, times in counts.most_common(4)) or "no tensors"
    hint = "--include replaces what is excluded by default"
    if any("no multiple of" in reason for reason in counts):
        hint = "--group takes fewer columns for int4, -1 for whole rows; " + hint
    return f"no tensor is left to be quantized: {listed}\nhint: {hint}"


def _check_sensitivity(sensitivity: Mapping[str, float], selected: Sequence[str]) -> None:
    for name, factor in sensitivity.items():
        if name not in selected:
            raise UnknownNameError(f"`sensitivity` names tensor {name!r}, which is not quantized")
        if isinstance(factor, bool) or not isinstance(factor, int | float) or not 0 <= factor < float("inf"):
            raise ValueError(f"`sensitivity` must be finite and not negative, got {factor!r} for {name}")


def _refuse_mixture(checkpoint: Checkpoint, source: Path, out: Path) -> None:
    """Refuse a folder in which an engine would find other weights beside the new ones."""
    folder = source if source.is_dir() else source.parent
    if out.exists() and not out.is_dir():
        raise ValueError(f"`out` must be a folder, got the file {out}")
    if out.is_dir() and out.resolve() == folder.resolve():
        raise ValueError(f"`out` must be another folder than that of the input, got {out}")
    names = {shard.path.name for shard in checkpoint.shards}
    others = sorted(path.name for path in out.glob("*.safetensors") if path.name not in names)
    if others:
        raise ValueError(f"`out` must not hold other weights, got {others[0]} in {out}\nhint: take an empty folder")
