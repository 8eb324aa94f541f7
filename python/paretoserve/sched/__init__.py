"""Which requests run in the next step of a serving engine."""

from paretoserve.sched.batch import Batch
from paretoserve.sched.keep import keep_for
from paretoserve.sched.lengths import LengthEstimator
from paretoserve.sched.log import KINDS, replay
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
    "replay",
]
