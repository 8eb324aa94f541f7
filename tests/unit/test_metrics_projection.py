"""Accuracy from source mixtures: the fit recovers its formula, the projection its two scales, gradients differences."""

import sys

import numpy as np
import pytest

from paretoserve.errors import ShapeError
from paretoserve.metrics.projection import fit_mixture, optimal_transport, project_scale, source_gradient


@pytest.fixture(scope="module")
def transport_package():
    return pytest.importorskip("ot")


def mixtures(num, sources, seed):
    random = np.random.default_rng(seed)
    return random.dirichlet(np.ones(sources), num), random.uniform(0.5, 3, num)


def test_published_projection():
    assert project_scale(10_000, 0.60, 0.64, num_small=1000, num_large=1500) == pytest.approx(0.827155, abs=5e-7)


def test_projection_returns_its_two_scales_exactly():
    small, large = np.random.default_rng(0).random((2, 50))
    assert project_scale(1000, small, large, num_small=1000, num_large=1500).tolist() == small.tolist()
    assert project_scale(1500, small, large, num_small=1000, num_large=1500).tolist() == large.tolist()


def test_projection_is_a_line_over_the_logarithm():
    values = project_scale([1e3, 1e4, 1e5, 1e6], 0.5, 0.6, num_small=1e3, num_large=1e4)
    assert values == pytest.approx([0.5, 0.6, 0.7, 0.8])
    assert project_scale(1e9, 0.5, 0.6, num_small=1e3, num_large=1e4) == pytest.approx(1.1)
    assert project_scale(1e9, 0.5, 0.6, num_small=1e3, num_large=1e4, clip=True) == 1
    # Loss and accuracy: the map is affine, so either may be projected.
    loss = project_scale(1e6, 1 - 0.5, 1 - 0.6, num_small=1e3, num_large=1e4)
    assert loss == pytest.approx(1 - values[3])


@pytest.mark.parametrize("sources", [1, 2, 4])
@pytest.mark.parametrize("quadratic", [False, True])
def test_fit_recovers_the_formula(sources, quadratic):
    shares, distances = mixtures(80, sources + 1, seed=sources)
    shares = shares[:, :sources]
    random = np.random.default_rng(9)
    b1, b2, c1 = random.normal(size=(3, sources))
    c2 = random.normal(size=sources) if quadratic else np.zeros(sources)
    slope = 0.4 + shares @ b1 + shares**2 @ b2
    values = slope * distances + 0.7 + shares @ c1 + shares**2 @ c2
    fit = fit_mixture(shares, distances, values, quadratic_offset=quadratic)
    assert fit.residual < 1e-12
    assert fit.slope == pytest.approx([0.4, *b1, *b2], abs=1e-9)
    assert fit.offset[: 1 + sources] == pytest.approx([0.7, *c1], abs=1e-9)
    assert fit.predict(shares[:5], distances[:5]) == pytest.approx(values[:5], abs=1e-10)


def test_fit_takes_all_sources_though_their_shares_sum_to_one():
    shares, distances = mixtures(80, 3, seed=5)
    values = 0.9 - 0.1 * distances * (1 + shares[:, 2]) + 0.2 * shares[:, 0]
    fit = fit_mixture(shares, distances, values)
    assert fit.residual < 1e-12
    new, far = mixtures(10, 3, seed=6)
    assert fit.predict(new, far) == pytest.approx(0.9 - 0.1 * far * (1 + new[:, 2]) + 0.2 * new[:, 0], abs=1e-10)


def test_the_notebooks_linear_offset_cannot_hold_a_quadratic_one():
    shares, distances = mixtures(80, 3, seed=7)
    values = 0.5 * distances + shares[:, 0] ** 2
    assert fit_mixture(shares[:, :2], distances, values).residual > 1e-3
    assert fit_mixture(shares[:, :2], distances, values, quadratic_offset=True).residual < 1e-12


def test_transport_in_one_dimension_is_the_sorted_difference(transport_package):
    random = np.random.default_rng(1)
    one, two = random.normal(size=(40, 1)), random.normal(1, 2, size=(40, 1))
    pairs = np.sort(one[:, 0]) - np.sort(two[:, 0])
    assert optimal_transport(one, two).distance == pytest.approx(np.abs(pairs).mean())
    assert optimal_transport(one, two, squared=True).distance == pytest.approx((pairs**2).mean())


