"""What runs on a machine with a GPU also runs on the fake driver, so that an hour there is not spent on a mistake.

Tests are those that need no stream or graph of their own, on small tensors; the fake driver has no clock.
"""

import textwrap

import pytest

from _kernels import ROOT

pytest.importorskip("torch")

BEGIN = f"""
import contextlib, os, sys, torch
os.dup2(2, 1)  # the server answers on the standard output
sys.path[:0] = ["{ROOT}/bench/gpu", "{ROOT}/tests/gpu"]
torch.cuda.is_available = lambda: True
"""


@pytest.fixture
def run(programs):
    return lambda program: programs.run(BEGIN + textwrap.dedent(program))


def test_comparisons_run_to_their_end(run):
    run(f"""
    import pytest
    for name in ("cpu", "nonzero", "item", "tolist", "numpy", "__bool__", "__int__", "__float__", "__index__"):
        delattr(torch.Tensor, name)
    torch.Tensor.cuda, torch.Tensor.cpu = torch.Tensor.clone, torch.Tensor.clone
    import test_moe_gpu, test_pareto_gpu, test_quant_gpu
    test_moe_gpu.SHAPES[:] = [(8, 2), (20, 6)]
    steps = test_moe_gpu.steps
    test_moe_gpu.steps = lambda num_experts, number=3, **options: steps(num_experts, min(number, 3), **options)
    table = test_pareto_gpu.table
    test_pareto_gpu.table = lambda kind, n, *rest: table(kind, min(n, 130), *rest)
    full = test_quant_gpu.numbers
    def few(shape, *rest, **more): return full((min(shape[0], 128), min(shape[1], 256)), *rest, **more)
    test_quant_gpu.numbers = few
    skipped = "stream_is graph context different float32 bfloat16 half_away"
    skipped += " 40000 e5m2 e3m2 mxint fnuz int6 int8 row group"
    some = " and ".join(f"not {{word}}" for word in skipped.split())
    options = "-c", "{ROOT}/tests/gpu/pytest.ini", "-qx", "-p", "no:cacheprovider", "-k", some
    assert pytest.main([*options, "{ROOT}/tests/gpu"]) == 0
    """)


def test_bandwidths_are_measured_and_written(run, tmp_path):
    run(f"""
    class Event:
        def __init__(self, enable_timing): assert enable_timing
        def record(self): pass
        def synchronize(self): pass
        def elapsed_time(self, end): return 1.0
    class Graph:
        def replay(self): pass
    torch.cuda.Event, torch.cuda.CUDAGraph, torch.cuda.graph = Event, Graph, contextlib.nullcontext
    torch.cuda.synchronize = lambda: None
    torch.cuda.get_device_name = lambda: "No Device"
    import bandwidth
    bandwidth.DEVICE, bandwidth.COLUMNS = "cpu", 512
    sys.argv = ["bandwidth.py", "--mib", "0.125", "--buffers", "1", "--out", "{tmp_path}"]
    assert bandwidth.main() == 0
    """)
    (table,) = tmp_path.glob("no-device-*.md")
    lines = table.read_text().splitlines()
    assert len(lines) > 40
    assert "| bfloat16 -> nvfp4, transposed |" in table.read_text()
    (facts,) = tmp_path.glob("no-device-*.json")
    assert '"copy_gb_per_s"' in facts.read_text()


def test_fronts_are_measured_and_written(run, tmp_path):
    run(f"""
    for name in ("cpu", "nonzero", "item", "tolist", "numpy", "__bool__", "__int__", "__float__", "__index__"):
        delattr(torch.Tensor, name)
    torch.cuda.synchronize = lambda: None
    torch.cuda.get_device_name = lambda: "No Device"
    import fronts
    fronts.DEVICE, fronts.MOST_PAIRS = "cpu", 1 << 16
    fronts.REPEATS = 1
    sys.argv = ["fronts.py", "--scale", "0.0005", "--out", "{tmp_path}"]
    assert fronts.main() == 0
    """)
    (table,) = tmp_path.glob("no-device-*-fronts.md")
    assert "| bootstrap, 2 draws of 5 x 3 |" in table.read_text()
    (facts,) = tmp_path.glob("no-device-*-fronts.json")
    assert '"plain_ms"' in facts.read_text()


def test_plans_are_measured_and_written(run, tmp_path):
    run(f"""
    from paretoserve import _native
    for name in ("cpu", "nonzero", "item", "tolist", "numpy", "__bool__", "__int__", "__float__", "__index__"):
        delattr(torch.Tensor, name)
    calls = []
    def recorded(function):
        def call(*arguments):
            calls.append((function, arguments))
            function(*arguments)
        return call
    for name in ("cuda_moe_spill", "cuda_moe_split", "cuda_moe_remap"):
        setattr(_native, name, recorded(getattr(_native, name)))
    class Graph:
        def replay(self):
            for function, arguments in self.calls: function(*arguments)
    empty = torch.empty
    @contextlib.contextmanager
    def graph(made):
        # Memory that is allocated meanwhile stays the graph's own.
        made.kept = []
        def kept(*shape, **options):
            made.kept.append(empty(*shape, **options))
            return made.kept[-1]
        calls.clear()
        torch.empty = kept
        yield
        torch.empty = empty
        made.calls = list(calls)
    class Event:
        def __init__(self, enable_timing): assert enable_timing
        def record(self): pass
        def synchronize(self): pass
        def elapsed_time(self, end): return 1.0
    torch.cuda.Event, torch.cuda.CUDAGraph, torch.cuda.graph = Event, Graph, graph
    torch.cuda.synchronize = lambda: None
    torch.cuda.get_device_name = lambda: "No Device"
    import planner
    planner.DEVICE, planner.REPLAYS, planner.TOKENS = "cpu", 1, 20
    planner.SPILLS, planner.SPLITS = ((16, 4),), ((16, 20, 4),)
    sys.argv = ["planner.py", "--steps", "2", "--out", "{tmp_path}"]
    assert planner.main() == 0
    """)
    (table,) = tmp_path.glob("no-device-*.md")
    assert "| physical ids, 20 x 8 | 1000.0 | 10 |" in table.read_text()
    (facts,) = tmp_path.glob("no-device-*.json")
    assert '"cpu_us"' in facts.read_text()
