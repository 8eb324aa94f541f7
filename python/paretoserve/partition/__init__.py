"""Where to cut a model over a chain of devices: every split that no other one beats."""

from paretoserve.partition.devices import Device, Link
from paretoserve.partition.front import SplitFront, split_front
from paretoserve.partition.layers import Layers
from paretoserve.partition.measure import measure_layers, stage_modules
from paretoserve.partition.models import model_layers
from paretoserve.partition.profiles import read_profile, write_profile
from paretoserve.partition.runner import Run, run_split
from paretoserve.partition.split import Split, Stage

__all__ = [
    "Device",
    "Layers",
    "Link",
    "Run",
    "Split",
    "SplitFront",
    "Stage",
    "measure_layers",
    "model_layers",
    "read_profile",
    "run_split",
    "split_front",
    "stage_modules",
    "write_profile",
]
