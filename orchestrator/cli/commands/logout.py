"""`stack logout`: forget the credentials for a registry."""

from __future__ import annotations

from orchestrator.cli.declare import argument
from orchestrator.cli.wiring import Context
from orchestrator.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    server: str = argument("[SERVER]", "The registry; Docker Hub if not given.", required=False)


def run(context: Context, options: Options) -> int:
    forgotten = context.engine.operations.logout(options.server)
    server = options.server or "Docker Hub"
    context.show(f"Removed login credentials for {server}\n" if forgotten else f"Not logged in to {server}\n")
    return 0
