"""One form for settings that mean the same: a ``Container`` as a flat dict of plain values, free of meaningless order.

A ``Container`` (from the file or from an engine) comes in. Out goes ``{field: value}`` where unset fields are absent and
every collection without order is a dict by what identifies its items: mounts by target, ports by container port,
variables by name. Differences and fingerprints are both made from this form, so that they cannot disagree on what counts
as equal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any

from orchestrator.model import naming
from orchestrator.model.container import Container, OnChange
from orchestrator.model.values import (
    SECOND,
    Attachment,
    BlkioConfig,
    Healthcheck,
    Logging,
    Mount,
    MountType,
    Port,
    Resources,
    RestartPolicy,
    Ulimit,
)
from orchestrator.records import fields, replace

Canonical = dict[str, Any]

# The engine's words for "nothing said", which read back as unset.
_SAME_AS_UNSET: Mapping[str, tuple[object, ...]] = {
    "network_mode": ("default",),
    "isolation": ("default",),
    "init": (False,),
    "oom_kill_disable": (False,),
    "oom_score_adj": (0,),
    "mem_swappiness": (-1,),
    "shm_size": (0,),
}
_UNITS = {"k": 10, "m": 20, "g": 30}  # of sizes in a mount's options, as powers of two


def canonical(container: Container) -> Canonical:
    """The settings as a flat dict; what is unset, or set to the engine's word for unset, is absent."""
    result: Canonical = {}
    for (name, default, unset, convert), value in zip(_ROWS, _VALUES(container), strict=True):
        if value is default or value == default or value in unset:
            continue
        plain = value if convert is None else convert(value)
        if plain is not None:
            result[name] = plain
    _fold_files(container, result)
    _drop_published(result)
    return result


def attachment(value: Attachment) -> Canonical:
    """How a container hangs on one network, without what the engine chose itself."""
    return _said(
        aliases=tuple(sorted(set(value.aliases))),
        ipv4_address=value.ipv4_address,
        ipv6_address=value.ipv6_address,
        link_local_ips=tuple(sorted(value.link_local_ips)),
        mac_address=value.mac_address.lower(),
        driver_opts=dict(value.driver_opts),
        interface_name=value.interface_name,
        gw_priority=value.gw_priority,
    )


def _said(**values: Any) -> Canonical:
    return {name: value for name, value in values.items() if value not in (None, "", (), {}, 0, False)}


def _fold_files(container: Container, result: Canonical) -> None:
    """Configs and secrets that are bind-mounted read back as mounts; copies by their digests alone."""
    result.pop("files", None)
    grants = [grant for grant in container.files if not grant.copied]
    if grants:
        mounts = dict(result.get("mounts", {}))
        mounts.update((g.target, {"type": "bind", "source": g.source, "read_only": True}) for g in grants)
        result["mounts"] = mounts


def _drop_published(result: Canonical) -> None:
    """A published port is exposed without saying so."""
    if "expose" not in result:
        return
    left = {port: True for port in result["expose"] if port not in result.get("ports", {})}
    if left:
        result["expose"] = left
    else:
        del result["expose"]


def _ports(ports: tuple[Port, ...]) -> Canonical:
    bindings: dict[str, list[str]] = {}
    for port in ports:
        published = "" if port.published in ("0", "") else port.published
        host = f"[{port.host_ip}]" if ":" in port.host_ip else port.host_ip
        bindings.setdefault(f"{port.target}/{port.protocol}", []).append(f"{host}:{published}" if host else published)
    return {target: tuple(sorted(set(places))) for target, places in bindings.items()}


def _expose(ports: tuple[str, ...]) -> Canonical:
    result: Canonical = {}
    for port in ports:
        numbers, _, protocol = port.partition("/")
        first, _, last = numbers.partition("-")
        if first.isdigit() and (not last or last.isdigit()):
            for number in range(int(first), int(last or first) + 1):
                result[f"{number}/{protocol or 'tcp'}"] = True
        else:
            result[port] = True
    return result


