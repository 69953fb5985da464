"""The Docker side of ``engines.hands``."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterable, Iterator

from orchestrator.engines.docker import measures
from orchestrator.engines.docker.client import Client, Stream
from orchestrator.engines.docker.wire import quote
from orchestrator.engines.hands import Attachment, Commit, Facts, Heard, Measured, PathFacts
from orchestrator.errors import EngineError, NotFound
from orchestrator.model import naming

PATH_FACTS = "x-docker-container-path-stat"
FOLDER, LINK = 1 << 31, 1 << 27  # bits of a mode as the engine writes it
COPY_SECONDS = 3600.0


class DockerHands:
    """Carries out at once what it is told."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def attach(self, wish: Attachment) -> int | None:
        from orchestrator.engines.docker import session

        return session.attach(
            self._client,
            wish.container,
            tty=wish.tty,
            stdin=wish.stdin,
            start=wish.start,
            until=wish.until,
            proxy_signals=wish.proxy_signals,
            input_ends=wish.input_ends,
            detach_keys=wish.detach_keys,
            cancel=wish.cancel,
        )

    def facts(self, container: str) -> Facts:
        found = self._client.get_json(f"/containers/{quote(container)}/json")
        config, state = found["Config"], found["State"]
        return Facts(
            id=found["Id"],
            tty=bool(config.get("Tty")),
            stdin_open=bool(config.get("OpenStdin")),
            stdin_once=bool(config.get("StdinOnce")),
            running=bool(state.get("Running")),
            paused=bool(state.get("Paused")),
        )

    def wait(self, container: str) -> int:
        answer = self._client.post_json(f"/containers/{quote(container)}/wait", timeout=None)
        problem = (answer.get("Error") or {}).get("Message")
        if problem:
            raise EngineError(f"the engine could not say how the container ended: {problem}")
        return int(answer["StatusCode"])

    def path(self, container: str, path: str) -> PathFacts | None:
        try:
            headers = self._client.head(f"/containers/{quote(container)}/archive", {"path": path})
        except NotFound:
            return None
        said = json.loads(b64decode(headers.get(PATH_FACTS, "") or b"e30="))
        mode = int(said.get("mode", 0))
        target = str(said.get("linkTarget", "")) if mode & LINK else ""
        return PathFacts(name=str(said.get("name", "")), folder=bool(mode & FOLDER), target=target)

    def take(self, container: str, path: str) -> Iterable[bytes]:
        return self._client.stream("GET", f"/containers/{quote(container)}/archive", {"path": path})

    def put(self, container: str, folder: str, archive: Iterable[bytes], *, keep_owners: bool = False) -> None:
        query = {"path": folder, "noOverwriteDirNonDir": True, "copyUIDGID": keep_owners}
        self._client.put(f"/containers/{quote(container)}/archive", query, archive, timeout=COPY_SECONDS)

    def export(self, container: str) -> Iterable[bytes]:
        return self._client.stream("GET", f"/containers/{quote(container)}/export")

    def commit(self, wish: Commit) -> str:
        repository, _, tag = wish.reference.partition("@")[0].rpartition(":")
        if not repository or "/" in tag:
            repository, tag = wish.reference, ""
        query = {
            "container": wish.container,
            "repo": repository or None,
            "tag": tag or None,
            "author": wish.author or None,
            "comment": wish.message or None,
            "changes": list(wish.changes),
            "pause": wish.pause,
        }
        made = self._client.post_json("/commit", query, {}, timeout=COPY_SECONDS)
        return str(made["Id"])

    def measure(self, container: str, *, once: bool = False) -> DockerMeasures:
        query = {"stream": not once, "one-shot": False}
        return DockerMeasures(self._client.stream("GET", f"/containers/{quote(container)}/stats", query))

    def events(self, stack: str, *, since: str = "", until: str = "") -> DockerHearing:
        filters = {"type": ["container"], "label": [f"{naming.PROJECT}={stack}"]}
        query = {"filters": filters, "since": since or None, "until": until or None}
        return DockerHearing(self._client.stream("GET", "/events", query, timeout=None))


class DockerMeasures:
    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[Measured]:
        return map(measures.measured, self._stream.json())

    def close(self) -> None:
        self._stream.close()


class DockerHearing:
    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[Heard]:
        for event in self._stream.json():
            actor = event.get("Actor") or {}
            yield Heard(
                moment=int(event.get("timeNano") or 0),
                action=str(event.get("Action", "")),
                container=str(actor.get("ID", "")),
                attributes=actor.get("Attributes") or {},
            )

    def close(self) -> None:
        self._stream.close()
