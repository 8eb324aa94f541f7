"""Every kernel compiles, on a machine without a GPU.

With the NVRTC that is installed, for one architecture per way of converting numbers (in software, FP8 in hardware, all
in hardware); with the oldest and newest that are supported (`make test-kernels`), for all architectures.
"""

import os

import pytest

from paretoserve import _native, cuda
from paretoserve._toolchain import find_nvrtc
from paretoserve.errors import CompileError

ARCHITECTURES = ("sm_80", "sm_90", "sm_100a", "sm_120a") if os.environ.get("PARETOSERVE_NVRTC") else ("sm_100a",)
FILES = sorted({file for file, _, _ in _native.cuda_kernels()})


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("PARETOSERVE_CACHE_DIR", str(tmp_path))
    if find_nvrtc() is None:
        pytest.skip("no NVRTC on this machine")
    return tmp_path


@pytest.mark.parametrize("arch", ARCHITECTURES)
@pytest.mark.parametrize("file", FILES)
def test_every_kernel_compiles_without_a_warning(file, arch):
    path, cached, nbytes, log = _native.cuda_compile(file, arch)
    assert not cached
    assert log == ""
    with open(path, "rb") as entry:
        code = entry.read()[-nbytes:]
    assert code.startswith(b"\x7fELF")
    for other, entry, _ in _native.cuda_kernels():
        assert (other != file) or entry.encode() in code, entry


def test_kernels_are_compiled_ahead_of_use(folder, monkeypatch):
    monkeypatch.setattr(_native, "cuda_kernels", lambda: [("quant_swizzle.cu", "", ""), ("quant_swizzle.cu", "", "")])
    (first,) = cuda.compile_kernels("sm_90")
    (again,) = cuda.compile_kernels(["sm_90"])
    assert (first.cached, again.cached) == (False, True)
    assert first.path == again.path == folder / first.path.name
    assert first.nbytes == again.nbytes > 1000
    assert cuda.clear_cache() == 1
    assert not list(folder.iterdir())


@pytest.mark.parametrize("arch", ["", "90", "compute_90", "sm_9", "sm_90b"])
def test_a_name_that_is_no_architecture_is_refused(arch):
    with pytest.raises(ValueError, match="`arch` must look like sm_90 or sm_100a, got"):
        cuda.compile_kernels(arch)


def test_an_architecture_that_nvrtc_does_not_know_is_refused():
    with pytest.raises(CompileError, match=r"NVRTC 1\d\.\d+ cannot compile for sm_52\nhint: "):
        cuda.compile_kernels("sm_52")


def test_a_compiler_that_is_none_is_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("PARETOSERVE_NVRTC", str(tmp_path / "libnvrtc.so"))
    with pytest.raises(CompileError, match=r"no usable NVRTC was found at .*\nhint: pip install 'paretoserve\[cuda\]'"):
        cuda.compile_kernels("sm_90")


def test_without_a_compiler_the_way_to_one_is_named(monkeypatch):
    monkeypatch.setattr("paretoserve._toolchain.find_nvrtc", lambda: None)
    with pytest.raises(CompileError, match=r"no usable NVRTC was found\nhint: pip install 'paretoserve\[cuda\]'"):
        cuda.compile_kernels("sm_90")
