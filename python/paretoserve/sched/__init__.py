"""Which requests run in the next step of a serving engine."""

from paretoserve.sched.batch import Batch
from paretoserve.sched.log import KINDS, replay
from paretoserve.sched.scheduler import Scheduler

__all__ = ["KINDS", "Batch", "Scheduler", "replay"]
