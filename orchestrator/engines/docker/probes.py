"""Asking a container from outside whether it is ready, with no tool of its image.

Where is this program, seen from the container? If the bridge of one of its networks is an interface of this very machine
(bridges carry the network's id in their name, so no other engine's is mistaken for it), the container's address is
connected to directly. Everywhere else (a remote engine, Docker Desktop, a network of another kind, ``network_mode``) a
small helper joins the container's network namespace through the engine's API, asks from there, and goes.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from orchestrator.cancel import CancelToken
from orchestrator.engines.docker import clock, streams
from orchestrator.engines.docker.access import Access
from orchestrator.engines.docker.client import Client
from orchestrator.engines.docker.wire import quote
from orchestrator.errors import Conflict, EngineError, NotFound
from orchestrator.model import actions, naming
from orchestrator.model.probe import HttpProbe, Probe
from orchestrator.model.values import SECOND

INTERFACES = "/sys/class/net"
HELPER_SECONDS = 600  # it ends by itself, should nobody be left to remove it
HEAD = 64 * 1024
_ASK = 'printf "%s" "$REQUEST" | nc -w "$LIMIT" "$ADDRESS" "$PORT"'
# Every nc can connect and go again, but not all by the same option.
_CONNECT = 'nc -w "$LIMIT" "$ADDRESS" "$PORT" -e true 2>/dev/null || nc -z -w "$LIMIT" "$ADDRESS" "$PORT"'


class Asker(Protocol):
    """Asks once; "" where the answer is as it should be, else what was wrong."""

    def ask(self, probe: Probe, container: Mapping[str, Any]) -> str: ...

    def close(self) -> None: ...


def asker(access: Access, container: Mapping[str, Any], cancel: CancelToken) -> Asker:
    """The one that can reach ``container``."""
    return Directly() if _is_near(access.client, container) else ThroughHelper(access, cancel)


def _is_near(client: Client, container: Mapping[str, Any]) -> bool:
    return client.endpoint.scheme == "unix" and bool(_address(container, here=True))


def health(client: Client, container_id: str, probe: Probe) -> str:
    """What one look says; "" of a container that does not run, or that only a helper could ask: looking makes nothing."""
    try:
        container = client.get_json(f"/containers/{quote(container_id)}/json")
    except NotFound:
        return ""
    if not container["State"].get("Running") or container["State"].get("Paused") or not _is_near(client, container):
        return ""
    if not Directly().ask(probe, container):
        return "healthy"
    runs_for = clock.now(client) - clock.unix_seconds(container["State"]["StartedAt"])
    return "starting" if runs_for < probe.start_period_ns / SECOND else "unhealthy"


def near(client: Client, container: str) -> Callable[[Probe], str] | None:
    """How to ask a container from this machine; ``None`` where that cannot be done."""
    found = client.get_json(f"/containers/{quote(container)}/json")
    if not _is_near(client, found):
        return None
    return lambda probe: Directly().ask(probe, found)


def _address(container: Mapping[str, Any], *, here: bool = False) -> str:
    """An address of the container; ``here``: on a network whose bridge is on this machine."""
    for endpoint in (container["NetworkSettings"].get("Networks") or {}).values():
        address = (endpoint or {}).get("IPAddress") or (endpoint or {}).get("GlobalIPv6Address")
        if address and (not here or os.path.exists(f"{INTERFACES}/br-{endpoint['NetworkID'][:12]}")):
            return str(address)
    return ""


class Directly:
    """From this machine, over the bridge."""

    def ask(self, probe: Probe, container: Mapping[str, Any]) -> str:
        address, limit = _address(container, here=True), probe.timeout_ns / SECOND
        try:
            with socket.create_connection((address, probe.port), timeout=limit) as connection:
                if probe.http is None:
                    return ""
                connection.sendall(_request(probe.http))
                return _judged(probe.http, _head(connection))
        except TimeoutError:
            return f"port {probe.port} gave no answer within {limit:g} s"
        except OSError as problem:
            return f"port {probe.port}: {os.strerror(problem.errno).lower() if problem.errno else problem}"

    def close(self) -> None:
        return None


def _head(connection: socket.socket) -> bytes:
    """The beginning of the answer, up to the end of its first line."""
    data = b""
    while b"\n" not in data and len(data) < HEAD:
        piece = connection.recv(4096)
        if not piece:
            break
        data += piece
    return data


def _request(probe: HttpProbe) -> bytes:
    lines = (
        f"GET {probe.path} HTTP/1.1",
        f"Host: {probe.host}",
        "User-Agent: stack",
        "Accept: */*",
        "Connection: close",
    )
    return "\r\n".join((*lines, "", "")).encode()


def _judged(probe: HttpProbe, answer: bytes) -> str:
    words = answer.partition(b"\n")[0].split()
    if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():
        return f"port {probe.port} gave no HTTP answer"
    status = int(words[1])
    return "" if probe.accepts(status) else f"GET {probe.path} on port {probe.port} was answered with {status}"


class ThroughHelper:
    """From within the container's own network namespace."""

    def __init__(self, access: Access, cancel: CancelToken) -> None:
        self.access, self.cancel = access, cancel
        self.helper = ""
        self.beside = ""  # which start of which container's namespace it is in: a restart makes a new one

    def ask(self, probe: Probe, container: Mapping[str, Any]) -> str:
        try:
            return self._ask(probe, container)
        except EngineError as problem:
            self.close()
            if problem.retryable and not isinstance(problem, Conflict):
                raise
            return f"it could not be asked: {problem.message}"  # gone in the meantime, or there is no helper to be had

    def _ask(self, probe: Probe, container: Mapping[str, Any]) -> str:
        self._stand_beside(probe, container)
        environment = {
            "ADDRESS": _address(container) or "127.0.0.1",
            "PORT": str(probe.port),
            "LIMIT": str(max(1, round(probe.timeout_ns / SECOND))),
        }
        if probe.http is None:
            code, _ = self._run(_CONNECT, environment)
            return "" if code == 0 else f"port {probe.port} takes no connection"
        _, answer = self._run(_ASK, {**environment, "REQUEST": _request(probe.http).decode()})
        return _judged(probe.http, answer) if answer else f"port {probe.port} gave no answer"

    def _run(self, script: str, environment: Mapping[str, str]) -> tuple[int, bytes]:
        body = {
            "AttachStdout": True,
            "Cmd": ["sh", "-c", script],
            "Env": [f"{name}={value}" for name, value in environment.items()],
        }
        client = self.access.client
        made = client.post_json(f"/containers/{self.helper}/exec", body=body)
        frames, kept = streams.Demultiplexer(), bytearray()
        with client.stream("POST", f"/exec/{made['Id']}/start", body={"Detach": False, "Tty": False}) as stream:
            for data in stream:
                for piece in frames.feed(data):
                    kept += piece.content
                del kept[HEAD:]
        code = client.get_json(f"/exec/{made['Id']}/json").get("ExitCode")
        return (1 if code is None else int(code)), bytes(kept)

    def _stand_beside(self, probe: Probe, container: Mapping[str, Any]) -> None:
        beside = f"{container['Id']} {container['State'].get('StartedAt')}"
        if self.helper and beside == self.beside:
            return
        self.close()
        self.helper = self._made(probe, container)
        self.beside = beside
        self.access.client.request("POST", f"/containers/{self.helper}/start")

    def _made(self, probe: Probe, container: Mapping[str, Any]) -> str:
        name = f"{container['Name'].removeprefix('/')}.probe"
        given = container["Config"].get("Labels") or {}
        own = {key: given[key] for key in (naming.PROJECT, naming.SERVICE) if key in given}
        body = {
            "Image": probe.image,
            "Entrypoint": [],
            "Cmd": ["sleep", str(HELPER_SECONDS)],
            "StopSignal": "SIGKILL",
            "Labels": {**own, naming.HOOK: "probe", naming.ONEOFF: "False"},
            "HostConfig": {
                "NetworkMode": f"container:{container['Id']}",
                "AutoRemove": True,
                "SecurityOpt": ["no-new-privileges"],
            },
        }
        try:
            return self._create(name, body)
        except NotFound:
            self._pull(probe.image)
        except Conflict:
            self._remove(name)  # of a run that was cut short
        return self._create(name, body)

    def _create(self, name: str, body: Mapping[str, object]) -> str:
        return str(self.access.client.post_json("/containers/create", {"name": name}, body)["Id"])

    def _pull(self, image: str) -> None:
        from orchestrator.engines.docker import execute_images

        execute_images.pull(self.access, actions.PullImage(reference=image), lambda *_: None, self.cancel)

    def _remove(self, target: str) -> None:
        try:
            self.access.client.delete(f"/containers/{quote(target)}", {"force": True, "v": True})
        except EngineError:
            pass  # it goes by itself

    def close(self) -> None:
        helper, self.helper = self.helper, ""
        if helper:
            self._remove(helper)
