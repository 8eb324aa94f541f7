"""Hints for names that are not known: close ones, else all, else the first of many."""

from paretoserve._names import MOST_LISTED, close_names


def test_close_names_come_first():
    assert close_names("srtp", ["fcfs", "srpt"]) == "did you mean `srpt`"
    assert close_names("xyz", ["fcfs", "srpt"]) == "known: fcfs, srpt"
    many = close_names("xyz", [f"number-{i}" for i in range(MOST_LISTED + 2)])
    assert many.endswith("number-39 and 2 more")
