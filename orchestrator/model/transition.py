"""The meaning of each action: the observed state after it. Pure, so that plans can be proven without an engine.

A state and an action come in, the next state goes out; what an engine would refuse raises the error that it would raise. The
memory engine and the property tests run on it, and the Docker engine is checked against it. Waits succeed: a wait for health
makes healthy, a wait for completion lets the container end with success.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from orchestrator.model import actions
from orchestrator.model import transition_containers as containers
from orchestrator.model import transition_objects as objects
from orchestrator.model.observed import ObservedState
from orchestrator.records import replace


def transition(state: ObservedState, action: actions.Action) -> ObservedState:
    """``state`` after ``action``. Its clock moves by one, so that ids made from it are new."""
    later = replace(state, now_ns=state.now_ns + 1)
    meaning: Callable[[ObservedState, Any], ObservedState] = _MEANINGS[type(action)]
    return meaning(later, action)


_MEANINGS: dict[type, Callable[[ObservedState, Any], ObservedState]] = {
    actions.PullImage: objects.pull,
    actions.BuildImage: objects.build,
    actions.TagImage: objects.tag,
    actions.PushImage: objects.push,
    actions.RemoveImage: objects.remove_image,
    actions.CreateNetwork: objects.create_network,
    actions.RemoveNetwork: objects.remove_network,
    actions.ConnectNetwork: containers.connect,
    actions.DisconnectNetwork: containers.disconnect,
    actions.CreateVolume: objects.create_volume,
    actions.RemoveVolume: objects.remove_volume,
    actions.CreateContainer: containers.create,
    actions.ShipFiles: objects.ship,
    actions.KeepSecrets: objects.keep_secrets,
    actions.DropSecrets: objects.drop_secrets,
    actions.StartContainer: containers.start,
    actions.StopContainer: containers.stop,
    actions.RestartContainer: containers.restart,
    actions.KillContainer: containers.kill,
    actions.PauseContainer: containers.pause,
    actions.UnpauseContainer: containers.unpause,
    actions.RenameContainer: containers.rename,
    actions.UpdateContainer: containers.update,
    actions.RemoveContainer: containers.remove,
    actions.AwaitContainer: containers.wait,
    actions.AwaitDelay: containers.delay,
    actions.AwaitDrained: containers.front,
    actions.AwaitFront: containers.front,
    actions.ConfigureFront: containers.configure_front,
    actions.RunHook: containers.hook,
    actions.RunProvider: containers.provider,
}
