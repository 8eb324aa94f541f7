"""Accuracy of a model from the mixture of its data sources: a fit on small samples, carried to larger scales.

After Kang, Just, Sahu and Jia, "Performance Scaling via Optimal Transport: Enabling Data Selection from Partially
Revealed Sources" (projektor, arXiv 2307.02460). The formula has quadratic terms in both its parts; the official
notebook fits the part without transport distance linearly, and fits accuracy where the formula is written for loss.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve.errors import ShapeError
from paretoserve.metrics._declare import declared
from paretoserve.metrics._numbers import broadcast, integer, number, numbers, plain, whole
from paretoserve.metrics._options import flag

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "MixtureFit",
    "Transport",
    "fit_mixture",
    "optimal_transport",
    "project_scale",
    "source_gradient",
]


@dataclass(frozen=True)
class MixtureFit:
    """Accuracy (or loss) as a function of source shares and transport distance at one scale.

    Attributes
    ----------
    slope : ndarray of float64, shape (1 + 2 num_sources,)
        Of ``distance * (1, p, p^2)``.
    offset : ndarray of float64, shape (1 + num_sources,) or (1 + 2 num_sources,)
        Of ``(1, p)`` or ``(1, p, p^2)``.
    residual : float
        Root of the mean squared error of the fit.
    """

    slope: NDArray[np.float64]
    offset: NDArray[np.float64]
    residual: float

    def __post_init__(self) -> None:
        num = len(numbers("slope", self.slope, ndim=1)) // 2
        if num == 0 or len(self.slope) % 2 == 0:
            raise ShapeError(f"`slope` must have shape (1 + 2 num_sources,), got {np.shape(self.slope)}")
        if len(numbers("offset", self.offset, ndim=1)) not in (1 + num, 1 + 2 * num):
            raise ShapeError(f"`offset` must have {1 + num} or {1 + 2 * num} entries, got {len(self.offset)}")

    def predict(self, shares: ArrayLike, distances: ArrayLike) -> Any:
        """Return the value at mixtures.

        Parameters
        ----------
        shares : array_like, shape (num_mixtures, num_sources)
        distances : array_like, shape (num_mixtures,)

        Returns
        -------
        values : ndarray of float64, shape (num_mixtures,)

        Raises
        ------
        ValueError
            If shares or distances are out of range.
        ShapeError
            If shapes do not match.
        """
        num = (len(self.slope) - 1) // 2
        columns = _terms(shares, distances, quadratic=len(self.offset) > 1 + num)
        if columns.shape[1] != len(self.slope) + len(self.offset):
            raise ShapeError(f"`shares` must have {num} columns, one per source of the fit")
        return columns @ np.concatenate([self.slope, self.offset])


@dataclass(frozen=True)
class Transport:
    """Optimal transport of training samples to validation samples.

    Attributes
    ----------
    distance : float
        Mean cost of moving a sample.
    potential : ndarray of float64, shape (num_samples,)
        Dual potential of each training sample: how its weight moves the distance, up to a common constant.
    """

    distance: float
    potential: NDArray[np.float64]


@declared("projektor", grade="R")
def fit_mixture(
    shares: ArrayLike, distances: ArrayLike, values: ArrayLike, *, quadratic_offset: bool = False
) -> MixtureFit:
    """Fit the value of models to source shares and transport distances, all trained on one number of samples.

    ``value = sum_i (b2_i p_i^2 + b1_i p_i + b0) distance + sum_i (c2_i p_i^2 + c1_i p_i + c0)``, by least squares; of
    equally good coefficients the smallest, since shares that sum to 1 leave a choice.

    Parameters
    ----------
    shares : array_like, shape (num_mixtures, num_sources)
        0 to 1, summing to at most 1. The official notebook leaves out the last source.
    distances : array_like, shape (num_mixtures,)
        Between mixture and validation data, 0 or more, see `optimal_transport`.
    values : array_like, shape (num_mixtures,)
        Accuracy or loss.
    quadratic_offset : bool, default False
        Fit c2 too, as the formula has it; the notebook does not, which is the default.

    Returns
    -------
    fit : MixtureFit

    Raises
    ------
    ValueError
        If shares are outside 0 to 1 or sum to more, or there are fewer mixtures than independent coefficients.
    ShapeError
        If shapes do not match.

    References
    ----------
    arXiv 2307.02460, official notebook.

    Examples
    --------
    >>> random = np.random.default_rng(0)
    >>> shares, distances = random.dirichlet([1, 1, 1], 40)[:, :2], random.uniform(1, 2, 40)
    >>> values = 0.9 - 0.2 * distances - 0.1 * shares[:, 0]
    >>> fit = fit_mixture(shares, distances, values)
    >>> fit.predict([[0.5, 0.5]], [1.0]).round(6)
    array([0.65])
    """
    columns = _terms(shares, distances, quadratic=flag("quadratic_offset", quadratic_offset))
    target = numbers("values", values, ndim=1)
    if len(target) != len(columns):
        raise ShapeError(f"`values` must have one entry per mixture, {len(columns)}, got {len(target)}")
    solution, _, rank, _ = np.linalg.lstsq(columns, target, rcond=None)
    if rank == len(target) < columns.shape[1]:
        raise ValueError(
            f"`values` must have more mixtures than free coefficients, got {len(target)} for {columns.shape[1]}"
        )
    num_slopes = 1 + 2 * np.shape(shares)[1]
    error = float(np.sqrt(np.mean((columns @ solution - target) ** 2)))
    return MixtureFit(np.asarray(solution[:num_slopes]), np.asarray(solution[num_slopes:]), error)


@declared("projektor", grade="R")
def project_scale(
    num_samples: ArrayLike,
    value_small: ArrayLike,
    value_large: ArrayLike,
    *,
    num_small: float,
    num_large: float,
    clip: bool = False,
) -> Any:
    """Carry a value at two numbers of samples to others: the straight line over the logarithm of the number.

    ``(ln(N / N0) L1 - ln(N / N1) L0) / ln(N1 / N0)``, which has no parameters.

    Parameters
    ----------
    num_samples : array_like
        N, above 0.
    value_small, value_large : array_like
        Accuracy or loss at N0 and at N1. All three broadcast.
    num_small, num_large : float
        N0 and N1, above 0, N0 < N1.
    clip : bool, default False
        Cut the result to 0 to 1, for an accuracy.

    Returns
    -------
    value : float or ndarray of float64
        The inputs themselves at N0 and N1.

    Raises
    ------
    ValueError
        If a number of samples is not above 0 or N0 is not below N1.

    References
    ----------
    arXiv 2307.02460; official notebook.

    Examples
    --------
    >>> round(project_scale(10_000, 0.60, 0.64, num_small=1000, num_large=1500), 6)
    0.827155
    """
    few = number("num_small", num_small, 0, open_low=True)
    many = number("num_large", num_large, 0, open_low=True)
    if few >= many:
        raise ValueError(f"`num_large` must be above `num_small`, {few:g}, got {many:g}")
    samples, small, large = broadcast(
        num_samples=numbers("num_samples", num_samples, 0, open_low=True),
        value_small=numbers("value_small", value_small),
        value_large=numbers("value_large", value_large),
    )
    way = np.log(many / few)
    value = (np.log(samples / few) * large - np.log(samples / many) * small) / way
    # Exact at both ends, where the quotient of equal logarithms may round.
    value = np.where(samples == few, small, np.where(samples == many, large, value))
    return plain(np.asarray(np.clip(value, 0, 1) if flag("clip", clip) else value))


@declared("projektor", grade="R")
def optimal_transport(
    samples: ArrayLike, validation: ArrayLike, *, weights: ArrayLike | None = None, squared: bool = False
) -> Transport:
    """Return the optimal transport distance of training samples to validation samples; needs the package POT.

    Parameters
    ----------
    samples : array_like, shape (num_samples, num_features)
        Embedded training samples.
    validation : array_like, shape (num_validation, num_features)
        Embedded validation samples, of equal weight.
    weights : array_like, shape (num_samples,), optional
        Of the training samples, above 0; scaled to sum to 1. Default equal.
    squared : bool, default False
        Cost of a move is the squared Euclidean distance, not the distance.

    Returns
    -------
    transport : Transport

    Raises
    ------
    ImportError
        If POT is not installed.
    ValueError
        If a feature is infinite or NaN or a weight is not above 0.
    ShapeError
        If shapes do not match.

    Notes
    -----
    Exact, by the network simplex of POT: O(n^3 log n) at worst for n samples. The official notebook has the
    regularized distance over features and labels; pass embeddings that hold both.

    References
    ----------
    arXiv 2307.02460; Flamary et al., "POT: Python Optimal Transport" (2021).

    Examples
    --------
    >>> optimal_transport([[0.0], [1.0]], [[1.0], [2.0]]).distance
    1.0
    """
    first, second = numbers("samples", samples, ndim=2), numbers("validation", validation, ndim=2)
    if first.shape[1] != second.shape[1]:
        raise ShapeError(f"`validation` must have {first.shape[1]} features like `samples`, got {second.shape[1]}")
    power = flag("squared", squared)
    mass = np.ones(len(first)) if weights is None else numbers("weights", weights, 0, open_low=True, ndim=1)
    if len(mass) != len(first):
        raise ShapeError(f"`weights` must have one entry per sample, {len(first)}, got {len(mass)}")
    try:
        import ot
    except ImportError as error:
        message = "optimal transport needs the package POT\nhint: pip install 'paretoserve[ot]'"
        raise ImportError(message) from error
    cost = ot.dist(first, second, metric="sqeuclidean" if power else "euclidean")
    distance, log = ot.emd2(mass / mass.sum(), np.full(len(second), 1 / len(second)), cost, log=True)
    return Transport(float(distance), np.asarray(log["u"], dtype=np.float64))


@declared("projektor", grade="R")
def source_gradient(potential: ArrayLike, sources: ArrayLike, *, num_sources: int) -> NDArray[np.float64]:
    """Return how the transport distance changes with the share of each source, the others shrinking in proportion.

    The mean dual potential of the source's samples less that of all other samples.

    Parameters
    ----------
    potential : array_like, shape (num_samples,)
        Of `optimal_transport` with equal weights.
    sources : array_like of int, shape (num_samples,)
        Source of each sample, 0 to num_sources - 1.
    num_sources : int
        1 to 2^24.

    Returns
    -------
    gradient : ndarray of float64, shape (num_sources,)
        0 for a source without samples or with all of them, as the official notebook has it.

    Raises
    ------
    ValueError
        If a potential is infinite or NaN or a source is out of range.
    ShapeError
        If shapes differ.

    Notes
    -----
    The distance has kinks where a part of the samples exactly fills a part of the validation samples; there this is
    one of the slopes.

    References
    ----------
    arXiv 2307.02460; official notebook.

    Examples
    --------
    >>> source_gradient([1.0, 3.0, 0.0, 0.0], [0, 0, 1, 1], num_sources=2)
    array([ 2., -2.])
    """
    duals = numbers("potential", potential, ndim=1)
    num = integer("num_sources", num_sources, 1, 2**24)
    owner = whole("sources", sources, 0, num - 1, ndim=1)
    if owner.shape != duals.shape:
        raise ShapeError(f"`sources` must have the shape of `potential`, {duals.shape}, got {owner.shape}")
    count, total = np.bincount(owner, minlength=num), np.bincount(owner, duals, minlength=num)
    other = len(duals) - count
    both = (count > 0) & (other > 0)
    mean = np.divide(total, count, out=np.zeros(num), where=both)
    return np.asarray(mean - np.divide(duals.sum() - total, other, out=np.zeros(num), where=both))


def _terms(shares: ArrayLike, distances: ArrayLike, *, quadratic: bool) -> NDArray[np.float64]:
    part = numbers("shares", shares, 0, 1, ndim=2)
    far = numbers("distances", distances, 0, ndim=1)
    if len(far) != len(part):
        raise ShapeError(f"`distances` must have one entry per row of `shares`, {len(part)}, got {len(far)}")
    wrong = np.flatnonzero(part.sum(axis=1) > 1 + 1e-9)
    if len(wrong):
        raise ValueError(f"`shares` must sum to at most 1, got {part[wrong[0]].sum():g} in row {wrong[0]}")
    one = np.ones((len(part), 1))
    slope = np.concatenate([one, part, part**2], axis=1) * far[:, None]
    return np.concatenate([slope, one, part, *([part**2] if quadratic else [])], axis=1)
