"""The engine's own floor: the fewest raw API calls that reach the same state, at the best concurrency, with no process to start.

The calls go over the engine's Unix socket through the standard library alone, so that the floor does not depend on the code
that is measured against it.
"""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

from benchmarks.specs import IMAGE


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=120)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Floor:
    """Raw calls against one engine. ``concurrency`` calls run at once."""

    def __init__(self, socket_path: str, concurrency: int) -> None:
        self.socket_path = socket_path
        self.concurrency = concurrency
        self.local = threading.local()

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """The answer's JSON, if there is any."""
        text = self.text(method, path, body)
        return json.loads(text) if text.strip() else None

    def text(self, method: str, path: str, body: Any = None) -> bytes:
        connection = getattr(self.local, "connection", None)
        if connection is None:
            connection = self.local.connection = _Connection(self.socket_path)
        data = json.dumps(body) if body is not None else None
        connection.request(method, path, data, {"Content-Type": "application/json"} if data else {})
        answer = connection.getresponse()
        text = answer.read()
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status} {text.decode(errors='replace')}")
        return text

    def upload(self, container: str, archive: bytes) -> None:
        """Put a tar into a container's root folder."""
        connection = _Connection(self.socket_path)
        connection.request(
            "PUT", f"/containers/{container}/archive?path=/", archive, {"Content-Type": "application/x-tar"}
        )
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        if answer.status >= 400:
            raise RuntimeError(f"upload: {answer.status} {text.decode(errors='replace')}")

    def events(self, filters: dict[str, list[str]]) -> Iterator[Any]:
        """What the engine tells from now on, as it comes; the connection is made at once."""
        connection = _Connection(self.socket_path)
        connection.request("GET", f"/events?filters={quote(json.dumps(filters))}")
        connection.sock.settimeout(None)
        answer = connection.getresponse()
        return (json.loads(line) for line in iter(answer.readline, b""))

    def each(self, work: Callable[[str], Any], names: Iterable[str]) -> None:
        with ThreadPoolExecutor(self.concurrency) as pool:
            list(pool.map(work, names))

    def up(self, project: str, count: int) -> None:
        """One network and ``count`` running containers on it."""
        self.call("POST", "/networks/create", {"Name": f"{project}_default", "CheckDuplicate": True})

        def one(name: str) -> None:
            body = {
                "Image": IMAGE,
                "Cmd": ["sleep", "infinity"],
                "StopSignal": "SIGKILL",
                "Labels": {"bench": project},
                "HostConfig": {"NetworkMode": f"{project}_default"},
            }
            created = self.call("POST", f"/containers/create?name={name}", body)
            self.call("POST", f"/containers/{created['Id']}/start")

        self.each(one, [f"{project}-{number}" for number in range(count)])

    def down(self, project: str) -> None:
        """Stop and remove every container of ``up``, then the network."""
        filters = quote(json.dumps({"label": [f"bench={project}"]}))
        found = self.call("GET", f"/containers/json?all=1&filters={filters}")

        def one(container: str) -> None:
            self.call("POST", f"/containers/{container}/stop")
            self.call("DELETE", f"/containers/{container}?force=1")

        self.each(one, [container["Id"] for container in found])
        self.call("DELETE", f"/networks/{project}_default")

    def remove(self, prefix: str) -> None:
        """Every container and network of the projects whose names begin like that."""
        label = "com.docker.compose.project"
        filters = quote(json.dumps({"label": [label]}))
        for kind in ("containers", "networks"):
            for one in self.call("GET", f"/{kind}{'/json' if kind == 'containers' else ''}?all=1&filters={filters}"):
                if one["Labels"][label].startswith(prefix):
                    self.call("DELETE", f"/{kind}/{one['Id']}?force=1")

    def look(self, project: str) -> None:
        """The list calls that any answer about a project needs."""
        filters = quote(json.dumps({"label": [f"com.docker.compose.project={project}"]}))
        self.call("GET", f"/containers/json?all=1&filters={filters}")
        self.call("GET", f"/networks?filters={filters}")
        self.call("GET", f"/volumes?filters={filters}")

    def ended(self, project: str) -> None:
        """Return when every container of the project has ended."""
        for container in self._containers(project):
            self.call("POST", f"/containers/{container}/wait")

    def drain(self, project: str) -> None:
        """Read what the containers printed, as the engine sends it."""
        for container in self._containers(project):
            connection = _Connection(self.socket_path)
            connection.request("GET", f"/containers/{container}/logs?stdout=1&stderr=1")
            answer = connection.getresponse()
            while answer.read(1 << 16):
                pass
            connection.close()

    def _containers(self, project: str) -> list[str]:
        filters = quote(json.dumps({"label": [f"com.docker.compose.project={project}"]}))
        return [one["Id"] for one in self.call("GET", f"/containers/json?all=1&filters={filters}")]

    def healthy_chain(self, project: str, length: int) -> None:
        """Each container is started at the event that says the one before is healthy."""
        self._chain(
            project,
            length,
            {"Healthcheck": {"Test": ["CMD", "true"], "Interval": 100_000_000}},
            "health_status: healthy",
        )

    def completed_chain(self, project: str, length: int) -> None:
        """Each container is started at the event that says the one before has ended."""
        self._chain(project, length, {"Cmd": ["true"]}, "die")

    def _chain(self, project: str, length: int, settings: dict[str, Any], action: str) -> None:
        network = f"{project}_default"
        self.call("POST", "/networks/create", {"Name": network})
        base = {"Image": IMAGE, "Cmd": ["sleep", "infinity"], "StopSignal": "SIGKILL", "Labels": {"bench": project}}

        def create(name: str) -> None:
            last = name.endswith(f"-{length - 1}") and "Cmd" in settings
            body = base | ({} if last else settings) | {"HostConfig": {"NetworkMode": network}}
            self.call("POST", f"/containers/create?name={name}", body)

        names = [f"{project}-{number}" for number in range(length)]
        self.each(create, names)
        stream = self.events({"label": [f"bench={project}"], "type": ["container"]})
        for number, name in enumerate(names):
            self.call("POST", f"/containers/{name}/start")
            if number == length - 1 and action == "die":
                break
            while True:
                event = next(stream)
                if event.get("Action", "") == action and event["Actor"]["Attributes"]["name"] == name:
                    break
