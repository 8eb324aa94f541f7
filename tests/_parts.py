"""The parts that users import, and the adapters below `integrations`, as they lie in the package."""

import pkgutil

import paretoserve
from paretoserve import integrations


def names(package):
    """Return the public modules of a package."""
    return [module.name for module in pkgutil.iter_modules(package.__path__) if not module.name.startswith("_")]


PARTS = [name for name in names(paretoserve) if name not in ("cli", "integrations")]
ADAPTERS = [f"integrations.{name}" for name in names(integrations)]
