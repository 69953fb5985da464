"""Copies of configs, secrets and mounted files on the engine's host: a volume, filled without running anything.

The engine unpacks an archive into a volume through a container that mounts it and is never started. So this works with any
image, with engines far away, and nothing of it is ever part of a container's own layer, where a commit or an export would find it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.engines.docker.access import Access, missing_image
from orchestrator.engines.docker.archive import Packed, PackedFile, PackedFolder, PackedPath, pack
from orchestrator.engines.docker.wire import quote
from orchestrator.errors import Conflict, EngineError, ImageUnavailable, NotFound
from orchestrator.model import actions, naming, shipment
from orchestrator.model.values import FileGrant

TARGET = "/.stack-files"
CREATE_SECONDS = 120.0
FILL_SECONDS = 1800.0  # a folder may be large, and the way to the engine long


def ship(access: Access, action: actions.ShipFiles) -> str:
    try:
        access.client.post_json("/volumes/create", body={"Name": action.volume, "Labels": dict(action.labels)})
        filler = _filler(access, action)
        try:
            _fill(access, filler, action.files)
        finally:
            _remove(access, filler)
    except EngineError as problem:
        raise _refused(action, problem) from problem
    return ""


def _filler(access: Access, action: actions.ShipFiles) -> str:
    """The container that the volume is filled through; one that an earlier run left behind makes room for it."""
    name = shipment.filler(action.volume)
    mount = {"Type": "volume", "Source": action.volume, "Target": TARGET, "VolumeOptions": {"NoCopy": True}}
    body: Mapping[str, Any] = {
        "Image": action.image,
        "Entrypoint": ["never-started"],
        "Labels": {**action.labels, naming.HOOK: "files"},
        "HostConfig": {"Mounts": [mount], "NetworkMode": "none", "SecurityOpt": ["no-new-privileges"]},
    }
    try:
        access.client.post_json("/containers/create", {"name": name}, body, timeout=CREATE_SECONDS)
    except NotFound as problem:
        raise missing_image(action.image) from problem
    except Conflict:
        if not _is_ours(access, name, action):
            raise
        _remove(access, name)
        access.client.post_json("/containers/create", {"name": name}, body, timeout=CREATE_SECONDS)
    return name


def _is_ours(access: Access, name: str, action: actions.ShipFiles) -> bool:
    labels = access.inspect(actions.ContainerRef(name))["Config"].get("Labels") or {}
    return bool(labels.get(naming.HOOK)) and labels.get(naming.PROJECT) == action.labels.get(naming.PROJECT)


def _fill(access: Access, filler: str, files: tuple[FileGrant, ...]) -> None:
    path = f"/containers/{quote(filler)}/archive"
    access.client.put(path, {"path": TARGET}, pack(packed(files)), timeout=FILL_SECONDS)


def _remove(access: Access, filler: str) -> None:
    try:
        access.client.delete(f"/containers/{quote(filler)}", {"force": True, "v": True})
    except NotFound:
        pass  # somebody was quicker


def packed(files: tuple[FileGrant, ...]) -> list[Packed]:
    """The copies under their numbers, in a folder that only root may enter: containers see what is mounted, not this."""
    entries: list[Packed] = [PackedFolder("", mode=0o700)]
    return entries + [_packed(str(number), grant) for number, grant in enumerate(files)]


def _packed(entry: str, grant: FileGrant) -> Packed:
    """Content is readable by everyone unless the file says otherwise; a file of the caller's stays as it is."""
    if grant.content is None:
        return PackedPath(entry, grant.source)
    uid, gid, mode = shipment.owner(grant)
    return PackedFile(entry, grant.content, mode=mode, uid=uid, gid=gid)


def _refused(action: actions.ShipFiles, problem: EngineError) -> EngineError:
    if isinstance(problem, ImageUnavailable) or (problem.retryable and not isinstance(problem, Conflict)):
        return problem
    what = ", ".join(grant.name for grant in action.files)
    kind = Conflict if isinstance(problem, Conflict) else EngineError
    message = f'{what} cannot be copied into volume "{action.volume}": {problem.message}'
    return kind(message, hint=problem.hint, reference="copy-refused", status=problem.status)
