"""Device functions of noisy fronts and of estimated volumes, built with g++: the numbers of the core."""

import ctypes

import numpy as np
import pytest

from _kernels import CUDA, build
from paretoserve import pareto

U32, U64 = ctypes.c_uint32, ctypes.c_uint64


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    return build(tmp_path_factory.mktemp("host"), CUDA / "host" / "host.cpp")


def pointer(array: np.ndarray) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


def words(host, seed, count):
    out = np.empty(count, np.uint32)
    host.host_random(pointer(out), U64(seed), U64(0), U64(count))
    return out


def test_normal_numbers_are_those_of_box_and_muller(host):
    z = np.empty(4000)
    host.host_normals(pointer(z), U64(5), U64(0), U64(z.size))
    unit = (words(host, 5, z.size).astype(np.float64) + 0.5) / 2**32
    radius, angle = np.sqrt(-2 * np.log(unit[::2])), 2 * np.pi * unit[1::2]
    np.testing.assert_allclose(z[::2], radius * np.cos(angle), rtol=0, atol=2e-15 * 7)
    np.testing.assert_allclose(z[1::2], radius * np.sin(angle), rtol=0, atol=2e-15 * 7)


@pytest.mark.parametrize("constant", [0, 1])
def test_normal_numbers_are_those_of_the_core_to_the_last_bit(host, constant):
    # In every group of two a normal number meets a constant; both are on the front only if they are equal.
    n = 4000
    z = np.empty(n)
    host.host_normals(pointer(z), U64(2**63 + 5), U64(0), U64(n))
    rows = np.arange(n)
    mean = np.where(rows % 2 == constant, z[rows ^ 1], 0.0)[:, None]
    std = np.where(rows % 2 == constant, 0.0, 1.0)[:, None]
    found = pareto.front_probability(mean=mean, std=std, num_samples=1, seed=2**63 + 5, groups=rows // 2)
    assert (found.probability == 1).all()


def test_rays_point_where_a_folded_lattice_says(host):
    count, multiplier, shift = 1000, 312763, 0x9ABCDEF1
    rays = np.arange(7, 7 + count)
    reversed_bits = np.array([int(f"{ray:032b}"[::-1], 2) for ray in rays], np.uint64)
    shifted = ((reversed_bits * multiplier + shift) % 2**32).astype(np.uint32)
    folded = (shifted << np.uint32(1)) ^ np.where(shifted >> 31 == 1, np.uint32(2**32 - 1), np.uint32(0))
    coordinate = ((folded >> 9).astype(np.float32) + np.float32(0.5)) * np.float32(2**-23)
    out = np.empty(count, np.float32)
    host.host_ray_inverses(pointer(out), U32(7), U64(count), U32(multiplier), U32(shift))
    np.testing.assert_array_equal(out, np.float32(1) / coordinate)


@pytest.mark.parametrize("exponent", [0, 1, 2, 3, 7, 10, 33])
def test_powers(host, exponent):
    x = np.random.default_rng(1).random(500)
    out = np.empty_like(x)
    host.host_powers(pointer(out), pointer(x), U64(x.size), U32(exponent))
    np.testing.assert_allclose(out, x**exponent, rtol=1e-14)
