"""The Docker side of ``engines.console``: lists, logs, processes and commands through the client, in the console's own
words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from orchestrator.engines.console import (
    STDERR,
    STDOUT,
    Ended,
    Execution,
    Happened,
    ImageFacts,
    Listed,
    LogWish,
    Processes,
    Publisher,
    Said,
    Silent,
    Sync,
)
from orchestrator.engines.docker.client import Client, Stream
from orchestrator.engines.docker.logs import LogFollower, LogLine, LogRequest
from orchestrator.errors import NotFound
from orchestrator.model import naming
from orchestrator.model.probe import Probe


class DockerConsole:
    """Answers the commands that look."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def containers(self, *, labels: Iterable[str] = (), everything: bool = True) -> tuple[Listed, ...]:
        query = {"all": everything, "filters": {"label": list(labels)}}
        return tuple(map(listed, self._client.get_json("/containers/json", query)))

    def logs(self) -> DockerLogs:
        return DockerLogs(self._client)

    def execute(self, wish: Execution) -> int:
        from orchestrator.engines.docker import session

        return session.execute(self._client, wish)

    def happenings(self, stack: str) -> DockerHappenings:
        return DockerHappenings(self._client, stack)

    def ended(self, container: str) -> Ended:
        try:
            state = self._client.get_json(f"/containers/{container}/json")["State"]
        except NotFound:
            return Ended()
        restarting = bool(state.get("Restarting"))
        running = bool(state.get("Running")) and not restarting
        started, ended = _seconds(state.get("StartedAt", "")), _seconds(state.get("FinishedAt", ""))
        return Ended(int(state.get("ExitCode", 0)), running, restarting, started, ended)

    def processes(self, container: str) -> Processes:
        answer = self._client.get_json(f"/containers/{container}/top")
        rows = answer.get("Processes") or []
        return Processes(tuple(answer.get("Titles") or ()), tuple(tuple(row) for row in rows))

    def probed(self, probes: Mapping[str, Probe]) -> dict[str, str]:
        from orchestrator.engines.docker import probes as asking
        from orchestrator.engines.docker.parallel import together

        calls = [partial(asking.health, self._client, container, probe) for container, probe in probes.items()]
        return {container: health for container, health in zip(probes, together(calls), strict=True) if health}

    def image(self, image_id: str) -> ImageFacts:
        answer = self._client.get_json(f"/images/{image_id}/json")
        parts = (answer.get("Os", ""), answer.get("Architecture", ""), answer.get("Variant", ""))
        return ImageFacts(
            id=answer["Id"],
            tags=tuple(answer.get("RepoTags") or ()),
            digests=tuple(answer.get("RepoDigests") or ()),
            platform="/".join(part for part in parts if part),
            size=int(answer.get("Size", 0)),
            created=answer.get("Created", ""),
            tagged=(answer.get("Metadata") or {}).get("LastTagTime", ""),
        )

    def sync(self) -> Sync:
        from orchestrator.engines.docker.sync import DockerSync

        return DockerSync(self._client)

    def images(self, pattern: str) -> tuple[ImageFacts, ...]:
        answer = self._client.get_json("/images/json", {"filters": {"reference": [pattern]}})
        return tuple(
            ImageFacts(
                id=one["Id"],
                tags=tuple(one.get("RepoTags") or ()),
                digests=tuple(one.get("RepoDigests") or ()),
                size=int(one.get("Size", 0)),
            )
            for one in answer
        )

    def last_lines(self, container: str, count: int) -> tuple[str, ...]:
        from orchestrator.engines.docker import evidence

        try:
            found = self._client.get_json(f"/containers/{container}/json")
        except NotFound:
            return ()
        return tuple(evidence.tail(self._client, found, count))


class DockerLogs:
    """The logs of many containers. Whether a container has a terminal decides how its log is framed."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._follower = LogFollower(client)

    def add(self, wish: LogWish) -> None:
        config = self._client.get_json(f"/containers/{wish.container}/json")["Config"]
        self._follower.add(
            LogRequest(
                container=wish.container,
                tty=bool(config.get("Tty")),
                follow=wish.follow,
                tail=wish.tail,
                since=wish.since,
                until=wish.until,
                timestamps=wish.timestamps,
            )
        )

    def finish_adding(self) -> None:
        self._follower.finish_adding()

    def close(self) -> None:
        self._follower.close()

    def __iter__(self) -> Iterator[Said | Silent]:
        for item in self._follower:
            if isinstance(item, LogLine):
                yield Said(item.container, item.content, STDERR if item.error else STDOUT, item.whole)
            else:
                yield Silent(item.container, item.problem)


class DockerHappenings:
    """Starts and ends of a stack's containers, heard from the moment this is made."""

    def __init__(self, client: Client, stack: str) -> None:
        filters = {"type": ["container"], "event": ["start", "die"], "label": [f"{naming.PROJECT}={stack}"]}
        self._stream: Stream = client.stream("GET", "/events", {"filters": filters})

    def __iter__(self) -> Iterator[Happened]:
        for event in self._stream.json():
            actor = event.get("Actor") or {}
            attributes = actor.get("Attributes") or {}
            service, name = attributes.get(naming.SERVICE, ""), attributes.get("name", "")
            yield Happened(str(actor.get("ID", "")), str(event.get("Action", "")), service, name)

    def close(self) -> None:
        self._stream.close()


def listed(raw: Mapping[str, Any]) -> Listed:
    """One entry of a list answer."""
    names = [str(name).removeprefix("/") for name in raw.get("Names") or () if str(name).count("/") == 1]
    mounts = raw.get("Mounts") or ()
    networks = (raw.get("NetworkSettings") or {}).get("Networks") or {}
    return Listed(
        id=raw["Id"],
        name=names[0] if names else raw["Id"][:12],
        image=raw.get("Image", ""),
        image_id=raw.get("ImageID", ""),
        command=raw.get("Command") or "",
        created=int(raw.get("Created") or 0),
        state=raw.get("State", ""),
        status=raw.get("Status", ""),
        publishers=tuple(sorted(map(_publisher, raw.get("Ports") or ()), key=_by_port)),
        labels=raw.get("Labels") or {},
        networks=tuple(networks),
        mounts=tuple(mount.get("Name") or mount.get("Source") or "" for mount in mounts),
        local_volumes=sum(mount.get("Driver") == "local" for mount in mounts),
    )


def _seconds(moment: str) -> str:
    """``2026-01-02T15:04:05.123456789Z`` in the form in which the engine takes times: seconds and their billionths."""
    whole, _, fraction = moment.rstrip("Z").partition(".")
    if not moment.endswith("Z") or moment.startswith("0001-"):
        return ""
    return f"{int(datetime.fromisoformat(whole + '+00:00').timestamp())}.{fraction:0<9}"


def _publisher(raw: Mapping[str, Any]) -> Publisher:
    return Publisher(
        raw.get("IP", ""), int(raw.get("PrivatePort", 0)), int(raw.get("PublicPort") or 0), raw.get("Type", "tcp")
    )


def _by_port(publisher: Publisher) -> tuple[int, int, str, str]:
    return publisher.target, publisher.published, publisher.protocol, publisher.url
