"""A request router for Ray Serve: calls of a program go to one replica, new ones where the least work remains.

``RequestRouterConfig(request_router_class="paretoserve.integrations.ray.ParetoRouter")`` selects it. A router chooses a
replica, not an order; the order inside a replica is its engine's.
"""

from __future__ import annotations

from typing import Any

from paretoserve._integers import BITS_32, check_integer
from paretoserve.integrations._affinity import Affinity
from paretoserve.integrations._versions import require

__all__ = ["REMAINING", "TESTED", "router_class"]

TESTED = ("2.60", "2.61")
"""Least tested version of Ray, and the first that was not tested."""

REMAINING = "remaining_tokens"
"""Key of a replica's ``record_routing_stats`` under which it may tell its remaining work."""

PROGRAM_FIELDS = ("program", "session_id")
SIZE_FIELDS = ("expected_output_tokens", "max_completion_tokens", "max_tokens")


def router_class() -> type:
    """Return the class for ``request_router_class``; the same as the attribute ``ParetoRouter`` of this module.

    Returns
    -------
    type
        A subclass of Ray's ``RequestRouter``. Its ``request_router_kwargs`` are ``default_tokens`` (256, work of a
        request that does not tell its size) and those of the affinity: ``spill_tokens``, ``max_programs``.

    Raises
    ------
    ImportError
        If Ray Serve is missing or is a version this was not tested with.

    Examples
    --------
    >>> from ray.serve.config import RequestRouterConfig  # doctest: +SKIP
    >>> config = RequestRouterConfig(request_router_class=router_class())  # doctest: +SKIP
    """
    if "ParetoRouter" not in globals():
        require("ray", *TESTED)
        from ray.serve.request_router import RequestRouter

        body = {"__module__": __name__, "__doc__": _Affine.__doc__}
        globals()["ParetoRouter"] = type("ParetoRouter", (_Affine, RequestRouter), body)
    made: type = globals()["ParetoRouter"]
    return made


def __getattr__(name: str) -> type:
    """Make the class when Ray asks for it by name."""
    if name == "ParetoRouter":
        return router_class()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class _Affine:
    """Ray's request router with program affinity and least remaining work."""

    affinity: Affinity
    default_tokens: int

    def initialize_state(self, *, default_tokens: int = 256, **options: Any) -> None:
        """Take over ``request_router_kwargs``."""
        self.default_tokens = check_integer("default_tokens", default_tokens, 1, BITS_32)
        self.affinity = Affinity(**options)

    async def choose_replicas(self, candidate_replicas: list[Any], pending_request: Any = None) -> list[list[Any]]:
        """Return the one replica that is to have the request; Ray waits for it if it is full."""
        engine: Any = self
        if not candidate_replicas:
            return []
        program = None if pending_request is None else _program(pending_request)
        replicas = {_name(replica.replica_id): replica for replica in candidate_replicas}
        open_ones = replicas
        if self.affinity.home(program) not in replicas:
            # A new program does not begin in a queue if it need not.
            free = {_name(replica.replica_id) for replica in engine.select_available_replicas(candidate_replicas)}
            open_ones = {name: replica for name, replica in replicas.items() if name in free} or replicas
        reported = {name: _reported(replica) for name, replica in open_ones.items()}
        chosen = self.affinity.choose(program, open_ones, reported)
        if pending_request is not None:
            self._count(pending_request, chosen)
        return [[replicas[chosen]]]

    def on_request_routed(self, pending_request: Any, replica_id: Any, result: Any) -> None:
        """Count the request where it went."""
        self.affinity.start(
            pending_request.metadata.internal_request_id, _name(replica_id), self._tokens(pending_request)
        )

    def on_request_completed(self, replica_id: Any, internal_request_id: str) -> None:
        """Its work is done."""
        self.affinity.end(internal_request_id)

    def _count(self, pending_request: Any, replica: str) -> None:
        """Count a request that is on its way, until it is completed or given up."""
        request = pending_request.metadata.internal_request_id
        self.affinity.start(request, replica, self._tokens(pending_request))
        pending_request.future.add_done_callback(
            lambda future: self.affinity.end(request) if future.cancelled() else None
        )

    def _tokens(self, pending_request: Any) -> int:
        size = _field(pending_request, SIZE_FIELDS)
        good = isinstance(size, int) and not isinstance(size, bool) and 1 <= size <= BITS_32
        return size if good else self.default_tokens


def _program(pending_request: Any) -> str | None:
    """Return Ray's session id, or what the request itself calls its program."""
    session = pending_request.metadata.session_id
    found = session if session else _field(pending_request, PROGRAM_FIELDS)
    return None if found is None else str(found)


def _field(pending_request: Any, names: tuple[str, ...]) -> Any:
    """Return the first of some fields of a request that is set: a keyword, or in a dictionary or object it carries."""
    sources = [pending_request.kwargs, *pending_request.args]
    for name in names:
        for source in sources:
            value = source.get(name) if isinstance(source, dict) else getattr(source, name, None)
            if value is not None:
                return value
    return None


def _name(replica_id: Any) -> str:
    return str(replica_id.unique_id)


def _reported(replica: Any) -> int:
    tokens = replica.routing_stats.get(REMAINING, 0)
    return tokens if isinstance(tokens, int) else 0
