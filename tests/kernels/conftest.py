"""The fake driver, built once for all tests that run programs on it."""

import pytest

import _fake_driver


@pytest.fixture(scope="session")
def programs(tmp_path_factory):
    programs = _fake_driver.Programs(_fake_driver.build(tmp_path_factory.mktemp("driver")))
    yield programs
    programs.close()
