"""Ski rental: the bounds of `keep_for` on every return time, and pauses that use it."""

import math

import numpy as np
import pytest

from paretoserve import sched
from paretoserve.errors import DtypeError

BLOCKS, LOSS_S, PRICE = 3, 0.002, 0.5
BREAK_EVEN_NS = int(LOSS_S / (BLOCKS * PRICE) * 1e9)


def cost(keep_ns, return_ns):
    """Return what a pause costs in seconds of the engine: blocks while kept, and the loss if that was short."""
    return BLOCKS * PRICE * min(keep_ns, return_ns) / 1e9 + LOSS_S * (return_ns > keep_ns)


def clairvoyant(return_ns):
    return min(BLOCKS * PRICE * return_ns / 1e9, LOSS_S)


def test_keeping_to_break_even_costs_at_most_twice_the_least_on_every_return():
    keep_ns = sched.keep_for(BLOCKS, LOSS_S, PRICE)
    assert keep_ns == BREAK_EVEN_NS
    around = np.arange(-300, 300) + keep_ns
    returns = np.unique(np.concatenate([np.arange(1, 3 * keep_ns, 997), around, 10 ** np.arange(7, 18)]))
    ratios = [cost(keep_ns, int(time)) / clairvoyant(int(time)) for time in returns]
    assert max(ratios) <= 2
    worst = int(returns[np.argmax(ratios)])
    assert worst == keep_ns + 1, "the worst return is the one just after"
    assert max(ratios) == pytest.approx(2, abs=1e-5)


def test_drawn_times_cost_e_over_e_minus_1_in_the_mean_on_every_return():
    keeps = np.array([sched.keep_for(BLOCKS, LOSS_S, PRICE, seed=seed) for seed in range(4000)])
    assert keeps.max() <= BREAK_EVEN_NS
    bound = math.e / (math.e - 1)
    for return_ns in (BREAK_EVEN_NS * np.array([0.05, 0.2, 0.5, 0.8, 1.0, 1.01, 3, 100])).astype(np.int64).tolist():
        costs = BLOCKS * PRICE * np.minimum(keeps, return_ns) / 1e9 + LOSS_S * (return_ns > keeps)
        error = costs.std() / np.sqrt(len(keeps)) / clairvoyant(return_ns)
        assert costs.mean() / clairvoyant(return_ns) == pytest.approx(bound, abs=4 * error + 1e-3)


def test_learned_times_have_the_least_mean_cost_over_the_samples():
    generator = np.random.default_rng(1)
    for trial in range(50):
        returns = (generator.lognormal(14, 2, generator.integers(1, 40)) + trial % 2).astype(np.int64)
        mean = {keep: np.mean([cost(keep, time) for time in returns.tolist()]) for keep in [0, *returns.tolist()]}
        keep_ns = sched.keep_for(BLOCKS, LOSS_S, PRICE, returns=returns)
        assert mean[keep_ns] == pytest.approx(min(mean.values()))
        for other in (0, BREAK_EVEN_NS, 2**62):
            assert mean[keep_ns] <= np.mean([cost(other, time) for time in returns.tolist()]) * (1 + 1e-12)


def test_learned_times_follow_a_constant_hazard():
    """Exponential returns: keep for ever if hazard * V > c, never if it is less."""
    quantiles = (np.arange(2000) + 0.5) / 2000
    for mean_ns, keeps in [(BREAK_EVEN_NS // 3, True), (BREAK_EVEN_NS * 3, False)]:
        returns = (-np.log1p(-quantiles) * mean_ns).astype(np.int64)
        keep_ns = sched.keep_for(BLOCKS, LOSS_S, PRICE, returns=returns)
        assert keep_ns > 4 * mean_ns if keeps else keep_ns == 0


def test_blocks_that_cost_nothing_are_kept():
    for options in ({}, {"seed": 3}, {"returns": [5]}):
        assert sched.keep_for(0, 1.0, 1.0, **options) == 2**63 - 1
    assert sched.keep_for(5, 0.0, 1.0) == 0
    assert sched.keep_for(5, 0.0, 1.0, returns=[3]) == 0


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        ((-1, 1.0, 1.0), {}, ValueError, "`kv_blocks` must be an integer"),
        ((1.5, 1.0, 1.0), {}, ValueError, "`kv_blocks` must be an integer"),
        ((1, math.nan, 1.0), {}, ValueError, "`reload_cost_s` must be a finite number of at least 0, got nan"),
        ((1, 1.0, math.inf), {}, ValueError, "`block_price` must be a finite number"),
        ((1, 1.0, "1"), {}, ValueError, "`block_price` must be a finite number"),
        ((1, 1.0, 1.0), {"seed": -1}, ValueError, "`seed` must be an integer"),
        ((1, 1.0, 1.0), {"seed": 1, "returns": [1]}, ValueError, "must not be given together"),
        ((1, 1.0, 1.0), {"returns": []}, ValueError, "at least one time"),
        ((1, 1.0, 1.0), {"returns": [1.5]}, DtypeError, "`returns` must hold integers"),
        ((1, 1.0, 1.0), {"returns": [-1]}, ValueError, "`returns` must be from 0"),
    ],
)
def test_bad_costs_are_refused(arguments, options, error, message):
    with pytest.raises(error, match=message):
        sched.keep_for(*arguments, **options)


def paused(**keep):
    scheduler = sched.Scheduler("fcfs", record=True)
    scheduler.submit(1, 0, prompt_tokens=4, program=7)
    scheduler.next_batch(0, 1, 100, None)
    scheduler.advance(1, 4, 1)
    scheduler.finish(1)
    return scheduler, scheduler.pause(7, 1000, **keep)


def test_a_pause_keeps_the_cache_to_break_even():
    costs = {"kv_blocks": BLOCKS, "reload_cost_s": LOSS_S, "block_price": PRICE}
    for late in (0, 1):
        scheduler, until = paused(**costs)
        assert until == 1000 + BREAK_EVEN_NS
        assert scheduler.resume(7, until + late) == (not late)
        assert sched.replay(scheduler.log()) == scheduler.stats()
    assert paused(keep_ns=5)[1] == 1005


@pytest.mark.parametrize(
    "keep", [{}, {"kv_blocks": 3}, {"keep_ns": 5, "kv_blocks": 3}, {"kv_blocks": 3, "reload_cost_s": 1.0}]
)
def test_a_pause_needs_a_time_or_all_costs(keep):
    with pytest.raises(ValueError, match="`keep_ns` must be given, or"):
        paused(**keep)
