"""What a stack from elsewhere may ask of this host: a profile, grants by list, and bounds. Pure data.

Stacks of a repository (and of the API) are judged by ``orchestrator.admission``; what is forbidden there by default is permitted by
naming it here, for all of them, for one source, or for one stack. ``combined`` puts the levels together.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.errors import Where
from orchestrator.records import dataclass, field, replace

DEFAULT, PROD = "default", "prod"
SERVICES, REPLICAS, PIDS = 50, 200, 4096  # bounds where nothing else is said
PROD_MEMORY = 2 * 1024**3  # bytes; what a container of profile prod gets that does not say


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """Grants. An empty list grants nothing, but for ``registries``: there it is "any", and a list is all there is.

    ``binds``: ``/srv/media`` or ``/srv/media:ro``. ``ports``: ``443``, ``0.0.0.0:443``, ``8000-8010/udp``. ``allow``: ids of rules
    that do not hold. ``services``, ``replicas``, ``pids`` and ``memory`` (bytes) are bounds, 0 where they are not said.
    """

    profile: str = ""
    binds: tuple[str, ...] = ()
    ports: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    registries: tuple[str, ...] = ()
    security_opt: tuple[str, ...] = ()
    sysctls: tuple[str, ...] = ()
    runtimes: tuple[str, ...] = ()
    log_drivers: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    containers: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    volume_drivers: tuple[str, ...] = ()
    network_drivers: tuple[str, ...] = ()
    contexts: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    services: int = 0
    replicas: int = 0
    pids: int = 0
    memory: int = 0
    stacks: Mapping[str, Admission] = field(default_factory=dict)
    where: Where = field(default=Where(), compare=False)

    @property
    def prod(self) -> bool:
        return self.profile == PROD

    def of_stack(self, name: str) -> Admission:
        """With what is granted to that stack alone."""
        own = self.stacks.get(name)
        return self if own is None else combined(self, own)


LISTS = (
    "binds",
    "ports",
    "capabilities",
    "devices",
    "registries",
    "security_opt",
    "sysctls",
    "runtimes",
    "log_drivers",
    "volumes",
    "networks",
    "containers",
    "secrets",
    "volume_drivers",
    "network_drivers",
    "contexts",
    "labels",
    "allow",
)
BOUNDS = ("services", "replicas", "pids", "memory")


def combined(*levels: Admission) -> Admission:
    """All that the levels grant; of profile and bounds the last word counts, and what is said for one stack goes on top."""
    whole = Admission()
    for level in levels:
        said: dict[str, Any] = {name: getattr(level, name) or getattr(whole, name) for name in BOUNDS}
        said |= {name: tuple(dict.fromkeys((*getattr(whole, name), *getattr(level, name)))) for name in LISTS}
        stacks = dict(whole.stacks)
        for name, own in level.stacks.items():
            stacks[name] = combined(stacks[name], own) if name in stacks else own
        whole = replace(whole, **said, profile=level.profile or whole.profile, stacks=stacks)
    return whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Permits:
    """All that is permitted on a host: to every stack from elsewhere, and to those of the sources, by the source's name."""

    every: Admission = field(default_factory=Admission)
    sources: Mapping[str, Admission] = field(default_factory=dict)
    file: str = ""

    def of(self, source: str, stack: str) -> Admission:
        """What a stack of a source may."""
        return combined(self.every, self.sources.get(source, Admission())).of_stack(stack)

    def with_more(self, other: Permits) -> Permits:
        """Together with another file's."""
        names = self.sources.keys() | other.sources.keys()
        sources = {
            name: combined(self.sources.get(name, Admission()), other.sources.get(name, Admission())) for name in names
        }
        return Permits(every=combined(self.every, other.every), sources=sources, file=self.file or other.file)
