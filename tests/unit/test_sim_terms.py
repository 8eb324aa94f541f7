"""Every policy in the simulator of traces: what each is told, by hand; what is missing or wrong; files keep it."""

from dataclasses import replace

import numpy as np
import pytest

from paretoserve import sched, sim
from paretoserve.cost import StepTime
from paretoserve.errors import DataError, DtypeError, PolicyError, ShapeError
from paretoserve.sim.configuration import POLICIES

STEP = StepTime.linear(0.01)
MS = 1_000_000


def served(policy, output, *, terms=None, arrival_ms=None, share=0.0, slots=1, **options):
    """Return the order in which requests are done."""
    n = len(output)
    trace = sim.Trace(
        arrival_ns=np.zeros(n, int) if arrival_ms is None else np.array(arrival_ms) * MS,
        prompt_tokens=[10] * n,
        output_tokens=output,
        terms=terms,
    )
    config = sim.Configuration(policy=policy, fifo_share=share, max_num_seqs=slots)
    run = sim.simulate(trace, config, step_time=STEP, num_blocks=1000, record=True, **options)
    assert not run.rejected.any()
    for log in run.decisions:
        assert sched.replay(log.rows)["num_finished"] == n
    return np.argsort(run.finish_ns, kind="stable").tolist()


def test_what_a_policy_needs_decides_who_is_first():
    output = [9, 5, 7, 6]
    assert served("fcfs", output) == [0, 1, 2, 3]
    assert served("srpt", output) == served("op_srpt", output) == served("mc_sf", output) == [1, 3, 2, 0]
    assert served("priority", output, terms=sim.Terms(priority=[0, 2, -1, 2])) == [2, 0, 1, 3]
    assert served("edf", output, terms=sim.Terms(deadline_ns=[-1, 9, 5, 7])) == [2, 3, 1, 0]
    assert served("wsrpt", output, terms=sim.Terms(weight=[1, 1, 8.0, 1])) == [2, 1, 3, 0]
    assert served("vtc", output, terms=sim.Terms(tenant=[-5, -5, -5, 3])) == [0, 3, 1, 2]
    assert served("a_min", output, terms=sim.Terms(output_range=[[2, 9], [5, 5], [1, 9], [3, 9]])) == [2, 0, 3, 1]
    assert served("a_min", output) == [1, 3, 2, 0]
    longest = {"rank": lambda known: -known["expected_output_tokens"]}
    assert served("external", output, scheduler=longest) == [0, 2, 3, 1]


def test_calls_of_programs_share_age_and_work():
    terms = sim.Terms(program=[4, 0, -1, 4], calls_left=[0, 3, 0, 0])
    # `plas`: program 4 has had its first call when the second comes; the newcomer had nothing.
    assert served("plas", [3, 3, 3, 3], terms=terms, arrival_ms=[0, 100, 100, 100]) == [0, 1, 2, 3]
    # `srpt` counts the calls that program 0 makes later.
    assert served("srpt", [3, 3, 5, 3], terms=terms) == [0, 3, 2, 1]


def test_gittins_knows_distributions_alone():
    # Outputs of the first kind are 1 or 100, those of the second always 20.
    output, kinds = [100, 20, 1], sim.Terms(distribution=[0, 1, 0])
    samples = {"samples": [[1, 1, 100], [20]]}
    assert served("gittins", output, terms=kinds, scheduler=samples) == [0, 2, 1]
    assert served("gittins", output) == [0, 1, 2], "one distribution for all says nothing"


