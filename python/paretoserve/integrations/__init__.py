"""Adapters: our scheduler in serving engines, one module per engine; energy readings and results of other tools.

Nothing is imported here; each module imports its engine when it is asked for something and refuses versions that it
was not tested with.
"""

__all__: list[str] = []
