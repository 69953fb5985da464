"""A container's settings written as a service of a file: the way back from the model to what people write.

``service`` takes settings as an engine reports them and what their image says anyway; only the rest is written, in the
short forms that people use where these say it all. A test writes and reads every attribute; one that nobody has thought
of here is an error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from orchestrator.model.container import Container, ImageDefaults
from orchestrator.model.values import (
    Attachment,
    BlkioConfig,
    Device,
    DeviceRequest,
    Healthcheck,
    Logging,
    Mount,
    MountType,
    Port,
    RestartPolicy,
    Ulimit,
)
from orchestrator.records import fields
from orchestrator.spec.values import duration_text

Node = dict[str, Any]
_FROM_IMAGE = ("command", "entrypoint", "user", "working_dir", "stop_signal", "healthcheck")
# Found elsewhere: the image is written first, networks need their keys, files cannot be read back, the rest follows from others.
_APART = frozenset(("image", "platform", "networks", "files", "use_api_socket", "mounts"))


def service(settings: Container, defaults: ImageDefaults, *, networks: Mapping[str, Attachment] | None = None) -> Node:
    """The service as a mapping; ``networks`` by their keys in the file."""
    node: Node = {"image": settings.image}
    for item in fields(Container):
        if item.name in _APART:
            continue
        value = getattr(settings, item.name)
        if value == _unsaid(item.name, settings, defaults):
            continue
        node.update(_written(item.name, value, settings, defaults))
    _mounts(node, settings.mounts, defaults)
    if networks and not settings.network_mode:
        node |= _networks({key: _attachment(one) for key, one in networks.items()})
    return node


def _networks(attachments: Mapping[str, Node | None]) -> Node:
    if any(attachments.values()):
        return {"networks": {**attachments}}
    return {} if list(attachments) == ["default"] else {"networks": sorted(attachments)}


def _unsaid(name: str, settings: Container, defaults: ImageDefaults) -> Any:
    """What the field holds where the file says nothing."""
    if name == "command" and settings.entrypoint != defaults.entrypoint:
        return None  # another entrypoint takes the image's command away
    return getattr(defaults, name) if name in _FROM_IMAGE else getattr(Container(), name)


def _written(name: str, value: Any, settings: Container, defaults: ImageDefaults) -> Node:
    if name in ("environment", "labels"):
        own = _beyond(value, getattr(defaults, name), removable=name == "environment")
        return {name: own} if own else {}
    if name == "expose":
        published = {f"{port.target}/{port.protocol}" for port in settings.ports} | set(defaults.expose)
        exposed = [one.removesuffix("/tcp") for one in value if one not in published]
        return {name: exposed} if exposed else {}
    if name == "resources":
        return {key: shown for key, shown in _resources(value).items() if shown not in (None, "")}
    written: Node = _WRITERS[name](value) if name in _WRITERS else {name: _plain(value)}
    return written


def _beyond(value: Mapping[str, Any], image: Mapping[str, str], *, removable: bool) -> Node:
    """Entries that the image does not have; a variable of the image that is gone is written without a value."""
    own = {key: entry for key, entry in value.items() if key not in image or image[key] != entry}
    if removable:
        own |= {key: None for key in image if key not in value}
    return own


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    return dict(value) if isinstance(value, Mapping) else value


def _healthcheck(value: Healthcheck | None) -> Node:
    if value is None:
        return {}
    if value.disabled:
        return {"healthcheck": {"disable": True}}
    times = {
        "interval": value.interval_ns,
        "timeout": value.timeout_ns,
        "start_period": value.start_period_ns,
        "start_interval": value.start_interval_ns,
    }
    node: Node = {"test": list(value.test)} if value.test else {}
    node |= {key: duration_text(time) for key, time in times.items() if time is not None}
    return {"healthcheck": node | ({} if value.retries is None else {"retries": value.retries})}


def _port(port: Port) -> Any:
    if port.mode != "ingress" or port.name or port.app_protocol:
        return _given(port, mode="ingress", protocol="tcp")
    protocol = "" if port.protocol == "tcp" else f"/{port.protocol}"
    host = f"[{port.host_ip}]" if ":" in port.host_ip else port.host_ip
    parts = [part for part in (host, port.published) if part]
    if host and not port.published:
        return _given(port, mode="ingress", protocol="tcp")
    return ":".join([*parts, f"{port.target}{protocol}"])


def _given(value: Any, **usual: Any) -> Node:
    """The attributes of a record that say something."""
    shown = {item.name: _plain(getattr(value, item.name)) for item in fields(type(value))}
    return {key: one for key, one in shown.items() if one not in ("", None, [], {}) and usual.get(key) != one}


def _device(device: Device) -> str:
    suffix = "" if device.permissions == "rwm" else f":{device.permissions}"
    return f"{device.source}:{device.target}{suffix}"


def _requests(requests: tuple[DeviceRequest, ...]) -> Node:
    devices = [_given(request) for request in requests]
    for device in devices:
        if device.get("count") == -1:
            device["count"] = "all"
    return {"deploy": {"resources": {"reservations": {"devices": devices}}}}


def _restart(policy: RestartPolicy) -> Node:
    return {"restart": f"{policy.name}:{policy.max_retries}" if policy.max_retries else policy.name}


def _ulimits(limits: Mapping[str, Ulimit]) -> Node:
    return {
        "ulimits": {
            name: one.soft if one.soft == one.hard else {"soft": one.soft, "hard": one.hard}
            for name, one in limits.items()
        }
    }


def _logging(logging: Logging | None) -> Node:
    return {} if logging is None else {"logging": _given(logging)}


def _extra_host(entry: str) -> str:
    name, _, address = entry.partition(":")
    return f"{name}={address}"


def _resources(resources: Any) -> Node:
    cpus = resources.nano_cpus
    return {
        "cpus": None if cpus is None else f"{cpus // 10**9}.{cpus % 10**9:09}".rstrip("0").rstrip("."),
        "cpu_shares": resources.cpu_shares,
        "cpu_period": resources.cpu_period,
        "cpu_quota": resources.cpu_quota,
        "cpu_rt_period": resources.cpu_rt_period,
        "cpu_rt_runtime": resources.cpu_rt_runtime,
        "cpuset": resources.cpuset,
        "mem_limit": _size(resources.memory),
        "mem_reservation": _size(resources.memory_reservation),
        "memswap_limit": _size(resources.memory_swap),
        "pids_limit": resources.pids_limit,
        "blkio_config": None if resources.blkio is None else _blkio(resources.blkio),
    }


def _blkio(config: BlkioConfig) -> Node:
    node: Node = {} if config.weight is None else {"weight": config.weight}
    if config.weight_device:
        node["weight_device"] = [{"path": one.path, "weight": one.rate} for one in config.weight_device]
    for key in ("device_read_bps", "device_read_iops", "device_write_bps", "device_write_iops"):
        if getattr(config, key):
            node[key] = [{"path": one.path, "rate": one.rate} for one in getattr(config, key)]
    return node


def _size(value: int | None) -> Any:
    """``64m`` where it is a whole number of something."""
    if value is None or value <= 0:
        return value
    for unit, size in (("g", 1 << 30), ("m", 1 << 20), ("k", 1 << 10)):
        if value % size == 0:
            return f"{value // size}{unit}"
    return value


def _mounts(node: Node, mounts: tuple[Mount, ...], defaults: ImageDefaults) -> None:
    volumes = [_mount(one) for one in mounts if not one.tmpfs_options and not _of_image(one, defaults)]
    tmpfs = [f"{one.target}:{one.tmpfs_options}" for one in mounts if one.tmpfs_options]
    node |= {key: value for key, value in (("volumes", volumes), ("tmpfs", tmpfs)) if value}


def _of_image(mount: Mount, defaults: ImageDefaults) -> bool:
    """An anonymous volume that the image declares comes by itself."""
    return mount.type is MountType.VOLUME and not mount.source and mount.target in defaults.volumes


def _mount(mount: Mount) -> Any:
    source = mount.key or mount.source
    plain = Mount(mount.type, mount.target, mount.source, mount.key, mount.read_only)
    if mount.type is MountType.VOLUME and mount == plain and ":" not in source + mount.target:
        suffix = ":ro" if mount.read_only else ""
        return f"{source}:{mount.target}{suffix}" if source else f"{mount.target}{suffix}"
    node: Node = {"type": mount.type.value, "target": mount.target}
    node |= {"source": source} if source else {}
    node |= {"read_only": True} if mount.read_only else {}
    node |= {"consistency": mount.consistency} if mount.consistency else {}
    details = _DETAILS[mount.type](mount) if mount.type in _DETAILS else {}
    return node | ({mount.type.value: details} if details else {})


_DETAILS: Mapping[MountType, Callable[[Mount], Node]] = {
    MountType.BIND: lambda m: {
        "create_host_path": m.create_host_path,
        **_said(propagation=m.propagation, recursive=m.recursive, selinux=m.selinux),
    },
    MountType.VOLUME: lambda m: _said(nocopy=m.nocopy, subpath=m.subpath, labels=dict(m.labels)),
    MountType.TMPFS: lambda m: _said(size=m.tmpfs_size, mode=m.tmpfs_mode),
    MountType.IMAGE: lambda m: _said(subpath=m.subpath),
}


def _said(**values: Any) -> Node:
    return {key: value for key, value in values.items() if value not in ("", None, False, {})}


def _attachment(attachment: Attachment) -> Node | None:
    node = _given(attachment, priority=0, gw_priority=0)
    node.pop("named", None)  # follows from whether the service has a front end
    return node or None


def _listed(key: str, one: Callable[[Any], Any]) -> Callable[[Any], Node]:
    return lambda value: {key: [one(item) for item in value]}


_WRITERS: Mapping[str, Callable[[Any], Node]] = {
    "healthcheck": _healthcheck,
    "ports": _listed("ports", _port),
    "devices": _listed("devices", _device),
    "device_requests": _requests,
    "restart": _restart,
    "ulimits": _ulimits,
    "logging": _logging,
    "extra_hosts": _listed("extra_hosts", _extra_host),
    "shm_size": lambda value: {"shm_size": _size(value)},
    "stop_grace_period_ns": lambda value: {"stop_grace_period": duration_text(value)},
}
