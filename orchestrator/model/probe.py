"""``Probe``: how to ask a container from outside whether it is ready (`x-stack.probe`), with no tool needed in its image."""

from __future__ import annotations

from orchestrator.model.values import SECOND
from orchestrator.records import dataclass

IMAGE = "busybox:stable"


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpProbe:
    """A request that must be answered with one of ``statuses`` (inclusive ranges)."""

    port: int
    path: str = "/"
    host: str = "localhost"
    statuses: tuple[tuple[int, int], ...] = ((200, 399),)

    def accepts(self, status: int) -> bool:
        return any(first <= status <= last for first, last in self.statuses)


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """Exactly one of ``http`` and ``tcp`` (a port that must take a connection) is given.

    Failures count from ``start_period_ns`` after the start on; ``retries`` of them in a row are too many. ``image`` is what the
    helper is made from that asks where a container cannot be reached directly.
    """

    http: HttpProbe | None = None
    tcp: int | None = None
    interval_ns: int = SECOND
    timeout_ns: int = 2 * SECOND
    retries: int = 3
    start_period_ns: int = 30 * SECOND
    image: str = IMAGE

    @property
    def port(self) -> int:
        return self.http.port if self.http is not None else self.tcp or 0
