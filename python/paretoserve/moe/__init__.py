"""Mixture-of-experts layers over ranks: where expert copies sit, which copy serves which tokens, what to move now."""

from paretoserve.moe.executor import ExpertParallel
from paretoserve.moe.topology import Topology

__all__ = ["ExpertParallel", "Topology"]
