"""Find the configuration that serves a load cheapest within limits, and see what more GPUs would buy.

Runs in a few seconds: python examples/plan_for_limits.py
"""

from pathlib import Path

from paretoserve.plan import describe, plan

SPACE = Path(__file__).parent / "space.yaml"


def main() -> None:
    """Plan Qwen3-32B on up to four H100 for the built-in chat workload and print the answer."""
    front = plan(
        "qwen3-32b",
        "h100_sxm",
        "azure-chat",
        gpus=4,
        limit=1000,
        space=SPACE,
        objectives=["ttft_p99", "tokens_per_s_per_user", "usd_per_mtok"],
        slo={"ttft_p99": "1s", "tpot_p95": "40ms"},
    )
    if front.miss is not None:
        print(f"nothing meets the limits; nearest: {front.miss}")
        return
    for name, row in front.picks.items():
        columns = front.row(row)
        print(f"{name:>5}: {describe(front.configurations[row])} at ${columns['usd_per_mtok']:.2f} per million tokens")
    print()
    print(front.explain(0))


if __name__ == "__main__":
    main()
