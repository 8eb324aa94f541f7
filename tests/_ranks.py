"""Functions run by several processes of one gloo group on this machine, one thread each.

The processes are forked from a server that has imported torch once, which saves seconds for each. Results come back
by rank; a rank that died counts as `Gone`.
"""

import multiprocessing
import os
import tempfile
import time
from dataclasses import dataclass

PRELOAD = ["torch", "torch.distributed", "paretoserve.moe.executor.passes"]


@dataclass
class Gone:
    """A rank that ended without a result."""

    exit_code: int


@dataclass
class Raised:
    """A rank whose function raised, when, and what."""

    kind: str
    text: str
    seconds: float


def run(num_ranks, function, *arguments, limit_s=200, raises=False):
    """Return ``function(rank, num_ranks, *arguments)`` of every rank; with `raises`, what they raised instead."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOAD)
    with tempfile.TemporaryDirectory() as folder:
        pipes, processes = [], []
        for rank in range(num_ranks):
            here, there = context.Pipe(duplex=False)
            start = (function, rank, num_ranks, os.path.join(folder, "store"), arguments, there)
            process = context.Process(target=_rank, args=start)
            process.start()
            there.close()
            pipes.append(here)
            processes.append(process)
        try:
            found = [
                _result(pipe, process, time.monotonic() + limit_s)
                for pipe, process in zip(pipes, processes, strict=False)
            ]
        finally:
            for process in processes:
                process.kill()
                process.join()
    if not raises:
        for rank, one in enumerate(found):
            assert not isinstance(one, Gone | Raised), f"rank {rank}: {one}"
    return found


def _result(pipe, process, deadline):
    assert pipe.poll(max(deadline - time.monotonic(), 0)), "a rank hangs"
    try:
        return pipe.recv()
    except EOFError:
        process.join()
        return Gone(process.exitcode)


def _rank(function, rank, num_ranks, store, arguments, pipe):
    import torch
    import torch.distributed as dist

    torch.set_num_threads(1)
    dist.init_process_group("gloo", store=dist.FileStore(store, num_ranks), rank=rank, world_size=num_ranks)
    start = time.monotonic()
    try:
        pipe.send(function(rank, num_ranks, *arguments))
    except Exception as error:
        pipe.send(Raised(type(error).__name__, str(error), time.monotonic() - start))
    pipe.close()
    # Connections stay open until all have their results; the parent ends this process.
    time.sleep(600)
