"""The cache of compiled kernels: processes at once, damage, read-only folders, compilation switched off."""

import subprocess
import sys

import pytest

from paretoserve import _native, cuda
from paretoserve._toolchain import find_nvrtc
from paretoserve.errors import CompileError

FILE = "quant_swizzle.cu"  # the smallest
COMPILE = f"from paretoserve import _native; print(_native.cuda_compile('{FILE}', 'sm_90')[1])"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("PARETOSERVE_CACHE_DIR", str(tmp_path / "kernels"))
    if find_nvrtc() is None:
        pytest.skip("no NVRTC on this machine")
    return tmp_path / "kernels"


def compiled():
    path, cached, _, _ = _native.cuda_compile(FILE, "sm_90")
    return path, cached


def test_processes_at_once_compile_once(folder):
    running = [subprocess.Popen([sys.executable, "-c", COMPILE], stdout=subprocess.PIPE, text=True) for _ in range(4)]
    assert sorted(each.communicate()[0].strip() for each in running) == ["False", "True", "True", "True"]
    assert sorted(path.suffix for path in folder.iterdir()) == [".cubin", ".lock"]


@pytest.mark.parametrize("damage", ["flip", "truncate", "empty", "foreign"])
def test_a_damaged_entry_is_built_again(damage):
    path, _ = compiled()
    with open(path, "rb") as entry:
        whole = entry.read()
    changed = {
        "flip": whole[:-100] + bytes([whole[-100] ^ 1]) + whole[-99:],
        "truncate": whole[: len(whole) // 2],
        "empty": b"",
        "foreign": whole[40:],
    }[damage]
    with open(path, "wb") as entry:
        entry.write(changed)
    assert compiled() == (path, False)
    assert compiled() == (path, True)


def test_a_folder_that_cannot_be_written_costs_only_the_compilation(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PARETOSERVE_CACHE_DIR", str(tmp_path / "file" / "below"))
    assert compiled() == (None, False)
    monkeypatch.setattr(_native, "cuda_kernels", lambda: [(FILE, "", "")])
    with pytest.raises(OSError, match=r"cannot be written\nhint: set PARETOSERVE_CACHE_DIR"):
        cuda.compile_kernels("sm_90")


def test_compilation_switched_off_is_refused_unless_the_cache_has_it(monkeypatch):
    monkeypatch.setenv("PARETOSERVE_DISABLE_JIT", "1")
    with pytest.raises(CompileError, match=r"not in the cache for sm_90 and PARETOSERVE_DISABLE_JIT is set\nhint: "):
        compiled()
    monkeypatch.setenv("PARETOSERVE_DISABLE_JIT", "0")
    path, _ = compiled()
    monkeypatch.setenv("PARETOSERVE_DISABLE_JIT", "1")
    assert compiled() == (path, True)


def test_a_filled_cache_needs_no_compiler(monkeypatch):
    path, _ = compiled()
    monkeypatch.setattr("paretoserve._toolchain.find_nvrtc", lambda: None)
    assert compiled() == (path, True)


def test_without_its_own_variable_the_users_cache_folder_is_used(tmp_path, monkeypatch):
    monkeypatch.delenv("PARETOSERVE_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert compiled()[0].startswith(str(tmp_path / "xdg" / "paretoserve" / "kernels"))
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert compiled()[0].startswith(str(tmp_path / "home" / ".cache" / "paretoserve" / "kernels"))
