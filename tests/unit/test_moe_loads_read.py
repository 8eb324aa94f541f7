"""Loads from files: SGLang's recorder in both modes, vLLM's arrays, tables of counts, and broken ones."""

import json

import numpy as np
import pytest

from _data import data
from paretoserve.errors import DataError, DtypeError, ShapeError
from paretoserve.moe import loads

COUNTS = np.array([[[5, 3, 0], [1, 1, 6]], [[0, 0, 8], [4, 4, 0]]])


def test_counts_of_sglangs_recorder(tmp_path):
    torch = pytest.importorskip("torch")
    path = tmp_path / "expert_distribution_recorder_1.pt"
    padded = np.concatenate([COUNTS, np.zeros_like(COUNTS)])
    dump = {"rank": 0, "logical_count": torch.from_numpy(padded), "average_utilization_rate_over_window": None}
    torch.save(dump, path)
    assert np.array_equal(loads.read(path).counts, COUNTS)
    text = tmp_path / "init.json"
    text.write_text(json.dumps({"logical_count": COUNTS[0].tolist()}))
    assert np.array_equal(loads.read(text).counts, COUNTS[:1])


def test_passes_of_sglangs_recorder_add_up_over_ranks(tmp_path):
    torch = pytest.importorskip("torch")
    slots = torch.tensor([[0, 1, 2, 2], [2, 1, 0, 0]])
    physical = np.array([[[5, 3, 0, 0], [6, 1, 1, 0]], [[0, 0, 3, 5], [0, 4, 1, 3]]])
    paths = []
    for rank in range(2):
        local = np.where(np.arange(4) // 2 == rank, physical, 0)
        records = [
            {
                "forward_pass_id": number,
                "rank": rank,
                "gatherer_key": "primary",
                "global_physical_count": torch.from_numpy(one),
            }
            for number, one in zip((11, 7), local, strict=True)
        ]
        paths.append(tmp_path / f"expert_distribution_recorder_1_{rank}.pt")
        torch.save({"records": records, "last_physical_to_logical_map": slots}, paths[-1])
    assert np.array_equal(loads.read(*paths).counts, COUNTS[::-1])


def test_arrays_of_vllm(tmp_path):
    slots = np.array([[0, 1, 2, 2], [2, 1, -1, 0]])
    window = np.array([[[5, 3, 0, 0], [6, 1, 9, 1]], [[0, 0, 0, 0], [0, 0, 0, 0]], [[0, 0, 3, 5], [0, 4, 0, 4]]])
    path = tmp_path / "eplb.npz"
    np.savez(path, expert_load_window=window, physical_to_logical_map=slots)
    assert np.array_equal(loads.read(path).counts, COUNTS)
    routed = np.array([[[0, 2], [1, 0]], [[2, 1], [2, 1]]], dtype=np.uint8)
    np.save(tmp_path / "routed.npy", routed)
    found = loads.read(tmp_path / "routed.npy")
    assert found.counts.tolist() == [[[1, 1, 2], [1, 2, 1]]]
    assert (found.top_k, found.impossible) == (2, "")


def test_layers_without_experts_are_not_hot(tmp_path):
    """vLLM returns zeros for dense layers, SGLang counts nothing there."""
    generator = np.random.default_rng(0)
    routed = np.zeros((50, 3, 2), dtype=np.uint8)
    for token, layer in np.ndindex(50, 2):
        routed[token, layer + 1] = generator.choice(7, 2, replace=False)
    np.save(tmp_path / "routed.npy", routed)
    found = loads.read(tmp_path / "routed.npy", num_experts=8, tokens_per_step=20)
    assert found.counts.shape == (3, 3, 8)
    assert found.counts.sum(axis=2).tolist() == [[0, 40, 40], [0, 40, 40], [0, 20, 20]]
    assert (found.top_k, found.impossible) == (2, "")
    kept = found.drop_idle_layers()
    assert np.array_equal(kept.counts, found.counts[:, 1:])
    assert (kept.top_k, kept.drop_idle_layers() is kept) == (2, True)
    one = loads.from_routed(np.zeros((3, 1, 1), dtype=np.int64), num_experts=2)
    assert one.counts.tolist() == [[[3, 0]]]  # with one expert per token, zeros may be a choice
    padded = loads.from_routed([[[0, 2]], [[1, -1]]])
    assert (padded.top_k, padded.counts.tolist()) == (None, [[[1, 1, 1]]])


def test_experts_that_a_file_does_not_name(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("layer,expert,count\n0,0,5\n0,1,3\n")
    assert loads.read(path, num_experts=4).counts.tolist() == [[[5, 3, 0, 0]]]
    with pytest.raises(DataError, match="expected 1 experts, got 2"):
        loads.read(path, num_experts=1)
    with pytest.raises(ValueError, match="`num_experts`"):
        loads.read(path, num_experts=0)
    with pytest.raises(ValueError, match=r"`tokens_per_step` needs a \.npy"):
        loads.read(path, tokens_per_step=2)


def test_tables_as_spreadsheets_write_them(tmp_path):
    path = tmp_path / "a.csv"
    rows = ["step, layer, expert, count", "a, 0, 0, 5", "a, 0, 1, 3", "", "b, 0, 0, 0", "b, 0, 1, 0"]
    path.write_bytes("\r\n".join(rows).encode("utf-8-sig"))
    found = loads.read(path)
    assert (found.counts.tolist(), found.labels) == ([[[5, 3]]], ("a",))  # the step without tokens is left out


def test_own_arrays(tmp_path):
    np.savez(tmp_path / "own.npz", counts=COUNTS, top_k=2)
    found = loads.read(tmp_path / "own.npz")
    assert np.array_equal(found.counts, COUNTS)
    assert found.impossible == "expert 0 has 5 tokens of 4 (step 0, layer 0)"


def test_real_counts_of_olmoe_and_mixtral():
    path = data("moe/olmoe_mixtral_expert_counts.csv")
    olmoe = loads.read(path, select={"model": "olmoe", "selection": "topk"})
    assert olmoe.counts.shape == (6, 3, 64)
    assert olmoe.labels == ("arxiv", "book", "c4", "github", "tulu", "wikipedia") or set(olmoe.labels) >= {
        "arxiv",
        "c4",
    }
    arxiv = olmoe.counts[olmoe.labels.index("arxiv")]
    assert 6.2 < (arxiv.max(axis=1) / arxiv.mean(axis=1)).min() < 7.9
    mixtral = loads.read(path, select={"model": "mistral", "selection": "topk"})
    assert 1.05 < mixtral.ratio(8).max() < 1.4
    drawn = loads.batches(arxiv, 4096, 8, steps=2)
    assert (drawn.counts.shape, drawn.impossible) == ((2, 3, 64), "")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", "layer,expert\n0,0\n", "no column `count`, only layer, expert"),
        ("a.csv", "layer,expert,count\n", "no row is left"),
        ("a.csv", "layer,expert,count,count\n0,0,1,2\n", "there are two columns `count`"),
        ("a.csv", "layer,expert,count\n0,0,1,2\n", "row 2 has more cells than there are columns"),
        ("a.csv", "layer,expert,count\n0,0,²\n", "row 2, column `count`"),
        ("a.csv", "layer,expert,count\n0,0,0\n", "no step has any tokens"),
        ("a.csv", b"layer,expert,count\n0,0,\xff\n", "a.csv: 'utf-8' codec"),
        ("a.json", "[" * 100_000, "a.json: maximum recursion depth"),
        ("a.npz", b"PK\x03\x04 nonsense", "a.npz: File is not a zip file"),
        ("a.csv", "layer,expert,count\n0,0,1.5\n", "row 2, column `count` must be a whole number, got '1.5'"),
        ("a.csv", "layer,expert,count\n0,0,-1\n", "row 2, column `count`"),
        ("a.csv", "layer,expert,count\n0,0\n", "row 2, column `count` must be a whole number, got None"),
        ("a.csv", "layer,expert,count\n0,0,1\n0,0,2\n", "row 3 has layer 0, expert 0 a second time"),
        ("a.csv", "layer,expert,count\n0,0,1\n1,1,2\n", "not all steps have the same layers and experts"),
        ("a.csv", "model,layer,expert,count\nx,0,0,1\ny,0,1,2\n", "see y\nhint: choose rows"),
        ("a.json", "[]", "expected a dictionary, got list"),
        ("a.json", "{", "a.json: "),
        ("a.json", '{"other": 1}', "neither `logical_count` nor `records`"),
        ("a.json", '{"logical_count": [[0, 0]]}', "no step has any tokens"),
        ("a.json", '{"logical_count": [[0.5, 1]]}', "counts must be integers"),
        ("a.txt", "", "must end in .csv"),
        ("a.npz", "nonsense", "a.npz: "),
        ("a.npy", "nonsense", "a.npy: "),
    ],
)
def test_broken_files_name_the_place(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError) as caught:
        loads.read(tmp_path / name)
    assert words in str(caught.value)


