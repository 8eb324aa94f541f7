"""One run over a checkpoint: choose formats, write shards, publish; the files beside say what each step is."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from paretoserve.quant.allocate import Allocation, allocate_bits
from paretoserve.quant.analysis import decibels
from paretoserve.quant.checkpoint.config import quantization_config
from paretoserve.quant.checkpoint.files import Entry, Stored, TensorFile, TensorWriter
from paretoserve.quant.checkpoint.folder import INDEX, Checkpoint
from paretoserve.quant.checkpoint.report import KEPT, TensorReport
from paretoserve.quant.checkpoint.select import format_group, module_of
from paretoserve.quant.checkpoint.state import State
from paretoserve.quant.checkpoint.target import Target, announced, read_back, unfit_because, written
from paretoserve.quant.checkpoint.weights import Weights

__all__ = ["Job"]


class Job:
    """Everything that the steps of a run share.

    Parameters
    ----------
    checkpoint : Checkpoint
    target : Target
    weights : Weights
        Those that are quantized.
    group : int
        Columns of a group of integers.
    reasons : mapping of str to str or None
        Why each tensor is kept; None for those in `weights`.
    progress : callable or None
        Called with bytes done and bytes in all.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        target: Target,
        weights: Weights,
        group: int,
        reasons: Mapping[str, str | None],
        progress: Callable[[int, int], None] | None,
    ) -> None:
        self._checkpoint, self._target, self._weights, self._group = checkpoint, target, weights, group
        self._reasons = dict(reasons)
        self._formats: dict[str, str] = {}
        self._stored: dict[str, str] = {}
        self._progress = progress or (lambda done, total: None)
        self._done = 0
        self._total = sum(entry.nbytes for shard in checkpoint.shards for entry in shard.entries.values())

    def _advance(self, nbytes: int) -> None:
        self._done += nbytes
        self._progress(self._done, self._total)

    def choose(
        self, state: State, candidates: Sequence[str], budget: float | None, sensitivity: Mapping[str, float]
    ) -> Allocation | None:
        """Settle the format of each weight: the only candidate, or by the budget; or as an earlier run settled it."""
        places = self._weights.places
        if budget is None:
            self._formats = dict.fromkeys(places, candidates[0])
            return None
        if state.formats is not None:
            self._take(state.formats)
            return None
        names = list(places)
        self._total += sum(places[name][1].nbytes for name in names)
        costs, scores = self._measured(names, candidates, sensitivity)
        elements = sum(places[name][1].num_elements for name in names)
        allocation = self._allocated(costs, scores, budget, elements, names)
        chosen = {name: candidates[column] for name, column in zip(names, allocation.choice, strict=True)}
        state.choose(chosen)
        self._take(chosen)
        return allocation

    def _take(self, chosen: Mapping[str, str]) -> None:
        self._formats = {name: fmt for name, fmt in chosen.items() if fmt != KEPT}
        self._reasons |= {name: "chosen by the budget" for name, fmt in chosen.items() if fmt == KEPT}

    def _measured(
        self, names: Sequence[str], candidates: Sequence[str], sensitivity: Mapping[str, float]
    ) -> tuple[Any, Any]:
        """Return bits and score of each weight in each format: error by signal, times elements and sensitivity."""
        costs, scores = np.zeros((2, len(names), len(candidates)))
        for row, name in enumerate(names):
            entry = self._weights.places[name][1]
            matrix = self._weights.matrix(name)
            self._weights.amax(name, matrix)
            for column, fmt in enumerate(candidates):
                if fmt == KEPT:
                    costs[row, column] = 8 * entry.nbytes
                elif unfit_because(self._target, entry, fmt, self._group):
                    scores[row, column] = np.inf
                else:
                    stored = announced(self._target, entry, fmt, self._group)
                    costs[row, column] = 8 * sum(each.nbytes for each in stored)
                    signal, noise = self._weights.energies(matrix, self._weights.quantized(name, fmt, matrix))
                    relative = noise / signal if signal > 0 else 0.0
                    scores[row, column] = relative * entry.num_elements * sensitivity.get(name, 1.0)
            self._advance(entry.nbytes)
        return costs, scores

    def _allocated(self, costs: Any, scores: Any, budget: float, elements: int, names: Sequence[str]) -> Allocation:
        groups = [format_group(name) for name in names]
        try:
            return allocate_bits(costs, scores, budget * elements, groups=groups)
        except ValueError as error:
            least = np.where(np.isfinite(scores), costs, np.inf)
            needed = {group: np.zeros(costs.shape[1]) for group in groups}
            for group, row in zip(groups, least, strict=True):
                needed[group] = needed[group] + row
            fewest = sum(row.min() for row in needed.values()) / elements
            if not math.isfinite(fewest):
                raise ValueError("`formats` must have one that all layers of a fused group can have") from error
            if fewest > budget:
                raise ValueError(f"`budget` must be at least {fewest:.4g} bits per weight, got {budget:g}") from None
            raise

    def shard(self, state: State, shard: TensorFile) -> list[TensorReport]:
        """Write one shard beside the result, unless an earlier run did, and return its report."""
        name = shard.path.name
        outputs = {each: self._outputs(entry) for each, entry in shard.entries.items()}
        self._stored |= {tensor.name: name for tensors in outputs.values() for tensor in tensors}
        known = state.finished(name)
        if known is not None:
            self._advance(sum(entry.nbytes for entry in shard.entries.values()))
            return [TensorReport(**(row | {"shape": tuple(row["shape"])})) for row in known]
        flat = [tensor for tensors in outputs.values() for tensor in tensors]
        writer = TensorWriter(state.part(name), flat, shard.metadata or {"format": "pt"})
        try:
            rows = [self._tensor(writer, shard, entry, outputs[entry.name]) for entry in shard.entries.values()]
            writer.close()
        except BaseException:
            writer.abandon()
            raise
        state.finish(name, writer.size, [asdict(row) for row in rows])
        return rows

    def _outputs(self, entry: Entry) -> tuple[Stored, ...]:
        fmt = self._formats.get(entry.name)
        return (entry,) if fmt is None else announced(self._target, entry, fmt, self._group)

    def _tensor(self, writer: TensorWriter, shard: TensorFile, entry: Entry, outputs: Sequence[Stored]) -> TensorReport:
        """Write one tensor: quantized, measured as it is read back; or as it stands."""
        fmt, qsnr = self._formats.get(entry.name), None
        if fmt is None:
            writer.copy(shard, entry)
        else:
            matrix = self._weights.matrix(entry.name)
            self._weights.amax(entry.name, matrix)
            q = self._weights.quantized(entry.name, fmt, matrix)
            arrays = written(self._target, q, tuple(outputs))
            qsnr = decibels(*self._weights.energies(matrix, read_back(self._target, arrays, q.meta)))
            for name, array in arrays.items():
                writer.put(name, array)
        self._advance(entry.nbytes)
        after = sum(each.nbytes for each in outputs)
        return TensorReport(
            name=entry.name,
            file=shard.path.name,
            dtype=entry.dtype,
            shape=entry.shape,
            format=fmt or KEPT,
            reason=(self._reasons[entry.name] or "") if fmt is None else "",
            bytes_before=entry.nbytes,
            bytes_after=after,
            bits_per_weight=8 * after / entry.num_elements if entry.num_elements else 0.0,
            qsnr_db=qsnr,
        )

    def publish(self, state: State) -> None:
        """Move the shards to their names, with index, configuration and the other files of the model."""
        files = {}
        if self._checkpoint.index_metadata is not None:
            total = sum(tensor.nbytes for tensor in self._all_outputs())
            metadata = self._checkpoint.index_metadata | {"total_size": total}
            index = {"metadata": metadata, "weight_map": dict(sorted(self._stored.items()))}
            files[INDEX] = _json(index)
        formats = {module_of(name): fmt for name, fmt in self._formats.items()}
        kept = sorted(module_of(each.name) for each in self._kept())
        inside, beside = quantization_config(self._target, formats, kept, self._group)
        files["config.json"] = _json(self._checkpoint.config | {"quantization_config": inside})
        if beside is not None:
            files["hf_quant_config.json"] = _json(beside)
        state.publish([shard.path.name for shard in self._checkpoint.shards], files, self._checkpoint.other_files)

    def _all_outputs(self) -> list[Stored]:
        shards = self._checkpoint.shards
        return [tensor for shard in shards for entry in shard.entries.values() for tensor in self._outputs(entry)]

    def _kept(self) -> list[Entry]:
        """Return the weight matrices that were left, which the configuration names."""
        entries = (entry for shard in self._checkpoint.shards for entry in shard.entries.values())
        matrices = (each for each in entries if each.name.endswith(".weight") and len(each.shape) == 2)
        return [each for each in matrices if each.name not in self._formats]


def _json(content: Any) -> bytes:
    return (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()
