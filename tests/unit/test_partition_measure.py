"""Profiles measured from torch modules: where they are cut, what crosses, and stages that compute the same."""

import pickle
import re

import numpy as np
import pytest

from paretoserve.errors import DeviceError
from paretoserve.partition import Device, Layers, Link, measure_layers, run_split, split_front, stage_modules

torch = pytest.importorskip("torch")
nn = torch.nn


RELU = nn.Sequential(nn.ReLU()).eval()


class Inverted(nn.Module):
    """A block of MobileNetV2: expand, depthwise, project, and a skip where shapes allow it."""

    def __init__(self, inside, outside, stride=1):
        super().__init__()
        wide = inside * 4
        self.skips = stride == 1 and inside == outside
        self.body = nn.Sequential(
            nn.Conv2d(inside, wide, 1, bias=False), nn.BatchNorm2d(wide), nn.ReLU6(inplace=True),
            nn.Conv2d(wide, wide, 3, stride, 1, groups=wide, bias=False), nn.BatchNorm2d(wide), nn.ReLU6(inplace=True),
            nn.Conv2d(wide, outside, 1, bias=False), nn.BatchNorm2d(outside),
        )  # fmt: skip

    def forward(self, x):
        return x + self.body(x) if self.skips else self.body(x)


class Net(nn.Module):
    """Blocks with and without skips, and a head with views; the optional argument is never given."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(Inverted(3, 8, 2), Inverted(8, 8), Inverted(8, 16, 2))
        self.head = nn.Linear(16, 5)
        self.scale = nn.Parameter(torch.tensor(2.0))

    def forward(self, x, offset=None):
        if offset is not None:
            x = x + offset
        x = self.features(x * self.scale)
        x = x.mean([2, 3])
        return self.head(x.view(x.size(0), -1)) * self.scale


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def net():
    torch.manual_seed(0)
    return Net().eval(), torch.randn(2, 3, 16, 16)


def halves(layers, cut):
    """Return the split of some layers behind `cut` of them: no other one fits."""
    limited = Layers([1.0] * len(layers), layers.output_bytes, memory_bytes=[1] * len(layers))
    return split_front(limited, [Device("a", cut), Device("b", len(layers) - cut)]).splits[0]


def test_children_of_sequentials_are_blocks():
    module = nn.Sequential(nn.Linear(4, 8), nn.Sequential(nn.ReLU(), nn.Linear(8, 6)), Inverted(3, 3)).eval()
    layers = measure_layers(module[:2], torch.ones(3, 4))
    assert layers.names == ("0", "1.0", "1.1")
    assert layers.output_bytes.tolist() == [3 * 8 * 4, 3 * 8 * 4, 3 * 6 * 4]
    assert layers.memory_bytes.tolist() == [(4 * 8 + 8) * 4, 0, (8 * 6 + 6) * 4]
    # A slice is a Sequential of its own, which says that it is in training.
    assert measure_layers(module[2:], torch.ones(1, 3, 8, 8)).names == ("2",)


def test_graphs_are_cut_where_one_tensor_passes(net):
    module, inputs = net
    layers = measure_layers(module, inputs, repeats=1, warmup=0)
    held = sum(tensor.nbytes for tensor in (*module.parameters(), *module.buffers()))
    # Two blocks use the scale.
    assert layers.memory_bytes.sum() == held + module.scale.nbytes
    inside = [name for name in layers.names if name.startswith("features.1.body")]
    assert inside == []  # a skip goes over all of it
    assert [name for name in layers.names if name.startswith("features.0.body")][-1] == "features.0.body.7"
    assert "features.1.add" in layers.names
    # The size that `view` takes would have to pass too.
    assert "size" not in layers.names
    assert layers.output_bytes[layers.names.index("mean")] == 2 * 16 * 4


def test_cuts_compute_what_the_whole_does(net):
    module, inputs = net
    before, expected = inputs.clone(), module(inputs)
    layers = measure_layers(module, inputs, repeats=1, warmup=0)
    for cut in range(1, len(layers), 4):
        first, second = pickle.loads(pickle.dumps(stage_modules(module, inputs, halves(layers, cut))))
        passed = first(inputs)
        assert passed.nbytes == layers.output_bytes[cut - 1]
        assert torch.equal(second(passed), expected), cut
        assert not passed.requires_grad
    assert torch.equal(inputs, before)


def test_types_of_leaves_are_not_cut(net):
    module, inputs = net
    names = measure_layers(module, inputs, repeats=1, warmup=0, leaves=[Inverted]).names
    assert [name for name in names if name.startswith("features")] == ["features.0", "features.1", "features.2"]


class Sliced(nn.Module):
    """A skip around a slice by a size, which symbolic tracing does not know; a weight used twice, a named result."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(11, 8)
        self.places = nn.Parameter(torch.randn(6, 8))
        self.register_buffer("mask", torch.ones(6, 6), persistent=False)

    def forward(self, tokens, scale=1.0):
        x = self.embedding(tokens) + self.places[: tokens.size(1)]
        x = x + self.mask[: tokens.size(1), : tokens.size(1)] @ x * scale
        return {"logits": x @ self.embedding.weight.T}


