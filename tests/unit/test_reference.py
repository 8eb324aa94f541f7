"""Published figures: sound tables, fronts that brute force finds, and reasons where there are none."""

import math

import numpy as np
import pytest

from paretoserve import reference
from paretoserve.errors import UnknownNameError

FRONTS = {
    "efficientvmamba": ["EfficientVMamba-T", "EfficientVMamba-S", "EfficientVMamba-B"],
    "uav-detr": ["UAV-DETR-EV2", "UAV-DETR-R18", "UAV-DETR-R50"],
    "autonumerics-zero": ["discovered"],
    "muon/combined": ["MLA, MoE and Muon"],
    "flexmore": ["FlexMoRE"],
    "efficient-agents": ["OWL", "Efficient Agents"],
    "fp-quantization-law": ["E2M1", "E4M3", "E8M7"],
    "simplenet": [
        "SimpleNet, slim",
        "Deeply supervised",
        "Stochastic depth 110",
        "SimpleNet, augmented",
        "Fractional max-pooling",
        "Wide ResNet 28/10",
    ],
}
WITH_FRONT = [name for name in reference.tables() if len(reference.points(name).senses) >= 2]


def test_numbers_and_keys_are_complete():
    papers = list(reference.papers().values())
    assert [paper.number for paper in papers] == list(range(1, 72))
    assert {kind: sum(paper.kind == kind for paper in papers) for kind in "ABCD"} == {"A": 7, "B": 33, "C": 17, "D": 14}
    assert len({paper.arxiv for paper in papers}) == 71
    assert all(paper.title and paper.what and 2016 <= paper.year <= 2026 for paper in papers)
    assert papers[0].url == "https://arxiv.org/abs/2601.17111"


@pytest.mark.parametrize("name", reference.tables())
def test_published_tables_are_sound(name):
    published = reference.points(name)
    assert published.source
    assert len(published) == len(
        set(zip(published.labels, *(c.tolist() for c in published.columns.values()), strict=True))
    )
    assert set(published.senses.values()) <= {"min", "max"}
    assert set(published.senses) <= set(published.columns) == set(published.units)
    for column, values in published.columns.items():
        assert values.shape == (len(published),)
        assert not values.flags.writeable
        assert published.units[column]
        if published.units[column] != "text":
            assert not np.isnan(values).all()
            assert not (values == -math.inf).any()


@pytest.mark.parametrize("name", WITH_FRONT)
def test_fronts_are_those_of_brute_force(name):
    published = reference.points(name)
    signs = [1.0 if sense == "min" else -1.0 for sense in published.senses.values()]
    rows = np.array([published.columns[column] for column in published.senses]).T * signs
    whole = ~np.isnan(rows).any(axis=1)
    beaten = [any((other <= row).all() and (other < row).any() for other in rows[whole]) for row in rows]
    expected = {label for label, out, ok in zip(published.labels, beaten, whole, strict=True) if ok and not out}
    assert set(reference.front(name).table["label"]) == expected


@pytest.mark.parametrize(("name", "labels"), FRONTS.items())
def test_members_of_published_fronts(name, labels):
    assert reference.front(name).table["label"] == labels


def test_papers_without_figures_say_why():
    for paper in reference.papers().values():
        assert paper.tables or paper.notes, paper.key
    with pytest.raises(UnknownNameError, match=r"`think-deep` has no published table: the abstract states no figure"):
        reference.points("think-deep")
    with pytest.raises(UnknownNameError, match="efficientvmamba"):
        reference.points("efficientvmamb")


def test_figures_that_other_rows_state():
    usd = reference.table("efficient-agents")
    per_pass = np.array(usd["cost_usd"]) / usd["relative_accuracy"]
    assert 1 - per_pass[1] / per_pass[0] == pytest.approx(0.4076, abs=1e-4)
    energy = reference.table("dynamic-reasoning")
    assert np.array(energy["energy_wh"]) / energy["ratio"] == pytest.approx([2.552, 2.552], abs=2e-3)
    size = reference.table("flexmore")["parameters_b"]
    assert size[1] / size[0] == pytest.approx(0.3231, abs=1e-4)
    assert reference.table("quantum-energy")["energy_j"][0] == pytest.approx(1.380649e-23 * 300 * math.log(2), rel=1e-3)


def test_tables_as_arrow_have_units_and_nulls():
    pytest.importorskip("pyarrow")
    table = reference.table("llep", kind="pyarrow")
    assert table.schema.field("speedup").metadata == {b"unit": b"1", b"sense": b"max"}
    assert table.column("peak_memory_ratio").null_count == 1
    assert table.schema.metadata[b"source"] == b"abstract"
    with pytest.raises(ValueError, match='`kind` must be "dict" or "pyarrow", got `csv`'):
        reference.table("llep", kind="csv")


def test_tables_without_direction_are_refused():
    with pytest.raises(ValueError, match="no column of `tilus` has a direction"):
        reference.front("tilus")
    assert reference.front("tilus", {"tilus_speedup": "min"}).table["label"] == ["Marlin"]


def test_plain_data():
    plain = reference.points("fp-quantization-law").to_dict()
    assert plain["columns"]["critical_tokens_t"] == [1730.0, 27.0, 0.4]
    assert plain["senses"] == {"bits": "min", "critical_tokens_t": "max"}


def test_a_published_front_is_drawn(tmp_path):
    pytest.importorskip("matplotlib")
    reference.plot("efficientvmamba", file=tmp_path / "front.svg")
    assert (tmp_path / "front.svg").stat().st_size > 1000
