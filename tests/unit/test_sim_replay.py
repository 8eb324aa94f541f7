"""Logs of decisions: written, read, repeated; the first row that differs is named."""

import json

import numpy as np
import pytest

from paretoserve import sched, sim
from paretoserve.cost import StepTime
from paretoserve.errors import DataError, DtypeError, ShapeError
from paretoserve.sched import KINDS


def recorded(policy="srpt", **options):
    """Return a scheduler that recorded admissions, a preemption for blocks, progress, a cancel and an end."""
    scheduler = sched.Scheduler(policy, record=True, **options)
    for request_id in range(8):
        terms = {"tenant": request_id % 2} if options else {}
        scheduler.submit(100 + request_id, 5, prompt_tokens=40, expected_output_tokens=9 - request_id, **terms)
    free = 12
    for now in range(10, 60, 10):
        batch = scheduler.next_batch(now, 4, 64, free)
        free = 6
        missing = batch.num_tokens + batch.num_computed_tokens >= 40
        scheduler.advance_many(batch.request_ids, batch.num_tokens, missing.astype(int))
    scheduler.cancel(int(batch.request_ids[0]))
    return scheduler


def test_a_scheduler_its_rows_and_its_file_replay_alike(tmp_path):
    scheduler = recorded()
    files = [tmp_path / "log.parquet", tmp_path / "log.npy"]
    for file in files:
        sched.write_log(scheduler.log(), file)
        assert sched.read_log(file).tolist() == scheduler.log().tolist()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log.npy", "log.parquet"]
    for log in (scheduler, scheduler.log(), scheduler.log().tolist(), *files, str(files[0])):
        found = sim.replay(log)
        assert found.identical
        assert found.counters == scheduler.stats()
        assert (found.num_rows, found.num_steps) == (len(scheduler.log()), 5)
    counts = dict(zip(*np.unique(scheduler.log()[:, 0], return_counts=True), strict=True))
    calls = ("submit", "name", "next_batch", "advance", "cancel")
    assert found.num_calls == sum(counts[KINDS.index(name)] for name in calls)
    assert found.num_decisions == found.num_rows - found.num_calls - 3
    assert (
        found.explain()
        == f"all {found.num_decisions} decisions in 5 steps were the same, after {found.num_calls} calls"
    )
    assert json.loads(json.dumps(found.to_dict()))["difference"] is None


def test_every_changed_decision_is_found_at_its_row():
    scheduler = recorded()
    rows = scheduler.log()
    step = None
    for place, row in enumerate(rows.tolist()):
        step = row[1] if KINDS[row[0]] == "next_batch" else step
        if KINDS[row[0]] not in ("scheduled", "admitted", "preempted"):
            continue
        changed = rows.copy()
        changed[place, 1] = (row[1] + 1) % 8
        found = sim.replay(changed)
        assert not found.identical
        difference = found.difference
        assert (difference.row, difference.now_ns) == (place, step)
        assert (difference.decided, difference.recorded) == (tuple(row), tuple(changed[place].tolist()))
        assert difference.request_id == 100 + (row[1] + 1) % 8
        assert found.explain().startswith(f"row {place}, in the step at {step} ns, about request ")
        assert found.to_dict()["difference"]["row"] == place
        with pytest.raises(DataError, match=f"row {place} must hold"):
            sched.replay(changed)


def test_a_decision_that_is_missing_or_too_many_is_found():
    rows = recorded().log()
    (admitted, *_) = np.flatnonzero(rows[:, 0] == KINDS.index("admitted"))
    missing = sim.replay(np.delete(rows, admitted, axis=0)).difference
    assert missing.row == admitted
    assert missing.decided == tuple(rows[admitted].tolist())
    (last, *_) = np.flatnonzero(rows[:, 0] == KINDS.index("advance"))
    extra = sim.replay(np.insert(rows, last, rows[admitted], axis=0))
    assert extra.difference.row == last
    assert extra.difference.decided is None
    assert "the replay nothing more" in extra.explain()
    cut = sim.replay(rows[: admitted + 1])
    assert cut.difference.row == admitted + 1
    assert cut.difference.recorded is None
    assert "the log holds nothing more" in cut.explain()