def _mounts(mounts: tuple[Mount, ...]) -> Canonical:
    return {mount.target: _mount(mount) for mount in mounts}


def _mount(mount: Mount) -> Canonical:
    mount = _spelled_out(mount) if mount.tmpfs_options else mount
    anonymous = mount.type is MountType.VOLUME and not mount.key and is_anonymous(mount.source)
    return {"type": mount.type.value} | _said(
        source="" if anonymous else mount.source,
        read_only=mount.read_only,
        propagation="" if mount.propagation == "rprivate" else mount.propagation,
        recursive=mount.recursive,
        selinux=mount.selinux,
        nocopy=mount.nocopy,
        subpath=mount.subpath,
        size=mount.tmpfs_size,
        mode=mount.tmpfs_mode,
        options=mount.tmpfs_options,
    )


def _spelled_out(mount: Mount) -> Mount:
    """A tmpfs whose options are one text, with those that have fields of their own in these."""
    found: dict[str, Any] = {}
    rest = []
    for word in mount.tmpfs_options.split(","):
        key, _, value = word.partition("=")
        if key == "size" and value[:-1].isdigit() and value[-1:].lower() in _UNITS:
            found["tmpfs_size"] = int(value[:-1]) << _UNITS[value[-1:].lower()]
        elif key == "size" and value.isdigit():
            found["tmpfs_size"] = int(value)
        elif key == "mode" and value and not value.strip("01234567"):
            found["tmpfs_mode"] = int(value, 8)
        elif word == "ro":
            found["read_only"] = True
        else:
            rest.append(word)
    return replace(mount, **found, tmpfs_options=",".join(rest))


def is_anonymous(volume: str) -> bool:
    """Whether an engine's volume name is one that the engine made up."""
    return not volume or (len(volume) == 64 and all(c in "0123456789abcdef" for c in volume))


def _healthcheck(value: Healthcheck) -> Canonical | None:
    if value.disabled:
        return {"test": ("NONE",)}
    return (
        _said(
            test=value.test,
            interval=value.interval_ns,
            timeout=value.timeout_ns,
            start_period=value.start_period_ns,
            start_interval=value.start_interval_ns,
            retries=value.retries,
        )
        or None
    )


def _resources(value: Resources) -> Canonical | None:
    swap = None if value.memory is not None and value.memory_swap == 2 * value.memory else value.memory_swap
    return (
        _said(
            nano_cpus=value.nano_cpus,
            cpu_shares=value.cpu_shares,
            cpu_period=value.cpu_period,
            cpu_quota=value.cpu_quota,
            cpu_rt_period=value.cpu_rt_period,
            cpu_rt_runtime=value.cpu_rt_runtime,
            cpuset=value.cpuset,
            memory=value.memory,
            memory_reservation=value.memory_reservation,
            memory_swap=swap,
            pids_limit=None if value.pids_limit in (-1, 0) else value.pids_limit,
            **_blkio(value.blkio),
        )
        or None
    )


def _blkio(value: BlkioConfig | None) -> Canonical:
    if value is None:
        return {}
    result: Canonical = {"blkio_weight": value.weight}
    for name in ("weight_device", "device_read_bps", "device_read_iops", "device_write_bps", "device_write_iops"):
        result[f"blkio_{name}"] = tuple(sorted((rate.path, rate.rate) for rate in getattr(value, name)))
    return result


def _restart(value: RestartPolicy) -> str | None:
    if value.name in ("", "no"):
        return None
    return f"{value.name}:{value.max_retries}" if value.max_retries else value.name


def _logging(value: Logging) -> Canonical | None:
    return _said(driver=value.driver, options=dict(value.options)) or None


def _ulimits(value: Mapping[str, Ulimit]) -> Canonical:
    return {name: (limit.soft, limit.hard) for name, limit in value.items()}


