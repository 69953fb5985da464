"""Files of this host into running containers, as they are now: what exists is copied, what has gone is removed.

A ``Transfer`` and containers go in. One archive is put into each container, all at once; removals come first and are one
command in the container, because the engine itself can only add. Copies belong to the user that the container runs as.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from orchestrator.engines.console import Transfer
from orchestrator.engines.docker import evidence, parallel, streams, tar_writer
from orchestrator.engines.docker.client import Client, Payload
from orchestrator.engines.docker.tar_entries import read_entries
from orchestrator.engines.docker.tar_writer import ROOT, Owner
from orchestrator.engines.docker.wire import quote
from orchestrator.errors import EngineError, NotFound

AT_ONCE = 16
IN_MEMORY = 4 * 1024 * 1024  # an archive up to this size is made once for all containers
PATHS_PER_CALL = 1000


class DockerSync:
    """Knows the owners of files in the containers it has met, and is asked again and again."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._owners: dict[str, Owner] = {}

    def bring(self, containers: Sequence[str], transfer: Transfer) -> None:
        """Bring the transfer into every container. Raises the first EngineError after all have been tried."""
        owners = {container: self._owner(container) for container in containers} if transfer.copies else {}
        archives = {owner: _small(transfer, owner) for owner in set(owners.values())}
        calls = (partial(self._one, name, transfer, owners.get(name, ROOT), archives) for name in containers)
        parallel.together(calls, AT_ONCE)

    def _owner(self, container: str) -> Owner:
        if container not in self._owners:
            self._owners[container] = _owner(self._client, container)
        return self._owners[container]

    def _one(self, container: str, transfer: Transfer, owner: Owner, archives: Mapping[Owner, bytes | None]) -> None:
        try:
            for start in range(0, len(transfer.removals), PATHS_PER_CALL):
                _remove(self._client, container, transfer.removals[start : start + PATHS_PER_CALL])
            if transfer.copies:
                small = archives[owner]
                self._put(container, "/", _pieces(transfer, owner) if small is None else small)
        except NotFound:
            return  # it has gone since it was listed
        except EngineError as problem:
            if "read-only" not in problem.message:
                raise
            self._into_volumes(container, transfer, owner)

    def _put(self, container: str, path: str, body: Payload) -> None:
        self._client.put(f"/containers/{quote(container)}/archive", {"path": path}, body, timeout=None)

    def _into_volumes(self, container: str, transfer: Transfer, owner: Owner) -> None:
        """For a container whose own file system is read-only: each file into the volume that holds its place."""
        mounts = self._client.get_json(f"/containers/{quote(container)}/json").get("Mounts") or ()
        volumes = sorted((str(m["Destination"]) for m in mounts if m.get("RW")), key=len, reverse=True)
        parts: dict[str, list[tuple[str, str]]] = {}
        for here, there in transfer.copies:
            volume = next((one for one in volumes if there == one or there.startswith(one.rstrip("/") + "/")), "")
            if not volume:
                raise EngineError(
                    f"{there} cannot be written: the container's file system is read-only",
                    hint="put a volume there, or leave read_only out while you develop",
                    reference="sync-failed",
                )
            parts.setdefault(volume, []).append((here, there))
        for volume, copies in parts.items():
            self._put(container, volume, _pieces(Transfer(tuple(copies)), owner, volume))


def _owner(client: Client, container: str) -> Owner:
    """The user and group that the container runs as, by the names in its own files."""
    try:
        said = str(client.get_json(f"/containers/{quote(container)}/json")["Config"].get("User") or "")
    except NotFound:
        return ROOT
    user, _, group = said.partition(":")
    found = _line(client, container, "/etc/passwd", user) if user else ()
    uid = int(user) if user.isdecimal() else int(found[2]) if len(found) > 3 else 0
    if group:
        entry = () if group.isdecimal() else _line(client, container, "/etc/group", group)
        return uid, int(group) if group.isdecimal() else int(entry[2]) if len(entry) > 2 else 0
    return uid, int(found[3]) if len(found) > 3 else 0


def _line(client: Client, container: str, path: str, name: str) -> Sequence[str]:
    """The fields of the entry that bears the name, or the number, in a file like /etc/passwd."""
    try:
        with client.stream("GET", f"/containers/{quote(container)}/archive", {"path": path}) as stream:
            content = b"".join(piece for entry in read_entries(stream) for piece in entry.pieces())
    except EngineError:
        return ()
    for line in content.decode(errors="replace").splitlines():
        fields = line.split(":")
        if name in (fields[0], fields[2] if len(fields) > 2 else ""):
            return fields if all(field.isdecimal() for field in fields[2:3]) else ()
    return ()


def _small(transfer: Transfer, owner: Owner) -> bytes | None:
    """The whole archive, ``None`` if it is large."""
    whole = bytearray()
    for piece in _pieces(transfer, owner):
        whole += piece
        if len(whole) > IN_MEMORY:
            return None
    return bytes(whole)


def _pieces(transfer: Transfer, owner: Owner, below: str = "/") -> Iterator[bytes]:
    """The archive, to be put at ``below``.

    A file that has gone or shrunk since it was found is left out or cut: its next change is on its way.
    """
    for here, there in transfer.copies:
        sent = 0
        try:
            for piece in tar_writer.entry(here, os.path.relpath(there, below), owner):
                yield piece
                sent += 1
        except OSError as problem:
            if sent:
                raise EngineError(f"{here} changed while it was copied", reference="sync-failed") from problem
            if not isinstance(problem, FileNotFoundError):
                raise EngineError(f"{here} cannot be read: {problem.strerror}", reference="sync-failed") from problem
    yield tar_writer.END


def _remove(client: Client, container: str, paths: Sequence[str]) -> None:
    body = {"AttachStdout": True, "AttachStderr": True, "User": "0", "Cmd": ["rm", "-rf", "--", *paths]}
    made = client.post_json(f"/containers/{quote(container)}/exec", body=body)
    frames, said = streams.Demultiplexer(), bytearray()
    with client.stream("POST", f"/exec/{made['Id']}/start", body={"Detach": False, "Tty": False}) as stream:
        for data in stream:
            for piece in frames.feed(data):
                said += piece.content
    code = client.get_json(f"/exec/{made['Id']}/json").get("ExitCode")
    if code:
        raise EngineError(
            evidence.told(
                f"files could not be removed in the container: rm ended with {code}", [], evidence.lines(bytes(said), 5)
            ),
            hint="the image needs the program rm for that" if code in (126, 127) else "",
            reference="sync-failed",
        )
