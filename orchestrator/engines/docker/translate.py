"""``CreateContainer`` into the body of the engine's create call: pure, one row per field of ``Container``.

A row is a function that puts its field into a ``Draft``. What a field needs to know of its neighbours (networks,
peers, the API version) comes in the ``Wish``. A field without a row is found by a test. Settings that an older
engine would drop in silence are refused here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from orchestrator.engines.docker import translate_host as host
from orchestrator.engines.docker import translate_mounts as mounts
from orchestrator.engines.docker import translate_network as network
from orchestrator.engines.docker import translate_resources as resources
from orchestrator.engines.docker.draft import Draft, Row, Wish, config, host_config
from orchestrator.engines.docker.surroundings import Surroundings
from orchestrator.model import naming
from orchestrator.model.actions import CreateContainer, OneOff
from orchestrator.model.values import SECOND, Healthcheck

MISSING_START_INTERVAL = (1, 44)
ANNOTATIONS = (1, 43)


def create(action: CreateContainer, around: Surroundings) -> Draft:
    """The whole request for ``action``; networks that need calls of their own are left in ``draft.connect``."""
    draft = Draft()
    wish = Wish(action, around)
    for row in ROWS.values():
        row(draft, wish)
    if action.oneoff is not None:
        _oneoff(draft, action.oneoff)
    return draft


def _oneoff(draft: Draft, oneoff: OneOff) -> None:
    if oneoff.auto_remove:
        draft.host["AutoRemove"] = True
    if oneoff.stdin_once:
        draft.config |= {"AttachStdin": True, "StdinOnce": True}


def _platform(draft: Draft, wish: Wish) -> None:
    if wish.settings.platform:
        draft.query["platform"] = wish.settings.platform


def _words(key: str, field: str) -> Row:
    """Commands: an empty list is a word of its own ("nothing, whatever the image says")."""

    def row(draft: Draft, wish: Wish) -> None:
        value: tuple[str, ...] | None = getattr(wish.settings, field)
        if value is not None:
            draft.config[key] = list(value)

    return row


def _labels(draft: Draft, wish: Wish) -> None:
    labels = {**wish.settings.labels, **wish.action.labels}
    if wish.around.image_id and naming.PROJECT in labels:
        labels[naming.IMAGE] = wish.around.image_id
    if wish.around.inodes and naming.PROJECT in labels:
        labels[naming.INODES] = wish.around.inodes
    if labels:
        draft.config["Labels"] = labels


def _annotations(draft: Draft, wish: Wish) -> None:
    if wish.settings.annotations:
        wish.around.need(ANNOTATIONS, "annotations")
        draft.host["Annotations"] = dict(wish.settings.annotations)


def _environment(draft: Draft, wish: Wish) -> None:
    if wish.settings.environment:
        draft.config["Env"] = assignments(wish.settings.environment)


def assignments(environment: Mapping[str, str | None]) -> list[str]:
    """``KEY=value``; a bare ``KEY`` asks the engine to remove the image's own variable."""
    return [key if value is None else f"{key}={value}" for key, value in environment.items()]


