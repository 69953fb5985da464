"""The desired state: a ``Stack`` of services, networks, volumes, configs and secrets, as built from the spec.

Everything here is resolved: names are the engine's, paths absolute, sizes in bytes, durations in nanoseconds, variables
interpolated. ``Where`` (file, line, column) of what an error message may have to name is kept in ``Stack.places``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

from orchestrator.errors import Where
from orchestrator.model.container import Container
from orchestrator.model.front import IMAGE as FRONT_IMAGE
from orchestrator.model.front import FrontEnd
from orchestrator.model.probe import Probe
from orchestrator.model.rollout import RestartCondition, Rollout
from orchestrator.model.values import Ulimit
from orchestrator.records import dataclass, field, replace


class Condition(StrEnum):
    STARTED = "service_started"
    HEALTHY = "service_healthy"
    COMPLETED = "service_completed_successfully"


@dataclass(frozen=True, slots=True)
class Dependency:
    """An entry of ``depends_on``. ``implicit``: from links, shared namespaces or volumes_from rather than written out."""

    condition: Condition = Condition.STARTED
    required: bool = True
    restart: bool = False
    implicit: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildSecret:
    id: str
    source: str = ""  # host path
    environment: str = ""  # variable of the caller's environment
    content: bytes | None = field(default=None, repr=False)
    uid: str = ""
    gid: str = ""
    mode: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """How an image is built. ``context`` is an absolute path or a URL; ``dockerfile`` is relative to it (or absolute).

    ``version`` stands for all that it is built from, where that is known: an image of another one is built anew.
    """

    context: str
    dockerfile: str = "Dockerfile"
    dockerfile_inline: str = ""
    additional_contexts: Mapping[str, str] = field(default_factory=dict)
    args: Mapping[str, str | None] = field(default_factory=dict)
    target: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    cache_from: tuple[str, ...] = ()
    cache_to: tuple[str, ...] = ()
    no_cache: bool = False
    no_cache_filter: tuple[str, ...] = ()
    pull: bool = False
    network: str = ""
    extra_hosts: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    secrets: tuple[BuildSecret, ...] = ()
    ssh: tuple[str, ...] = ()
    entitlements: tuple[str, ...] = ()
    privileged: bool = False
    provenance: str = ""
    sbom: str = ""
    isolation: str = ""
    shm_size: int | None = None
    ulimits: Mapping[str, Ulimit] = field(default_factory=dict)
    version: str = ""


_REMOTE = ("http://", "https://", "git://", "ssh://", "git@", "github.com/")


def is_remote(context: str) -> bool:
    """Whether a build's context is a URL that the builder fetches, and no folder."""
    return context.startswith(_REMOTE)


