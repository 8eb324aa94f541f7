"""Compute spent when a model answers: what it costs and what it brings.

`kinetics`: cost of long and repeated generations with the reads of their caches. `saturation`: samples after which more
do not help. `verifier`: resampling until an imperfect verifier accepts. `voting`: majority, plurality and weighted
votes. `search`: improvements under a budget of interactions, and runs side by side against longer ones.
"""

from paretoserve.metrics.test_time import kinetics, saturation, search, verifier, voting

__all__ = ["kinetics", "saturation", "search", "verifier", "voting"]