def _stop_timeout(draft: Draft, wish: Wish) -> None:
    grace = wish.settings.stop_grace_period_ns
    if grace is not None:
        # Whole seconds, rounded up: Compose cuts 500ms to 0, which kills at once.
        draft.config["StopTimeout"] = -(-grace // SECOND)


def _healthcheck(draft: Draft, wish: Wish) -> None:
    check = wish.settings.healthcheck
    if check is None:
        return
    if check.start_interval_ns is not None:
        wish.around.need(MISSING_START_INTERVAL, "healthcheck.start_interval")
    draft.config["Healthcheck"] = healthcheck(check)


def healthcheck(check: Healthcheck) -> dict[str, Any]:
    if check.disabled:
        return {"Test": ["NONE"]}
    durations = {
        "Interval": check.interval_ns,
        "Timeout": check.timeout_ns,
        "StartPeriod": check.start_period_ns,
        "StartInterval": check.start_interval_ns,
        "Retries": check.retries,
    }
    return {"Test": list(check.test)} | {key: value for key, value in durations.items() if value is not None}


def _use_api_socket(draft: Draft, wish: Wish) -> None:
    if wish.settings.use_api_socket and not mounts.has_target(draft, mounts.API_SOCKET):
        draft.mounts.append({"Type": "bind", "Source": mounts.API_SOCKET, "Target": mounts.API_SOCKET})


_list: Callable[[tuple[str, ...]], list[str]] = list
_dict: Callable[[Mapping[str, str]], dict[str, str]] = dict

# In the order of Container's fields. Rows that look at what others put into the draft come after them.
ROWS: Mapping[str, Row] = {
    "image": config("Image", "image"),
    "platform": _platform,
    "command": _words("Cmd", "command"),
    "entrypoint": _words("Entrypoint", "entrypoint"),
    "environment": _environment,
    "user": config("User", "user"),
    "working_dir": config("WorkingDir", "working_dir"),
    "hostname": config("Hostname", "hostname"),
    "domainname": config("Domainname", "domainname"),
    "tty": config("Tty", "tty"),
    "stdin_open": config("OpenStdin", "stdin_open"),
    "labels": _labels,
    "annotations": _annotations,
    "stop_signal": config("StopSignal", "stop_signal"),
    "stop_grace_period_ns": _stop_timeout,
    "healthcheck": _healthcheck,
    "init": host_config("Init", "init", keep_false=True),
    "privileged": host_config("Privileged", "privileged"),
    "read_only": host_config("ReadonlyRootfs", "read_only"),
    "cap_add": host_config("CapAdd", "cap_add", host.capabilities),
    "cap_drop": host_config("CapDrop", "cap_drop", host.capabilities),
    "security_opt": host.security_opt,
    "devices": host.devices,
    "device_cgroup_rules": host_config("DeviceCgroupRules", "device_cgroup_rules", _list),
    "device_requests": host.device_requests,
    "group_add": host_config("GroupAdd", "group_add", _list),
    "dns": host_config("Dns", "dns", _list),
    "dns_opt": host_config("DnsOptions", "dns_opt", _list),
    "dns_search": host_config("DnsSearch", "dns_search", _list),
    "extra_hosts": host_config("ExtraHosts", "extra_hosts", _list),
    "links": network.links,
    "external_links": network.external_links,
    "network_mode": network.mode,
    "networks": network.endpoints,
    "ports": network.ports,
    "expose": network.expose,
    "mounts": mounts.mounts,
    "files": mounts.files,
    "volumes_from": mounts.volumes_from,
    "ipc": host.namespace("IpcMode", "ipc"),
    "pid": host.namespace("PidMode", "pid"),
    "uts": host.namespace("UTSMode", "uts"),
    "userns_mode": host_config("UsernsMode", "userns_mode"),
    "cgroup": host_config("CgroupnsMode", "cgroup"),
    "cgroup_parent": host_config("CgroupParent", "cgroup_parent"),
    "isolation": host_config("Isolation", "isolation"),
    "runtime": host_config("Runtime", "runtime"),
    "logging": host.logging,
    "sysctls": host_config("Sysctls", "sysctls", _dict),
    "ulimits": host.ulimits,
    "shm_size": host_config("ShmSize", "shm_size"),
    "storage_opt": host_config("StorageOpt", "storage_opt", _dict),
    "oom_kill_disable": host_config("OomKillDisable", "oom_kill_disable", keep_false=True),
    "oom_score_adj": host_config("OomScoreAdj", "oom_score_adj"),
    "mac_address": network.mac_address,
    "mem_swappiness": host_config("MemorySwappiness", "mem_swappiness", keep_false=True),
    "cpu_count": host_config("CpuCount", "cpu_count"),
    "cpu_percent": host_config("CpuPercent", "cpu_percent"),
    "credential_spec": host.credential_spec,
    "use_api_socket": _use_api_socket,
    "restart": resources.restart,
    "resources": resources.resources,
}
