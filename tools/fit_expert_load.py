"""Derive the law of the built-in expert load "mixture" from measured counts: six numbers, no rows of the counts.

    python tools/fit_expert_load.py [COUNTS] [--out python/paretoserve/sim/data]

The counts are those of OLMoE-1B-7B on six kinds of text (Muennighoff et al., OLMoE, arXiv 2409.02060), as the file
`olmoe_mixtral_expert_counts.csv` has them. Taken are the variation of the counts in each layer, as the deviation of a
lognormal law with the same one, because it decides how uneven ranks are, and how the logarithms of the counts correlate
between kinds of text. Prints how skewed samples of the law are beside the counts.
"""

import argparse
import json
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from paretoserve import moe

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT.parent / "shared/data/moe/olmoe_mixtral_expert_counts.csv"
LAST_LAYER = 15
LAYERS = (0, 7, LAST_LAYER)
ABOUT = {
    "source": "OLMoE-1B-7B-0924 expert counts, six kinds of text, layers 0, 7 and 15",
    "citation": "Muennighoff et al., OLMoE: Open Mixture-of-Experts Language Models, arXiv 2409.02060",
    "license": "Apache-2.0 (allenai/OLMoE at 357454f4f647385839c0ff6b99a688dc7cd9c13f)",
    "derived_by": "tools/fit_expert_load.py",
}


def fit(counts: NDArray[np.int64]) -> dict[str, object]:
    """Return the law of counts by kind of text, layer and expert."""
    logs = np.log(np.maximum(counts, 1))
    squared = counts.var(axis=2) / counts.mean(axis=2) ** 2
    deviation = np.sqrt(np.log1p(squared.mean(axis=0)))
    pairs = [
        np.corrcoef(logs[a, layer], logs[b, layer])[0, 1]
        for layer in range(logs.shape[1])
        for a, b in combinations(range(len(logs)), 2)
    ]
    return {
        "num_domains": len(counts),
        "relative_depth": [round(layer / LAST_LAYER, 4) for layer in LAYERS],
        "log_deviation": [round(float(value), 4) for value in deviation],
        "log_correlation": round(float(np.mean(pairs)), 4),
    }


def skew(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the fullest expert over the mean in each layer, in the mean over the first axis."""
    return np.asarray((shares.max(axis=2) / shares.mean(axis=2)).mean(axis=0))


def main() -> None:
    """Fit, write, and compare with a sample."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("counts", nargs="?", type=Path, default=SOURCE)
    parser.add_argument("--out", type=Path, default=ROOT / "python/paretoserve/sim/data")
    options = parser.parse_args()
    counts = moe.loads.read(options.counts, select={"model": "olmoe", "selection": "topk"}).totals
    law = fit(counts)
    path = options.out / "expert-load.json"
    path.write_text(json.dumps(ABOUT | law, indent=2) + "\n", encoding="utf-8")
    deviation = np.array(law["log_deviation"])
    random = np.random.default_rng(0).standard_normal((200, len(LAYERS), counts.shape[2]))
    print(f"wrote {path}: {law}")
    print(f"fullest expert over the mean: counts {skew(counts.astype(float)).round(2)}, ", end="")
    print(f"law {skew(np.exp(deviation[:, None] * random)).round(2)}")


if __name__ == "__main__":
    main()