def test_slf_is_told_sizes_late():
    # Both run until half of their output came; 4 are left of one, 2 of the other.
    assert served("slf", [8, 4], slots=2) == [1, 0]
    assert served("slf", [8, 4]) == [0, 1], "nobody knows before"
    assert served("slf", [8, 4], scheduler={"eps": 1.0}) == [1, 0], "everybody knows"
    log = sim.simulate(
        sim.Trace(arrival_ns=[0], prompt_tokens=[10], output_tokens=[9]),
        sim.Configuration(policy="slf"),
        step_time=STEP,
        num_blocks=100,
        record=True,
    ).decisions[0]
    kinds = [sched.KINDS[kind] for kind in log.rows[:, 0]]
    assert kinds.count("update") == 1
    sampled = log.rows[: kinds.index("update")]
    assert sampled[sampled[:, 0] == sched.KINDS.index("advance"), 3].sum() == 5, "4 of 9 are left"


def test_options_of_the_scheduler_are_used():
    terms, output = sim.Terms(tenant=[7, 7, 7, 8, 8]), [5, 5, 5, 5, 5]
    fair = {"tenant_fairness": True}
    assert served("srpt", output, terms=terms, scheduler=fair) == [0, 3, 1, 4, 2]
    weights = {"tenant_weights": {8: 1.0, 7: 100.0, 5: 3.0}}
    assert served("srpt", output, terms=terms, scheduler=fair | weights) == [0, 3, 1, 2, 4]
    assert served("srpt", [9, 4, 5, 3]) == [3, 1, 2, 0]
    assert served("srpt", [9, 4, 5, 3], scheduler={"max_wait_ns": 0}) == [0, 1, 2, 3]
    assert served("srpt", [9, 4, 5, 3], scheduler={"prefill_weight": 0.0}) == [3, 1, 2, 0]


@pytest.mark.parametrize(
    ("policy", "options", "message"),
    [
        ("priority", None, '`priority` must be given for the policy "priority", got none\nhint: Trace'),
        ("edf", None, "`deadline_ns` must be given"),
        ("wsrpt", None, "`weight` must be given"),
        ("vtc", None, "`tenant` must be given"),
        ("srpt", {"tenant_fairness": True}, "`tenant` must be given for `tenant_fairness`"),
        ("external", None, '`rank` must be given for the policy "external"'),
        ("srpt", {"rank": abs}, '`rank` is for the policy "external", got it with "srpt"'),
        ("gittins", {"samples": [[]]}, "samples"),
        ("srpt", {"eps": 0.0}, "eps"),
        ("srpt", {"max_preemptions": -1}, "`max_preemptions` must be an integer from 0"),
        ("srpt", {"tenant_weights": {1: 0.0}}, "`tenant_weights` must be a number from 0.000001"),
    ],
)
def test_what_is_missing_or_wrong_is_refused(policy, options, message):
    with pytest.raises(ValueError, match=message):
        served(policy, [1, 2], scheduler=options)


def test_wrong_kinds_are_refused():
    with pytest.raises(TypeError, match=r"`scheduler` knows eps, .* got 'policy'"):
        served("srpt", [1], scheduler={"policy": "fcfs"})
    with pytest.raises(TypeError, match="`scheduler` must be a dictionary"):
        served("srpt", [1], scheduler="vtc")
    with pytest.raises(TypeError, match="`rank` must be a function, got int"):
        served("external", [1], scheduler={"rank": 3})
    with pytest.raises(PolicyError, match="must return a finite number, got None for request 0"):
        served("external", [1], scheduler={"rank": lambda known: None})
    with pytest.raises(ValueError, match="distribution"):
        served("gittins", [1], terms=sim.Terms(distribution=[1]), scheduler={"samples": [[1]]})
    with pytest.raises(DtypeError, match=r"`terms` must be sim\.Terms, got dict"):
        served("srpt", [1], terms={"priority": [1]})
    with pytest.raises(ShapeError, match="`weight` must have 1 rows as `arrival_ns`, got 2"):
        served("srpt", [1], terms=sim.Terms(weight=[1.0, 2.0]))
    with pytest.raises(ShapeError, match=r"`tenant` must have shape \(2,\), got \(3,\)"):
        sim.Terms(priority=[1, 2], tenant=[1, 2, 3])
    with pytest.raises(ValueError, match=r"`output_range` must be \(least, most\), got \[3, 2\] in row 1"):
        sim.Terms(output_range=[[1, 2], [3, 2]])
    with pytest.raises(ValueError, match="`deadline_ns` must be from -1"):
        sim.Terms(deadline_ns=[-2])
    with pytest.raises(DtypeError, match="`tenant` must hold integers"):
        sim.Terms(tenant=["a"])


