"""Energy readings: the real packages where they are installed, and stand-ins with their calls everywhere."""

import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest

from paretoserve.errors import DeviceError, DtypeError, ShapeError
from paretoserve.integrations.energy import Meter, Reading, from_codecarbon, from_zeus, table


class Nvml:
    """Stand-in of pynvml: two GPUs of 100 and 300 W, counters in mJ, with the calls and errors of nvidia-ml-py."""

    class NVMLError(Exception):
        pass

    def __init__(self):
        self.mj = {0: 5_000, 1: 9_000}
        self.open = 0
        self.counts = True

    def nvmlInit(self):  # noqa: N802
        self.open += 1

    def nvmlShutdown(self):  # noqa: N802
        self.open -= 1

    def nvmlDeviceGetCount(self):  # noqa: N802
        return 2

    def nvmlDeviceGetHandleByIndex(self, index):  # noqa: N802
        return index

    def nvmlDeviceGetTotalEnergyConsumption(self, handle):  # noqa: N802
        if not self.counts:
            raise self.NVMLError("Not Supported")
        return self.mj[handle]


@pytest.fixture
def nvml(monkeypatch):
    fake = Nvml()
    monkeypatch.setitem(sys.modules, "pynvml", fake)
    return fake


def test_nvml_counts_laps_and_windows(nvml):
    with Meter("nvml") as meter:
        nvml.mj = {0: 6_000, 1: 12_000}
        first = meter.lap()
        nvml.mj = {0: 7_000, 1: 12_500}
        with meter.window():
            nvml.mj = {0: 7_250, 1: 12_500}
    assert nvml.open == 0
    assert (first.joules, dict(first.parts), first.source) == (4.0, {"gpu0": 1.0, "gpu1": 3.0}, "nvml")
    assert [reading.joules for reading in meter.readings] == [4.0, 0.25]
    assert all(reading.seconds > 0 for reading in meter.readings)


def test_only_the_chosen_gpus_count(nvml):
    with Meter("nvml", gpus=[1]) as meter:
        nvml.mj = {0: 8_000, 1: 9_500}
        assert meter.lap().parts == {"gpu1": 0.5}
    with pytest.raises(DeviceError, match=r"`gpus` must be below 2, the number of GPUs, got 2"), Meter(gpus=[2]):
        pass
    assert nvml.open == 0


def test_counters_that_stand_or_go_back_are_missing_not_free(nvml):
    with Meter("nvml") as meter:
        meter.lap()
        nvml.mj = {0: 100, 1: 9_500}
        meter.lap()
    columns = table(meter.readings)
    assert columns["missing"] == ["no counter moved", "the counter of gpu0 went back"]
    assert np.isnan(columns["joules"]).all()
    assert np.isnan(columns["watts"]).all()


def test_gpus_without_a_counter_are_named(nvml):
    nvml.counts = False
    with pytest.raises(DeviceError, match="gpu0 has no energy counter: Not Supported"), Meter("nvml"):
        pass


def test_what_is_not_installed_is_named(monkeypatch):
    for source, package in (("nvml", "nvidia-ml-py"), ("zeus", "zeus"), ("codecarbon", "codecarbon")):
        for module in ("pynvml", "zeus", "zeus.monitor", "codecarbon"):
            monkeypatch.setitem(sys.modules, module, None)
        with pytest.raises(ModuleNotFoundError, match=f"needs the package {package}\nhint: pip install {package}"):
            Meter(source)


class Monitor:
    """Stand-in of zeus.monitor.ZeusMonitor: 50 W on one GPU and 10 W on one CPU."""

    def __init__(self):
        self.windows = []

    def begin_window(self, key):
        assert key not in self.windows
        self.windows.append(key)

    def end_window(self, key, cancel=False):
        self.windows.remove(key)
        return SimpleNamespace(time=2.0, gpu_energy={0: 100.0}, cpu_energy={0: 20.0}, dram_energy=None, soc_energy=None)


def test_zeus_windows_follow_each_other():
    monitor = Monitor()
    with Meter("zeus", monitor=monitor) as meter:
        meter.lap()
        meter.lap()
    assert monitor.windows == []
    assert [(reading.joules, reading.watts) for reading in meter.readings] == [(120.0, 60.0)] * 2
    assert meter.readings[0].parts == {"gpu0": 100.0, "cpu0": 20.0}
    with pytest.raises(DtypeError, match="`measurement` must be one of zeus, got float"):
        from_zeus(1.0)


def test_codecarbon_keeps_kilowatt_hours():
    run = SimpleNamespace(duration=10.0, cpu_energy=1e-4, gpu_energy=4e-4, ram_energy=5e-5)
    reading = from_codecarbon(run)
    assert reading.joules == pytest.approx(1980.0)
    assert reading.parts["gpu"] == pytest.approx(1440.0)
    with pytest.raises(DtypeError, match=r"got float\nhint: after tracker.stop\(\) take tracker.final_emissions_data"):
        from_codecarbon(0.01)


def test_energy_and_time_make_accuracy_per_watt():
    readings = [Reading(s, j, {"gpu0": j}, "nvml") for j, s in ((120, 10), (80, 8), (200, 16), (100, 10))]
    columns = table(readings)
    assert 0.75 / np.mean(columns["watts"]) == pytest.approx(0.0674157, abs=1e-7)
    assert 0.75 / (sum(columns["joules"]) / sum(columns["seconds"])) == pytest.approx(0.066)
    assert 0.75 / np.mean(columns["joules"]) == pytest.approx(0.006)
    with pytest.raises(ShapeError, match="`readings` must not be empty"):
        table([])


def test_real_nvml_says_that_there_is_no_driver():
    pynvml = pytest.importorskip("pynvml")
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        with pytest.raises(DeviceError, match="NVML does not answer"), Meter("nvml"):
            pass
    else:
        pynvml.nvmlShutdown()
        with Meter("nvml") as meter:
            time.sleep(0.5)
            assert 1 < meter.lap().watts < 5000


def test_real_zeus_measures():
    zeus = pytest.importorskip("zeus.monitor")
    with Meter("zeus", monitor=zeus.ZeusMonitor(gpu_indices=[])) as meter:
        time.sleep(0.05)
        assert meter.lap().seconds >= 0.05


def test_real_codecarbon_measures():
    pytest.importorskip("codecarbon")
    with Meter("codecarbon") as meter:
        time.sleep(0.1)
        reading = meter.lap()
    assert reading.joules > 0
    assert reading.seconds >= 0.1
