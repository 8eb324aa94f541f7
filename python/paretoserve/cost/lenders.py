"""Fitted operators for any system: its own, or those of the most similar GPU at its own peak rates."""

from __future__ import annotations

from functools import lru_cache
from math import log

from paretoserve import _native
from paretoserve.cost.gpu import Hardware
from paretoserve.cost.operators import Operators
from paretoserve.cost.systems import hardware as find_hardware

__all__ = ["lender", "operators_for"]

# Compute capabilities with alike kernels: GDDR memory, without the large tensor units of the data center.
LIKE_SM_120 = (86, 89)


def lender(system: Hardware) -> str:
    """Name the system with fitted operators whose rates `system` has, else the most alike: by kernels, then by balance.

    Parameters
    ----------
    system : Hardware
        Any GPU.

    Returns
    -------
    name : str
        One of `Operators.systems`.
    """

    def distance(name: str) -> tuple[bool, bool, float, str]:
        other = find_hardware(name)
        # Rates decide, not names: a file may rename a system to set its price, or change the rates under its name.
        differs = _rates(other) != _rates(system)
        return differs, _family(other) != _family(system), abs(log(_balance(other) / _balance(system))), name

    return min(Operators.systems(), key=distance)


def operators_for(system: Hardware) -> _native.Operators:
    """Return native operators at the peak rates of `system`; lent ones say that their estimates are transferred."""
    name = lender(system)
    same = _rates(find_hardware(name)) == _rates(system)
    return _load(name) if same else _load(name).lend(_rates(system))


@lru_cache(maxsize=16)
def _load(name: str) -> _native.Operators:
    return Operators.load(name).native


def _family(system: Hardware) -> int:
    version = system.sm_version or 120
    return 12 if version in LIKE_SM_120 else version // 10


def _balance(system: Hardware) -> float:
    return system.bf16_flops / system.memory_bandwidth


def _rates(system: Hardware) -> tuple[float, float, float, float, float, float, int, int]:
    return (
        system.bf16_flops,
        system.fp8_flops or 0.0,
        system.fp4_flops or 0.0,
        system.memory_bandwidth,
        system.intra_node_bandwidth,
        system.inter_node_bandwidth,
        system.gpus_per_node,
        1,  # multiprocessors: scaled from the lender's
    )