def test_what_symbolic_tracing_refuses_is_exported():
    torch.manual_seed(0)
    module, tokens = Sliced().eval(), torch.randint(0, 11, (2, 4))
    layers = measure_layers(module, tokens, repeats=1, warmup=0)
    assert layers.names == ("embedding.embedding", "add", "add_1", "matmul_1")
    assert layers.memory_bytes.tolist() == [11 * 8 * 4, 6 * 8 * 4, 6 * 6 * 4, 11 * 8 * 4]
    assert layers.output_bytes.tolist() == [2 * 4 * 8 * 4] * 3 + [2 * 4 * 11 * 4]
    for cut in (1, 2, 3):
        first, second = pickle.loads(pickle.dumps(stage_modules(module, tokens, halves(layers, cut))))
        assert torch.equal(second(first(tokens))["logits"], module(tokens)["logits"])


class Turned(nn.Module):
    """Layers that all take what is computed from sizes alone, as decoders take angles of positions."""

    def __init__(self, writes=False):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(8, 8) for _ in range(3))
        self.register_buffer("steps", torch.linspace(0, 1, 8))
        self.writes = writes

    def forward(self, x):
        angles = torch.arange(x.size(1), dtype=torch.float32)[:, None] * self.steps
        for layer in self.layers:
            if self.writes:
                angles.add_(1.0)
            x = x + layer(x * torch.cos(angles))
        return x


@pytest.mark.parametrize("writes", [False, True])
def test_what_no_input_reaches_is_computed_in_every_block(writes):
    torch.manual_seed(0)
    module, inputs = Turned(writes).eval(), torch.randn(2, 4, 8)
    layers = measure_layers(module, inputs, repeats=1, warmup=0)
    # Angles that a layer still writes to must be handed on, too.
    assert [name for name in layers.names if "add" in name] == (["add_2"] if writes else ["add", "add_1", "add_2"])
    for cut in range(1, len(layers)):
        first, second = stage_modules(module, inputs, halves(layers, cut))
        assert torch.equal(second(first(inputs)), module(inputs))


def test_inputs_in_a_tuple_and_results_in_a_dict():
    class Sum(nn.Module):
        def forward(self, x, y):
            z = (x + y).relu_()
            return {"twice": z * 2, "same": z}

    inputs = torch.ones(3), torch.ones(3)
    layers = measure_layers(Sum().eval(), inputs, repeats=1, warmup=0)
    assert layers.names == ("add", "relu_", "mul")
    assert layers.output_bytes.tolist() == [12, 12, 24]
    first, second = stage_modules(Sum().eval(), inputs, halves(layers, 1))
    assert second(first(inputs))["twice"].tolist() == [4.0] * 3


def test_inputs_are_not_written():
    inputs = torch.full((4,), -1.0)
    measure_layers(nn.Sequential(nn.ReLU(inplace=True), nn.Identity()).eval(), inputs)
    assert inputs.tolist() == [-1.0] * 4


def test_of_a_view_only_itself_is_sent():
    class Last(nn.Module):
        def forward(self, x):
            return x[-1]

    module, inputs = nn.Sequential(Last(), nn.Identity()).eval(), torch.ones(1000, 4)
    layers = measure_layers(module, inputs)
    first, _ = stage_modules(module, inputs, halves(layers, 1))
    assert layers.output_bytes[0] == 16
    assert len(pickle.dumps(first(inputs))) < 1000


