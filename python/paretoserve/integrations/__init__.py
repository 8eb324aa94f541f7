"""Adapters that put our scheduler into serving engines: one module per engine, imported when used.

Nothing is imported here; each module imports its engine when it is asked for something and refuses versions that it
was not tested with.
"""

__all__: list[str] = []
