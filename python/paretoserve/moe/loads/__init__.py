"""Loads of mixture-of-experts layers: drawn as a router can produce them, or read from what engines write."""

from paretoserve.moe.loads.arrays import from_routed, from_window
from paretoserve.moe.loads.llep import SCENARIOS, llep_scenario
from paretoserve.moe.loads.read import read
from paretoserve.moe.loads.synthetic import batches, burst, hot_rank, hot_spot, power_law
from paretoserve.moe.loads.trace import Loads

__all__ = [
    "SCENARIOS",
    "Loads",
    "batches",
    "burst",
    "from_routed",
    "from_window",
    "hot_rank",
    "hot_spot",
    "llep_scenario",
    "power_law",
    "read",
]
