"""Jobs for a single machine made from public data: predicted lengths of answers, and programs that call a model."""

import csv
import gzip
import heapq
import json
import lzma
from itertools import count

import numpy as np

from _data import data
from paretoserve import sim

SSJF = {
    "3 classes": "traces/ssjf_predictions/predictions_warmup_cls_1000K.part1.csv.gz",
    "5 classes": "traces/ssjf_predictions/predictions_warmup_multi_cls_1000K.part1.csv.gz",
}
CHAT = "traces/azure2023/AzureLLMInferenceTrace_conv.part1.csv.gz"
AGENTS = "traces/taubench/gpt-4o-airline.even_tasks.json.xz"
UNIT = 64
"""Units of work per token, so that a Poisson stream in whole units is fine enough."""
PREFILL = 50
"""Prompt tokens that cost as much as an output token: the scheduler's default `prefill_weight` of 0.02."""


def predicted(kind):
    """Return true lengths and what a real predictor said of each: the mean length of its class in the other half."""
    with gzip.open(data(SSJF[kind]), "rt") as lines:
        rows = [(int(row["output_token_length"]), int(row["predicted_length"])) for row in csv.DictReader(lines)]
    size, group = np.array(rows, dtype=np.int64).T
    half = len(size) // 2
    mean = np.array([size[:half][group[:half] == member].mean() for member in range(group.max() + 1)])
    return size[half:], np.round(mean[group[half:]]).astype(np.int64)


def within(size, estimate, distortion):
    """Return the jobs whose estimates are wrong so little that the distortion mu_1 * mu_2 is at most this."""
    near = np.maximum(size, estimate) <= np.sqrt(distortion) * np.minimum(size, estimate)
    return size[near], estimate[near]


def stream(size, estimate, load, seed=1):
    """Return keywords of `simulate_jobs` for jobs of these tokens that arrive at random."""
    gaps = np.random.default_rng(seed).exponential(UNIT * size.mean() / load, len(size))
    return {"release": np.cumsum(gaps).astype(np.int64), "size": UNIT * size, "estimate": UNIT * estimate}


def ratio(jobs, policy):
    """Return the mean flow time under a policy over the least possible."""
    known = {name: jobs[name] for name in ("release", "size", "num_operations") if name in jobs}
    return sim.simulate_jobs(**jobs, policy=policy).flow.sum() / sim.optimal_flow(**known)


def least_estimated(release, size, estimate, *, outlived):
    """Total flow time of the least estimated remaining work first, where an outlived estimate counts as `outlived`."""
    order, waiting, ticket = np.argsort(release, kind="stable").tolist(), [], count()
    left, said = size.tolist(), estimate.tolist()
    now = flow = place = 0
    while waiting or place < len(order):
        now = now if waiting else max(now, int(release[order[place]]))
        while place < len(order) and release[order[place]] <= now:
            job = order[place]
            heapq.heappush(waiting, (said[job], next(ticket), job))
            place += 1
        _, number, job = heapq.heappop(waiting)
        work = left[job] if said[job] <= 0 else min(left[job], said[job])
        if place < len(order):
            work = min(work, int(release[order[place]]) - now)
        now, left[job], said[job] = now + work, left[job] - work, said[job] - work
        if left[job]:
            heapq.heappush(waiting, (outlived if said[job] <= 0 else said[job], number, job))
        else:
            flow += now - int(release[job])
    return flow


def agents():
    """Return recorded programs as work per call, in units of a prompt token; a token is four characters."""
    with lzma.open(data(AGENTS)) as file:
        runs = json.load(file)
    programs = []
    for run in runs:
        calls, unread = [], 0
        for message in run["traj"]:
            text = str(message.get("content") or "")
            for call in message.get("tool_calls") or []:
                text += call["function"]["name"] + call["function"]["arguments"]
            tokens = max(1, round(len(text) / 4))
            if message["role"] == "assistant":
                calls.append(PREFILL * tokens + unread)
                unread = 0
            else:
                unread += tokens
        programs.append(calls)
    return programs


def chat_and_agents(share, n, load, seed):
    """Return `n` jobs for `simulate_jobs`, of which `share` are programs and the others single chat requests."""
    trace = sim.load_trace(data(CHAT))
    chat = PREFILL * trace.output_tokens.astype(np.int64) + trace.prompt_tokens
    programs, draw = agents(), np.random.default_rng(seed)
    jobs = [
        programs[draw.integers(len(programs))] if is_agent else [int(chat[draw.integers(len(chat))])]
        for is_agent in draw.random(n) < share
    ]
    size = np.concatenate([np.array(job, dtype=np.int64) for job in jobs])
    release = np.cumsum(draw.exponential(size.sum() / n / load, n)).astype(np.int64)
    return {"release": release, "size": size, "num_operations": np.array([len(job) for job in jobs])}