def test_broken_recordings_and_missing_files(tmp_path):
    torch = pytest.importorskip("torch")
    with pytest.raises(DataError, match="no such file"):
        loads.read(tmp_path / "none.csv")
    with pytest.raises(ValueError, match="`paths`"):
        loads.read()
    (tmp_path / "a.pt").write_bytes(b"nonsense")
    with pytest.raises(DataError, match="not a file that torch saved"):
        loads.read(tmp_path / "a.pt")
    torch.save({"records": [], "last_physical_to_logical_map": torch.zeros(1, 1)}, tmp_path / "b.pt")
    with pytest.raises(DataError, match="no passes"):
        loads.read(tmp_path / "b.pt")
    record = {"forward_pass_id": 1, "rank": 0, "global_physical_count": torch.ones(1, 2, dtype=torch.int32)}
    for name, slots in (("c", [[0, 1]]), ("d", [[1, 0]])):
        torch.save({"records": [record], "last_physical_to_logical_map": torch.tensor(slots)}, tmp_path / f"{name}.pt")
    with pytest.raises(DataError, match="another placement than in"):
        loads.read(tmp_path / "c.pt", tmp_path / "d.pt")
    with pytest.raises(DataError, match="pass 1 of rank 0 comes a second time"):
        loads.read(tmp_path / "c.pt", tmp_path / "c.pt")
    torch.save({"records": [{}], "last_physical_to_logical_map": torch.tensor([[0]])}, tmp_path / "e.pt")
    with pytest.raises(DataError, match="there is no 'forward_pass_id'"):
        loads.read(tmp_path / "e.pt")
    with pytest.raises(ValueError, match="`select` needs a CSV"):
        loads.read(tmp_path / "b.pt", select={"a": "b"})


