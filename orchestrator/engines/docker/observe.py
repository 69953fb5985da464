"""One snapshot of a stack: the engine's answers to a handful of calls as an ``ObservedState``.

Lists by the stack's label first, all at once; then what the lists cannot tell (settings of containers, images, what
holds a needed name), all at once again. Cost grows with the stack, not with the host. What vanishes between the two
rounds is gone.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from orchestrator.engines.docker import neighbour, secrets_in_memory
from orchestrator.engines.docker import observe_containers as containers
from orchestrator.engines.docker import observe_objects as objects
from orchestrator.engines.docker.client import Client
from orchestrator.engines.docker.facts import Host
from orchestrator.engines.docker.parallel import together
from orchestrator.engines.docker.reading import Context
from orchestrator.engines.docker.wire import quote
from orchestrator.errors import EngineError, NotFound
from orchestrator.model import naming
from orchestrator.model.front import Rotation
from orchestrator.model.observed import ObservedContainer, ObservedState, PortHolder, Scope
from orchestrator.records import dataclass, field, replace

Json = Mapping[str, Any]


@dataclass(slots=True)
class _Answers:
    """What the engine said. Images by reference and by id; ``named`` are lists of what the stack only names."""

    containers: list[Json] = field(default_factory=list)
    networks: list[Json] = field(default_factory=list)
    volumes: list[Json] = field(default_factory=list)
    images: dict[str, Json] = field(default_factory=dict)
    holders: list[Json] = field(default_factory=list)
    rotations: dict[str, Rotation | None] = field(default_factory=dict)
    port_holders: list[PortHolder] = field(default_factory=list)
    missing_paths: frozenset[str] = frozenset()


def observe(client: Client, scope: Scope, host: Callable[[], Host]) -> ObservedState:
    """The state of ``scope.stack``. ``host`` is asked in the first round, so that its call waits beside the others."""
    answers = _Answers()
    about = _first_round(client, scope, host, answers)
    _second_round(client, scope, answers)
    context = _context(scope, about, answers)
    return ObservedState(
        stack=scope.stack,
        engine=about.facts,
        containers=tuple(_container(raw, context, answers, about.facts.local) for raw in answers.containers),
        networks=tuple(objects.network(raw, scope.stack) for raw in answers.networks),
        volumes=tuple(objects.volume(raw, scope.stack) for raw in answers.volumes),
        images={name: objects.image(name, answers.images[name]) for name in scope.images if name in answers.images},
        name_holders=_holders(scope, answers, context),
        port_holders=tuple(answers.port_holders),
        missing_paths=answers.missing_paths,
        secret_folders=_secret_folders(client, scope, about),
        now_ns=time.time_ns(),
    )


def _secret_folders(client: Client, scope: Scope, about: Host) -> frozenset[str]:
    if not about.facts.local:
        return frozenset()
    return secrets_in_memory.present(client.environment, scope.stack, about.facts.id)


def _first_round(client: Client, scope: Scope, host: Callable[[], Host], answers: _Answers) -> Host:
    mine = {"label": [f"{naming.PROJECT}={scope.stack}"]}
    found: list[Host] = []

    def listed() -> None:
        answers.containers = client.get_json("/containers/json", {"all": True, "filters": mine})

    def networks() -> None:
        answers.networks = client.get_json("/networks", {"filters": mine})

    def volumes() -> None:
        answers.volumes = client.get_json("/volumes", {"filters": mine})["Volumes"] or []

    images = [_image_reader(client, reference, answers) for reference in sorted(scope.images)]
    together([lambda: found.append(host()), listed, networks, volumes, *images])
    return found[0]


def _image_reader(client: Client, reference: str, answers: _Answers) -> Callable[[], None]:
    def read() -> None:
        image = _or_none(lambda: client.get_json(f"/images/{quote(reference)}/json"))
        if image is not None:
            answers.images[reference] = image

    return read


def _second_round(client: Client, scope: Scope, answers: _Answers) -> None:
    calls: list[Callable[[], None]] = []
    if scope.adopts:
        answers.containers += _adopted(client, scope, answers.containers)
    if scope.details:
        calls += _detail_calls(client, answers)
    names = {raw["Names"][0].removeprefix("/") for raw in answers.containers if raw.get("Names")}
    missing = sorted(scope.containers - names)
    if missing:
        calls.append(lambda: answers.holders.extend(_named_containers(client, missing)))
    calls += _named_calls(client, scope, answers)
    calls += _host_calls(client, scope, answers)
    together(calls)
    answers.containers = [raw for raw in answers.containers if raw]


def _detail_calls(client: Client, answers: _Answers) -> list[Callable[[], None]]:
    """Inspect every container, every network (for who is attached), and the images that containers run."""
    known = {image["Id"] for image in answers.images.values()}
    others = {raw["ImageID"] for raw in answers.containers} - known
    return [
        *(_detail(client, answers.containers, index, "containers") for index in range(len(answers.containers))),
        *(_detail(client, answers.networks, index, "networks") for index in range(len(answers.networks))),
        *(_image_reader(client, image_id, answers) for image_id in sorted(others)),
        *(_rotation(client, raw["Id"], answers) for raw in answers.containers if naming.FRONT in (raw["Labels"] or {})),
    ]


def _rotation(client: Client, container_id: str, answers: _Answers) -> Callable[[], None]:
    """What a front end is set to."""

    def read() -> None:
        from orchestrator.engines.docker import execute_front  # few stacks have one

        answers.rotations[container_id] = execute_front.read(client, container_id)

    return read


def _detail(client: Client, entries: list[Json], index: int, kind: str) -> Callable[[], None]:
    """Put the inspect answer in the place of the list's entry; what is gone meanwhile becomes empty."""
    listed = entries[index]
    suffix = "/json" if kind == "containers" else ""

    def read() -> None:
        answer = _or_none(lambda: client.get_json(f"/{kind}/{listed['Id']}{suffix}"))
        entries[index] = {} if answer is None else _with_labels({**answer, "Listed": listed})

    return read