class PullPolicy(StrEnum):
    ALWAYS = "always"
    NEVER = "never"
    MISSING = "missing"
    BUILD = "build"
    EVERY = "every"  # daily, weekly, every_<duration>: see Service.pull_every_ns


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """`pre_start`, `post_start` or `pre_stop`. ``image`` and ``per_replica`` belong to ``pre_start`` alone."""

    command: tuple[str, ...]
    user: str = ""
    privileged: bool = False
    working_dir: str = ""
    environment: Mapping[str, str | None] = field(default_factory=dict)
    image: str = ""
    per_replica: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchRule:
    """An entry of `develop.watch`."""

    path: str
    action: str
    target: str = ""
    ignore: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    initial_sync: bool = False
    exec: Hook | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    type: str
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    constraints: tuple[str, ...] = ()
    preferences: tuple[str, ...] = ()
    max_replicas_per_node: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deploy:
    """What `deploy` says beyond replicas and limits. ``mode``: replicated, global, replicated-job or global-job."""

    mode: str = "replicated"
    endpoint_mode: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    placement: Placement = field(default_factory=Placement)
    restart: RestartCondition | None = None
    rollback: Rollout | None = None
    reserved_nano_cpus: int | None = None
    generic_resources: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A service: a container template, how many, what it waits for, and how it is built and updated."""

    name: str
    container: Container
    replicas: int = 1
    container_name: str = ""
    build: Build | None = None
    pull_policy: PullPolicy = PullPolicy.MISSING
    pull_every_ns: int = 0
    pull_if_missing: bool = False  # the file says `missing`: then even `stack pull` leaves alone what is there
    depends_on: Mapping[str, Dependency] = field(default_factory=dict)
    profiles: tuple[str, ...] = ()
    attach: bool = True
    rollout: Rollout = field(default_factory=Rollout)
    deploy: Deploy = field(default_factory=Deploy)
    pre_start: tuple[Hook, ...] = ()
    post_start: tuple[Hook, ...] = ()
    pre_stop: tuple[Hook, ...] = ()
    watch: tuple[WatchRule, ...] = ()
    provider: Provider | None = None
    probe: Probe | None = None
    front: str = ""  # the service that is its front end
    front_end: FrontEnd | None = None  # what it is the front end of
    front_image: str = FRONT_IMAGE
    adopt: bool = False  # the container of its `container_name` is taken over if it belongs to no stack
    models: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    extensions: Mapping[str, object] = field(default_factory=dict)

    @property
    def is_job(self) -> bool:
        return self.deploy.mode.endswith("-job")


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressPool:
    subnet: str = ""
    ip_range: str = ""
    gateway: str = ""
    aux_addresses: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A top-level network. ``key`` is its name in the file, ``name`` the engine's."""

    key: str
    name: str
    external: bool = False
    driver: str = ""
    driver_opts: Mapping[str, str] = field(default_factory=dict)
    internal: bool = False
    attachable: bool = False
    enable_ipv4: bool | None = None
    enable_ipv6: bool | None = None
    ipam_driver: str = ""
    ipam_options: Mapping[str, str] = field(default_factory=dict)
    ipam: tuple[AddressPool, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """A top-level volume. ``key`` is its name in the file, ``name`` the engine's."""

    key: str
    name: str
    external: bool = False
    driver: str = ""
    driver_opts: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    protect: bool = False
    exclusive: bool = False  # one container at a time: old and new of a service never run beside each other


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageModel:
    """A top-level `models` entry. ``key`` is its name in the file."""

    key: str
    model: str
    name: str = ""
    context_size: int | None = None
    runtime_flags: tuple[str, ...] = ()


class RollbackScope(StrEnum):
    """What goes back when the update of a service fails: that service, or all that the same run has changed."""

    SERVICE = "service"
    STACK = "stack"


class SecretPlace(StrEnum):
    """Where what secrets hold may be on the engine's host: on its disk, or in memory alone."""

    DISK = "disk"
    TMPFS = "tmpfs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """What should be. ``services`` are the enabled ones; ``disabled`` names those of inactive profiles (never orphans)."""

    name: str
    services: Mapping[str, Service] = field(default_factory=dict)
    disabled: frozenset[str] = frozenset()
    networks: Mapping[str, Network] = field(default_factory=dict)
    volumes: Mapping[str, Volume] = field(default_factory=dict)
    models: Mapping[str, LanguageModel] = field(default_factory=dict)
    after: tuple[str, ...] = ()  # stacks of the same host that a controller brings up first
    working_dir: str = ""
    config_files: tuple[str, ...] = ()
    environment_files: tuple[str, ...] = ()
    sources: tuple[str, ...] = field(default=(), compare=False, repr=False)  # every file it was made from
    places: Mapping[str, Where] = field(default_factory=dict, compare=False, repr=False)
    secret_values: frozenset[str] = field(default=frozenset(), compare=False, repr=False)
    key: bytes = field(default=b"", compare=False, repr=False)  # the host's key: digests in labels are made with it
    rollback: RollbackScope = RollbackScope.SERVICE
    secrets: SecretPlace = SecretPlace.DISK
    stored: tuple[str, ...] = ()  # the secrets that were had from stores, by reference
    separator: str = "-"  # between the parts of generated names; "_" in compatibility mode

    def where(self, path: str) -> Where:
        """The place of ``path`` (``services.web.ports``) in the user's files, of its nearest known parent otherwise."""
        probe = path
        while probe:
            if probe in self.places:
                place = self.places[probe]
                return Where(place.file, place.line, place.column, path)
            probe = probe.rpartition(".")[0]
        return Where(path=path)

    def with_services(self, services: Iterable[Service]) -> Stack:
        """The same stack with these services instead of those of the same names."""
        return replace(self, services={**self.services, **{service.name: service for service in services}})

    def emptied(self) -> Stack:
        """The same stack with no container left in it."""
        return self.scaled(dict.fromkeys(self.services, 0))

    def scaled(self, counts: Mapping[str, int]) -> Stack:
        """The same stack with other replica counts."""
        return self.with_services(replace(self.services[name], replicas=count) for name, count in counts.items())
