"""The Hadamard rotation: equal to the matrix, orthonormal, its own inverse, the same on every path."""

import ml_dtypes
import numpy as np
import pytest

from paretoserve.errors import DtypeError, ShapeError
from paretoserve.quant import TRANSFORMER_ENGINE_SIGNS, hadamard

F32 = np.float32
SIZES = (16, 32, 64, 128)


def matrix(n):
    """Sylvester's, whose entry is the parity of the common bits."""
    parity = np.array([[(i & j).bit_count() % 2 for j in range(n)] for i in range(n)])
    return 1 - 2 * parity


def stages(values):
    """The sums in float32, in the order that is documented."""
    n = values.shape[-1]
    distance = 1
    while distance < n:
        pairs = values.reshape(*values.shape[:-1], -1, 2, distance)
        values = np.stack([pairs[..., 0, :] + pairs[..., 1, :], pairs[..., 0, :] - pairs[..., 1, :]], -2)
        values = values.reshape(*values.shape[:-3], n)
        distance *= 2
    return values * F32(1 / np.sqrt(n))


@pytest.fixture
def x():
    return np.random.default_rng(0).standard_normal((37, 256)).astype(F32)


@pytest.mark.parametrize("n", SIZES)
def test_bits_equal_the_stages_and_values_the_matrix(x, n):
    signs = np.where(np.random.default_rng(n).random(n) < 0.5, -1, 1)
    runs = x.reshape(37, -1, n)
    y = hadamard(x, n, signs).reshape(runs.shape)
    np.testing.assert_array_equal(y, stages(runs * signs.astype(F32)))
    np.testing.assert_allclose(y, runs * signs @ matrix(n) / np.sqrt(n), atol=1e-5)
    back = hadamard(y.reshape(x.shape), n, signs, inverse=True)
    np.testing.assert_allclose(back, x, atol=2e-6)
    np.testing.assert_array_equal(back, (stages(y) * signs.astype(F32)).reshape(x.shape))


@pytest.mark.parametrize("n", SIZES)
def test_lengths_and_inner_products_stay(x, n):
    y = hadamard(x, n)
    np.testing.assert_allclose(y @ y.T, x @ x.T, atol=1e-3)
    assert not np.allclose(y, x)


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_sixteen_bits_are_rounded_once(x, dtype):
    narrow = x.astype(dtype)
    expected = hadamard(narrow.astype(F32), 64).astype(dtype)
    np.testing.assert_array_equal(hadamard(narrow, 64).view(np.uint16), expected.view(np.uint16))


def test_torch_tensors_come_back_as_such(x):
    torch = pytest.importorskip("torch")
    tensor = torch.from_numpy(x).bfloat16()
    y = hadamard(tensor, 32)
    assert y.dtype == torch.bfloat16
    np.testing.assert_array_equal(y.float().numpy(), hadamard(tensor.float().numpy(), 32).astype(ml_dtypes.bfloat16))


def test_axes_threads_out_and_large_inputs(x):
    np.testing.assert_array_equal(hadamard(x.T, 64, axis=0), hadamard(x, 64).T)
    large = np.resize(x, (9000, 256))
    one, four = hadamard(large, 128, threads=1), hadamard(large, 128, threads=4)
    np.testing.assert_array_equal(one, four)
    np.testing.assert_array_equal(one[:37], hadamard(x, 128))
    out = np.empty_like(x)
    assert hadamard(x, 16, TRANSFORMER_ENGINE_SIGNS, out=out) is out
    column = np.empty((256, 37), F32)
    np.testing.assert_array_equal(hadamard(x.T, 16, axis=0, out=column), hadamard(x, 16).T)


def test_what_is_not_finite_stays_in_its_run():
    x = np.ones((1, 64), F32)
    x[0, 20] = np.nan
    assert np.isnan(hadamard(x, 32)).sum() == 32
    assert hadamard(np.ones((0, 32), F32), 32).shape == (0, 32)


def test_bad_inputs_are_refused(x):
    for n in (0, 8, 24, 256, 16.0, True, "16"):
        with pytest.raises(ValueError, match="n"):
            hadamard(x, n)
    with pytest.raises(ShapeError):
        hadamard(x[:, :100], 16)
    with pytest.raises(ShapeError):
        hadamard(x, 16, [1] * 15)
    with pytest.raises(ValueError, match="signs"):
        hadamard(x, 16, [0.5] * 16)
    with pytest.raises(DtypeError):
        hadamard(x.astype(np.float64), 16)
    with pytest.raises(ValueError, match="overlap"):
        hadamard(x, 16, out=x)
    with pytest.raises(ShapeError):
        hadamard(F32(1), 16)
    before = x.copy()
    x.setflags(write=False)
    hadamard(x, 16)
    np.testing.assert_array_equal(x, before)