def test_transport_to_itself_costs_nothing(transport_package):
    points = np.random.default_rng(2).normal(size=(20, 3))
    assert optimal_transport(points, points).distance == pytest.approx(0, abs=1e-12)


def test_gradient_equals_the_difference_of_distances(transport_package):
    random = np.random.default_rng(3)
    sources = np.repeat([0, 1, 2], 14)
    centers = np.array([[0, 0], [3, 0], [0, 4]])[sources]
    samples = centers + random.normal(size=(42, 2))
    # 42 and 31 have no common divisor, so no part of the samples fits a part of the others and slopes are unique.
    validation = np.array([2, 0.5]) + random.normal(size=(31, 2))
    transport = optimal_transport(samples, validation)
    gradient = source_gradient(transport.potential, sources, num_sources=3)
    for source in range(3):
        # A little more of this source, the others less in proportion.
        step = 1e-4
        mine = sources == source
        weights = np.where(mine, (1 / 3 + step) / 14, (2 / 3 - step) / 28)
        moved = optimal_transport(samples, validation, weights=weights).distance
        assert (moved - transport.distance) / step == pytest.approx(gradient[source], abs=1e-6)
    assert gradient.sum() == pytest.approx(0, abs=1e-9)


def test_gradient_of_sources_without_samples_is_zero():
    assert source_gradient([1.0, 2.0], [1, 1], num_sources=3).tolist() == [0, 0, 0]
    assert source_gradient([1, 3, 0, 0], [0, 0, 2, 2], num_sources=3).tolist() == [2, 0, -2]


def test_without_the_package_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "ot", None)
    with pytest.raises(ImportError, match=r"needs the package POT\nhint: pip install 'paretoserve\[ot\]'"):
        optimal_transport([[0.0]], [[1.0]])


FIT = fit_mixture([[0.1], [0.2], [0.5], [0.7], [0.9], [1.0]], [1, 2, 3, 1, 2, 1], [1, 2, 3, 4, 5, 7])


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: project_scale(10, 0.5, 0.6, num_small=10, num_large=10), ValueError, "`num_large` must be above"),
        (lambda: project_scale([10, 0], 0.5, 0.6, num_small=1, num_large=2), ValueError, "`num_samples` .* row 1"),
        (lambda: project_scale(10, np.nan, 0.6, num_small=1, num_large=2), ValueError, "`value_small` .* got nan"),
        (lambda: fit_mixture([[0.7, 0.7]], [1], [1]), ValueError, "`shares` must sum to at most 1, got 1.4 in row 0"),
        (lambda: fit_mixture([[0.7, 0.3]], [-1], [1]), ValueError, "`distances` .* got -1.0 in row 0"),
        (lambda: fit_mixture([[0.7, 0.3]], [1], [1]), ValueError, "more mixtures than free coefficients"),
        (lambda: fit_mixture([[0.5]] * 3, [1, 2], [1, 2, 3]), ShapeError, "`distances` must have one entry per row"),
        (lambda: fit_mixture([[0.5]] * 3, [1, 2, 3], [1, 2]), ShapeError, "`values` must have one entry per mixture"),
        (lambda: fit_mixture([0.5], [1], [1]), ShapeError, "`shares` must have 2 dimensions"),
        (lambda: FIT.predict([[0.5, 0.5]], [1]), ShapeError, "`shares` must have 1 columns"),
        (lambda: optimal_transport([[0.0]], [[1.0, 2.0]]), ShapeError, "`validation` must have 1 features"),
        (lambda: optimal_transport([[0.0]], [[1.0]], weights=[0]), ValueError, "`weights` .* above 0"),
        (lambda: optimal_transport([[0.0]], [[1.0]], weights=[1, 1]), ShapeError, "`weights` must have one entry"),
        (lambda: source_gradient([1.0], [1], num_sources=1), ValueError, "`sources` .* got 1.0 in row 0"),
        (lambda: source_gradient([1.0, 2.0], [0], num_sources=1), ShapeError, "`sources` must have the shape"),
    ],
)
def test_bad_input_is_named(call, error, text):
    with pytest.raises(error, match=text):
        call()
