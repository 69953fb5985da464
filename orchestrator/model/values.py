"""Small frozen values that services are made of: ports, mounts, attachments, health checks, limits.

Durations are integers in nanoseconds (``*_ns``), sizes integers in bytes, cpus integers in billionths of a cpu: the engine's
own units, so that nothing is rounded on the way. ``None`` (or an empty tuple) always means "the file does not say".
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from orchestrator.records import dataclass, field

SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Port:
    """A container port, published or not. ``published`` is a host port, a range (``8000-8010``), or "" or 0 for any free one."""

    target: int
    published: str = ""
    protocol: str = "tcp"
    host_ip: str = ""
    mode: str = "ingress"
    name: str = ""
    app_protocol: str = ""

    @property
    def is_fixed(self) -> bool:
        """Whether it is one port of the host, and this one."""
        return self.published.isdigit() and int(self.published) != 0


class MountType(StrEnum):
    BIND = "bind"
    VOLUME = "volume"
    TMPFS = "tmpfs"
    IMAGE = "image"
    NPIPE = "npipe"
    CLUSTER = "cluster"


@dataclass(frozen=True, slots=True)
class Mount:
    """A mount of a container.

    ``source`` is an absolute host path (bind), the *engine's* name of a volume (volume; "" for an anonymous one), an image
    reference (image) or "" (tmpfs). ``key`` is the top-level volume's key in the file, "" where there is none.
    """

    type: MountType
    target: str
    source: str = ""
    key: str = ""
    read_only: bool = False
    consistency: str = ""
    create_host_path: bool = False
    propagation: str = ""
    recursive: str = ""
    selinux: str = ""
    nocopy: bool = False
    subpath: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    tmpfs_size: int | None = None
    tmpfs_mode: int | None = None
    tmpfs_options: str = ""  # the text after the colon in `tmpfs: /run:size=64m`; such mounts go to HostConfig.Tmpfs

    @property
    def must_exist(self) -> bool:
        """Whether it is a bind mount whose source nobody makes."""
        return self.type is MountType.BIND and not self.create_host_path and self.source.startswith("/")


class FileKind(StrEnum):
    """``MOUNT``: files of a bind mount that are copied because the engine is on another host."""

    CONFIG = "config"
    SECRET = "secret"
    MOUNT = "mount"


@dataclass(frozen=True, slots=True, repr=False)
class FileGrant:
    """A config, a secret or a mounted file given to a container at ``target``, to be read only.

    Exactly one of ``source`` (an absolute path) and ``content`` is set. A source is bind-mounted, unless it is ``shipped``: then it
    is on the caller's host, and a copy of it goes to the engine's, as content does. ``content`` may be secret: it never appears in
    ``repr``, plans or labels; ``digest`` (keyed) stands for it. ``writable``: a mount that the file does not call read-only.
    ``in_memory``: the content is never on a disk of the engine's host, but in a file of a tmpfs.
    """

    kind: FileKind
    name: str
    target: str
    source: str = ""
    content: bytes | None = None
    digest: str = ""
    uid: str = ""
    gid: str = ""
    mode: int | None = None
    shipped: bool = False
    writable: bool = False
    in_memory: bool = False

    @property
    def copied(self) -> bool:
        """Whether the engine's host gets a copy of it, in a volume or in memory."""
        return self.shipped or self.content is not None

    def __repr__(self) -> str:
        return f"FileGrant({self.kind.value} {self.name} at {self.target})"


@dataclass(frozen=True, slots=True)
class Attachment:
    """How a container is attached to one network. ``aliases`` are those of the file; service and container names are implied.

    ``named`` False: it does not answer to its service's name, because a front end does.
    """

    aliases: tuple[str, ...] = ()
    ipv4_address: str = ""
    ipv6_address: str = ""
    link_local_ips: tuple[str, ...] = ()
    mac_address: str = ""
    driver_opts: Mapping[str, str] = field(default_factory=dict)
    interface_name: str = ""
    priority: int = 0
    gw_priority: int = 0
    named: bool = True


@dataclass(frozen=True, slots=True)
class Healthcheck:
    """``test`` is the engine's form: ``("CMD", ...)``, ``("CMD-SHELL", text)`` or ``("NONE",)``; empty = the image's own."""

    test: tuple[str, ...] = ()
    interval_ns: int | None = None
    timeout_ns: int | None = None
    start_period_ns: int | None = None
    start_interval_ns: int | None = None
    retries: int | None = None

    @property
    def disabled(self) -> bool:
        return self.test[:1] == ("NONE",)


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """The engine's own restart policy: ``no``, ``always``, ``unless-stopped`` or ``on-failure`` with a bound (0: none)."""

    name: str = "no"
    max_retries: int = 0


@dataclass(frozen=True, slots=True)
class Logging:
    driver: str = ""
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ulimit:
    soft: int
    hard: int


@dataclass(frozen=True, slots=True)
class Device:
    source: str
    target: str
    permissions: str = "rwm"


@dataclass(frozen=True, slots=True)
class DeviceRequest:
    """GPUs and their like: ``count`` -1 means all."""

    capabilities: tuple[str, ...] = ()
    driver: str = ""
    count: int | None = None
    device_ids: tuple[str, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DeviceRate:
    """A block device with a weight or a rate (bytes or operations per second)."""

    path: str
    rate: int


@dataclass(frozen=True, slots=True)
class BlkioConfig:
    weight: int | None = None
    weight_device: tuple[DeviceRate, ...] = ()
    device_read_bps: tuple[DeviceRate, ...] = ()
    device_read_iops: tuple[DeviceRate, ...] = ()
    device_write_bps: tuple[DeviceRate, ...] = ()
    device_write_iops: tuple[DeviceRate, ...] = ()


@dataclass(frozen=True, slots=True)
class Resources:
    """Limits that the engine can change in place. ``None`` where the file does not say."""

    nano_cpus: int | None = None
    cpu_shares: int | None = None
    cpu_period: int | None = None
    cpu_quota: int | None = None
    cpu_rt_period: int | None = None
    cpu_rt_runtime: int | None = None
    cpuset: str = ""
    memory: int | None = None
    memory_reservation: int | None = None
    memory_swap: int | None = None
    pids_limit: int | None = None
    blkio: BlkioConfig | None = None
