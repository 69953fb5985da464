"""What a service or network asks of the engine that not every engine has: a newer API, or another operating system.

A definition comes in; the field's path, what is needed and the words for it come out. The planner holds them against the
engine's facts before anything is touched; ``translate`` refuses the same once more, should a plan meet another engine.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.model.stack import Network, Service
from orchestrator.model.values import Attachment, Mount, MountType
from orchestrator.records import dataclass

Version = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Need:
    """``path`` is below the service or network. ``system``: the only operating system that knows the field."""

    path: str
    what: str
    api: Version = (0, 0)
    system: str = ""


def of_service(service: Service) -> Iterator[Need]:
    settings = service.container
    if settings.annotations:
        yield Need("annotations", "annotations", (1, 43))
    if settings.healthcheck is not None and settings.healthcheck.start_interval_ns is not None:
        yield Need("healthcheck.start_interval", "healthcheck.start_interval", (1, 44))
    if settings.credential_spec:
        yield Need("credential_spec", "credential_spec", system="windows")
    if settings.isolation not in ("", "default"):
        yield Need("isolation", f"isolation: {settings.isolation}", system="windows")
    for index, mount in enumerate(settings.mounts):
        yield from _of_mount(f"volumes[{index}]", mount)
    for number, (key, attachment) in enumerate(settings.networks.items()):
        yield from _of_attachment(f"networks.{key}", attachment, first=number == 0)


def _of_mount(path: str, mount: Mount) -> Iterator[Need]:
    if mount.type is MountType.IMAGE:
        yield Need(path, "a mount of type image", (1, 48))
    if mount.type is MountType.CLUSTER:
        yield Need(path, "a cluster volume", (1, 42))
    if mount.type is MountType.NPIPE:
        yield Need(path, "a mount of type npipe", system="windows")
    if mount.type is MountType.VOLUME and mount.subpath:
        yield Need(f"{path}.volume.subpath", "volume.subpath", (1, 45))
    if mount.recursive in ("writable", "readonly"):
        yield Need(f"{path}.bind.recursive", f"bind.recursive: {mount.recursive}", (1, 44))


def _of_attachment(path: str, attachment: Attachment, *, first: bool) -> Iterator[Need]:
    if attachment.gw_priority:
        yield Need(f"{path}.gw_priority", "networks.gw_priority", (1, 48))
    if attachment.interface_name:
        yield Need(f"{path}.interface_name", "networks.interface_name", (1, 49))
    if attachment.mac_address and not first:
        yield Need(f"{path}.mac_address", "a mac_address on another than the first network", (1, 44))


def of_network(network: Network) -> Iterator[Need]:
    if network.enable_ipv4 is False and not network.external:
        yield Need("enable_ipv4", "enable_ipv4: false", (1, 48))
