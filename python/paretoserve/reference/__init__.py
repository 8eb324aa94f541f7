"""The literature behind this package: 71 papers, what it does for each, and the figures that they published.

Facts with the place where they were read, as tables and fronts: for comparing a run of your own with what was reported.
Nothing is from memory; what could not be read is missing and the notes of the paper say so.
"""

from paretoserve.reference._papers import Paper, papers
from paretoserve.reference._published import Published, front, plot, points, table, tables

__all__ = ["Paper", "Published", "front", "papers", "plot", "points", "table", "tables"]
