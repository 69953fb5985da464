"""Actions: one mutation of the engine each (or one wait), as frozen values. Engines execute them; nothing else mutates.

A container is addressed by ``ContainerRef``: by id where it was observed, by name where the plan itself creates it.
``transition`` states what each action does to an observed state.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from orchestrator.model.container import Container
from orchestrator.model.front import FrontEnd
from orchestrator.model.probe import Probe
from orchestrator.model.stack import Build, Hook, Network, Provider, Volume
from orchestrator.model.values import Attachment, FileGrant, Resources, RestartPolicy
from orchestrator.records import dataclass, field


@dataclass(frozen=True, slots=True)
class ContainerRef:
    """``name`` is for people and for containers not yet created; ``id`` decides where it is known."""

    name: str
    id: str = ""
    service: str = ""
    slot: int = 0

    @property
    def target(self) -> str:
        return self.id or self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class PullImage:
    reference: str
    platform: str = ""
    services: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildImage:
    """``builder`` is a builder's name, empty for the one in use; ``memory`` a limit in bytes, 0 for none.

    ``export``: the image goes to its registry straight from the builder, which an engine that keeps one platform needs.
    """

    reference: str
    service: str
    build: Build
    builder: str = ""
    memory: int = 0
    export: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PushImage:
    reference: str
    service: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TagImage:
    """Give the image of this id a further name, ``reference``: an image with a name is not pruned as dangling."""

    id: str
    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveImage:
    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateNetwork:
    """``network.labels`` are complete: the user's, Compose's and ours. ``CreateVolume`` likewise."""

    network: Network


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveNetwork:
    name: str
    id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectNetwork:
    """``network`` is the engine's name (or id) of the network; the service's and the container's names are always aliases."""

    container: ContainerRef
    network: str
    attachment: Attachment = field(default_factory=Attachment)


