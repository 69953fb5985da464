"""A small client for the API: for `stack daemon status` and for programs. Over the Unix socket no token is needed.

with Client() as daemon:
    for stack in daemon.host()["stacks"]:
        print(stack["name"], stack["phase"])
"""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any
from urllib.parse import quote, urlencode

from orchestrator.errors import EngineUnreachable, NotFound, StackError, Where

SOCKET = "/run/stack/stack.sock"

Document = dict[str, Any]


class DaemonUnreachable(EngineUnreachable):
    reference = "daemon-unreachable"


class Client:
    """``address`` is a socket's path, or http(s)://HOST:PORT with a ``token``. Raises StackError for every refusal."""

    def __init__(self, address: str = SOCKET, *, token: str = "", timeout: float = 60.0) -> None:
        self._address, self._token, self._timeout = address, token, timeout

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def host(self) -> Document:
        return self._json("GET", "/v1/host")

    def stack(self, name: str) -> Document:
        return self._json("GET", f"/v1/stacks/{quote(name, safe='')}")

    def plan(self, name: str) -> Document:
        return self._json("GET", f"/v1/stacks/{quote(name, safe='')}/plan")

    def plan_source(self, name: str, ref: str = "") -> Document:
        query = urlencode({"ref": ref}) if ref else ""
        return self._json("GET", f"/v1/sources/{quote(name, safe='')}/plan?{query}")

    def revisions(self, name: str) -> Document:
        return self._json("GET", f"/v1/stacks/{quote(name, safe='')}/revisions")

    def events(self, *, after: int = 0, stack: str = "") -> list[Document]:
        """What happened so far."""
        query = urlencode({"after": after, "stack": stack, "follow": "false"})
        found: list[Document] = self._json("GET", f"/v1/events?{query}")["events"]
        return found

    def text(self, path: str) -> str:
        """An answer that is no JSON: `/metrics`."""
        connection, response = self._request("GET", path)
        try:
            return response.read().decode(errors="replace")
        finally:
            connection.close()

    def order(self, name: str, verb: str) -> Document:
        """``sync``, ``apply``, ``suspend``, ``resume`` or ``rollback``."""
        return self._json("POST", f"/v1/stacks/{quote(name, safe='')}/{verb}")

    def sources(self) -> list[Document]:
        """The repositories that the daemon follows."""
        found: list[Document] = self._json("GET", "/v1/sources")["sources"]
        return found

    def order_source(self, name: str, verb: str) -> None:
        """``sync``, ``suspend`` or ``resume``."""
        self._json("POST", f"/v1/sources/{quote(name, safe='')}/{verb}")

    def approve(self, name: str, commit: str = "") -> str:
        """Agree to the version of a stack that waits, or only to this commit; which it is."""
        query = f"?{urlencode({'commit': commit})}" if commit else ""
        return str(self._json("POST", f"/v1/stacks/{quote(name, safe='')}/approve{query}")["approved"])

    def rollback(self, name: str, revision: int | None = None) -> Document:
        """Go back to a revision, ``None`` for the one before; what became of it."""
        query = f"?revision={revision}" if revision is not None else ""
        return self._json("POST", f"/v1/stacks/{quote(name, safe='')}/rollback{query}")

    def intend(self, name: str, verb: str, services: Iterable[str] | None, *, engine: str) -> Document:
        """Services are stopped on purpose (``stop``, ``down``) or are to ``run`` again, on the engine of that id."""
        body = {"verb": verb, "services": None if services is None else sorted(services), "engine": engine}
        return self._json("POST", f"/v1/stacks/{quote(name, safe='')}/intent", body)

    def order_host(self, verb: str) -> Document:
        """``reload`` or ``stop``."""
        return self._json("POST", f"/v1/{verb}")

    def logs(self, name: str, *, service: str = "", tail: int = 100, follow: bool = False) -> Iterator[str]:
        query = urlencode({"service": service, "tail": tail, "follow": str(follow).lower()})
        connection, response = self._request("GET", f"/v1/stacks/{quote(name, safe='')}/logs?{query}")
        try:
            for line in response:
                yield line.decode(errors="replace").rstrip("\n")
        finally:
            connection.close()

    def _json(self, method: str, path: str, body: Document | None = None) -> Document:
        connection, response = self._request(method, path, body)
        try:
            loaded: Document = json.loads(response.read() or b"{}")
            return loaded
        except ValueError as problem:
            raise StackError(f"the daemon's answer is no JSON: {problem}", reference="daemon") from problem
        finally:
            connection.close()

    def _request(
        self, method: str, path: str, body: Document | None = None
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        connection = self._connection()
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            response = connection.getresponse()
        except OSError as problem:
            connection.close()
            raise DaemonUnreachable(
                f"no daemon answers at {self._address}: {problem.strerror or problem}",
                hint="start it with `stack daemon run --config host.yml`, or name its socket with --socket",
            ) from problem
        if response.status >= 400:
            refused = response.read()
            connection.close()
            raise _refusal(response.status, refused)
        return connection, response

    def _connection(self) -> http.client.HTTPConnection:
        scheme, found, rest = self._address.partition("://")
        if not found:
            return _UnixConnection(self._address, self._timeout)
        kind = http.client.HTTPSConnection if scheme == "https" else http.client.HTTPConnection
        return kind(rest.rstrip("/"), timeout=self._timeout)


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("stack", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _refusal(status: int, body: bytes) -> StackError:
    try:
        said = json.loads(body)["error"]
        message, hint, reference = said["message"], said.get("hint", ""), said["reference"]
        where = Where(said["where"]) if said.get("where") else None  # in the words of who knew file and line
    except (ValueError, KeyError, TypeError):
        message, hint, reference, where = f"the daemon answered {status}", "", "daemon", None
    kind = NotFound if status == 404 else StackError
    return kind(message, where=where, hint=hint, reference=reference)