def _labels(value: Mapping[str, str]) -> Canonical | None:
    return {name: text for name, text in value.items() if not naming.is_reserved(name)} or None


def _capabilities(value: tuple[str, ...]) -> Canonical:
    return {name.upper().removeprefix("CAP_"): True for name in value}


def _security(value: tuple[str, ...]) -> Canonical:
    return dict.fromkeys(map(_security_option, value), True)


def _security_option(option: str) -> str:
    if option.startswith(("seccomp={", "seccomp:{")):
        return _profile(option[len("seccomp=") :])
    name, separator, rest = option.partition("=") if "=" in option.partition(":")[0] else option.partition(":")
    plain = f"{name}={rest}" if separator else name
    return plain.removesuffix("=true") if name == "no-new-privileges" else plain


def _profile(text: str) -> str:
    """A seccomp profile whatever the order and spacing of its text."""
    import json

    try:
        return "seccomp=" + json.dumps(json.loads(text), separators=(",", ":"), sort_keys=True)
    except ValueError:
        return f"seccomp={text}"


def _extra_hosts(value: tuple[str, ...]) -> Canonical:
    result: Canonical = {}
    for entry in value:
        host, _, address = entry.partition("=") if "=" in entry else entry.partition(":")
        result[f"{host}:{address.strip('[]')}"] = True
    return result


def _devices(value: tuple[Any, ...]) -> Canonical:
    return {device.target: (device.source, "".join(sorted(device.permissions))) for device in value}


def _device_requests(value: tuple[Any, ...]) -> tuple[object, ...]:
    rows = (
        (
            r.driver,
            r.count or 0,
            tuple(sorted(r.device_ids)),
            tuple(sorted(r.capabilities)),
            tuple(sorted(r.options.items())),
        )
        for r in value
    )
    return tuple(sorted(rows))


def _members(value: tuple[str, ...]) -> Canonical:
    return dict.fromkeys(value, True)


def _networks(value: Mapping[str, Attachment]) -> Canonical:
    return {name: attachment(how) for name, how in value.items()}


def _seconds(nanoseconds: int) -> int:
    """The engine keeps whole seconds; translation rounds up."""
    return -(-nanoseconds // SECOND) * SECOND


def _directory(path: str) -> str:
    return path.rstrip("/") or "/"


def _environment(value: Mapping[str, str | None]) -> Canonical:
    return dict(value)


_CONVERTERS: Mapping[str, Callable[[Any], Any]] = {
    "environment": _environment,
    "labels": _labels,
    "annotations": dict,
    "working_dir": _directory,
    "stop_grace_period_ns": _seconds,
    "healthcheck": _healthcheck,
    "cap_add": _capabilities,
    "cap_drop": _capabilities,
    "security_opt": _security,
    "devices": _devices,
    "device_cgroup_rules": _members,
    "device_requests": _device_requests,
    "group_add": _members,
    "dns_opt": _members,
    "extra_hosts": _extra_hosts,
    "links": _members,
    "external_links": _members,
    "networks": _networks,
    "ports": _ports,
    "expose": _expose,
    "mounts": _mounts,
    "volumes_from": _members,
    "logging": _logging,
    "sysctls": dict,
    "ulimits": _ulimits,
    "storage_opt": dict,
    "mac_address": str.lower,
    "credential_spec": dict,
    "restart": _restart,
    "resources": _resources,
}

_NAMES = tuple(f.name for f in fields(Container))
_VALUES = attrgetter(*_NAMES)
_ROWS = tuple(
    (name, default, _SAME_AS_UNSET.get(name, ()), _CONVERTERS.get(name))
    for name, default in zip(_NAMES, _VALUES(Container()), strict=True)
)

ON_CHANGE: Mapping[str, OnChange] = {f.name: f.metadata["on_change"] for f in fields(Container)}
PATHS: Mapping[str, str] = {f.name: f.metadata["path"] or f.name for f in fields(Container)}
