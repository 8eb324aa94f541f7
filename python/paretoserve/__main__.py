"""Lets ``python -m paretoserve`` do what the command ``paretoserve`` does."""

from paretoserve.cli import main

main()