def test_times_are_medians_of_passes(monkeypatch):
    import paretoserve.partition.measure as measure

    now = [0]

    class Takes(nn.Module):
        def __init__(self, *nanoseconds):
            super().__init__()
            self.left = [*nanoseconds]

        def forward(self, x):
            now[0] += self.left.pop(0)
            return x * 1

    monkeypatch.setattr(measure.time, "perf_counter_ns", lambda: now[0])
    # The first call looks at shapes, the second is the warm-up.
    module = nn.Sequential(Takes(9, 9, 1000, 5000, 2000), Takes(9, 9, 10, 30, 20)).eval()
    layers = measure_layers(module, torch.ones(1), repeats=3, warmup=1)
    assert layers.seconds == pytest.approx([2e-6, 2e-8])


def test_a_measured_module_runs_as_processes(net):
    module, inputs = net
    layers = measure_layers(module, inputs, leaves=[Inverted])
    devices, link = [Device("a"), Device("b")], Link(0.05, 1e8)
    split = split_front(layers, devices, link).splits[0]
    stages = stage_modules(module, inputs, split, leaves=[Inverted])
    run = run_split(split, layers, devices, links=link, stages=stages, batch=inputs, num_batches=4)
    # The link takes nearly all of the time, so that a loaded machine does not matter.
    assert run.latency_s > 0.05
    assert run.throughput_rps < 1.5 / 0.05
    assert len(run.stage_seconds) == 2


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: measure_layers(3, torch.ones(1)), TypeError, "`module` must be a torch.nn.Module, got 3"),
        (lambda: measure_layers(nn.Linear(2, 2), torch.ones(2)), ValueError, "`module` must be in evaluation mode"),
        (lambda: measure_layers(nn.Linear(2, 2).eval(), [1.0]), TypeError, "`example_inputs` must be a tensor or"),
        (lambda: measure_layers(nn.Linear(2, 2).eval(), ()), TypeError, "`example_inputs` must be a tensor or"),
        (lambda: measure_layers(nn.Linear(2, 2).eval(), torch.ones(3)), ValueError, "`example_inputs` must be what"),
        (lambda: measure_layers(nn.Linear(2, 2).eval(), (torch.ones(2),) * 2), ValueError, "takes, got 2: too many"),
        (lambda: measure_layers(RELU, torch.ones(2), repeats=0), ValueError, "`repeats`"),
        (lambda: measure_layers(RELU, torch.ones(2), warmup=-1), ValueError, "`warmup`"),
        (
            lambda: measure_layers(RELU, torch.ones(2), leaves=[3]),
            TypeError,
            "`leaves` must hold types",
        ),
        (lambda: stage_modules(RELU, torch.ones(2), 3), TypeError, "`split` must be a Split"),
        (
            lambda: stage_modules(RELU, torch.ones(2), halves(Layers([1, 1], [1, 1]), 1)),
            ValueError,
            "`split` must be of the 1 blocks of `module`, got one of 2",
        ),
        (
            lambda: measure_layers(RELU, torch.ones(2, device="meta")),
            DeviceError,
            "got `example_inputs[0]` on meta",
        ),
        (
            lambda: measure_layers(nn.Linear(2, 2, device="meta").eval(), torch.ones(2)),
            DeviceError,
            "got `weight` on meta",
        ),
    ],
)
def test_what_cannot_be_measured_is_refused(make, error, message):
    with pytest.raises(error, match=re.escape(message)):
        make()


def test_what_cannot_be_traced_is_refused():
    class Turns(nn.Module):
        def forward(self, x):
            return x if x.sum() > 0 else -x

    class Around(nn.Module):
        def __init__(self):
            super().__init__()
            self.turns = Turns()

        def forward(self, x):
            return self.turns(x + 1) * 2

    with pytest.raises(ValueError, match=r"traceable by torch\.fx or torch\.export(.|\n)*hint: name the types"):
        measure_layers(Around().eval(), torch.ones(2))
    assert measure_layers(Around().eval(), torch.ones(2), leaves=[Turns]).names == ("add", "turns", "mul")
    assert np.all(measure_layers(nn.Sequential(Turns()).eval(), torch.ones(2)).seconds > 0)
