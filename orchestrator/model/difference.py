"""What differs between the settings a container should have and those it has, field by field, in words for people.

The desired ``Container``, the one read back from the engine and what its image adds come in; ``Difference`` values go
out, one per key that differs, secrets masked. What the engine can change on a living container is marked ``in_place``;
anything else needs a new one. "The file does not say" differs from a value: someone set it by hand, and the file counts.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from orchestrator.model import humane
from orchestrator.model.canonical import ON_CHANGE, PATHS, Canonical, canonical
from orchestrator.model.container import Container, ImageDefaults, OnChange
from orchestrator.model.masking import both, mask
from orchestrator.model.overlay import overlaid, without_extras, without_image_volumes
from orchestrator.model.plan import Difference

_IMAGE_UNSAID = ("image",)  # compared by image id, by the planner
_ONLY_IF_SAID = ("platform", "mac_address")  # what is read back is often the engine's own choice
_UNREADABLE = ("credential_spec", "use_api_socket", "external_links", "cpu_count", "cpu_percent", "isolation")
_BRACKETED = ("ports", "mounts", "devices", "expose", "volumes_from")
_SETS = ("cap_add", "cap_drop", "security_opt", "device_cgroup_rules", "group_add", "dns_opt", "extra_hosts", "links")

_RESOURCE_PATHS = {
    "nano_cpus": "deploy.resources.limits.cpus",
    "memory": "deploy.resources.limits.memory",
    "pids_limit": "deploy.resources.limits.pids",
    "memory_reservation": "deploy.resources.reservations.memory",
    "memory_swap": "memswap_limit",
}
_SIZES = ("memory", "memory_reservation", "memory_swap", "shm_size", "size")
_DURATIONS = ("interval", "timeout", "start_period", "start_interval", "stop_grace_period_ns")


def differences(
    desired: Container,
    observed: Container,
    defaults: ImageDefaults | None,
    *,
    secrets: Collection[str] = (),
    engine: Container | None = None,
    networks: bool = True,
) -> tuple[Difference, ...]:
    """All that differs. ``defaults`` is what the observed container's image adds; where that is unknown (``None``),
    extras are no difference.

    ``engine`` holds the engine's own defaults: a wish for exactly one of these is met by a field read back as unset.
    ``networks`` False leaves attachments out, for callers that compare them by the engine's ids.
    """
    engine_says = canonical(engine) if engine is not None else {}
    found = between(canonical(desired), observed, defaults, secrets=secrets, engine=engine_says)
    return found if networks else tuple(d for d in found if not d.path.startswith("networks."))


def between(
    desired: Canonical,
    observed: Container,
    defaults: ImageDefaults | None,
    *,
    secrets: Collection[str] = (),
    engine: Canonical | None = None,
) -> tuple[Difference, ...]:
    """As ``differences``, for callers that compare many containers with one wish."""
    wanted, actual = _comparable(desired, canonical(observed), defaults, engine or {})
    if wanted == actual:
        return ()
    found: list[Difference] = []
    for name in ON_CHANGE:
        before, after = actual.get(name), wanted.get(name)
        if before != after and name not in _IMAGE_UNSAID:
            found.extend(_of_field(name, before, after, secrets))
    return tuple(found)


def _comparable(
    desired: Canonical, actual: Canonical, defaults: ImageDefaults | None, engine: Canonical
) -> tuple[Canonical, Canonical]:
    actual = without_image_volumes(actual, desired, defaults)
    if defaults is None:
        actual = without_extras(actual, desired)
        wanted = _without_removals(desired)
    else:
        wanted = without_image_volumes(overlaid(desired, defaults), desired, defaults)
    _forget_unsayable(wanted, actual)
    _accept_engine_defaults(wanted, actual, engine)
    return wanted, actual


def _without_removals(wanted: Canonical) -> Canonical:
    environment = wanted.get("environment", {})
    return {**wanted, "environment": {name: value for name, value in environment.items() if value is not None}}


def _forget_unsayable(wanted: Canonical, actual: Canonical) -> None:
    """Drop from both what cannot be judged."""
    for name in _ONLY_IF_SAID:
        if name not in wanted:
            actual.pop(name, None)
    if _is_same_platform(wanted.get("platform"), actual.get("platform")):
        wanted.pop("platform", None)
        actual.pop("platform", None)
    for name in _UNREADABLE:
        if name not in actual:
            wanted.pop(name, None)
    for settings in (wanted, actual):
        for name in [name for name, value in settings.items() if value in ({}, None)]:
            del settings[name]


def _is_same_platform(wanted: str | None, actual: str | None) -> bool:
    return wanted is None or actual is None or actual.startswith(wanted) or wanted.startswith(actual)


def _accept_engine_defaults(wanted: Canonical, actual: Canonical, engine: Canonical) -> None:
    for name, default in engine.items():
        if name not in actual and wanted.get(name) == default:
            del wanted[name]


def _of_field(name: str, before: Any, after: Any, secrets: Collection[str]) -> list[Difference]:
    if name == "resources":
        return _of_resources(before or {}, after or {})
    if name == "networks":
        return _of_networks(before or {}, after or {})
    path, in_place = PATHS[name], ON_CHANGE[name] is not OnChange.REPLACE
    if not isinstance(before or after, dict):
        return [Difference(path, *both(_text(name, before, secrets), _text(name, after, secrets)), in_place)]
    return [
        Difference(
            mask(f"{path}[{key}]" if name in _BRACKETED else path if name in _SETS else f"{path}.{key}", secrets),
            *both(_entry(name, key, old, secrets), _entry(name, key, new, secrets)),
            in_place,
        )
        for key, old, new in _changed(before or {}, after or {})
    ]


def _changed(before: Canonical, after: Canonical) -> list[tuple[str, Any, Any]]:
    keys = sorted(before.keys() | after.keys())
    return [(key, before.get(key), after.get(key)) for key in keys if before.get(key) != after.get(key)]


def _of_resources(before: Canonical, after: Canonical) -> list[Difference]:
    """Limits change in place; only a limit that goes away, or one of a block device, needs a new container."""
    found = []
    for key, old, new in _changed(before, after):
        path = _resource_path(key)
        implied = key == "memory_swap" and "memory" in after  # the engine takes it from the memory
        in_place = (new is not None or implied) and (not key.startswith("blkio_") or key == "blkio_weight")
        found.append(Difference(path, _text(key, old, ()), _text(key, new, ()), in_place))
    return found


def discardable(settings: Container) -> tuple[str, ...]:
    """Paths of the fields in ``settings`` that an engine leaves out, with a warning at most, where its kernel cannot do them."""
    said = canonical(settings)
    limits = [key for key in said.get("resources") or {} if key.startswith(("blkio_", "cpu_rt_"))]
    fields = [name for name in ("mem_swappiness", "oom_kill_disable") if name in said]
    return tuple(sorted([_resource_path(key) for key in limits] + [PATHS[name] for name in fields]))


def _resource_path(key: str) -> str:
    return _RESOURCE_PATHS.get(key) or (f"blkio_config.{key[6:]}" if key.startswith("blkio_") else key)


def _of_networks(before: Canonical, after: Canonical) -> list[Difference]:
    found = []
    for key, old, new in _changed(before, after):
        if old is None or new is None:
            found.append(Difference(f"networks.{key}", _presence(old), _presence(new), True))
        else:
            found += [
                Difference(f"networks.{key}.{part}", _text(part, was, ()), _text(part, will, ()), True)
                for part, was, will in _changed(old, new)
            ]
    return found


def of_attachment(network: str, before: Canonical | None, after: Canonical | None) -> tuple[Difference, ...]:
    """What differs in how a container hangs on ``network``; ``None``: it does not."""
    return tuple(_of_networks({} if before is None else {network: before}, {} if after is None else {network: after}))


def _presence(value: object) -> str:
    return "" if value is None else "connected"


def _entry(name: str, key: str, value: Any, secrets: Collection[str]) -> str:
    if value is None:
        return ""
    if name in _SETS:
        return mask(_brief(key), secrets)
    if name in ("environment", "labels", "annotations"):
        return mask(str(value), secrets, name=key) or '""'
    if name == "ports":
        return ", ".join(place or "any free port" for place in value)
    return _text(key, value, secrets) or "set"


def _brief(member: str) -> str:
    """A seccomp profile is pages of text: its checksum tells one from another."""
    if not member.startswith("seccomp={"):
        return member
    import zlib

    return f"seccomp profile {zlib.crc32(member.encode()):08x}"


def _text(name: str, value: Any, secrets: Collection[str]) -> str:
    """A value for people; "" means absent."""
    if value is None or value is False:
        return ""
    if value is True:
        return "true"
    if isinstance(value, int):
        return _number(name, value)
    if isinstance(value, tuple):
        return mask(" ".join(_text("", part, secrets) for part in value), secrets) or "(empty)"
    if isinstance(value, dict):
        return ", ".join(f"{key} {_text(key, part, secrets)}" for key, part in value.items())
    return mask(str(value), secrets)


def _number(name: str, value: int) -> str:
    if name == "nano_cpus":
        return humane.cpus(value)
    if name in _SIZES and value > 0:
        return humane.size(value)
    if name in _DURATIONS:
        return humane.duration(value)
    return str(value)
