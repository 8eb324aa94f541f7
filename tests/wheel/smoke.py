"""Try each part of an installed wheel. Runs with numpy alone; nothing of the checkout may be on the path."""

import sys

import numpy as np

import paretoserve
from paretoserve import cost, cuda, pareto, sched, sim


def main() -> int:
    """Raise if any part gives a wrong answer."""
    assert "site-packages" in paretoserve.__file__, paretoserve.__file__
    assert pareto.mask(np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])).tolist() == [True, True, False]
    assert cuda.is_available() in (True, False)

    assert round(cost.model_sizes("qwen3-32b").parameters / 1e9, 1) == 32.8
    memory = cost.rank_memory("qwen3-32b", hardware="h100_sxm", tensor_parallel=2)
    assert memory.num_blocks > 0
    step_time = cost.StepTime.fit("qwen3-32b", "h100_sxm", tensor_parallel=2)
    step_s = step_time.step_s(cost.StepShape.of(contexts=[1000] * 8))
    assert 0.001 < step_s < 0.1, step_s

    scheduler = sched.Scheduler("fcfs")
    scheduler.submit(7, 0, prompt_tokens=100)
    assert scheduler.next_batch(0, 4, 64, kv_free=100).request_ids.tolist() == [7]

    trace = sim.load_trace("azure-chat", limit=200, seed=1)
    config = sim.Configuration(tensor_parallel=2)
    simulation = sim.simulate(trace, config, step_time=step_time, num_blocks=memory.num_blocks)
    assert np.isfinite(simulation.e2e_s).all()
    assert "plotly" not in sys.modules
    print(f"smoke: ok, numpy {np.__version__}, mean end-to-end time {simulation.e2e_s.mean():.2f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
