"""Published end-to-end serving points against the step model: predicted over measured time per output token.

Run as a script with ``tests`` on the path, or with ``pytest bench/bench_silicon.py --benchmark-enable``.
"""

from itertools import groupby
from statistics import mean, median

from _data import data
from _silicon import read_points
from paretoserve.cost import StepTime


def table():
    points = read_points(data("perf/silicon/e2e_shared.csv.gz"))
    lines = [f"{'model':16} {'system':9} {'weights':9} {'TP':>3} {'points':>6} {'median ratio':>12} {'mean error':>10}"]
    for key, group in groupby(
        sorted(points, key=lambda p: (p.model, p.system, p.weight_format, p.tensor_parallel)),
        key=lambda p: (p.model, p.system, p.weight_format, p.tensor_parallel),
    ):
        ratios = [point.ratio for point in group]
        error = mean(abs(ratio - 1) for ratio in ratios)
        lines.append(
            f"{key[0]:16} {key[1]:9} {key[2]:9} {key[3]:3} {len(ratios):6} {median(ratios):12.2f} {error:10.1%}"
        )
    errors = [abs(point.ratio - 1) for point in points]
    lines.append(f"all {len(points)} points: mean error {mean(errors):.1%}, median {median(errors):.1%}")
    return "\n".join(lines)


def test_published_points(benchmark, show):
    show(benchmark.pedantic(table, rounds=1))


def test_compile(benchmark):
    benchmark(StepTime.fit, "deepseek-v3", "h200_sxm", tensor_parallel=8, weight_format="fp8_block")


if __name__ == "__main__":
    print(table())
