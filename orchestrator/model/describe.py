"""An action in a few words: ``create container shop-web-1``. For progress lines, plans and messages alike."""

from __future__ import annotations

from typing import assert_never

from orchestrator.model import actions
from orchestrator.model.humane import duration


def describe(action: actions.Action) -> str:
    """What the action does, in the imperative, with the names people know."""
    match action:
        case actions.PullImage() | actions.BuildImage() | actions.PushImage() | actions.RemoveImage():
            return f"{_VERBS[type(action)]} image {action.reference}"
        case actions.TagImage(id=id, reference=reference):
            return f"name image {id} {reference}"
        case actions.CreateNetwork(network=network):
            return f"create network {network.name}"
        case actions.RemoveNetwork(name=name):
            return f"remove network {name}"
        case actions.ConnectNetwork(container=container, network=network_name):
            return f"connect {container.name} to network {network_name}"
        case actions.DisconnectNetwork(container=container, network=network_name):
            return f"disconnect {container.name} from network {network_name}"
        case actions.CreateVolume(volume=volume):
            return f"create volume {volume.name}"
        case actions.RemoveVolume(name=name):
            return f"remove volume {name}"
        case actions.ShipFiles() | actions.KeepSecrets() | actions.DropSecrets():
            return _files(action)
        case actions.RunProvider(service=service, command=command):
            return f"run the provider of {service}: {command}"
        case actions.AwaitDelay(service=service, delay_ns=delay_ns):
            return f"wait {duration(delay_ns)} before {service} goes on"
        case _:
            return _container(action)


def _files(action: actions.ShipFiles | actions.KeepSecrets | actions.DropSecrets) -> str:
    match action:
        case actions.ShipFiles(files=files, volume=volume):
            return f"copy {', '.join(grant.name for grant in files)} into volume {volume}"
        case actions.KeepSecrets(service=service, files=files):
            return f"keep {', '.join(grant.name for grant in files)} of {service} in memory"
        case actions.DropSecrets(folder=folder):
            return f"take the secrets {folder} out of memory"


def slug(action: actions.Action) -> str:
    """The action's name in kebab case: ``create-container``."""
    name = type(action).__name__
    return "".join(("-" + letter.lower()) if letter.isupper() else letter for letter in name).lstrip("-")


_ContainerAction = (
    actions.CreateContainer
    | actions.StartContainer
    | actions.StopContainer
    | actions.RestartContainer
    | actions.KillContainer
    | actions.PauseContainer
    | actions.UnpauseContainer
    | actions.RenameContainer
    | actions.UpdateContainer
    | actions.RemoveContainer
    | actions.AwaitContainer
    | actions.AwaitDrained
    | actions.AwaitFront
    | actions.ConfigureFront
    | actions.RunHook
)


def _container(action: _ContainerAction) -> str:
    name = action.container.name
    match action:
        case actions.RenameContainer(new_name=new_name):
            return f"rename container {name} to {new_name}"
        case actions.AwaitContainer(condition=condition):
            return f"wait until {name} is {_CONDITIONS[condition]}"
        case actions.ConfigureFront(members=members):
            return f"let {name} spread connections over {', '.join(one.name for one in members) or 'nobody'}"
        case actions.AwaitFront():
            return f"wait until {name} takes connections"
        case actions.AwaitDrained(timeout_ns=timeout_ns):
            return f"let connections through {name} end, for {duration(timeout_ns)} at most"
        case actions.RunHook(kind=kind):
            return f"run {kind.value} hook of {name}"
        case actions.KillContainer(signal=signal):
            return f"send {signal} to container {name}"
        case (
            actions.CreateContainer()
            | actions.StartContainer()
            | actions.StopContainer()
            | actions.RestartContainer()
            | actions.PauseContainer()
            | actions.UnpauseContainer()
            | actions.UpdateContainer()
            | actions.RemoveContainer()
        ):
            return f"{_VERBS[type(action)]} container {name}"
        case _:
            assert_never(action)


_VERBS: dict[type, str] = {
    actions.PullImage: "pull",
    actions.BuildImage: "build",
    actions.PushImage: "push",
    actions.RemoveImage: "remove",
    actions.CreateContainer: "create",
    actions.StartContainer: "start",
    actions.StopContainer: "stop",
    actions.RestartContainer: "restart",
    actions.PauseContainer: "pause",
    actions.UnpauseContainer: "unpause",
    actions.UpdateContainer: "update",
    actions.RemoveContainer: "remove",
}

_CONDITIONS = {
    actions.WaitFor.STARTED: "started",
    actions.WaitFor.HEALTHY: "healthy",
    actions.WaitFor.STABLE: "running steadily",
    actions.WaitFor.READY: "ready",
    actions.WaitFor.COMPLETED: "done",
}
