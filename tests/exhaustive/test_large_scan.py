"""Ten million rows with four objectives scanned in less than 1 GB; `make exhaustive` runs it, with 500 MB of disk."""

import os

import pytest

from _scan_memory import scanned, write_table

pytestmark = [
    pytest.mark.skipif("PARETOSERVE_EXHAUSTIVE" not in os.environ, reason="takes a minute; set PARETOSERVE_EXHAUSTIVE"),
    pytest.mark.timeout(0),
]


@pytest.mark.parametrize("rows_per_group", [1_000_000, 10_000_000], ids=["ten groups", "one group"])
def test_ten_million_rows(tmp_path, rows_per_group):
    pytest.importorskip("pyarrow")
    write_table(tmp_path / "t.parquet", 10_000_000, 4, rows_per_group=rows_per_group)
    before, after, size = scanned(tmp_path / "t.parquet", 4)
    print(f"peak {after:.0f} MiB, {before:.0f} MiB of it before the scan")
    assert after < 950
    assert size > 100
