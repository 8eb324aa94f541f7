"""Mixture-of-experts layers over ranks: where expert copies sit, which copy serves which tokens, what to move now."""

from paretoserve.moe.placement import Placement, plan_placement
from paretoserve.moe.topology import Topology

__all__ = ["Placement", "Topology", "plan_placement"]
