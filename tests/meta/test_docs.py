"""The guides name what there is: every field, column, option and part; commands and files in them are accepted."""

import dataclasses
import pkgutil
import re
import shlex
from pathlib import Path

import pytest

from _parts import PARTS
from paretoserve import cost, metrics, sim

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
TRACE_AND_LATENCY = re.compile(r"(ttft|tpot|e2e)_(mean|p\d+)_s")


def page(name):
    return (DOCS / name).read_text()


def blocks(language):
    for path in [ROOT / "README.md", *sorted(DOCS.glob("*/*.md"))]:
        yield from re.findall(rf"^```{language}\n(.*?)^```", path.read_text(), re.M | re.S)


def missing(names, text):
    return sorted(name for name in names if not re.search(rf"`[^`]*\b{re.escape(name)}\b[^`]*`", text))


def cli_commands():
    typer = pytest.importorskip("typer")
    from paretoserve.cli._app import app

    return typer.main.get_command(app).commands


def options(command):
    return {option for parameter in command.params for option in parameter.opts}


def test_languages_of_blocks_are_known():
    # Sphinx warns of others, and its warnings are errors.
    known = {"python", "sh", "console", "yaml", "text", "{toctree}", "{eval-rst}"}
    for path in [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]:
        opening = re.findall(r"^```(.*)\n(?:.*\n)*?```$", path.read_text(), re.M)
        assert set(opening) <= known, path


def test_every_page_is_in_the_index():
    listed, trees = page("index.md").split("```{toctree}", 1)
    for path in DOCS.glob("*/*.md"):
        name = str(path.relative_to(DOCS).with_suffix(""))
        assert f"]({name}.md)" in listed
        assert f"\n{name}\n" in trees


def test_every_part_has_a_reference_page():
    assert {path.stem for path in (DOCS / "reference").glob("*.md")} == {*PARTS, "integrations", "papers"}


def test_every_module_of_metrics_has_its_place():
    guide, reference = page("guide/metrics.md"), page("reference/metrics.md")
    prefix = "paretoserve.metrics."
    modules = sorted(module.name for module in pkgutil.walk_packages(metrics.__path__, prefix))
    public = [name for name in modules if "._" not in name]
    assert not missing({name.split(".")[2] for name in public}, guide)
    assert re.findall("automodule:: (.*)", reference) == ["paretoserve.metrics", *public]


def test_fields_of_space_and_system_are_described():
    plan = pytest.importorskip("paretoserve.plan")
    assert not missing(plan.Space.model_fields, page("guide/plan.md"))
    systems = {field.name for field in dataclasses.fields(cost.Hardware)} - {"nccl_buffers"} | {"base", "nccl_bytes"}
    assert not missing(systems, page("guide/models-and-systems.md"))
    assert not missing(cost.config.FAMILIES, page("guide/models-and-systems.md"))
    assert not missing(cost.hardware_names(), page("guide/models-and-systems.md"))


def test_content_of_a_plan_is_described():
    plan = pytest.importorskip("paretoserve.plan")
    space = {"tensor_parallel": 1, "weight_format": "fp8", "policy": "fcfs", "max_num_batched_tokens": 2048}
    result = plan.plan("qwen3-0.6b", "h100_sxm", "azure-chat", gpus=1, limit=16, space=space).to_dict()
    named = {*result, *result["front"][0]}
    assert not missing({name for name in named if not TRACE_AND_LATENCY.fullmatch(name)}, page("guide/plan.md"))


def test_options_of_commands_exist():
    commands = cli_commands()
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    lines = [line for line in lines if "paretoserve " in line and "import" not in line]
    assert len(lines) >= 3
    for line in lines:
        name, *words = shlex.split(line.split("paretoserve ")[-1])
        command = commands[name]
        if hasattr(command, "commands"):
            command = command.commands[words[0]]
        assert {word for word in words if word.startswith("--")} <= options(command), line


def test_options_of_plan_are_described():
    described = page("guide/plan.md")
    assert all(f"`{option}`" in described for option in options(cli_commands()["plan"]))


def test_search_spaces_load():
    plan = pytest.importorskip("paretoserve.plan")
    yaml = pytest.importorskip("yaml")
    spaces = [plan.load_space(yaml.safe_load(block)) for block in blocks("yaml")]
    assert [space.tensor_parallel for space in spaces] == [(2, 4)]


def test_formats_of_the_simulator_have_readers():
    assert sim.load.FORMATS == ("azure", "mooncake", "parquet")
    assert all(word in page("guide/simulate.md").lower() for word in sim.load.FORMATS)
