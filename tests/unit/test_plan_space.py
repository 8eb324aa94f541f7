"""Search spaces: what YAML says, what is refused, and that the list of configurations is fixed."""

import pytest

from paretoserve.errors import DataError
from paretoserve.plan import Bounds, Space, enumerate_space, load_space

DENSE = Bounds(
    gpus=8,
    gpus_per_node=8,
    fast_links=True,
    num_heads=64,
    num_layers=64,
    num_experts=0,
    weight_formats=("bf16", "fp8"),
    kv_formats=("bf16", "fp8"),
)
SPARSE = Bounds(
    gpus=8,
    gpus_per_node=8,
    fast_links=True,
    num_heads=32,
    num_layers=48,
    num_experts=128,
    weight_formats=("bf16",),
    kv_formats=("bf16",),
)


def test_the_default_space_is_neither_tiny_nor_huge():
    configurations = enumerate_space(Space(), DENSE)
    assert 100 <= len(configurations) <= 300
    assert len(set(configurations)) == len(configurations)
    assert {c.num_gpus for c in configurations} == {1, 2, 4, 8}


def test_the_order_is_fixed():
    assert enumerate_space(Space(), DENSE) == enumerate_space(Space(), DENSE)
    sizes = [c.num_gpus for c in enumerate_space(Space(), DENSE)]
    assert sizes == sorted(sizes)


def test_options_in_another_order_give_the_same_set():
    one = enumerate_space(Space(tensor_parallel=(1, 2, 4)), DENSE)
    other = enumerate_space(Space(tensor_parallel=(4, 1, 2, 1)), DENSE)
    assert one == other


def test_what_means_the_same_comes_once():
    space = Space(
        tensor_parallel=8, weight_format="bf16", kv_format="bf16", max_num_batched_tokens=2048, fifo_share=(0.2, 0.8),
        router=("least_loaded", "round_robin"),
    )  # fmt: skip
    configurations = enumerate_space(space, DENSE)
    assert [(c.policy, c.fifo_share) for c in configurations] == [("fcfs", 0.5), ("srpt", 0.2), ("srpt", 0.8)]


def test_gpus_that_are_no_power_of_two_are_all_used():
    bounds = Bounds(6, 8, True, 64, 64, 0, ("bf16",), ("bf16",))
    layouts = {(c.tensor_parallel, c.pipeline_parallel, c.replicas) for c in enumerate_space(Space(), bounds)}
    assert (2, 1, 3) in layouts
    assert (1, 1, 6) in layouts
    assert all(t * p * r <= 6 for t, p, r in layouts)


def test_dense_models_have_no_experts_to_spread():
    configurations = enumerate_space(Space(), DENSE)
    assert not any(c.expert_parallel or c.data_parallel > 1 for c in configurations)


def test_experts_are_spread_over_ranks():
    layouts = {(c.tensor_parallel, c.data_parallel, c.expert_parallel) for c in enumerate_space(Space(), SPARSE)}
    assert (1, 8, True) in layouts
    assert (8, 1, True) in layouts
    assert (1, 1, True) not in layouts


def test_sizes_that_the_user_gave_are_left_to_the_refusal():
    configurations = enumerate_space(Space(tensor_parallel=3, pipeline_parallel=1), DENSE)
    assert {c.tensor_parallel for c in configurations} == {3}


def test_an_impossible_space_is_refused():
    with pytest.raises(ValueError, match="8 GPUs"):
        enumerate_space(Space(tensor_parallel=16), DENSE)


def test_an_endless_space_is_refused():
    with pytest.raises(ValueError, match="at most 100,000"):
        enumerate_space(Space(max_num_seqs=tuple(range(1, 2000))), DENSE)


def test_yaml_takes_values_and_lists(tmp_path):
    path = tmp_path / "space.yaml"
    path.write_text("tensor_parallel: 2\npolicy: [srpt, fcfs]\nchunked_prefill: [true, false]\n")
    space = load_space(path)
    assert space.tensor_parallel == (2,)
    assert space.policy == ("srpt", "fcfs")
    assert space.chunked_prefill == (True, False)


def test_an_empty_file_is_the_default_space(tmp_path):
    path = tmp_path / "space.yaml"
    path.write_text("# nothing\n")
    assert load_space(path) == load_space(None) == Space()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tensor_paralel: 2", "did you mean `tensor_parallel`"),
        ("quantum: 2", "known: engine"),
        ("tensor_parallel: 0", "`tensor_parallel` is wrong"),
        ("tensor_parallel: -1", "`tensor_parallel` is wrong"),
        ("tensor_parallel: two", "`tensor_parallel` is wrong"),
        ("tensor_parallel: []", "`tensor_parallel` is wrong"),
        ("tensor_parallel: true", "`tensor_parallel` is wrong"),
        ("tensor_parallel: 99999999999999999999999", "`tensor_parallel` is wrong"),
        ("gpu_memory_utilization: .nan", "`gpu_memory_utilization` is wrong"),
        ("gpu_memory_utilization: 1.5", "`gpu_memory_utilization` is wrong"),
        ("weight_format: fp7", "`weight_format` is wrong"),
        ("policy: [fcfs, sjf]", "`policy` is wrong"),
        ("chunked_prefill: 1", "`chunked_prefill` is wrong"),
        ("- 1", "must be a mapping"),
        ("a: [", "line 1 is not YAML"),
    ],
)
def test_a_wrong_file_names_the_field(tmp_path, text, message):
    path = tmp_path / "space.yaml"
    path.write_text(text)
    with pytest.raises(DataError, match=message) as caught:
        load_space(path)
    assert "space.yaml" in str(caught.value)


def test_a_missing_file_is_data_that_is_missing(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        load_space(tmp_path / "none.yaml")
