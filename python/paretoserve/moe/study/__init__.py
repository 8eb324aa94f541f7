"""Study of balancers: load traces replayed under each planner with a cost model, side by side."""

from paretoserve.moe.study.compare import Comparison, compare
from paretoserve.moe.study.planners import PLANNERS
from paretoserve.moe.study.replay import Replay, replay

__all__ = ["PLANNERS", "Comparison", "Replay", "compare", "replay"]
