"""Loads of mixture-of-experts layers for tests and benchmarks."""

import numpy as np


def zipf_ranks(generator, num_ranks, local, total, imbalance):
    """Ranks by a Zipf law of the given largest load over mean; inside a rank experts fall off with the power 4."""
    low, high, places = 0.0, 8.0, np.arange(1, num_ranks + 1)
    for _ in range(50):
        exponent = (low + high) / 2
        weights = places**-exponent
        low, high = (exponent, high) if weights.max() / weights.mean() < imbalance else (low, exponent)
    inside = np.arange(1, local + 1) ** -4.0
    inside /= inside.sum()
    ranks = generator.permutation(weights / weights.sum())
    return generator.multinomial(total, np.concatenate([rank * generator.permutation(inside) for rank in ranks]))
