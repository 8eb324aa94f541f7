"""Objectives and limits: names, units, directions, and what a miss is."""

import math

import pytest

from paretoserve.errors import DtypeError, UnknownNameError
from paretoserve.plan import DEFAULT_OBJECTIVES, OBJECTIVES, Limit, parse_objectives, parse_slo
from paretoserve.plan.objectives import amount
from paretoserve.plan.slo import meets, request_limits, shortfall


def test_every_column_has_its_unit_in_its_name():
    for name, objective in OBJECTIVES.items():
        suffix = {
            "s": "_s",
            "bytes": "_bytes",
            "requests/s": "_rps",
            "$/M tokens": "usd_per_mtok",
            "J/token": "joule_per_token",
        }
        assert name.endswith(suffix.get(objective.unit, name)), name
        assert objective.sense in ("min", "max")


def test_objectives_keep_their_order_and_take_short_names():
    assert parse_objectives("tpot_p95,usd_per_mtok, ttft_mean_s") == ("tpot_p95_s", "usd_per_mtok", "ttft_mean_s")
    assert parse_objectives(None) == DEFAULT_OBJECTIVES
    assert parse_objectives(["goodput_rps"]) == ("goodput_rps",)


@pytest.mark.parametrize(
    ("word", "close"),
    [("ttft_p98", "ttft_p9"), ("usd_mtok", "usd_per_mtok"), ("tokens_per_gpu", "tokens_per_s_per_gpu")],
)
def test_a_typo_gets_close_names(word, close):
    with pytest.raises(UnknownNameError, match=close):
        parse_objectives(word)


@pytest.mark.parametrize("nothing", ["", ",", []])
def test_no_objective_is_refused(nothing):
    with pytest.raises(ValueError, match="at least one"):
        parse_objectives(nothing)


def test_the_same_objective_twice_is_refused():
    with pytest.raises(ValueError, match="twice"):
        parse_objectives("ttft_p99,ttft_p99_s")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1s", 1.0),
        ("40ms", 0.04),
        ("250us", 0.00025),
        ("8.2ms", 0.0082),
        ("0.5", 0.5),
        ("2min", 120.0),
        (" 1e-2 s", 0.01),
    ],
)
def test_times_take_units(text, seconds):
    (limit,) = parse_slo(f"ttft_p99={text}")
    assert limit == Limit("ttft_p99_s", seconds)


@pytest.mark.parametrize("text", ["", "1 hour", "fast", "1s2", "0x10", "nan", "inf"])
def test_a_limit_that_is_no_time_is_refused(text):
    with pytest.raises(ValueError, match="ttft_p99_s"):
        parse_slo(f"ttft_p99={text}")


@pytest.mark.parametrize("text", ["0", "-1s", "1e999"])
def test_a_limit_must_be_positive_and_finite(text):
    with pytest.raises(ValueError, match="positive and finite"):
        parse_slo(f"ttft_p99={text}")


def test_money_takes_no_unit():
    assert parse_slo({"usd_per_mtok": 0.5}) == (Limit("usd_per_mtok", 0.5),)
    with pytest.raises(ValueError, match="no unit"):
        parse_slo("usd_per_mtok=0.5s")


@pytest.mark.parametrize("value", [None, True, [1]])
def test_a_limit_that_is_no_number_is_refused(value):
    with pytest.raises(DtypeError, match="must be a number or a text"):
        parse_slo({"ttft_p99": value})


def test_a_limit_without_value_or_twice_is_refused():
    with pytest.raises(ValueError, match="name=value"):
        parse_slo("ttft_p99")
    with pytest.raises(ValueError, match="twice"):
        parse_slo("ttft_p99=1s,ttft_p99_s=2s")
    assert parse_slo(None) == parse_slo("") == ()


def test_excess_follows_the_direction():
    assert Limit("ttft_p99_s", 2.0).excess(3.0) == 0.5
    assert Limit("tokens_per_s_per_user", 20.0).excess(15.0) == 0.25
    assert Limit("tokens_per_s_per_user", 20.0).excess(25.0) < 0
    assert Limit("ttft_p99_s", 2.0).excess(math.nan) == math.inf


def test_the_binding_limit_is_the_one_missed_most():
    limits = parse_slo("ttft_p99=1s,tokens_per_s_per_user=20")
    row = {"ttft_p99_s": 1.1, "tokens_per_s_per_user": 10.0}
    assert shortfall(row, limits) == (0.5, limits[1])
    assert not meets(row, limits)
    assert meets({"ttft_p99_s": 1.0, "tokens_per_s_per_user": 20.0}, limits)
    assert shortfall(row, ()) == (0.0, None)


def test_a_good_request_is_measured_by_the_loosest_limit_of_a_metric():
    assert request_limits(parse_slo("ttft_p50=1s,ttft_p99=3s,tpot_mean=40ms,usd_per_mtok=1")) == {
        "ttft": 3.0,
        "tpot": 0.04,
    }


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("ttft_p99_s", 0.0421, "42.1 ms"),
        ("ttft_p99_s", 12.34, "12.3 s"),
        ("ttft_p99_s", 12345.6, "12,346 s"),
        ("memory_headroom_bytes", 3.2e9, "3.2 GB"),
        ("usd_per_mtok", 0.5, "$0.5"),
        ("tokens_per_s_per_gpu", 1234.5, "1,234"),
    ],
)
def test_amounts_are_short_and_have_units(name, value, text):
    assert amount(name, value) == text
