"""What each action is called, for progress and for plans: the object it is about and the words for doing it and having done it."""

from __future__ import annotations

from typing import NamedTuple, assert_never

from orchestrator.model.actions import (
    Action,
    AwaitContainer,
    BuildImage,
    ConnectNetwork,
    ContainerRef,
    CreateContainer,
    CreateNetwork,
    CreateVolume,
    DisconnectNetwork,
    KillContainer,
    PauseContainer,
    PullImage,
    RemoveContainer,
    RemoveImage,
    RemoveNetwork,
    RemoveVolume,
    RenameContainer,
    RestartContainer,
    RunHook,
    RunProvider,
    StartContainer,
    StopContainer,
    UnpauseContainer,
    UpdateContainer,
    UploadFiles,
    WaitFor,
)


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
    WaitFor.READY: "Ready",
    WaitFor.COMPLETED: "Exited",
}


def of(action: Action, group: str = "") -> Words:
    """The words for ``action``; ``group`` tells the parts of a replacement from the same actions elsewhere."""
    match action:
        case PullImage():
            return Words("Image", action.reference, "Pulling", "Pulled")
        case BuildImage():
            return Words("Image", action.reference, "Building", "Built")
        case RemoveImage():
            return Words("Image", action.reference, "Removing", "Removed")
        case CreateNetwork():
            return Words("Network", action.network.name, "Creating", "Created")
        case RemoveNetwork():
            return Words("Network", action.name, "Removing", "Removed")
        case CreateVolume():
            return Words("Volume", action.volume.name, "Creating", "Created")
        case RemoveVolume():
            return Words("Volume", action.name, "Removing", "Removed")
        case RunProvider():
            return Words("Service", action.service, f"Provider {action.command}", "Provided")
        case _:
            return _container(action, group.startswith("replace"))


def _container(action: Action, replacing: bool) -> Words:
    assert not isinstance(
        action,
        PullImage | BuildImage | RemoveImage | CreateNetwork | RemoveNetwork | CreateVolume | RemoveVolume | RunProvider,
    )
    name = final_name(action.container)
    match action:
        case CreateContainer():
            return Words("Container", name, *(("Recreating", "Recreated") if replacing else ("Creating", "Created")))
        case StartContainer():
            return Words("Container", name, "Starting", "Started")
        case StopContainer():
            return Words("Container", name, "Stopping", "Stopped", passing=replacing)
        case RemoveContainer():
            return Words("Container", name, "Removing", "Removed", passing=replacing)
        case RestartContainer():
            return Words("Container", name, "Restarting", "Restarted")
        case KillContainer():
            return Words("Container", name, "Killing", "Killed")
        case PauseContainer():
            return Words("Container", name, "Pausing", "Paused")
        case UnpauseContainer():
            return Words("Container", name, "Unpausing", "Unpaused")
        case UpdateContainer():
            return Words("Container", name, "Updating", "Updated")
        case RenameContainer():
            return Words("Container", name, "Renaming", "Renamed", passing=replacing)
        case ConnectNetwork():
            return Words("Container", name, "Connecting", "Connected", passing=True)
        case DisconnectNetwork():
            return Words("Container", name, "Disconnecting", "Disconnected", passing=True)
        case UploadFiles():
            return Words("Container", name, "Configuring", "Configured", passing=True)
        case RunHook():
            return Words("Container", name, f"Running {action.kind.value}", f"Ran {action.kind.value}", passing=True)
        case AwaitContainer():
            return Words("Container", name, "Waiting", _AWAITED[action.condition])
        case _:
            assert_never(action)


def final_name(container: ContainerRef) -> str:
    """The name a container ends up with: a replacement is prepared under its name and a piece of its fingerprint."""
    stem, dot, piece = container.name.rpartition(".")
    is_replacement = dot and len(piece) == 12 and all(letter in "0123456789abcdef" for letter in piece)
    return stem if is_replacement else container.name


def imperative(action: Action) -> str:
    """What the action does, as a plan says it: ``create container shop-web-1``."""
    match action:
        case ConnectNetwork():
            return f"connect {action.container.name} to network {action.network}"
        case DisconnectNetwork():
            return f"disconnect {action.container.name} from network {action.network}"
        case RenameContainer():
            return f"rename {action.container.name} to {action.new_name}"
        case UploadFiles():
            return f"put {', '.join(grant.name for grant in action.files)} into {action.container.name}"
        case AwaitContainer():
            return f"wait until {action.container.name} is {action.condition.value}"
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


def slug(action: Action) -> str:
    """The action's name in kebab case: ``create-container``."""
    name = type(action).__name__
    return "".join(("-" + letter.lower()) if letter.isupper() else letter for letter in name).lstrip("-")
