"""Which containers a command means: those of the stack at hand, of the services named, or one replica.

One list call answers; names are checked against the file only when no container settles them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from orchestrator.cli.wiring import Context
from orchestrator.engines.console import Listed
from orchestrator.errors import NotFound, UnknownService
from orchestrator.model import naming


def of_stack(context: Context, name: str, *, everything: bool = True, oneoff: bool = False) -> list[Listed]:
    """The stack's containers by name; one-off ones only if asked for."""
    found = context.engine.console.containers(labels=(f"{naming.PROJECT}={name}",), everything=everything)
    return sorted((c for c in found if oneoff or not c.oneoff), key=lambda container: container.name)


def of_services(context: Context, found: Sequence[Listed], services: Sequence[str]) -> list[Listed]:
    """Those of the services named, all where none is. A name that neither a container nor the file knows is refused."""
    if not services:
        return list(found)
    known = {container.service for container in found}
    for pattern in services:
        if not _any_matches(known, pattern):
            _check(context, pattern, known)
    return [container for container in found if matches(container.service, services)]


def matches(service: str, patterns: Iterable[str]) -> bool:
    """Whether one of the names, which may be glob patterns, means the service."""
    return any(fnmatchcase(service, pattern) for pattern in patterns)


def replica(context: Context, name: str, service: str, index: int | None, *, running: bool = True) -> Listed:
    """One container of a service: the one of that number, else the lowest; one that `run` made if there is no other."""
    found = of_services(context, of_stack(context, name, oneoff=True), (service,))
    candidates = sorted((c for c in found if c.running or not running), key=lambda c: (c.oneoff, c.slot, c.created))
    for container in candidates:
        if not index or index < 1 or (container.slot == index and not container.oneoff):
            return container
    number = f" container #{index}" if index else ""
    state = "running" if running else "there"
    raise NotFound(
        f'service "{service}" is not {state}{number}', hint=f"`stack ps -a {service}` shows what there is of it"
    )


def short_name(container: Listed) -> str:
    """``web-1``: the container's name without the stack's."""
    for separator in "-_":
        if container.name.startswith(container.stack + separator):
            return container.name[len(container.stack) + 1 :]
    return container.name


def _any_matches(names: Iterable[str], pattern: str) -> bool:
    return any(fnmatchcase(name, pattern) for name in names)


def _check(context: Context, pattern: str, known: set[str]) -> None:
    """The service has no container: it may still be one of the file's."""
    from orchestrator.cli import loading

    declared = loading.identify(context).services
    if declared is not None and _any_matches(declared, pattern):
        return
    from difflib import get_close_matches

    names = sorted(known | set(declared or ()))
    close = get_close_matches(pattern, names, n=1)
    hint = f"did you mean {close[0]}?" if close else f"the services are {', '.join(names)}" if names else ""
    raise UnknownService(f"no such service: {pattern}", hint=hint)
