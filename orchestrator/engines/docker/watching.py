"""The engine's events as changes: which stack's object it is about, as far as the engine says, and nothing that changes nothing.

Commands run inside containers, attachments, copies and the like are no changes; health is.
"""

from __future__ import annotations

from collections.abc import Callable

from orchestrator.engines.base import Change
from orchestrator.engines.docker import changes
from orchestrator.engines.docker.client import Client
from orchestrator.model import naming

_KINDS = ("container", "network", "volume")
_OF_CONTAINERS = frozenset(
    [
        "create",
        "start",
        "restart",
        "die",
        "stop",
        "kill",
        "oom",
        "destroy",
        "rename",
        "update",
        "pause",
        "unpause",
        "health_status",
    ]
)
_OF_OTHERS = frozenset(["create", "destroy", "remove", "connect", "disconnect"])


def watch(client: Client, listener: Callable[[Change], None]) -> Callable[[], None]:
    """Tell ``listener`` of every change from now on; the answer ends that."""
    subscription = changes.subscribe(client, {"type": list(_KINDS)})

    def tell(what: changes.EngineEvent | changes.Gap) -> None:
        change = Change("gap", action=what.reason) if isinstance(what, changes.Gap) else of_event(what)
        if change is not None:
            listener(change)

    subscription.listen(tell)
    return subscription.close


def of_event(event: changes.EngineEvent) -> Change | None:
    """The change that an event tells of, if it does."""
    known = _OF_CONTAINERS if event.kind == "container" else _OF_OTHERS
    if event.action not in known:
        return None
    name = event.name or event.id
    return Change(event.kind, name, event.attributes.get(naming.PROJECT, ""), event.action)
