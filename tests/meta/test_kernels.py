"""The catalog of kernels and the files agree: entries, parameters, what is embedded."""

import re

import pytest

from _kernels import CUDA, ROOT, entries

CATALOG = ROOT / "rust/cuda/src/catalog.rs"
FILES = sorted(path.name for path in (CUDA / "kernels").glob("*.cu"))
KINDS = {"Pointer": "Pointer", "u64": "U64", "u32": "U32", "i32": "I32", "float": "F32"}


def catalog() -> dict[str, dict[str, list[str]]]:
    """Return the parameters of every entry by file, read from the source of the catalog."""
    text = CATALOG.read_text()
    lists = {
        name: re.findall(r"\w+", items)
        for name, items in re.findall(r"const (\w+): &\[Parameter\] =\s+&\[([^\]]*)\];", text)
    }
    found: dict[str, dict[str, list[str]]] = {}
    rows = text.split("kernels! { @ []")[1].split("};")[0].split(";")
    for row in filter(str.strip, rows):
        file, kind, names, tail, parameters = re.fullmatch(
            r'\s*"(\w+\.cu)" (wide|keys|one)\s+\[([^\]]*)\](?:\s+"(\w*)")?\s+(\w+)', row
        ).groups()
        part = {"wide": "quant_", "keys": "pareto_", "one": ""}[kind]
        kinds = {"wide": ("_f32", "_f16", "_bf16"), "keys": ("_narrow", "_wide"), "one": ("",)}
        ends = [f"{tail or ''}{end}" for end in kinds[kind]]
        for name in re.findall(r"\w+", names):
            for end in ends:
                found.setdefault(file, {})[f"paretoserve_{part}{name}{end}"] = lists[parameters]
    return found


def test_every_file_is_in_the_catalog():
    assert sorted(catalog()) == FILES


@pytest.mark.parametrize("file", FILES)
def test_every_entry_is_in_the_catalog_with_its_parameters(file):
    in_file = {name: [KINDS[kind] for kind in kinds] for name, kinds in entries(file).items()}
    assert in_file == catalog()[file]


@pytest.mark.parametrize("folder", ["kernels", "include"])
def test_every_file_is_embedded(folder):
    text = CATALOG.read_text()
    embedded = text.split(f'embed!("{folder}":')[1].split(");")[0]
    assert sorted(re.findall(r'"(\S+)"', embedded)) == sorted(path.name for path in (CUDA / folder).iterdir())


def test_every_file_says_first_what_it_is():
    for path in CUDA.rglob("*.*"):
        assert path.read_text().startswith("// "), path.name


def test_lines_fit():
    for path in CUDA.rglob("*.*"):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            assert len(line) <= 120, f"{path.relative_to(ROOT)}:{number}"
