"""The main job: which serving configurations nobody beats for a model, a system and a trace."""

from paretoserve.plan.enumerate import Bounds, enumerate_space
from paretoserve.plan.front import Front, Miss, Refusal, describe
from paretoserve.plan.objectives import DEFAULT_OBJECTIVES, OBJECTIVES, Objective, objective_name, parse_objectives
from paretoserve.plan.search import plan
from paretoserve.plan.slo import Limit, parse_slo
from paretoserve.plan.space import Space, load_space

__all__ = [
    "DEFAULT_OBJECTIVES",
    "OBJECTIVES",
    "Bounds",
    "Front",
    "Limit",
    "Miss",
    "Objective",
    "Refusal",
    "Space",
    "describe",
    "enumerate_space",
    "load_space",
    "objective_name",
    "parse_objectives",
    "parse_slo",
    "plan",
]
