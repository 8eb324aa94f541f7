"""Mixture-of-experts layers over ranks: where expert copies sit, which copy serves which tokens, what to move now."""

from paretoserve.moe import loads
from paretoserve.moe.allocate import Keep, RankAllocation, allocate_experts, allocate_ranks
from paretoserve.moe.calibrate import calibrate
from paretoserve.moe.cost import CostModel
from paretoserve.moe.device_plan import DeviceSpillPlan, DeviceSplit
from paretoserve.moe.executor import ExpertParallel
from paretoserve.moe.placement import Placement, plan_placement
from paretoserve.moe.remap import remap_topk
from paretoserve.moe.schedule import schedule_moves
from paretoserve.moe.spill import Spiller, plan_spill
from paretoserve.moe.spill_plan import SpillPlan
from paretoserve.moe.split import Split, Splitter, split_tokens
from paretoserve.moe.study import Comparison, Replay, compare, replay
from paretoserve.moe.topology import Topology

__all__ = [
    "Comparison",
    "CostModel",
    "DeviceSpillPlan",
    "DeviceSplit",
    "ExpertParallel",
    "Keep",
    "Placement",
    "RankAllocation",
    "Replay",
    "SpillPlan",
    "Spiller",
    "Split",
    "Splitter",
    "Topology",
    "allocate_experts",
    "allocate_ranks",
    "calibrate",
    "compare",
    "loads",
    "plan_placement",
    "plan_spill",
    "remap_topk",
    "replay",
    "schedule_moves",
    "split_tokens",
]