def test_arrays_that_do_not_fit_are_refused():
    with pytest.raises(ShapeError, match=r"got \(1, 1, 2\) and \(1, 3\)"):
        loads.from_window([[[1, 2]]], [[0, 1, 2]])
    with pytest.raises(ValueError, match="-1 for empty slots, got -1 to -1"):
        loads.from_window([[[1, 2]]], [[-1, -1]])
    with pytest.raises(ValueError, match="experts from 0 to 65535"):  # not an array of that many
        loads.from_window([[[1, 2]]], [[0, 3_000_000_000]])
    with pytest.raises(DtypeError, match="`window` must hold integers, got float64"):
        loads.from_window([[[1.5, 2]]], [[0, 1]])
    with pytest.raises(ValueError, match="`window` must be from 0 to"):  # four of them would wrap to 0
        loads.from_window([[[2**62] * 4]], [[0] * 4])
    with pytest.raises(ShapeError, match="must not be empty"):
        loads.from_window(np.zeros((0, 1, 2), dtype=int), [[0, 1]])
    with pytest.raises(ShapeError, match="`routed` must have shape"):
        loads.from_routed([[0, 1]])
    with pytest.raises(ShapeError, match="rows of the same length"):
        loads.from_routed([[[0, 1]], [[0]]])
    with pytest.raises(ValueError, match="experts from 0 to 65535"):
        loads.from_routed([[[0, 2**40]]])
    with pytest.raises(ValueError, match="experts from 0 to 3"):
        loads.from_routed([[[4]]], num_experts=4)
    with pytest.raises(ValueError, match="`tokens_per_step`"):
        loads.from_routed([[[4]]], tokens_per_step=0)
