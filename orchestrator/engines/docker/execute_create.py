"""Create a container as the plan says.

A create whose reply was lost is found again by its name and fingerprint, and adopted. Engines that take one
network at create get the others in the calls that follow at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.engines.docker import changes, labels, mounted, secrets_in_memory, translate
from orchestrator.engines.docker.access import Access, missing_image
from orchestrator.engines.docker.draft import Draft
from orchestrator.engines.docker.execute_containers import REMOVAL_SECONDS, name_held
from orchestrator.engines.docker.execute_networks import connect
from orchestrator.engines.docker.surroundings import Peer, Surroundings
from orchestrator.engines.docker.translate_host import SERVICE
from orchestrator.engines.docker.translate_mounts import VOLUME_SUBPATH
from orchestrator.engines.docker.wire import quote
from orchestrator.errors import Conflict, EngineError, NotFound
from orchestrator.model import actions, naming
from orchestrator.model.actions import ContainerRef
from orchestrator.model.container import Container

CREATE_SECONDS = 120.0  # volumes may be filled from the image here


def create(access: Access, action: actions.CreateContainer) -> str:
    draft = translate.create(action, _surroundings(access, action))
    try:
        warnings = _post(access, action, draft)
    except Conflict as problem:
        warnings = _adopt_or_retry(access, action, draft, problem)
    for connection in draft.connect:
        connect(access, connection)
    return warnings


def _post(access: Access, action: actions.CreateContainer, draft: Draft) -> str:
    query = {"name": action.container.name, **draft.query}
    try:
        answer = access.client.post_json("/containers/create", query, draft.body(), timeout=CREATE_SECONDS)
    except Conflict:
        raise
    except EngineError as problem:
        if problem.retryable:
            raise
        raise _refused(action, problem) from problem
    return "; ".join(answer.get("Warnings") or ())


def _refused(action: actions.CreateContainer, problem: EngineError) -> EngineError:
    message = problem.message
    if isinstance(problem, NotFound) and "image" in message.lower():
        return missing_image(action.settings.image)
    hint = problem.hint
    if "bind source path does not exist" in message:
        hint = "create it, or set bind.create_host_path: true on that volume"
    return EngineError(
        f'container "{action.container.name}" cannot be created: {message}',
        hint=hint,
        reference="create-refused",
        status=problem.status,
    )


def _adopt_or_retry(access: Access, action: actions.CreateContainer, draft: Draft, problem: Conflict) -> str:
    """The name is held: by the container we made when the reply got lost, by one on its way out, or by a stranger."""
    name = action.container.name
    try:
        holder = access.inspect(ContainerRef(name))
    except NotFound:
        return _post(access, action, draft)
    if _is_ours(holder, action):
        return ""
    if holder["State"].get("Status") == "removing":
        changes.wait_until(
            access.subscription(), lambda: _gone(access, holder["Id"]), lambda _: True, timeout=REMOVAL_SECONDS
        )
        return _post(access, action, draft)
    raise name_held(access, name, problem) from problem


def _is_ours(holder: Mapping[str, Any], action: actions.CreateContainer) -> bool:
    """Made from the same settings for the same replica, and never started."""
    there, wanted = labels.identity(holder["Config"].get("Labels") or {}), labels.identity(action.labels)
    return bool(wanted.fingerprint) and there == wanted and holder["State"].get("Status") == "created"


def _gone(access: Access, container_id: str) -> bool | None:
    try:
        access.inspect(ContainerRef("", container_id))
    except NotFound:
        return True
    return None


def _surroundings(access: Access, action: actions.CreateContainer) -> Surroundings:
    stack = action.labels.get(naming.PROJECT, "")
    peers: dict[str, tuple[Peer, ...]] = {service: (_peer(access, ref),) for service, ref in action.peers.items()}
    missing = shared_services(action.settings) - set(peers)
    linked = {link.partition(":")[0] for link in action.settings.links}
    for service in sorted(missing | linked):
        peers[service] = _peers_of(access, stack, service) if stack else ()
    return Surroundings(
        api=access.client.api_version,
        peers=peers,
        image_id=access.image_id(action.settings.image),
        copies=_copies(access, action.copies),
        secrets=_secrets(access, stack, action.secrets),
        inodes=mounted.inodes(action.settings) if access.client.endpoint.local else "",
    )


def _copies(access: Access, volume: str) -> str:
    """Where a volume lies on the engine's host; only engines that cannot mount a part of one need to know."""
    if not volume or access.client.api_version >= VOLUME_SUBPATH:
        return ""
    return str(access.client.get_json(f"/volumes/{quote(volume)}")["Mountpoint"])


def _secrets(access: Access, stack: str, folder: str) -> str:
    return secrets_in_memory.place(access.environment, stack, folder, access.engine_id()) if folder else ""


def shared_services(settings: Container) -> set[str]:
    """Services whose containers these settings lean on."""
    modes = (settings.network_mode, settings.ipc, settings.pid, settings.uts)
    found = {mode.removeprefix(SERVICE) for mode in modes if mode.startswith(SERVICE)}
    sources = (entry for entry in settings.volumes_from if not entry.startswith("container:"))
    return found | {entry.removeprefix(SERVICE).partition(":")[0] for entry in sources}


def _peer(access: Access, ref: ContainerRef) -> Peer:
    """By id: names change when a replacement takes over."""
    found = ref.id or str(access.inspect(ref)["Id"])
    return Peer(found, labels.plain_name(ref.name), ref.slot)


def _peers_of(access: Access, stack: str, service: str) -> tuple[Peer, ...]:
    """The service's containers at this moment, lowest slot first and the newest first within a slot."""
    wanted = [f"{naming.PROJECT}={stack}", f"{naming.SERVICE}={service}", f"{naming.ONEOFF}=False"]
    listed = access.client.get_json("/containers/json", {"all": True, "filters": {"label": wanted}})
    found = []
    for entry in listed:
        who = labels.identity(entry.get("Labels") or {})
        name = min(entry["Names"], key=lambda text: text.count("/")).removeprefix("/")
        found.append(
            (who.slot, -entry["Created"], Peer(entry["Id"], labels.final_name(name, who.fingerprint), who.slot))
        )
    return tuple(peer for _, _, peer in sorted(found, key=lambda row: row[:2]))
