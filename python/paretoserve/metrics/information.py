"""Information that a layer keeps of its input: entropies of binned activations, with and without the label.

After Kawaguchi, Deng, Ji and Huang, "How Does Information Bottleneck Help Deep Learning?" (arXiv 2305.18887) and its
code. A deterministic network has I(X;Z) = H(Z), here of the rounded activations as in arXiv 1703.00810.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from paretoserve.errors import ShapeError
from paretoserve.metrics._declare import declared
from paretoserve.metrics._numbers import integer, numbers, whole

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["ConditionalInformation", "binned_information", "conditional_binned_information"]


@dataclass(frozen=True)
class ConditionalInformation:
    """Information that a layer keeps beyond the label.

    Attributes
    ----------
    value : float
        Nats: mean of `per_class` weighted by `share`.
    per_class : ndarray of float64, shape (num_classes,)
        Entropy within each class, in ascending order of labels; the official code returns these.
    share : ndarray of float64, shape (num_classes,)
        Of the samples.
    """

    value: float
    per_class: NDArray[np.float64]
    share: NDArray[np.float64]


@declared("information-bottleneck", grade="R", unit="nat")
def binned_information(activations: ArrayLike, num_bins: int) -> float:
    """Return the information that a deterministic layer keeps of its input, from binned activations.

    The width of a bin is ``(max - min) / num_bins`` over the whole layer; the joint code of a sample is the floor of
    each unit; the result is the entropy of the codes. The maximum falls into a bin of its own, so a unit has
    ``num_bins + 1`` codes.

    Parameters
    ----------
    activations : array_like, shape (num_samples,) or (num_samples, num_units)
    num_bins : int
        1 or more.

    Returns
    -------
    information : float
        Nats, 0 to ``ln(num_samples)``; at that end the bins are too fine for the samples.

    Raises
    ------
    ValueError
        If an activation is infinite or NaN.
    ShapeError
        If `activations` has other than 1 or 2 dimensions or is empty.

    References
    ----------
    arXiv 2305.18887, official code.

    Examples
    --------
    >>> round(binned_information([0, 0.1, 0.9, 1, 0.5, 0.5], 2), 6)
    1.011404
    """
    return _entropy(_codes(activations, num_bins))


@declared("information-bottleneck", grade="R")
def conditional_binned_information(activations: ArrayLike, labels: ArrayLike, num_bins: int) -> ConditionalInformation:
    """Return the information that a layer keeps of its input beyond the label, from binned activations.

    The bins are those of `binned_information` over all samples; entropies within the classes are averaged by the
    share of each class.

    Parameters
    ----------
    activations : array_like, shape (num_samples,) or (num_samples, num_units)
    labels : array_like of int, shape (num_samples,)
        Class of each sample, 0 or more.
    num_bins : int
        1 or more.

    Returns
    -------
    information : ConditionalInformation

    Raises
    ------
    ValueError
        If an activation is infinite or NaN or a label is no whole number.
    ShapeError
        If there is not one label per sample.

    References
    ----------
    arXiv 2305.18887, official code.

    Examples
    --------
    >>> conditional_binned_information([0, 0.1, 0.9, 1, 0.5, 0.5], [0, 0, 1, 1, 1, 1], 2).per_class.round(6)
    array([0.      , 0.562335])
    """
    codes = _codes(activations, num_bins)
    classes = whole("labels", labels, ndim=1)
    if len(classes) != len(codes):
        raise ShapeError(f"`labels` must have one entry per sample, {len(codes)}, got {len(classes)}")
    names, counts = np.unique(classes, return_counts=True)
    each = np.array([_entropy(codes[classes == name]) for name in names])
    share = counts / len(classes)
    return ConditionalInformation(float((each * share).sum()), each, share)


def _codes(activations: ArrayLike, num_bins: int) -> NDArray[np.float64]:
    values = numbers("activations", activations)
    if values.ndim not in (1, 2) or values.size == 0:
        raise ShapeError(f"`activations` must have shape (samples,) or (samples, units), got {values.shape}")
    width = (values.max() - values.min()) / integer("num_bins", num_bins, 1)
    # A layer that is all one value has one code.
    codes = np.floor((values - values.min()) / width) if width > 0 else np.zeros(values.shape)
    return codes.reshape(len(values), -1)


def _entropy(codes: NDArray[np.float64]) -> float:
    _, counts = np.unique(codes, axis=0, return_counts=True)
    share = counts / counts.sum()
    return max(0.0, -float((share * np.log(share)).sum()))