def test_deadlines_move_with_arrivals():
    terms = sim.Terms(deadline_ns=[5, -1, 25, 2**63 - 1], tenant=[1, 2, 3, 4])
    trace = sim.Trace(arrival_ns=[0, 10, 20, 30], prompt_tokens=[1] * 4, output_tokens=[1] * 4, terms=terms)
    slow = trace.scaled(trace.requests_per_s / 2)
    assert slow.arrival_ns.tolist() == [0, 20, 40, 60]
    assert slow.terms.deadline_ns.tolist() == [5, -1, 45, 2**63 - 1]
    assert trace.head(2).terms.tenant.tolist() == [1, 2]
    assert trace.digest() != replace(trace, terms=None).digest()
    assert replace(trace, terms=sim.Terms()).digest() == replace(trace, terms=None).digest()


def test_files_keep_terms(tmp_path):
    terms = sim.Terms(
        priority=[1, -1, 0],
        weight=[0.5, 1.0, 2.0],
        tenant=[-7, 2**40, 0],
        deadline_ns=[1000, -1, 3000],
        program=[-1, 5, 5],
        calls_left=[0, 1, 0],
        output_range=[[1, 5], [2, 9], [3, 3]],
        distribution=[0, 1, 0],
    )
    trace = sim.Trace(arrival_ns=[0, 100, 500], prompt_tokens=[1, 2, 3], output_tokens=[4, 5, 3], terms=terms)
    file = tmp_path / "terms.parquet"
    sim.write_trace(trace, file)
    again = sim.load_trace(file)
    assert again.digest() == trace.digest()
    for (name, ours), (_, theirs) in zip(terms.columns(), again.terms.columns(), strict=True):
        assert ours.dtype == theirs.dtype, name
        assert ours.tolist() == theirs.tolist(), name
    assert sim.load_trace(file, limit=2).terms.tenant.tolist() == [-7, 2**40]


def test_broken_terms_in_a_file_are_named(tmp_path):
    import pyarrow
    from pyarrow import parquet

    about = {b"paretoserve.trace": b'{"schema": 1, "terms": ["tenant"]}'}
    columns = {"arrival_ns": [10, 20], "prompt_tokens": [1, 1], "output_tokens": [1, 1]}
    file = tmp_path / "broken.parquet"
    for tenant, message in ([[1.5, 2.5], "column `tenant`: `tenant` must hold integers"], [None, "is missing"]):
        extra = {} if tenant is None else {"tenant": tenant}
        parquet.write_table(pyarrow.table(columns | extra).replace_schema_metadata(about), file)
        with pytest.raises(DataError, match=message):
            sim.load_trace(file)
    # What a file does not call its terms is a column of somebody else.
    parquet.write_table(pyarrow.table(columns | {"tenant": ["a", "b"]}), file)
    assert sim.load_trace(file).terms is None


def test_the_names_are_those_of_the_scheduler():
    from typing import get_args

    from paretoserve.sched.scheduler import Policy

    assert set(POLICIES) == {*get_args(Policy), "external"}
    assert sim.compare(
        sim.Trace(arrival_ns=[0, 0], prompt_tokens=[1, 1], output_tokens=[1, 2], terms=sim.Terms(tenant=[1, 2])),
        sim.Configuration(),
        step_time=STEP,
        num_blocks=10,
    ).to_table().column("policy").to_pylist() == [
        name for name in POLICIES if name not in ("priority", "edf", "wsrpt", "external")
    ]