@dataclass(frozen=True, slots=True, kw_only=True)
class DisconnectNetwork:
    container: ContainerRef
    network: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateVolume:
    volume: Volume


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveVolume:
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OneOff:
    """What sets a container for one command apart from a replica.

    ``auto_remove``: the engine removes it when it ends. ``aliases``: it answers to its service's name and aliases.
    ``stdin_once``: its input ends with ours.
    """

    auto_remove: bool = False
    aliases: bool = False
    stdin_once: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateContainer:
    """Create, not start. ``networks`` maps the engine's network names to attachments, the primary first.

    ``labels`` are Compose's and ours, complete but for what only the engine knows (the image's id). ``anonymous_volumes`` maps
    targets to names of existing anonymous volumes taken over from the container that this one replaces. ``peers`` maps services
    named in the settings (``network_mode: service:db``, ``volumes_from``, ...) to the container that is meant. ``copies`` is the
    volume that ``ShipFiles`` has made for the settings' files ("" where none is copied), ``secrets`` the folder that
    ``KeepSecrets`` has.
    """

    container: ContainerRef
    settings: Container
    networks: Mapping[str, Attachment] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    anonymous_volumes: Mapping[str, str] = field(default_factory=dict)
    peers: Mapping[str, ContainerRef] = field(default_factory=dict)
    oneoff: OneOff | None = None
    copies: str = ""
    secrets: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepSecrets:
    """Write a service's secrets into a folder in memory, on this host. ``files`` stand in it under their numbers."""

    stack: str
    folder: str
    service: str
    files: tuple[FileGrant, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DropSecrets:
    """Take a folder with secrets away."""

    stack: str
    folder: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShipFiles:
    """Make the volume with the copies of a service's configs, secrets and mounted files, or fill it again.

    ``files`` stand in it under their numbers: "0", "1", ... ``image`` is one that is there: the engine fills a volume through a
    container made from it, which is never started. Whoever mounts the volume keeps it alive.
    """

    volume: str
    service: str
    image: str
    files: tuple[FileGrant, ...]
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class StartContainer:
    container: ContainerRef


@dataclass(frozen=True, slots=True, kw_only=True)
class StopContainer:
    """``timeout`` in seconds; ``None``: what the container itself was created with, then the engine's default."""

    container: ContainerRef
    timeout: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartContainer:
    container: ContainerRef
    timeout: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KillContainer:
    container: ContainerRef
    signal: str = "SIGKILL"


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseContainer:
    container: ContainerRef


@dataclass(frozen=True, slots=True, kw_only=True)
class UnpauseContainer:
    container: ContainerRef


@dataclass(frozen=True, slots=True, kw_only=True)
class RenameContainer:
    container: ContainerRef
    new_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateContainer:
    """Limits and restart policy, in place. Both are the whole wanted value; fields of ``None`` are left as they are."""

    container: ContainerRef
    resources: Resources | None = None
    restart: RestartPolicy | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveContainer:
    """Remove a container that does not run (``force``: in any state). ``volumes``: its anonymous volumes too."""

    container: ContainerRef
    volumes: bool = False
    force: bool = False


class WaitFor(StrEnum):
    """``STABLE``: running through the monitor window; ``READY``: stable, and healthy where it has a health check."""

    STARTED = "started"
    HEALTHY = "healthy"
    STABLE = "stable"
    READY = "ready"
    COMPLETED = "completed"


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitContainer:
    """Not a mutation: done when the condition holds, failed when it can no longer hold or ``timeout`` seconds have passed.

    A container that ended by itself with success is ready and stable too. Where it is not ``required``, the wait ends as done,
    saying why, when the condition cannot hold.
    """

    container: ContainerRef
    condition: WaitFor
    monitor_ns: int = 0
    timeout: float | None = None
    required: bool = True
    probe: Probe | None = None  # must be answered too


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigureFront:
    """Let the front end ``container`` spread connections over ``members`` and nobody else; done when it does so.

    One that does not run is told before it starts. Connections that are open stay where they are.
    """

    container: ContainerRef
    front: FrontEnd
    members: tuple[ContainerRef, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitFront:
    """Not a mutation: done when the front end ``container`` takes connections, failed when it ends instead."""

    container: ContainerRef


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitDrained:
    """Not a mutation: done when the front end holds no connection from before it was last configured, or time is up."""

    container: ContainerRef
    timeout_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitDelay:
    """Not a mutation: time that the file asks to let pass before the next containers of ``service`` have their turn."""

    service: str
    delay_ns: int


class HookKind(StrEnum):
    PRE_START = "pre_start"
    POST_START = "post_start"
    PRE_STOP = "pre_stop"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunHook:
    """Run a hook: inside ``container`` (post_start, pre_stop), or in a container of its own beside it (pre_start)."""

    container: ContainerRef
    kind: HookKind
    hook: Hook
    settings: Container | None = None  # pre_start: what the hook's own container is made from
    networks: Mapping[str, Attachment] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    position: int = 0  # pre_start: which one of the file's list it is


@dataclass(frozen=True, slots=True, kw_only=True)
class RunProvider:
    service: str
    provider: Provider
    command: str = "up"  # up, down, stop
    stack: str = ""


Action = (
    PullImage
    | BuildImage
    | TagImage
    | PushImage
    | RemoveImage
    | CreateNetwork
    | RemoveNetwork
    | ConnectNetwork
    | DisconnectNetwork
    | CreateVolume
    | RemoveVolume
    | CreateContainer
    | ShipFiles
    | KeepSecrets
    | DropSecrets
    | StartContainer
    | StopContainer
    | RestartContainer
    | KillContainer
    | PauseContainer
    | UnpauseContainer
    | RenameContainer
    | UpdateContainer
    | RemoveContainer
    | ConfigureFront
    | AwaitContainer
    | AwaitFront
    | AwaitDrained
    | AwaitDelay
    | RunHook
    | RunProvider
)


def mutates(action: Action) -> bool:
    """Whether carrying out ``action`` changes anything."""
    return not isinstance(action, AwaitContainer | AwaitFront | AwaitDrained | AwaitDelay)
