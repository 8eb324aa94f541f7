"""What happens to a request trace on a serving configuration: traces, workload profiles and the simulator."""

from paretoserve.sim.load import load_trace
from paretoserve.sim.trace import Trace

__all__ = ["Trace", "load_trace"]
