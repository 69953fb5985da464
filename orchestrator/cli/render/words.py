"""What each action is called, for progress and for plans: the object it is about and the words for doing it and
having done it.
"""

from __future__ import annotations

from typing import NamedTuple

from orchestrator.model.actions import (
    Action,
    AwaitContainer,
    AwaitDelay,
    AwaitDrained,
    AwaitFront,
    BuildImage,
    ConfigureFront,
    ConnectNetwork,
    ContainerRef,
    CreateContainer,
    CreateNetwork,
    CreateVolume,
    DisconnectNetwork,
    DropSecrets,
    KeepSecrets,
    KillContainer,
    PauseContainer,
    PullImage,
    PushImage,
    RemoveContainer,
    RemoveImage,
    RemoveNetwork,
    RemoveVolume,
    RenameContainer,
    RestartContainer,
    RunHook,
    RunProvider,
    ShipFiles,
    StartContainer,
    StopContainer,
    TagImage,
    UnpauseContainer,
    UpdateContainer,
    WaitFor,
)
from orchestrator.model.describe import describe, slug
from orchestrator.model.humane import duration


class Words(NamedTuple):
    """``passing``: of no interest once done, such as the end of a container that is being replaced."""

    kind: str
    name: str
    doing: str
    done: str
    passing: bool = False

    @property
    def id(self) -> str:
        return f"{self.kind} {self.name}"


_AWAITED = {
    WaitFor.STARTED: "Started",
    WaitFor.HEALTHY: "Healthy",
    WaitFor.STABLE: "Running",
    WaitFor.READY: "Healthy",
    WaitFor.COMPLETED: "Exited",
}
_IMAGE: dict[type[Action], tuple[str, str]] = {
    PullImage: ("Pulling", "Pulled"),
    BuildImage: ("Building", "Built"),
    TagImage: ("Naming", "Named"),
    PushImage: ("Pushing", "Pushed"),
    RemoveImage: ("Removing", "Removed"),
}
_CONTAINER: dict[type[Action], tuple[str, str]] = {
    CreateContainer: ("Creating", "Created"),
    StartContainer: ("Starting", "Started"),
    StopContainer: ("Stopping", "Stopped"),
    RestartContainer: ("Restarting", "Started"),
    KillContainer: ("Killing", "Killed"),
    PauseContainer: ("Pausing", "Paused"),
    UnpauseContainer: ("Unpausing", "Unpaused"),
    RenameContainer: ("Renaming", "Renamed"),
    UpdateContainer: ("Updating", "Updated"),
    RemoveContainer: ("Removing", "Removed"),
    ConfigureFront: ("Configuring", "Configured"),
    AwaitDrained: ("Draining", "Drained"),
    AwaitFront: ("Waiting", "Ready"),
    ConnectNetwork: ("Connecting", "Connected"),
    DisconnectNetwork: ("Disconnecting", "Disconnected"),
}
_ALWAYS_PASSING = (ConnectNetwork, DisconnectNetwork, RunHook, AwaitDrained)
_PASSING_IN_A_REPLACEMENT = (StopContainer, RemoveContainer, RenameContainer)


def of(action: Action, group: str = "") -> Words:
    """The words for ``action``; ``group`` tells the parts of a replacement from the same actions elsewhere."""
    match action:
        case PullImage() | BuildImage() | TagImage() | PushImage() | RemoveImage():
            return Words("Image", action.reference, *_IMAGE[type(action)])
        case CreateNetwork():
            return Words("Network", action.network.name, "Creating", "Created")
        case RemoveNetwork():
            return Words("Network", action.name, "Removing", "Removed")
        case CreateVolume():
            return Words("Volume", action.volume.name, "Creating", "Created")
        case RemoveVolume():
            return Words("Volume", action.name, "Removing", "Removed")
        case ShipFiles():
            return Words("Volume", action.volume, "Filling", "Filled", passing=True)
        case KeepSecrets():
            return Words("Secrets", action.folder, "Writing", "Written", passing=True)
        case DropSecrets():
            return Words("Secrets", action.folder, "Removing", "Removed")
        case RunProvider():
            return Words("Service", action.service, f"Provider {action.command}", "Provided")
        case AwaitDelay():
            return Words("Service", action.service, "Letting time pass", "Going on", passing=True)
        case _:
            doing, done = _container(action, group.startswith("replace"))
            passing = isinstance(action, _ALWAYS_PASSING)
            if group.startswith("replace"):
                passing = passing or isinstance(action, _PASSING_IN_A_REPLACEMENT)
            return Words("Container", final_name(action.container), doing, done, passing)


def _container(action: Action, replacing: bool) -> tuple[str, str]:
    match action:
        case CreateContainer() if replacing:
            return "Recreating", "Recreated"
        case AwaitContainer():
            return "Waiting", _AWAITED[action.condition]
        case RunHook():
            return f"Running {action.kind.value}", f"Ran {action.kind.value}"
        case _:
            return _CONTAINER[type(action)]


def final_name(container: ContainerRef) -> str:
    """The name a container ends up with: a replacement is prepared under its name and a piece of its fingerprint."""
    return settled(container.name)


def settled(name: str) -> str:
    """The same, of the name alone."""
    stem, dot, piece = name.rpartition(".")
    is_replacement = dot and len(piece) == 12 and all(letter in "0123456789abcdef" for letter in piece)
    return stem if is_replacement else name


def imperative(action: Action) -> str:  # noqa: C901  # a table
    """What the action does, as a plan says it: ``create container shop-web-1``."""
    match action:
        case ConnectNetwork():
            return f"connect {action.container.name} to network {action.network}"
        case DisconnectNetwork():
            return f"disconnect {action.container.name} from network {action.network}"
        case RenameContainer():
            return f"rename {action.container.name} to {action.new_name}"
        case ShipFiles():
            return f"copy {', '.join(grant.name for grant in action.files)} into volume {action.volume}"
        case KeepSecrets() | DropSecrets():
            return describe(action)
        case AwaitContainer():
            return f"wait until {action.container.name} is {action.condition.value}"
        case ConfigureFront() | AwaitDrained() | AwaitFront():
            return describe(action)
        case AwaitDelay():
            return f"wait {duration(action.delay_ns)} before {action.service} goes on"
        case RunHook():
            return f"run {action.kind.value} of {action.container.name}"
        case RunProvider():
            return f"{action.command} provider {action.provider.type} of {action.service}"
        case KillContainer():
            return f"send {action.signal} to {action.container.name}"
        case CreateContainer():
            return f"create container {action.container.name} from {action.settings.image}"
        case StopContainer() | StartContainer() | RestartContainer() | RemoveContainer():
            return f"{verb(action)} container {action.container.name}"
        case PauseContainer() | UnpauseContainer() | UpdateContainer():
            return f"{verb(action)} container {action.container.name}"
        case _:
            words = of(action)
            return f"{verb(action)} {words.kind.lower()} {words.name}"


def verb(action: Action) -> str:
    """``create``, ``remove``, ``pull``: the first word of the action's name."""
    return slug(action).partition("-")[0]
