"""The plan of `stack prune`: what of a stack nobody uses. Stopped containers, images and networks; volumes by their own word.

Pure, as all plans are: an observation comes in with the ids of images that nothing names any more.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from orchestrator.model.actions import Action, ContainerRef, RemoveContainer, RemoveImage, RemoveNetwork, RemoveVolume
from orchestrator.model.observed import ObservedContainer, ObservedState, State
from orchestrator.model.plan import Level, Note, Plan, Step
from orchestrator.model.values import MountType

ENDED = (State.CREATED, State.EXITED, State.DEAD)


def prune(
    observed: ObservedState, *, dangling: Iterable[str], volumes: bool = False, protected: Collection[str] = ()
) -> Plan:
    """Everything of the stack that no remaining container uses. Volumes that are ``protected`` stay, and that is noted."""
    going = [container for container in observed.containers if container.state in ENDED]
    staying = [container for container in observed.containers if container.state not in ENDED]
    removals: list[tuple[str, Action]] = [("it does not run", _container(container)) for container in going]
    removals += [("nothing names it", action) for action in _images(dangling, staying)]
    removals += [("no container uses it", action) for action in _networks(observed, staying)]
    unused = list(_volumes(observed, staying)) if volumes else []
    removals += [("no container uses it", action) for action in unused if action.name not in protected]
    notes = (f'volume "{action.name}" stays: it is protected' for action in unused if action.name in protected)
    return _plan(observed.stack, removals, notes)


def images(stack: str, dangling: Iterable[str]) -> Plan:
    """The images alone."""
    return _plan(stack, [("nothing names it", RemoveImage(reference=image)) for image in dangling])


def _plan(stack: str, removals: list[tuple[str, Action]], notes: Iterable[str] = ()) -> Plan:
    """Containers first; everything else waits for all of them, because they may be what uses it."""
    containers = tuple(n for n, (_, action) in enumerate(removals, 1) if isinstance(action, RemoveContainer))
    steps = (
        Step(
            id=number,
            action=action,
            reason=reason,
            after=() if isinstance(action, RemoveContainer) else containers,
            group="prune",
        )
        for number, (reason, action) in enumerate(removals, 1)
    )
    said = (Note(level=Level.WARNING, text=text, reference="volume-protected") for text in notes)
    return Plan(stack=stack, steps=tuple(steps), notes=tuple(said))


def _container(container: ObservedContainer) -> RemoveContainer:
    ref = ContainerRef(container.name, container.id, container.service, container.slot)
    return RemoveContainer(container=ref)


def _images(dangling: Iterable[str], staying: Iterable[ObservedContainer]) -> Iterator[RemoveImage]:
    used = {container.image_id for container in staying}
    return (RemoveImage(reference=image) for image in dangling if image not in used)


def _networks(observed: ObservedState, staying: list[ObservedContainer]) -> Iterator[RemoveNetwork]:
    """A network that a stranger is attached to stays as well."""
    used = {endpoint.network_id for container in staying for endpoint in container.endpoints}
    gone = {container.id for container in observed.containers} - {container.id for container in staying}
    for network in observed.networks:
        if network.owned and network.id not in used and not set(network.attached) - gone:
            yield RemoveNetwork(name=network.name, id=network.id)


def _volumes(observed: ObservedState, staying: list[ObservedContainer]) -> Iterator[RemoveVolume]:
    used = {name for container in staying for name in _mounted(container)}
    return (RemoveVolume(name=volume.name) for volume in observed.volumes if volume.owned and volume.name not in used)


def _mounted(container: ObservedContainer) -> Iterator[str]:
    yield from container.anonymous_volumes.values()
    for mount in container.settings.mounts if container.settings is not None else ():
        if mount.type is MountType.VOLUME:
            yield mount.source
