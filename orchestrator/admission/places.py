"""Where in the user's files a violation comes from: from a field of a request back to the lines that asked for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from orchestrator.admission.rules import Violation
from orchestrator.spec.document import Map

Path = tuple[str | int, ...]

# The beginning of a field of a request -> keys of a service that it may come from.
_OF_SERVICE: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("HostConfig.Privileged", ("privileged",)),
    ("HostConfig.PidMode", ("pid",)),
    ("HostConfig.IpcMode", ("ipc",)),
    ("HostConfig.UTSMode", ("uts",)),
    ("HostConfig.UsernsMode", ("userns_mode",)),
    ("HostConfig.CgroupnsMode", ("cgroup",)),
    ("HostConfig.CgroupParent", ("cgroup_parent",)),
    ("HostConfig.NetworkMode", ("network_mode", "networks")),
    ("HostConfig.CapAdd", ("cap_add",)),
    ("HostConfig.SecurityOpt", ("security_opt", "credential_spec")),
    ("HostConfig.MaskedPaths", ("security_opt",)),
    ("HostConfig.ReadonlyPaths", ("security_opt",)),
    ("HostConfig.Devices", ("devices",)),
    ("HostConfig.DeviceCgroupRules", ("device_cgroup_rules",)),
    ("HostConfig.DeviceRequests", ("gpus", "devices", "deploy.resources.reservations.devices")),
    ("HostConfig.Runtime", ("runtime",)),
    ("HostConfig.Isolation", ("isolation",)),
    ("HostConfig.Sysctls", ("sysctls",)),
    ("HostConfig.OomKillDisable", ("oom_kill_disable",)),
    ("HostConfig.OomScoreAdj", ("oom_score_adj",)),
    ("HostConfig.PidsLimit", ("pids_limit", "deploy.resources.limits.pids")),
    ("HostConfig.Annotations", ("annotations",)),
    ("HostConfig.LogConfig", ("logging",)),
    ("HostConfig.PortBindings", ("ports",)),
    ("HostConfig.Binds", ("volumes", "use_api_socket")),
    ("HostConfig.Mounts", ("volumes", "use_api_socket", "secrets", "configs")),
    ("HostConfig.VolumesFrom", ("volumes_from",)),
    ("HostConfig.Links", ("links", "external_links")),
    ("NetworkingConfig", ("networks", "external_links", "links")),
    ("Image", ("image",)),
    ("Labels", ("labels",)),
    ("name", ("container_name",)),
)
_OF_HOOK = {"Privileged": "privileged", "HostConfig.Privileged": "privileged", "User": "user", "Image": "image"}
_OF_NETWORK = {"Driver": "driver", "Options": "driver_opts", "IPAM": "ipam", "Labels": "labels", "Name": "name"}
_OF_VOLUME = {"Driver": "driver", "DriverOpts": "driver_opts", "Labels": "labels", "Name": "name"}
_TELLING = (("published",), ("source",), ("device",))  # of several places that say the same, these mean it
_HOOKS = ("pre_start", "post_start", "pre_stop")


def path(model: Map, base: Path, violation: Violation) -> Path:
    """The path of what breaks the rule, the nearest there is."""
    candidates = list(_candidates(model, base, violation))
    for candidate in candidates:
        found = _find(_node(model, candidate), violation.value)
        if found is not None:
            return (*candidate, *found)
    return candidates[0] if candidates else base


def _candidates(model: Map, base: Path, violation: Violation) -> Iterator[Path]:
    """Paths that are there, the likeliest first."""
    field = violation.field
    keys: tuple[str, ...] = ()
    if base[0] == "services" and len(base) == 2:
        keys = next((keys for begin, keys in _OF_SERVICE if field.startswith(begin)), ())
        if violation.rule == "bind":
            yield from _files(model, base, violation.value)
    elif base[0] == "services" and base[2] in _HOOKS:
        own = _OF_HOOK.get(field)
        if own and _has(model, (*base, own)):
            yield (*base, own)
        elif field.startswith("HostConfig."):
            yield from _candidates(model, base[:2], violation)
        return
    elif base[0] == "services":
        keys = (field.partition(".")[0].partition("[")[0],)
    else:
        known = _OF_NETWORK if base[0] == "networks" else _OF_VOLUME
        keys = tuple(key for begin, key in known.items() if field.startswith(begin))
    for key in keys:
        path = (*base, *key.split("."))
        if _has(model, path):
            yield path


def _files(model: Map, base: Path, value: str) -> Iterator[Path]:
    """Configs and secrets that are files: named in the service, placed at the top."""
    for kind in ("configs", "secrets"):
        for grant in _node(model, (*base, kind)) or ():
            source = grant.get("source") if isinstance(grant, dict) else grant
            path = (kind, str(source), "file")
            if _has(model, path) and _node(model, path) == value:
                yield path


def _has(model: Any, path: Path) -> bool:
    return _node(model, path) not in (None, False, [], {})


def _node(node: Any, path: Path) -> Any:
    for part in path:
        if isinstance(part, int):
            node = node[part] if isinstance(node, list) and part < len(node) else None
        else:
            node = node.get(part) if isinstance(node, dict) else None
    return node


def _find(node: Any, value: str) -> Path | None:
    """The path below ``node`` of what says ``value``: exactly so, else as a part of it."""
    wanted = value.lower()
    if not wanted:
        return None
    leaves = sorted(_leaves(node, ()), key=lambda leaf: leaf[0][-1:] not in _TELLING)
    for alike in (_same, _part):
        for path, text in leaves:
            if alike(wanted, text.lower()):
                return path
    return None


def _same(wanted: str, text: str) -> bool:
    return wanted == text


def _part(wanted: str, text: str) -> bool:
    return bool(text) and (wanted in text or (len(text) > 2 and text in wanted))


def _leaves(node: Any, path: Path) -> Iterator[tuple[Path, str]]:
    """Every text below, and every name of an entry as a text at its place."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield (*path, key), str(key)
            yield from _leaves(value, (*path, key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _leaves(value, (*path, index))
    elif node is not None:
        yield path, str(node)
