"""``Container``: everything a container is created with, in the words of the file.

The planner derives one per service from the file; an engine reads one back from each container it runs. The two are compared
field by field (``model.difference``), and what differs decides what happens. How a field's change is mended stands beside it:

``replace``  needs a new container        ``update``  changed in place by the engine's update call
``connect``  networks, attached and detached in place      ``ignore``  no reason to touch a container
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from orchestrator.model.values import (
    Attachment,
    Device,
    DeviceRequest,
    FileGrant,
    Healthcheck,
    Logging,
    Mount,
    Port,
    Resources,
    RestartPolicy,
    Ulimit,
)
from orchestrator.records import dataclass, field


class OnChange(StrEnum):
    REPLACE = "replace"
    UPDATE = "update"
    CONNECT = "connect"
    IGNORE = "ignore"


def _field(default: Any, on_change: OnChange = OnChange.REPLACE, path: str = "") -> Any:
    metadata = {"on_change": on_change, "path": path}
    if isinstance(default, dict):
        return field(default_factory=dict, metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """The settings of a container; all replicas of a service share them. Fields carry ``on_change`` in their metadata."""

    image: str = _field("", OnChange.IGNORE)  # compared by image id, by the planner
    platform: str = _field("")
    command: tuple[str, ...] | None = _field(None)
    entrypoint: tuple[str, ...] | None = _field(None)
    environment: Mapping[str, str | None] = _field({})  # None: the engine removes the image's own variable
    user: str = _field("")
    working_dir: str = _field("")
    hostname: str = _field("")
    domainname: str = _field("")
    tty: bool = _field(False)
    stdin_open: bool = _field(False)
    labels: Mapping[str, str] = _field({})  # the user's own; Compose's and ours are added by the engine adapter
    annotations: Mapping[str, str] = _field({})
    stop_signal: str = _field("")
    stop_grace_period_ns: int | None = _field(None, path="stop_grace_period")
    healthcheck: Healthcheck | None = _field(None)
    init: bool | None = _field(None)
    privileged: bool = _field(False)
    read_only: bool = _field(False)
    cap_add: tuple[str, ...] = _field(())
    cap_drop: tuple[str, ...] = _field(())
    security_opt: tuple[str, ...] = _field(())
    devices: tuple[Device, ...] = _field(())
    device_cgroup_rules: tuple[str, ...] = _field(())
    device_requests: tuple[DeviceRequest, ...] = _field((), path="gpus")
    group_add: tuple[str, ...] = _field(())
    dns: tuple[str, ...] = _field(())
    dns_opt: tuple[str, ...] = _field(())
    dns_search: tuple[str, ...] = _field(())
    extra_hosts: tuple[str, ...] = _field(())  # "host:address"
    links: tuple[str, ...] = _field(())  # "service:alias"
    external_links: tuple[str, ...] = _field(())  # "container:alias"
    network_mode: str = _field("")  # "", none, host, bridge, service:X, container:X
    networks: Mapping[str, Attachment] = _field({}, OnChange.CONNECT)  # by the key of the top-level network
    ports: tuple[Port, ...] = _field(())
    expose: tuple[str, ...] = _field(())  # "8080/tcp"
    mounts: tuple[Mount, ...] = _field((), path="volumes")
    files: tuple[FileGrant, ...] = _field(())  # configs and secrets
    volumes_from: tuple[str, ...] = _field(())  # "service[:ro]" or "container:name[:ro]"
    ipc: str = _field("")
    pid: str = _field("")
    uts: str = _field("")
    userns_mode: str = _field("")
    cgroup: str = _field("")
    cgroup_parent: str = _field("")
    isolation: str = _field("")
    runtime: str = _field("")
    logging: Logging | None = _field(None)
    sysctls: Mapping[str, str] = _field({})
    ulimits: Mapping[str, Ulimit] = _field({})
    shm_size: int | None = _field(None)
    storage_opt: Mapping[str, str] = _field({})
    oom_kill_disable: bool | None = _field(None)
    oom_score_adj: int | None = _field(None)
    mac_address: str = _field("")
    mem_swappiness: int | None = _field(None)
    cpu_count: int | None = _field(None)
    cpu_percent: int | None = _field(None)
    credential_spec: Mapping[str, str] = _field({})
    use_api_socket: bool = _field(False)
    restart: RestartPolicy = _field(RestartPolicy(), OnChange.UPDATE)
    resources: Resources = _field(Resources(), OnChange.UPDATE, path="deploy.resources")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageDefaults:
    """What an image adds to a container that does not say otherwise (its config, as the engine reports it)."""

    command: tuple[str, ...] | None = None
    entrypoint: tuple[str, ...] | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    user: str = ""
    working_dir: str = ""
    stop_signal: str = ""
    healthcheck: Healthcheck | None = None
    expose: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()  # targets of the anonymous volumes the image declares
