"""The progress file: what was finished survives kills, torn lines and a full disk."""

import errno

import pytest

from paretoserve.plan.store import Progress, digest


def test_results_come_back(tmp_path):
    with Progress(tmp_path, "abc") as store:
        store.add("one", {"columns": {"ttft_p99_s": 0.1 + 0.2}})
    with Progress(tmp_path, "abc") as store:
        assert store.finished == {"one": {"columns": {"ttft_p99_s": 0.1 + 0.2}}}


def test_other_inputs_see_nothing(tmp_path):
    with Progress(tmp_path, digest(1)) as store:
        store.add("one", {})
    with Progress(tmp_path, digest(2)) as store:
        assert store.finished == {}


@pytest.mark.parametrize("cut", [1, 5, 20])
def test_a_torn_last_line_is_cut_off(tmp_path, cut):
    with Progress(tmp_path, "abc") as store:
        store.add("one", {"a": 1})
        store.add("two", {"a": 2})
        path = store.path
    path.write_bytes(path.read_bytes()[:-cut])
    with Progress(tmp_path, "abc") as store:
        assert list(store.finished) == ["one"]
        store.add("three", {"a": 3})
    with Progress(tmp_path, "abc") as store:
        assert list(store.finished) == ["one", "three"]


def test_rubbish_is_ignored(tmp_path):
    with Progress(tmp_path, "abc") as store:
        store.add("one", {})
        path = store.path
    path.write_bytes(path.read_bytes() + b'\x00\xff{"key": 3\n[]\n')
    with Progress(tmp_path, "abc") as store:
        assert list(store.finished) == ["one"]


def test_a_full_disk_keeps_what_was_written(tmp_path, monkeypatch):
    with Progress(tmp_path, "abc") as store:
        store.add("one", {"a": 1})
        whole = store.path.read_bytes()

        real = store._file

        class Full:
            """Takes three bytes of a record, then nothing more."""

            def __init__(self):
                self.room = 3

            def write(self, data):
                if not self.room:
                    raise OSError(errno.ENOSPC, "no space left on device")
                taken, self.room = real.write(bytes(data[: self.room])), 0
                return taken

            truncate, close = real.truncate, real.close

        monkeypatch.setattr(store, "_file", Full())
        with pytest.raises(OSError, match="no space"):
            store.add("two", {"a": 2})
        assert store.path.read_bytes() == whole
        assert "two" in store.finished


def test_two_runs_do_not_share_a_file(tmp_path):
    with Progress(tmp_path, "abc") as store:
        store.add("one", {})
        with pytest.raises(ValueError, match="another run"):
            Progress(tmp_path, "abc")
        store.add("two", {})
    with Progress(tmp_path, "abc") as store:
        assert list(store.finished) == ["one", "two"]


def test_without_a_folder_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Progress(None, "abc") as store:
        store.add("one", {})
        store.discard()
    assert not list(tmp_path.iterdir())


def test_discard_removes_the_file(tmp_path):
    with Progress(tmp_path, "abc") as store:
        store.add("one", {})
        store.discard()
    assert not list(tmp_path.iterdir())
