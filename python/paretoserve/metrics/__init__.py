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
    information,
    performance_profile,
    policies,
    projection,
    ranking,
    speculative,
    statistics,
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
    "find",
    "information",
    "known",
    "performance_profile",
    "policies",
    "projection",
    "ranking",
    "speculative",
    "statistics",
]
