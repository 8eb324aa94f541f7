"""The process of one device in a running split: it takes batches, computes or sleeps, and sends on.

One thread receives, one sends, so that a device computes while bytes are on their way. Links are limited by time
stamps: a batch counts as arrived when the links on the way, one transfer after another, would have brought it. A stage
that sleeps is busy by time stamps too: from the arrival of its batch or the end of the one before, so that a process
which this machine wakes late does not sleep its whole time after that.
"""

from __future__ import annotations

import os
import pickle
import signal
import struct
import threading
import time
import traceback
from dataclasses import dataclass
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from multiprocessing.connection import Connection

__all__ = ["COUNTERS", "HEADER", "Lane", "Task", "work"]

HEADER = struct.Struct("<q?q")
"""Of a message: a time in nanoseconds, whether links are in it already, and the bytes that links count."""

COUNTERS = 3
"""Numbers of a process that others see: batches begun, batches computed, nanoseconds of the measured ones."""

ARRIVAL = struct.Struct("<q")
"""What a receiver answers where a sender waits: when the transfer arrived."""


@dataclass(frozen=True)
class Task:
    """What one process does.

    Attributes
    ----------
    replica, replicas : int
        It takes the batches replica, replica + replicas, ...
    total, first_measured : int
        Batches in all, and the first whose computing is timed.
    seconds : float
        What it sleeps for a batch, if `stage` is None.
    output_bytes : int
        What it then sends.
    stage : bytes or None
        A pickled function.
    before, after : tuple of (float, float), or None
        Latency in nanoseconds and nanoseconds per byte of each link on the lane that this end keeps, if it does.
    waits_before, waits_after : bool
        Whether a sender waits until its transfer has arrived.
    is_last : bool
        Whether its results stay where they are.
    """

    replica: int
    replicas: int
    total: int
    first_measured: int
    seconds: float
    output_bytes: int
    stage: bytes | None
    before: tuple[tuple[float, float], ...] | None
    after: tuple[tuple[float, float], ...] | None
    waits_before: bool
    waits_after: bool
    is_last: bool


class Lane:
    """Links one behind the other, each busy with one transfer at a time, as `split_front` has it."""

    def __init__(self, hops: Sequence[tuple[float, float]]) -> None:
        self.hops = hops
        self.free = [0] * len(hops)

    def arrival(self, departed: int, num_bytes: int) -> int:
        """Return when a transfer has passed all links, in nanoseconds."""
        for hop, (latency, per_byte) in enumerate(self.hops):
            departed = max(departed, self.free[hop]) + round(latency + num_bytes * per_byte)
            self.free[hop] = departed
        return departed


def work(
    task: Task, index: int, counters: Any, control: Connection, sources: list[Connection], targets: list[Connection]
) -> None:
    """Run a process until its caller closes `control`."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the caller has it too, and stops us
    stopped = threading.Thread(target=_until_closed, args=(control,), daemon=True)
    stopped.start()
    try:
        stage = None if task.stage is None else _loaded(task.stage)
        control.send(None)
        mine = memoryview(counters).cast("B").cast("q")[index * COUNTERS :]
        _compute(task, stage, mine, sources, targets, lambda error: _report(control, error))
    except BaseException as error:
        _report(control, error)
    stopped.join()


def _report(control: Connection, error: BaseException) -> None:
    """Tell the caller what a stage raised; of a lost neighbor it knows already."""
    if not isinstance(error, _GoneError):
        text = "".join(traceback.format_exception(error))
        control.send((type(error).__name__, str(error), text))


class _GoneError(OSError):
    """The process at the other end of a connection is gone."""


def _until_closed(control: Connection) -> None:
    """End the process when its caller has closed the connection, or is gone."""
    try:
        control.recv_bytes()
    except (EOFError, OSError):
        os._exit(0)


def _loaded(stage: bytes) -> Callable[[Any], Any]:
    function: Callable[[Any], Any] = pickle.loads(stage)  # from our own caller
    return function


def _compute(
    task: Task,
    stage: Callable[[Any], Any] | None,
    counters: memoryview[int],
    sources: list[Connection],
    targets: list[Connection],
    report: Callable[[BaseException], None],
) -> None:
    inbox: SimpleQueue[tuple[int, bytes] | None] = SimpleQueue()
    outbox: SimpleQueue[tuple[int, int, Any]] = SimpleQueue()
    threading.Thread(target=_receive, args=(task, sources, inbox), daemon=True).start()
    sender = _Sender(task, targets)
    if not task.waits_after:
        threading.Thread(target=_send, args=(sender, outbox, report), daemon=True).start()
    ended = 0
    for batch in range(task.replica, task.total, task.replicas):
        got = inbox.get()
        if got is None:
            raise _GoneError
        arrived, payload = got
        _sleep_until(arrived)
        counters[0] = batch + 1
        result: Any
        if stage is None:
            began = max(arrived, ended)
            ended = began + round(task.seconds * 1e9)
            _sleep_until(ended)
            result = bytes(task.output_bytes)
        else:
            value = pickle.loads(payload)  # from a process of the same run
            began = time.monotonic_ns()
            result = stage(value)
            ended = time.monotonic_ns()
        if batch >= task.first_measured:
            counters[2] += ended - began
        counters[1] = batch + 1
        if task.waits_after:
            ended = sender.send(batch, ended, result)
        else:
            outbox.put((batch, ended, result))


def _receive(task: Task, sources: list[Connection], inbox: SimpleQueue[tuple[int, bytes] | None]) -> None:
    lane = Lane(task.before or ())
    try:
        for batch in range(task.replica, task.total, task.replicas):
            source = sources[batch % len(sources)]
            message = source.recv_bytes()
            here = time.monotonic_ns()
            moment, done, counted = HEADER.unpack_from(message)
            moment = max(here, moment if done else lane.arrival(moment, counted))
            if task.waits_before:
                _sleep_until(moment)
                source.send_bytes(ARRIVAL.pack(moment))
            inbox.put((moment, message[HEADER.size :]))
    except (EOFError, OSError):
        inbox.put(None)


def _send(sender: _Sender, outbox: SimpleQueue[tuple[int, int, Any]], report: Callable[[BaseException], None]) -> None:
    try:
        while True:
            sender.send(*outbox.get())
    except BaseException as error:
        report(error)


class _Sender:
    """Sends results to the replicas of the next stage in turn; to the caller only that there is one."""

    def __init__(self, task: Task, targets: list[Connection]) -> None:
        self.task = task
        self.targets = targets
        self.lane = None if task.after is None else Lane(task.after)

    def send(self, batch: int, departed: int, result: Any) -> int:
        """Send one result; return when, or when it has arrived if the device does not compute meanwhile."""
        payload = b"" if self.task.is_last else pickle.dumps(result, protocol=5)
        counted = len(payload) if self.task.stage is not None else self.task.output_bytes
        moment = departed if self.lane is None else self.lane.arrival(departed, counted)
        target = self.targets[batch % len(self.targets)]
        try:
            target.send_bytes(HEADER.pack(moment, self.lane is not None, counted) + payload)
            if self.task.waits_after:
                departed = int(ARRIVAL.unpack(target.recv_bytes())[0])
        except (EOFError, OSError) as error:
            raise _GoneError from error
        return departed


def _sleep_until(moment: int) -> None:
    left = moment - time.monotonic_ns()
    if left > 0:
        time.sleep(left / 1e9)
