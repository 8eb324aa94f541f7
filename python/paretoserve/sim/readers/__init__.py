"""Readers of trace files, one file per format. Each turns bytes into a `Trace` and names file, row and column on error."""
