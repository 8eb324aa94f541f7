"""What happens to a request trace on a serving configuration: traces, workload profiles and the simulator."""

from paretoserve.sim.compare import Comparison, compare
from paretoserve.sim.configuration import Configuration
from paretoserve.sim.expert_load import EXPERT_LOADS, ExpertLoad, load_experts
from paretoserve.sim.jobs import Jobs, simulate_jobs
from paretoserve.sim.load import load_trace
from paretoserve.sim.profile import PROFILES
from paretoserve.sim.readers.parquet import write_trace
from paretoserve.sim.replay import Difference, Replay, replay
from paretoserve.sim.result import DecisionLog, Simulation
from paretoserve.sim.simulate import simulate
from paretoserve.sim.terms import Terms
from paretoserve.sim.trace import Trace
from paretoserve.sim.worst_case import WorstCase, optimal_flow, worst_case

__all__ = [
    "EXPERT_LOADS",
    "PROFILES",
    "Comparison",
    "Configuration",
    "DecisionLog",
    "Difference",
    "ExpertLoad",
    "Jobs",
    "Replay",
    "Simulation",
    "Terms",
    "Trace",
    "WorstCase",
    "compare",
    "load_experts",
    "load_trace",
    "optimal_flow",
    "replay",
    "simulate",
    "simulate_jobs",
    "worst_case",
    "write_trace",
]
