"""Mixture-of-experts layers over ranks: where expert copies sit, which copy serves which tokens, what to move now."""

from paretoserve.moe import loads
from paretoserve.moe.calibrate import calibrate
from paretoserve.moe.cost import CostModel
from paretoserve.moe.executor import ExpertParallel
from paretoserve.moe.placement import Placement, plan_placement
from paretoserve.moe.remap import remap_topk
from paretoserve.moe.spill import Spiller, plan_spill
from paretoserve.moe.spill_plan import SpillPlan
from paretoserve.moe.split import Split, Splitter, split_tokens
from paretoserve.moe.study import Comparison, Replay, compare, replay
from paretoserve.moe.topology import Topology

__all__ = [
    "Comparison",
    "CostModel",
    "ExpertParallel",
    "Placement",
    "Replay",
    "SpillPlan",
    "Spiller",
    "Split",
    "Splitter",
    "Topology",
    "calibrate",
    "compare",
    "loads",
    "plan_placement",
    "plan_spill",
    "remap_topk",
    "replay",
    "split_tokens",
]
