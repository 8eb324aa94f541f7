"""Which requests run in the next step of a serving engine."""

from paretoserve.sched.batch import Batch
from paretoserve.sched.keep import keep_for
from paretoserve.sched.lengths import LengthEstimator
from paretoserve.sched.log import KINDS, replay
from paretoserve.sched.log_files import read_log, write_log
from paretoserve.sched.prediction import LengthPrediction, LengthPredictor, UserPredictor
from paretoserve.sched.scheduler import Scheduler

__all__ = [
    "KINDS",
    "Batch",
    "LengthEstimator",
    "LengthPrediction",
    "LengthPredictor",
    "Scheduler",
    "UserPredictor",
    "keep_for",
    "read_log",
    "replay",
    "write_log",
]
