"""The engine's inspect answer into ``Container``, in the file's words: one row per field, the mirror of ``translate``.

What the engine adds by itself (defaults, generated names and addresses) reads as "the file does not say", so that
comparing with the file shows only what someone decided. A field without a row is found by a test.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.engines.docker import labels
from orchestrator.engines.docker import readback_host as host
from orchestrator.engines.docker import readback_mounts as mounts
from orchestrator.engines.docker import readback_network as network
from orchestrator.engines.docker import readback_resources as resources
from orchestrator.engines.docker.reading import (
    Reader,
    Reading,
    list_of_host,
    map_of_host,
    of_config,
    of_host,
    unless_default,
)
from orchestrator.model.container import Container, ImageDefaults
from orchestrator.model.values import SECOND, Healthcheck


def container(reading: Reading) -> Container:
    return Container(**{name: read(reading) for name, read in ROWS.items()})


def _words(key: str) -> Reader:
    def read(reading: Reading) -> tuple[str, ...] | None:
        return words(reading.config.get(key))

    return read


def words(value: list[str] | None) -> tuple[str, ...] | None:
    return None if value is None else tuple(value)


def environment(entries: list[str] | None) -> dict[str, str | None]:
    pairs = (entry.partition("=") for entry in entries or ())
    return {key: value if equals else None for key, equals, value in pairs}


def _hostname(reading: Reading) -> str:
    """The engine's own choices do not count: the short id, the host's name, a shared namespace's name."""
    name: str = reading.config.get("Hostname") or ""
    mode: str = reading.host.get("NetworkMode") or ""
    generated = name == labels.short_id(reading.id) or mode.startswith("container:")
    of_the_host = mode == "host" and name == reading.context.host_name
    return "" if generated or of_the_host else name


def _stop_grace(reading: Reading) -> int | None:
    seconds = reading.config.get("StopTimeout")
    return None if seconds is None else seconds * SECOND


def healthcheck(value: Mapping[str, Any] | None) -> Healthcheck | None:
    if not value:
        return None
    return Healthcheck(
        test=tuple(value.get("Test") or ()),
        interval_ns=value.get("Interval") or None,
        timeout_ns=value.get("Timeout") or None,
        start_period_ns=value.get("StartPeriod") or None,
        start_interval_ns=value.get("StartInterval") or None,
        retries=value.get("Retries") or None,
    )


def image_defaults(image: Mapping[str, Any]) -> ImageDefaults:
    """What an image adds to containers, from the engine's answer about it."""
    config = image.get("Config") or {}
    variables = environment(config.get("Env"))
    return ImageDefaults(
        command=words(config.get("Cmd")),
        entrypoint=words(config.get("Entrypoint")),
        environment={key: value or "" for key, value in variables.items()},
        # A built image carries the project's labels; they are no wish of the image's author.
        labels=labels.user_labels(config.get("Labels") or {}),
        user=config.get("User") or "",
        working_dir=config.get("WorkingDir") or "",
        stop_signal=config.get("StopSignal") or "",
        healthcheck=healthcheck(config.get("Healthcheck")),
        expose=tuple(sorted(config.get("ExposedPorts") or ())),
        volumes=tuple(sorted(config.get("Volumes") or ())),
    )


def _nothing(empty: Any) -> Reader:
    """For what cannot be seen in a container: uploaded files are known by a label, the API socket is a mount."""
    return lambda _: empty


# In the order of Container's fields.
ROWS: Mapping[str, Reader] = {
    "image": of_config("Image"),
    "platform": _nothing(""),  # known from the image: see observe
    "command": _words("Cmd"),
    "entrypoint": _words("Entrypoint"),
    "environment": lambda reading: environment(reading.config.get("Env")),
    "user": of_config("User"),
    "working_dir": of_config("WorkingDir"),
    "hostname": _hostname,
    "domainname": of_config("Domainname"),
    "tty": of_config("Tty", False),
    "stdin_open": of_config("OpenStdin", False),
    "labels": lambda reading: labels.user_labels(reading.labels),
    "annotations": map_of_host("Annotations"),
    "stop_signal": of_config("StopSignal"),
    "stop_grace_period_ns": _stop_grace,
    "healthcheck": lambda reading: healthcheck(reading.config.get("Healthcheck")),
    "init": lambda reading: reading.host.get("Init"),
    "privileged": of_host("Privileged", False),
    "read_only": of_host("ReadonlyRootfs", False),
    "cap_add": host.capabilities("CapAdd"),
    "cap_drop": host.capabilities("CapDrop"),
    "security_opt": host.security_opt,
    "devices": host.devices,
    "device_cgroup_rules": list_of_host("DeviceCgroupRules"),
    "device_requests": host.device_requests,
    "group_add": list_of_host("GroupAdd"),
    "dns": list_of_host("Dns"),
    "dns_opt": list_of_host("DnsOptions"),
    "dns_search": list_of_host("DnsSearch"),
    "extra_hosts": list_of_host("ExtraHosts"),
    "links": network.links,
    "external_links": network.external_links,
    "network_mode": network.mode,
    "networks": network.attachments,
    "ports": network.ports,
    "expose": network.expose,
    "mounts": mounts.mounts,
    "files": _nothing(()),
    "volumes_from": mounts.volumes_from,
    "ipc": host.namespace("IpcMode", "ipc"),
    "pid": host.namespace("PidMode", "pid"),
    "uts": host.namespace("UTSMode", "uts"),
    "userns_mode": of_host("UsernsMode"),
    "cgroup": lambda reading: unless_default("CgroupnsMode", "cgroup")(reading) or "",
    "cgroup_parent": of_host("CgroupParent"),
    "isolation": lambda reading: unless_default("Isolation", "isolation")(reading) or "",
    "runtime": lambda reading: unless_default("Runtime", "runtime")(reading) or "",
    "logging": host.logging,
    "sysctls": map_of_host("Sysctls"),
    "ulimits": host.ulimits,
    "shm_size": unless_default("ShmSize", "shm_size"),
    "storage_opt": map_of_host("StorageOpt"),
    "oom_kill_disable": lambda reading: reading.host.get("OomKillDisable") or None,
    "oom_score_adj": lambda reading: reading.host.get("OomScoreAdj") or None,
    "mac_address": network.mac_address,
    "mem_swappiness": host.swappiness,
    "cpu_count": of_host("CpuCount", None),
    "cpu_percent": of_host("CpuPercent", None),
    "credential_spec": host.credential_spec,
    "use_api_socket": _nothing(False),
    "restart": resources.restart,
    "resources": resources.resources,
}