def _adopted(client: Client, scope: Scope, own: list[Json]) -> list[Json]:
    """Containers that a service takes over by name: they belong to no stack, and are seen as if they were labelled."""
    there = {raw["Names"][0].removeprefix("/") for raw in own if raw.get("Names")}
    names = sorted(scope.adopts.keys() - there)
    found: list[Json] = []
    for raw in _named_containers(client, names) if names else ():
        name = raw["Names"][0].removeprefix("/")
        if naming.PROJECT not in (raw.get("Labels") or {}) and name in scope.adopts:
            given = {naming.PROJECT: scope.stack, naming.SERVICE: scope.adopts[name], naming.NUMBER: "1"}
            found.append({**raw, containers.ADOPTED: given, "Labels": {**(raw.get("Labels") or {}), **given}})
    return found


def _with_labels(raw: Json) -> Json:
    given = raw["Listed"].get(containers.ADOPTED)
    if not given:
        return raw
    config = raw["Config"]
    return {**raw, "Config": {**config, "Labels": {**(config.get("Labels") or {}), **given}}}


def _named_calls(client: Client, scope: Scope, answers: _Answers) -> list[Callable[[], None]]:
    """Networks and volumes that the stack names and that are not its own: external ones, or made by others."""
    networks = sorted(scope.networks - {raw["Name"] for raw in answers.networks})
    volumes = sorted(scope.volumes - {raw["Name"] for raw in answers.volumes})
    calls: list[Callable[[], None]] = []
    if networks:
        calls.append(lambda: answers.networks.extend(_named_networks(client, networks, details=scope.details)))
    if volumes:
        calls.append(lambda: answers.volumes.extend(_named_volumes(client, volumes)))
    return calls


def _host_calls(client: Client, scope: Scope, answers: _Answers) -> list[Callable[[], None]]:
    """What the host has to give: ports that no container of ours holds yet, and paths to be mounted."""
    calls: list[Callable[[], None]] = []
    ours = {
        f"{one.get('PublicPort')}/{one.get('Type')}" for raw in answers.containers for one in raw.get("Ports") or ()
    }
    needed = scope.ports - ours
    if needed:
        calls.append(lambda: answers.port_holders.extend(_port_holders(client, scope, needed)))
    missing = frozenset(path for path in scope.paths if not os.path.lexists(path))
    if missing and neighbour.on_this_machine(client):
        answers.missing_paths = missing
    return calls


def _port_holders(client: Client, scope: Scope, ports: frozenset[str]) -> list[PortHolder]:
    from orchestrator.engines.docker import holders  # most runs find their ports in their own hands

    return holders.find(client, ports, lambda raw: (raw.get("Labels") or {}).get(naming.PROJECT) != scope.stack)


def _named_networks(client: Client, names: list[str], *, details: bool) -> list[Json]:
    """The engine's filter takes parts of names too; predefined networks it knows by the word "bridge" and such."""
    listed = client.get_json("/networks", {"filters": {"name": names}})
    found: list[Json] = [raw for raw in listed if raw["Name"] in names]
    if not details:
        return found
    return [raw for listed in found if (raw := _or_none(partial(client.get_json, f"/networks/{listed['Id']}")))]


def _named_volumes(client: Client, names: list[str]) -> list[Json]:
    listed = client.get_json("/volumes", {"filters": {"name": names}})["Volumes"] or []
    return [raw for raw in listed if raw["Name"] in names]


def _named_containers(client: Client, names: list[str]) -> list[Json]:
    """Whoever holds one of these names. The filter is a regular expression; names hold nothing special but dots."""
    exact = [f"^/{name.replace('.', '[.]')}$" for name in names]
    listed: list[Json] = client.get_json("/containers/json", {"all": True, "filters": {"name": exact}})
    return listed


def _or_none(read: Callable[[], Json]) -> Json | None:
    try:
        return read()
    except NotFound:
        return None
    except EngineError as problem:
        # Older engines answer 500 for a container that is being removed while they inspect it.
        if "no such" in problem.message.lower():
            return None
        raise


def _context(scope: Scope, host: Host, answers: _Answers) -> Context:
    present = [raw for raw in answers.containers if raw]
    networks = [objects.network(raw, scope.stack) for raw in answers.networks if raw]
    answers.networks = [raw for raw in answers.networks if raw]
    return Context(
        stack=scope.stack,
        services=containers.services(present),
        keys={network.id: network.key for network in networks if network.key},
        network_ids={network.name: network.id for network in networks},
        own_networks=scope.networks | {network.name for network in networks if network.owned},
        defaults=host.facts.defaults,
        host_name=host.name,
        swap_limited=host.swap_limited,
    )


def _container(raw: Json, context: Context, answers: _Answers, local: bool) -> ObservedContainer:
    if "Config" not in raw:
        return containers.listed(raw)
    found = containers.inspected(raw, context, _image_of(raw, answers.images.values()), local=local)
    return replace(found, rotation=answers.rotations[found.id]) if found.id in answers.rotations else found


def _image_of(raw: Json, images: Iterable[Json]) -> Json | None:
    return next((image for image in images if image["Id"] == raw["Image"]), None)


def _holders(scope: Scope, answers: _Answers, context: Context) -> dict[str, ObservedContainer]:
    """Foreign containers by the needed name that they hold."""
    found = [containers.listed(raw) for raw in answers.holders]
    foreign = [holder for holder in found if holder.labels.get(naming.PROJECT) != context.stack]
    return {holder.name: holder for holder in foreign if holder.name in scope.containers}
