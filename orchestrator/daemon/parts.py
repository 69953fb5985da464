"""What a daemon is made from."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from orchestrator.engines.base import Engine
from orchestrator.engines.console import Console
from orchestrator.events import Quiet, Sink
from orchestrator.model.host import Host
from orchestrator.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """``load`` reads the host file; ``key`` is the host's; ``sink`` takes progress of a stack."""

    load: Callable[[], Host]
    engine: Engine
    console: Callable[[], Console]
    environment: Mapping[str, str]
    state: str
    key: Callable[[], bytes]
    sink: Callable[[str], Sink] = lambda _stack: Quiet()
    workers: int = 8
    pace: float = 1.0
