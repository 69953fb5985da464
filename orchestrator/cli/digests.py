"""What a plan was made from, as digests: for every object its fields, so that a later look can say what has moved.

Digests are made with the host's key, and they leave out what changes by itself while nothing changes for a plan.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from typing import Any

from orchestrator.model.canonical import canonical
from orchestrator.model.container import Container
from orchestrator.model.observed import ObservedContainer, ObservedState, State
from orchestrator.model.stack import Stack
from orchestrator.records import fields, is_dataclass

Digests = dict[str, dict[str, str]]

_RESTLESS = frozenset({"status", "started_at", "restart_count", "created_at", "tagged_at", "attached", "error", "id"})
_OF_A_RUN = frozenset({"finished_at", "health", "exit_code", "oom_killed"})


def desired(stack: Stack) -> Digests:
    """For every object of the stack its fields, each with its digest."""
    found: Digests = {}
    for service in stack.services.values():
        found[f"services.{service.name}"] = {
            **_fields(service, stack.key, skip={"container"}),
            **_settings(service.container, stack.key),
        }
    for kind, objects in (("networks", stack.networks), ("volumes", stack.volumes)):
        found |= {f"{kind}.{key}": _fields(value, stack.key) for key, value in objects.items()}
    return found


def observed(state: ObservedState, key: bytes) -> Digests:
    """For every object that was seen its fields, each with its digest; without what changes by itself."""
    found: Digests = {}
    for container in (*state.containers, *state.name_holders.values()):
        found[f"container {container.name}"] = _container(container, key)
    for network in state.networks:
        found[f"network {network.name}"] = _fields(network, key, skip=_RESTLESS - {"id"})
    for volume in state.volumes:
        found[f"volume {volume.name}"] = _fields(volume, key, skip=_RESTLESS)
    for reference, image in state.images.items():
        found[f"image {reference}"] = _fields(image, key, skip=_RESTLESS - {"id"})
    return found


def _container(container: ObservedContainer, key: bytes) -> dict[str, str]:
    found = _fields(container, key, skip={*_RESTLESS, *_OF_A_RUN, "state", "settings", "labels", "image_defaults"})
    found["state"] = digest(key, "up" if container.state in (State.RUNNING, State.RESTARTING) else container.state)
    found["id"] = digest(key, container.id)
    if container.settings is not None:
        found |= {f"settings.{name}": value for name, value in _settings(container.settings, key).items()}
    return found


def _settings(container: Container, key: bytes) -> dict[str, str]:
    found = {name: digest(key, value) for name, value in canonical(container).items()}
    files = [(grant.target, grant.digest, grant.source, grant.uid, grant.gid, grant.mode) for grant in container.files]
    return {**found, "image": digest(key, container.image), **({"files": digest(key, files)} if files else {})}


def _fields(thing: Any, key: bytes, skip: Iterable[str] = ()) -> dict[str, str]:
    without = frozenset(skip)
    return {
        item.name: digest(key, value)
        for item in fields(thing)
        if item.name not in without and (value := getattr(thing, item.name)) not in (None, "", (), {})
    }


def compared(before: Digests, now: Digests, prefix: str = "") -> Iterator[str]:
    """What has moved, object by object and field by field."""
    for name in sorted({*before, *now}):
        if name not in now:
            yield f"{prefix}{name} is gone"
        elif name not in before:
            yield f"{prefix}{name} is new"
        else:
            changed = sorted(f for f in {*before[name], *now[name]} if before[name].get(f) != now[name].get(f))
            if changed == ["id"] or "id" in changed:
                yield f"{prefix}{name} is another one now"
            elif changed:
                yield f"{prefix}{name}: {', '.join(changed)}"


def digest(key: bytes, value: Any) -> str:
    """Stands for a value without telling it."""
    text = json.dumps(plain(value), sort_keys=True, separators=(",", ":"))
    return hmac.digest(key, b"plan" + text.encode(), "sha256").hex()[:16]


def plain(value: Any) -> Any:
    """A value of the model in JSON's kinds, the same text for the same value."""
    if is_dataclass(value) and not isinstance(value, type):
        return {"": type(value).__name__, **{f.name: plain(getattr(value, f.name)) for f in fields(value)}}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (set, frozenset)):
        return sorted((plain(item) for item in value), key=repr)
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value.hex() if isinstance(value, bytes) else value
