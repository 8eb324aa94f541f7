"""The literature's efficiency metrics and scaling laws: plain functions over arrays, in modules by subject.

Every function says its formula, units and source; `find` and `known` say of each its unit, its better direction, its
paper and how sure the formula is: "R" read from an official repository, "T" from a full text, "S" from a secondary
source, "D" derived here.
"""

from paretoserve.metrics import (
    acceptance,
    benchmarks,
    capacity,
    code_efficiency,
    cost,
    differential_performance,
    edge,
    energy,
    first_token,
    frontier,
    information,
    performance_profile,
    policies,
    prefill_equivalents,
    projection,
    ranking,
    runtime,
    saturation,
    scaling,
    serving,
    speculative,
    stages,
    statistics,
    test_time,
    trends,
)
from paretoserve.metrics._declare import Metric, find, known

__all__ = [
    "Metric",
    "acceptance",
    "benchmarks",
    "capacity",
    "code_efficiency",
    "cost",
    "differential_performance",
    "edge",
    "energy",
    "find",
    "first_token",
    "frontier",
    "information",
    "known",
    "performance_profile",
    "policies",
    "prefill_equivalents",
    "projection",
    "ranking",
    "runtime",
    "saturation",
    "scaling",
    "serving",
    "speculative",
    "stages",
    "statistics",
    "test_time",
    "trends",
]