def test_calls_that_make_no_sense_are_refused():
    rows = recorded().log().copy()
    (place, *_) = np.flatnonzero(rows[:, 0] == KINDS.index("advance"))
    rows[place, 1] = 99
    with pytest.raises(DataError, match="`request` must be a live request, got 99"):
        sim.replay(rows)
    with pytest.raises(DataError, match="rows that start with the options"):
        sim.replay(rows[3:])
    with pytest.raises(ShapeError, match=r"`log` must have shape \(n, 6\)"):
        sim.replay([[1, 2]])
    with pytest.raises(DtypeError, match="`log` must hold integers"):
        sim.replay(np.zeros((3, 6)))
    with pytest.raises(DataError, match="start with the options"):
        sim.replay(sched.Scheduler())


def test_logs_of_other_rules_are_refused_where_they_matter():
    version = KINDS.index("version")
    for scheduler, replays in [(recorded(), True), (recorded(tenant_fairness=True), False)]:
        rows = scheduler.log()
        assert rows[2].tolist()[:2] == [version, 2]
        old = np.delete(rows, 2, axis=0)
        if replays:
            assert sim.replay(old).identical
        else:
            with pytest.raises(DataError, match="version 2 of the rules, which the shares of tenants need"):
                sim.replay(old)
        newer = rows.copy()
        newer[2, 1] = 3
        with pytest.raises(DataError, match="version 2 of the rules or less, got 3"):
            sim.replay(newer)


def test_logs_of_a_simulation_replay_too():
    trace = sim.load_trace("azure-chat", limit=50, seed=2).scaled(50)
    run = sim.simulate(
        trace,
        sim.Configuration(policy="srpt", replicas=2),
        step_time=StepTime.linear(0.01),
        num_blocks=999,
        record=True,
    )
    assert [sim.replay(log).identical for log in run.decisions] == [True, True]


def test_broken_files_are_refused(tmp_path):
    rows = recorded().log()
    for name in ("cut.parquet", "cut.npy"):
        file = tmp_path / name
        sched.write_log(rows, file)
        file.write_bytes(file.read_bytes()[:-200])
        with pytest.raises(DataError, match=f"{name}`: is no decision log"):
            sim.replay(file)
    with pytest.raises(DataError, match="no such file"):
        sched.read_log(tmp_path / "none.parquet")
    with pytest.raises(ValueError, match=r"`path` must end in .parquet or .npy, got `log.csv`"):
        sched.write_log(rows, tmp_path / "log.csv")
    with pytest.raises(ShapeError):
        sched.write_log([1, 2, 3], tmp_path / "log.npy")
    np.save(tmp_path / "other.npy", np.zeros(3))
    with pytest.raises(DataError, match="must have shape"):
        sched.read_log(tmp_path / "other.npy")


def test_parquet_logs_have_words(tmp_path):
    from pyarrow import parquet

    rows = recorded().log()
    sched.write_log(rows, tmp_path / "log.parquet")
    table = parquet.read_table(tmp_path / "log.parquet")
    assert table.column_names == ["name", "kind", "a", "b", "c", "d", "e"]
    assert table.column("name").to_pylist() == [KINDS[kind] for kind in rows[:, 0]]
    schema = table.schema.with_metadata({"paretoserve.log": '{"schema": 2}'})
    parquet.write_table(table.cast(schema), tmp_path / "newer.parquet")
    with pytest.raises(DataError, match="schema 2, which a newer version wrote"):
        sched.read_log(tmp_path / "newer.parquet")
    parquet.write_table(table.drop(["e"]), tmp_path / "less.parquet")
    with pytest.raises(DataError, match="the column e is missing"):
        sched.read_log(tmp_path / "less.parquet")
