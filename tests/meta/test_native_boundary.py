"""The boundary between Python and Rust: what crosses it, and where `unsafe` may stand."""

import re
from pathlib import Path

import pytest

from paretoserve import _native

ROOT = Path(__file__).resolve().parents[2]
RUST = sorted((ROOT / "rust").rglob("*.rs"))
UNSAFE_ALLOWED = ("rust/py/src/arrays.rs", "rust/core/src/simd.rs", "rust/cuda/")


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_every_native_export_is_used_by_python():
    sources = [*(ROOT / "python").rglob("*.py"), *(ROOT / "tools").rglob("*.py")]
    text = "\n".join(path.read_text() for path in sources)
    exports = [name for name in vars(_native) if not name.startswith("__")]
    assert exports
    unused = [name for name in exports if not re.search(rf"\b_native\.{name}\b", text)]
    assert not unused, f"exported by Rust but wrapped nowhere: {unused}"


def test_every_native_export_says_what_it_does():
    exports = {name: thing for name, thing in vars(_native).items() if not name.startswith("__")}
    classes = {name: thing for name, thing in exports.items() if isinstance(thing, type)}
    methods = {f"{name}.{key}": method for name, thing in classes.items() for key, method in vars(thing).items()}
    public = exports | {name: method for name, method in methods.items() if "._" not in name}
    assert not [name for name, thing in public.items() if not thing.__doc__]


def test_every_class_is_frozen():
    for path in RUST:
        for attribute in re.findall(r"#\[pyclass[^\]]*\]", path.read_text()):
            assert "frozen" in attribute, f"{relative(path)}: {attribute} is not frozen"


@pytest.mark.parametrize("crate", ["core", "cuda"])
def test_pure_crates_know_no_python(crate):
    assert "pyo3" not in (ROOT / f"rust/{crate}/Cargo.toml").read_text()


def test_core_depends_on_nothing():
    manifest = (ROOT / "rust/core/Cargo.toml").read_text()
    assert "[dependencies]" not in manifest, "paretoserve-core has no run-time dependency"


def test_every_unsafe_has_a_reason_and_a_place():
    for path in RUST:
        lines = path.read_text().splitlines()
        for number, line in enumerate(lines):
            code = line.split("//")[0]
            # The type of a foreign function does nothing yet.
            if not re.search(r"\bunsafe\b(?!_|\sextern \"C\" fn\()", code):
                continue
            place = relative(path)
            assert place.startswith(UNSAFE_ALLOWED), f"{place}:{number + 1}: unsafe does not belong here"
            before = "\n".join(lines[max(0, number - 4) : number])
            assert "SAFETY:" in before, f"{place}:{number + 1}: unsafe without a SAFETY comment above"


def test_errors_are_mapped_in_one_place():
    for path in (ROOT / "rust/py/src").rglob("*.rs"):
        if path.name == "errors.rs":
            continue
        assert "py.detach(" not in path.read_text() or path.name == "cuda.rs", f"{relative(path)}: use errors::detached"
