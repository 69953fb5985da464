"""`stack port`: where a container's port is published on the host."""

from __future__ import annotations

from orchestrator.cli import containers, loading
from orchestrator.cli.declare import argument, number, text
from orchestrator.cli.wiring import Context
from orchestrator.engines.console import Listed
from orchestrator.errors import NotFound, UsageError
from orchestrator.model import naming
from orchestrator.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    service: str = argument("SERVICE")
    private_port: str = argument("PRIVATE_PORT")
    index: int | None = number("--index", help="Which replica; the lowest if not given.")
    protocol: str = text("--protocol", metavar="tcp|udp", default="tcp", help="tcp or udp.")


def run(context: Context, options: Options) -> int:
    port, _, suffix = options.private_port.partition("/")
    protocol = (suffix or options.protocol).lower()
    if not port.isdigit():
        raise UsageError(f"{options.private_port!r} is no port", hint="write a number, such as 80")
    container = _publisher(context, options)
    for one in container.publishers:
        if one.target == int(port) and one.protocol == protocol and one.published:
            context.show(f"{f'[{one.url}]' if ':' in one.url else one.url}:{one.published}\n")
            return 0
    known = ", ".join(str(one) for one in container.publishers) or "none"
    raise NotFound(f"no port {port}/{protocol} is published by {container.name}", hint=f"its ports: {known}")


def _publisher(context: Context, options: Options) -> Listed:
    """A replica, or the front end that stands before all of them where none was asked for by its number."""
    name = loading.name_of(context)
    if options.index is None:
        for container in containers.of_stack(context, name, everything=False):
            if container.labels.get(naming.FRONT) == options.service:
                return container
    return containers.replica(context, name, options.service, options.index)
