"""What happens to a request trace on a serving configuration: traces, workload profiles and the simulator."""

from paretoserve.sim.jobs import Jobs, simulate_jobs
from paretoserve.sim.load import load_trace
from paretoserve.sim.profile import PROFILES
from paretoserve.sim.readers.parquet import write_trace
from paretoserve.sim.trace import Trace

__all__ = ["PROFILES", "Jobs", "Trace", "load_trace", "simulate_jobs", "write_trace"]
