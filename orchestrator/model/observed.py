"""The observed state: what the engine says there is, in our words. A snapshot; planning makes no further calls."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from orchestrator.model.container import Container, ImageDefaults
from orchestrator.model.front import Rotation
from orchestrator.model.placement import Node
from orchestrator.model.stack import AddressPool, Stack
from orchestrator.model.values import FileKind, Port
from orchestrator.records import dataclass, field


class State(StrEnum):
    """The engine's states of a container."""

    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"
    RESTARTING = "restarting"
    REMOVING = "removing"
    EXITED = "exited"
    DEAD = "dead"


class Health(StrEnum):
    NONE = "none"
    STARTING = "starting"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A container's place on one network, as the engine reports it (user-given addresses only, not assigned ones).

    ``aliases`` are the user-given ones. ``named`` is whether the service's own name is among the names it answers to there: it
    is not when somebody attached the container by hand.
    """

    network_id: str
    network_name: str
    aliases: tuple[str, ...] = ()
    named: bool = True
    ipv4_address: str = ""
    ipv6_address: str = ""
    link_local_ips: tuple[str, ...] = ()
    mac_address: str = ""
    driver_opts: Mapping[str, str] = field(default_factory=dict)
    interface_name: str = ""
    gw_priority: int = 0


Owner = tuple[int, int, int]  # user, group and mode of a file


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedContainer:
    """A container of this stack (it carries the stack's project label), or a foreign one that holds a name we need.

    ``settings`` is what it was created with, in the file's words, raw: still with what the image added (``image_defaults``;
    ``None`` when the image is gone). ``replaced_files`` are targets of single-file bind mounts whose source has become
    another file since the container started. ``files`` maps the targets of its configs and secrets to their digests.
    ``owners`` maps those of them to user, group and mode that were read because another key had made their digests.
    ``anonymous_volumes`` maps targets to the engine's names of the volumes without a name of their own mounted there.
    ``copies`` are the volumes with copies of configs, secrets and files that it mounts, and its folders with secrets in memory
    (see ``shipment``).
    ``adopted``: it carries no labels of a stack; the file (`x-stack: {adopt: true}`) says which service it is of.
    ``peers`` maps services whose namespaces or volumes it shares to the id of the container that it shares them with.
    """

    id: str
    name: str
    service: str = ""
    slot: int = 0
    oneoff: bool = False
    hook: str = ""
    image: str = ""
    image_id: str = ""
    state: State = State.RUNNING
    health: Health = Health.NONE
    exit_code: int = 0
    oom_killed: bool = False
    error: str = ""
    restart_count: int = 0
    created_at: str = ""
    started_at: str = ""
    finished_at: str = ""
    status: str = ""
    settings: Container | None = None
    image_defaults: ImageDefaults | None = None
    endpoints: tuple[Endpoint, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    owners: Mapping[str, Owner] = field(default_factory=dict)
    replaced_files: tuple[str, ...] = ()
    anonymous_volumes: Mapping[str, str] = field(default_factory=dict)
    copies: tuple[str, ...] = ()
    peers: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    fingerprint: str = ""
    rotation: Rotation | None = None  # of a front end: what it is set to; None: not as we would have it
    adopted: bool = False

    @property
    def running(self) -> bool:
        return self.state in (State.RUNNING, State.PAUSED, State.RESTARTING)

    @property
    def finished(self) -> bool:
        """Ended by itself with success."""
        return self.state is State.EXITED and self.exit_code == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedNetwork:
    """``key`` is the name in the file (from the label), "" for networks not this stack's. ``attached`` are container ids."""

    id: str
    name: str
    key: str = ""
    owned: bool = False
    driver: str = ""
    driver_opts: Mapping[str, str] = field(default_factory=dict)
    internal: bool = False
    attachable: bool = False
    enable_ipv4: bool | None = None
    enable_ipv6: bool = False
    ipam_driver: str = ""
    ipam_options: Mapping[str, str] = field(default_factory=dict)
    ipam: tuple[AddressPool, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    created_at: str = ""
    attached: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedVolume:
    name: str
    key: str = ""
    owned: bool = False
    driver: str = ""
    driver_opts: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedImage:
    """An image that is present: ``reference`` is how the file names it, ``built`` the version of what it was built from."""

    reference: str
    id: str
    defaults: ImageDefaults = field(default_factory=ImageDefaults)
    created_at: str = ""
    tagged_at: str = ""
    digests: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    built: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PortHolder:
    """Who has a port of the host: a container (of ``stack``, if of any), or a process. ``address`` is what it is bound to."""

    port: int
    protocol: str = "tcp"
    address: str = ""
    container: str = ""
    stack: str = ""
    process: str = ""

    @property
    def key(self) -> str:
        return f"{self.port}/{self.protocol}"

    @property
    def who(self) -> str:
        """``container "shop-web-1" of stack "shop"``, ``process 123 (nginx)``."""
        if not self.container:
            return self.process or "a process on the host"
        return f'container "{self.container}"' + (f' of stack "{self.stack}"' if self.stack else "")

    @property
    def remedy(self) -> str:
        """What to do about it."""
        free = f"end that process (ss -ltnp | grep {self.port})"
        if self.container:
            free = f"free it with `{f'stack down -p {self.stack}' if self.stack else f'docker stop {self.container}'}`"
        return f"change the host part of the port, or {free}"

    def stands_in_the_way_of(self, wanted: Port) -> bool:
        """Whether both cannot be had. A socket for all IPv6 addresses may take IPv4 along or not: in doubt it does not."""
        if not wanted.is_fixed or wanted.published != str(self.port) or wanted.protocol != self.protocol:
            return False
        everything, held = ("", "0.0.0.0", "::"), self.address
        if not wanted.host_ip or not held:
            return True
        if (":" in wanted.host_ip) != (":" in held):
            return False
        return wanted.host_ip == held or wanted.host_ip in everything or held in everything


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineFacts:
    """What the planner must know of the engine itself. ``kind``: docker, swarm, memory.

    ``defaults`` holds what the engine gives a container that does not say (log driver, runtime, ipc, ...). In settings read back
    these values stand as "not said", so a wish for exactly such a value is met by a field that is empty there. ``local``: the
    engine sees the caller's files under the caller's paths.
    """

    kind: str = "memory"
    id: str = ""
    version: str = ""
    api_version: str = ""
    local: bool = True
    node: Node = field(default_factory=Node)
    defaults: Container = field(default_factory=Container)


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedState:
    """One snapshot. ``containers`` are all of the stack's, in every state, one-off ones too.

    ``images`` maps references of the desired stack to the image present, absent ones are missing. ``name_holders`` maps names
    that the stack needs to foreign containers that hold them. ``networks`` and ``volumes`` hold the stack's own and those that
    the stack names. ``port_holders`` are others who have host ports that the stack needs, ``missing_paths`` bind sources that must
    exist and do not. ``secret_folders`` are folders with secrets in memory that are there. ``now_ns`` is the wall clock of the
    snapshot, for ages of images and containers.
    """

    stack: str
    engine: EngineFacts = field(default_factory=EngineFacts)
    containers: tuple[ObservedContainer, ...] = ()
    networks: tuple[ObservedNetwork, ...] = ()
    volumes: tuple[ObservedVolume, ...] = ()
    images: Mapping[str, ObservedImage] = field(default_factory=dict)
    name_holders: Mapping[str, ObservedContainer] = field(default_factory=dict)
    port_holders: tuple[PortHolder, ...] = ()
    missing_paths: frozenset[str] = frozenset()
    secret_folders: frozenset[str] = frozenset()
    now_ns: int = 0

    def of_service(self, service: str) -> tuple[ObservedContainer, ...]:
        """The service's regular containers (no one-off ones, no hooks), by slot, then by age."""
        return tuple(
            sorted(
                (c for c in self.containers if c.service == service and not c.oneoff and not c.hook),
                key=lambda c: (c.slot, c.created_at, c.id),
            )
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What to observe: one stack's objects and the names it refers to. ``images``, ``networks``, ``volumes`` are engine names.

    ``adopts`` maps names of containers without labels to the services that take them over.
    ``ports`` (``8080/tcp``) are host ports that it needs, ``paths`` bind sources that must exist. ``granted`` are the configs and
    secrets (service, target) whose contents may be read where their digests were made with another key than ``key``.
    """

    stack: str
    images: frozenset[str] = frozenset()
    networks: frozenset[str] = frozenset()
    volumes: frozenset[str] = frozenset()
    containers: frozenset[str] = frozenset()
    adopts: Mapping[str, str] = field(default_factory=dict)
    ports: frozenset[str] = frozenset()
    paths: frozenset[str] = frozenset()
    granted: frozenset[tuple[str, str]] = frozenset()
    key: bytes = field(default=b"", repr=False)
    details: bool = True  # False: the list calls alone (settings and image defaults stay None)

    @classmethod
    def of(cls, stack: Stack, *, container_names: frozenset[str] = frozenset()) -> Scope:
        """The scope that planning ``stack`` needs."""
        images = {s.container.image for s in stack.services.values()}
        wanted = [s.container for s in stack.services.values() if s.replicas]
        images |= {hook.image for s in stack.services.values() for hook in s.pre_start}
        return cls(
            stack=stack.name,
            images=frozenset(images - {""}),
            networks=frozenset(n.name for n in stack.networks.values()),
            volumes=frozenset(v.name for v in stack.volumes.values()),
            containers=container_names,
            adopts={s.container_name: s.name for s in stack.services.values() if s.adopt and s.container_name},
            ports=frozenset(f"{p.published}/{p.protocol}" for c in wanted for p in c.ports if p.is_fixed),
            paths=frozenset(m.source for c in wanted for m in c.mounts if m.must_exist),
            granted=frozenset(
                (s.name, grant.target)
                for s in stack.services.values()
                for grant in s.container.files
                if grant.digest and grant.kind is not FileKind.MOUNT
            ),
            key=stack.key,
        )
