"""All requests that would make a stack, rendered without an engine and without sending any: what is judged before the first step.

They are what the actions of a plan are translated to, for the newest API, so that every setting is in one request of its own.
Each comes with the path of what it is made from in the user's file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator.engines.docker import execute_hooks, translate, translate_objects
from orchestrator.engines.docker.build_request import BuildRequest
from orchestrator.engines.docker.surroundings import Peer, Surroundings
from orchestrator.engines.docker.wire import quote
from orchestrator.engines.gate import BUILD, RUN, Request
from orchestrator.errors import EngineError
from orchestrator.model import actions, naming, shipment
from orchestrator.model.actions import ContainerRef, HookKind
from orchestrator.model.stack import Hook, Service, Stack
from orchestrator.records import dataclass, replace

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Rendered:
    """``base`` is the path of the service, hook, build, network or volume that the request makes."""

    base: Path
    request: Request


def container_names(stack: Stack) -> dict[str, str]:
    """The first container of each service, by its name on the engine."""
    return {_container(stack, service): service.name for service in stack.services.values()}


def requests(stack: Stack, *, kept: str = "") -> Iterator[Rendered]:
    """The requests, in no order that matters. ``kept``: the folder of this host with secrets in memory."""
    around = Surroundings(peers={service: (Peer(name, name, 1),) for name, service in container_names(stack).items()})
    for key, network in stack.networks.items():
        if not network.external:
            body = translate_objects.network(network, around)
            yield _made(("networks", key), "/networks/create", _labelled(body, stack))
    for key, volume in stack.volumes.items():
        if not volume.external:
            yield _made(("volumes", key), "/volumes/create", _labelled(translate_objects.volume(volume), stack))
    for service in stack.services.values():
        folder = shipment.folder(stack, service)
        yield from _of_service(stack, service, replace(around, secrets=f"{kept}/{folder}.engine" if folder else ""))


def _made(base: Path, path: str, body: Mapping[str, Any], query: str = "") -> Rendered:
    return Rendered(base, Request("POST", path, query, json.dumps(body).encode()))


def _labelled(body: Mapping[str, Any], stack: Stack) -> Mapping[str, Any]:
    return {**body, "Labels": {**body["Labels"], naming.PROJECT: stack.name}}


def _of_service(stack: Stack, service: Service, around: Surroundings) -> Iterator[Rendered]:
    base: Path = ("services", service.name)
    if service.provider is not None:
        yield Rendered((*base, "provider"), Request(RUN, f"/{quote(service.provider.type)}"))
        return
    if service.build is not None:
        wanted = BuildRequest(reference=service.container.image, build=service.build)
        yield Rendered((*base, "build"), Request(BUILD, "/build", body=wanted.described()))
    yield from _created(base, _creation(stack, service), around)
    for kind, hooks in (("post_start", service.post_start), ("pre_stop", service.pre_stop)):
        for index, hook in enumerate(hooks):
            path = f"/containers/{quote(_container(stack, service))}/exec"
            yield _made((*base, kind, index), path, execute_hooks.exec_body(hook))
    for index, hook in enumerate(service.pre_start):
        yield from _created((*base, "pre_start", index), _beside(stack, service, hook), around)


def _created(base: Path, action: actions.CreateContainer, around: Surroundings) -> Iterator[Rendered]:
    try:
        draft = translate.create(action, around)
    except EngineError:
        return  # what cannot be translated is not sent either; who carries it out says why
    yield _made(base, "/containers/create", draft.body(), f"?name={quote(action.container.name)}")


def _container(stack: Stack, service: Service) -> str:
    return naming.container(stack.name, service.name, 1, fixed=service.container_name, separator=stack.separator)


def _creation(stack: Stack, service: Service) -> actions.CreateContainer:
    settings = service.container
    return actions.CreateContainer(
        container=ContainerRef(_container(stack, service), service=service.name, slot=1),
        settings=settings,
        networks={stack.networks[key].name: how for key, how in settings.networks.items() if key in stack.networks},
        labels={naming.PROJECT: stack.name, naming.SERVICE: service.name},
        copies=shipment.volume(stack, service),
        secrets=shipment.folder(stack, service),
    )


def _beside(stack: Stack, service: Service, hook: Hook) -> actions.CreateContainer:
    made = _creation(stack, service)
    run = actions.RunHook(
        container=made.container,
        kind=HookKind.PRE_START,
        hook=hook,
        settings=service.container,
        networks=made.networks,
        labels=made.labels,
    )
    return execute_hooks.creation(run, ContainerRef(f"{made.container.name}.{HookKind.PRE_START.value}"))
