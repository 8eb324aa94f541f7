"""Readers of trace files, one file per format. They name file, row and column on error."""
