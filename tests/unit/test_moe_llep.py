"""The published rule of least-loaded expert parallelism, beside a plain version of it, and its repairs."""

import numpy as np
import pytest

from _llep import llep, loads, transfers
from paretoserve import moe
from paretoserve.errors import DtypeError, ShapeError, UnknownNameError
from paretoserve.moe.compat.llep import compute_plan


def cases(number):
    generator = np.random.default_rng(0)
    for case in range(number):
        ranks, local = int(generator.choice([2, 4, 8, 16])), int(generator.choice([1, 2, 8]))
        tokens = int(generator.choice([3, 64, 1024, 16384])) * ranks
        weights = (
            generator.dirichlet(np.full(ranks * local, 0.3)) if case % 2 else np.arange(1, ranks * local + 1) ** -1.0
        )
        count = generator.multinomial(tokens, generator.permutation(weights / weights.sum()))
        yield (
            count.tolist(),
            ranks,
            local,
            float(generator.choice([1.0, 1.05, 1.5])),
            int(generator.choice([1, 100, 1024])),
        )


def test_without_repairs_it_is_the_published_rule():
    for count, ranks, local, alpha, minimum in cases(300):
        plan = compute_plan(count, ranks, 0, local, alpha, minimum, repairs=())
        expected = {}
        for expert, rank, start, end in llep(count, ranks, alpha, minimum):
            expected.setdefault(expert, []).append((rank, start, end))
        assert plan.lpt_plan == expected
        assert plan.gpu_loads.tolist() == loads(llep(count, ranks, alpha, minimum), ranks)
        assert not any(plan.repairs.values())


def test_repairs_keep_every_token_once_and_never_fill_the_fullest_more():
    changed = dict.fromkeys(("merge", "keep_home", "min_piece"), 0)
    for count, ranks, local, alpha, minimum in cases(600):
        plan = compute_plan(count, ranks, 0, local, alpha, minimum)
        for expert, ranges in plan.lpt_plan.items():
            assert len({rank for rank, _, _ in ranges}) == len(ranges)
            ends = [0, *(end for _, _, end in ranges)]
            assert [start for _, start, _ in ranges] == ends[:-1]
            assert ends[-1] == count[expert]
        assert plan.gpu_loads.sum() == sum(count)
        for name, times in plan.repairs.items():
            changed[name] += times
    assert all(changed.values()), changed


def test_merged_pairs_are_sent_once():
    for count, ranks, local, alpha, minimum in cases(100):
        plan = compute_plan(count, ranks, 1, local, alpha, minimum)
        pairs = [(each.expert_id, each.dst_rank) for each in plan.weight_transfers]
        assert len(set(pairs)) == len(pairs)
        assert plan.weights_to_send == [pair for pair in pairs if pair[0] // local == 1]
        assert {expert for expert, _ in plan.weights_to_receive} == {expert for expert, rank in pairs if rank == 1}


def test_our_plans_need_no_more_transfers():
    ours, theirs = 0, 0
    for count, ranks, local, alpha, _ in cases(400):
        pieces = llep(count, ranks, alpha, 1)
        plan = moe.plan_spill(count, ranks, tolerance=alpha - 1)
        assert len(plan.tokens) <= len(transfers(pieces, local))
        assert plan.loads.max() <= max(max(loads(pieces, ranks)), -(-sum(count) // ranks))
        ours += len(plan.tokens)
        theirs += len(transfers(pieces, local))
    assert ours < 0.97 * theirs


@pytest.mark.parametrize(
    ("arguments", "options", "error", "words"),
    [
        (([1, 2, 3], 2, 0, 2), {}, ShapeError, r"\(4,\)"),
        (([1.0, 2.0], 2, 0, 1), {}, DtypeError, "`counts`"),
        (([1, -2], 2, 0, 1), {}, ValueError, "-2 in row 1"),
        (([1, 2], 2, 2, 1), {}, ValueError, "`ep_rank`"),
        (([1, 2], 2, 0, 1, 0.0), {}, ValueError, "`max_tokens_factor`"),
        (([1, 2], 2, 0, 1, float("nan")), {}, ValueError, "`max_tokens_factor`"),
        (([1, 2], 2, 0, 1, 1.0, -1), {}, ValueError, "`min_tokens_per_gemm`"),
        (([1, 2], 2, 0, 1), {"repairs": ["sort"]}, UnknownNameError, "merge, keep_home, min_piece"),
        (([2**53, 2], 2, 0, 1), {}, ValueError, "9007199254740992"),
    ],
)
def test_bad_input_is_refused(arguments, options, error, words):
    with pytest.raises(error, match=words):
        compute_plan(*arguments, **options)
