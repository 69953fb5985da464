"""Configs and secrets that another key recorded: read once, and from then on known under this host's key.

Digests in labels were made with the key of whoever made the container. When that key is lost, or another user's, they cannot be
compared with what is wanted; the contents in the container can. A snapshot goes in and comes out with such digests made anew;
what could not be read stays as it was, and the planner says that it is not known. Labels cannot change, so what was read is noted
in the state directory: digests, owners and modes, never contents.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial

from orchestrator.engines.docker.client import Client
from orchestrator.engines.docker.parallel import together
from orchestrator.engines.docker.wire import quote
from orchestrator.errors import EngineError, EngineUnreachable
from orchestrator.model import fingerprint
from orchestrator.model.observed import ObservedContainer, ObservedState, Owner, Scope
from orchestrator.records import replace

LARGEST = 16 * 1024 * 1024
SECONDS = 60.0

Read = tuple[str, Owner]
Notes = dict[str, dict[str, Read]]  # by container and target


def under_key(client: Client, seen: ObservedState, scope: Scope, folder: str) -> ObservedState:
    """``seen`` with what another key than ``scope.key`` recorded said under that; notes about it are kept below ``folder``."""
    foreign = {container.id: targets for container in seen.containers if (targets := _foreign(container, scope))}
    if not foreign:
        return seen
    path = _path(folder, seen) if folder else ""
    mark = f"{fingerprint.key_id(scope.key)}:"
    noted = {one: known for one, known in _noted(path, mark).items() if one in foreign}
    missing = [(one, target) for one, targets in foreign.items() for target in targets - noted.get(one, {}).keys()]
    found = together(partial(_read, client, one, target, scope.key) for one, target in missing)
    for (one, target), read in zip(missing, found, strict=True):
        if read is not None:
            noted.setdefault(one, {})[target] = read
    if path and any(found):
        _note(path, noted)
    return replace(seen, containers=tuple(_known(one, noted.get(one.id, {})) for one in seen.containers))


def _foreign(container: ObservedContainer, scope: Scope) -> set[str]:
    """What can be read to be compared. A mounted file that was replaced on the host the engine would show as it is there now."""
    if not (scope.key and scope.details and container.files):
        return set()
    mark = fingerprint.key_id(scope.key)
    return {
        target
        for target, digest in container.files.items()
        if (container.service, target) in scope.granted
        and digest.partition(":")[0] != mark
        and target not in container.replaced_files
    }


def _known(container: ObservedContainer, read: Mapping[str, Read]) -> ObservedContainer:
    if not read:
        return container
    digests = {target: digest for target, (digest, _) in read.items()}
    owners = {target: owner for target, (_, owner) in read.items()}
    return replace(container, files={**container.files, **digests}, owners=owners)


def _read(client: Client, container: str, target: str, key: bytes) -> Read | None:
    """The file at ``target``, as digest and owner; None for what is no file, is too large, or is not given out."""
    from orchestrator.engines.docker.tar_entries import Kind, read_entries  # few runs read archives

    path = f"/containers/{quote(container)}/archive"
    try:
        with client.stream("GET", path, {"path": target}, timeout=SECONDS, activity=SECONDS) as stream:
            entry = next(read_entries(stream), None)
            if entry is None or entry.kind is not Kind.FILE or entry.size > LARGEST:
                return None
            content = b"".join(entry.pieces())
    except EngineUnreachable:
        raise
    except EngineError:
        return None
    return fingerprint.digest(key, content), (entry.uid, entry.gid, entry.mode & 0o7777)


def _path(folder: str, seen: ObservedState) -> str:
    import hashlib

    engine = hashlib.sha256(seen.engine.id.encode()).hexdigest()[:16]
    return os.path.join(folder, "recorded", engine, f"{seen.stack}.json")


def _noted(path: str, mark: str) -> Notes:
    """What is noted under this key; nothing where that cannot be read."""
    import json

    try:
        with open(path, encoding="utf-8") as file:
            return {
                str(one): {
                    str(target): (str(digest), (int(uid), int(gid), int(mode)))
                    for target, (digest, (uid, gid, mode)) in known.items()
                    if digest.startswith(mark)
                }
                for one, known in json.load(file).items()
            }
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _note(path: str, notes: Notes) -> None:
    """Without the notes everything is read once more, so a full disk keeps nobody from anything."""
    import json

    draft = f"{path}.{os.getpid()}"
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        with open(
            os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "w", encoding="utf-8"
        ) as file:
            json.dump(notes, file)
        os.replace(draft, path)
    except OSError:
        return
