"""The processes of a running split, one per device, joined by TCP connections on loopback."""

from __future__ import annotations

import multiprocessing
import socket
import time
from dataclasses import dataclass
from itertools import pairwise
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any

from paretoserve.errors import StageError
from paretoserve.partition.worker import COUNTERS, HEADER, work

if TYPE_CHECKING:
    from types import TracebackType

    from paretoserve.partition.worker import Task

__all__ = ["Pipeline"]

SECONDS_TO_START = 60.0
SECONDS_TO_STOP = 3.0


def _pair() -> tuple[Connection, Connection]:
    """Return both ends of a connection on loopback that sends at once."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        one = socket.create_connection(server.getsockname())
        other, peer = server.accept()
        while peer != one.getsockname():  # a stranger
            other.close()
            other, peer = server.accept()
    for end in (one, other):
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return Connection(one.detach()), Connection(other.detach())


@dataclass
class _Worker:
    stage: int
    process: Any
    control: Connection


class Pipeline:
    """Runs the tasks of all stages as processes; none is left when the context ends.

    Parameters
    ----------
    tasks : list of list of Task
        Of each stage its replicas.
    titles : list of str
        Of each stage what messages call it.
    timeout_s : float
        Longest wait for the next result, and if it is more than a minute, for the start of all processes.
    """

    def __init__(self, tasks: list[list[Task]], titles: list[str], timeout_s: float) -> None:
        self.titles = titles
        self.timeout_s = timeout_s
        context = multiprocessing.get_context("spawn")
        self.counters: Any = context.RawArray("q", COUNTERS * sum(len(row) for row in tasks))
        sizes = [1, *(len(row) for row in tasks), 1]
        joints = [[[_pair() for _ in range(after)] for _ in range(before)]
                  for before, after in pairwise(sizes)]  # fmt: skip
        self.feeds = [first for first, _ in joints[0][0]]
        self.results = [row[0][1] for row in joints[-1]]
        self.workers: list[_Worker] = []
        self.inner = [row[0][0] for row in joints[-1]] + [second for _, second in joints[0][0]]
        self.inner += [end for joint in joints[1:-1] for row in joint for pair in row for end in pair]
        try:
            for stage, row in enumerate(tasks):
                for replica, task in enumerate(row):
                    control, theirs = context.Pipe()
                    sources = [before[replica][1] for before in joints[stage]]
                    targets = [after[0] for after in joints[stage + 1][replica]]
                    arguments = (task, len(self.workers), self.counters, theirs, sources, targets)
                    process = context.Process(target=work, args=arguments, daemon=True)
                    process.start()
                    theirs.close()
                    self.workers.append(_Worker(stage, process, control))
        except BaseException:
            self.close()
            raise
        for end in self.inner:
            end.close()

    def __enter__(self) -> Pipeline:
        """Return itself when all processes are ready."""
        try:
            seconds = max(self.timeout_s, SECONDS_TO_START)
            until = time.monotonic() + seconds
            for worker in self.workers:
                while not worker.control.poll():
                    self._wait([worker.control], until, f"{self.titles[worker.stage]} did not start in {seconds:g} s")
                self._read(worker)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End all processes."""
        self.close()

    def feed(self, batch: int, payload: bytes) -> None:
        """Hand a batch to the first stage."""
        try:
            self.feeds[batch % len(self.feeds)].send_bytes(HEADER.pack(0, True, len(payload)) + payload)
        except OSError:  # a process of the first stage is gone
            self._wait([], time.monotonic() + self.timeout_s, "", batch)

    def take(self, batch: int) -> float:
        """Return the moment at which the result of a batch is there, in seconds."""
        result = self.results[batch % len(self.results)]
        until = time.monotonic() + self.timeout_s
        while not result.poll():
            self._wait([result], until, "", batch)
        try:
            result.recv_bytes()
        except (EOFError, OSError):
            self._wait([], until, "", batch)
        return time.monotonic()

    def stage_seconds(self, num_stages: int) -> tuple[float, ...]:
        """Return the nanoseconds of computing that each stage has measured, as seconds in sum."""
        sums = [0] * num_stages
        for index, worker in enumerate(self.workers):
            sums[worker.stage] += self.counters[index * COUNTERS + 2]
        return tuple(total / 1e9 for total in sums)

    def close(self) -> None:
        """End all processes, by force if they do not end by themselves."""
        for connection in (*(worker.control for worker in self.workers), *self.feeds, *self.results, *self.inner):
            connection.close()
        until = time.monotonic() + SECONDS_TO_STOP
        for worker in self.workers:
            worker.process.join(max(0.0, until - time.monotonic()))
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()

    def _wait(self, wanted: list[Connection], until: float, late: str, batch: int = 0) -> None:
        """Wait for one of the connections; raise what happened to a stage instead."""
        watched = [w.control for w in self.workers if w.control not in wanted] if not late else []
        sentinels = [w.process.sentinel for w in self.workers]
        ready = wait([*wanted, *watched, *sentinels], max(0.0, until - time.monotonic()))
        if not ready:
            raise StageError(late or f"{self._stuck(batch)} within `timeout_s` of {self.timeout_s:g} s")
        self._check([one for one in ready if one not in wanted])

    def _check(self, ready: list[Any]) -> None:
        for worker in self.workers:
            if worker.control in ready:
                self._read(worker)
        for worker in self.workers:
            if worker.process.sentinel in ready:
                # What it raised may have arrived after the others were looked at.
                while worker.control.poll():
                    self._read(worker)
                raise self._died(worker)

    def _read(self, worker: _Worker) -> None:
        """Take a message; raise what it says unless that is "ready"."""
        try:
            message = worker.control.recv()
        except (EOFError, OSError):
            raise self._died(worker) from None
        if message is not None:
            error = StageError(f"{self.titles[worker.stage]} raised {message[0]}: {message[1]}")
            error.add_note(message[2])
            raise error

    def _died(self, worker: _Worker) -> StageError:
        worker.process.join(SECONDS_TO_STOP)
        return StageError(
            f"{self.titles[worker.stage]} died with exit code {worker.process.exitcode}\n"
            'hint: a script must call this under `if __name__ == "__main__":`; negative codes are signals'
        )

    def _stuck(self, batch: int) -> str:
        """Return where a batch is."""
        for index in reversed(range(len(self.workers))):
            worker = self.workers[index]
            begun, done = self.counters[index * COUNTERS : index * COUNTERS + 2]
            if begun == batch + 1:
                what = "did not send on" if done == begun else "did not compute"
                return f"{self.titles[worker.stage]} {what} batch {batch}"
        return f"{self.titles[0]} did not begin batch {batch}"
