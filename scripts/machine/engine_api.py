"""The least HTTP client for an engine's Unix socket: one request, one answer, JSON in and out.

Used before anything is installed (is the engine up?) and by tests for assertions that must not go through the code they
check. A new connection for each request, so it holds no state and may be used from several threads.
"""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from .commands import Problem

PREFIX = "unix://"


class EngineRefused(Problem):
    """The engine answered with an HTTP error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class EngineApi:
    """``EngineApi("unix:///run/x.sock").get("/containers/json", all=1)``; a bare path is taken as a socket too."""

    def __init__(self, address: str, *, timeout: float = 60.0) -> None:
        if "://" in address and not address.startswith(PREFIX):
            raise Problem(f"{address} is not a Unix socket", "this helper speaks unix:// only")
        self.address = address if address.startswith(PREFIX) else PREFIX + address
        self._path = self.address.removeprefix(PREFIX)
        self._timeout = timeout

    def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None = None,
        *,
        body: bytes | dict[str, Any] | None = None,
        content_type: str = "application/json",
    ) -> bytes:
        """The answer's body; an HTTP error is an EngineRefused, a socket that does not answer an OSError."""
        sent = json.dumps(body).encode() if isinstance(body, dict) else body
        connection = _UnixConnection(self._path, self._timeout)
        try:
            headers = {"Content-Type": content_type} if sent is not None else {}
            connection.request(method, path + _query(query), body=sent, headers=headers)
            answer = connection.getresponse()
            data = answer.read()
        finally:
            connection.close()
        if answer.status >= 400:
            raise EngineRefused(answer.status, f"{method} {path}: {answer.status} {_message(data)}")
        return data

    def get(self, path: str, **query: Any) -> Any:
        """A GET's JSON; keyword values that are dicts or lists are sent as JSON (``filters={"label": [...]}``)."""
        return json.loads(self.request("GET", path, query) or b"null")

    def post(self, path: str, body: dict[str, Any] | None = None, **query: Any) -> Any:
        data = self.request("POST", path, query, body=body)
        try:
            return json.loads(data or b"null")
        except ValueError:
            return data.decode(errors="replace")

    def delete(self, path: str, **query: Any) -> None:
        self.request("DELETE", path, query)

    def answers(self) -> bool:
        """Whether an engine answers here now."""
        try:
            self.request("GET", "/_ping")
        except (OSError, http.client.HTTPException, EngineRefused):
            return False
        return True


def _query(values: Mapping[str, Any] | None) -> str:
    if not values:
        return ""
    flat = {key: json.dumps(value) if isinstance(value, (dict, list)) else value for key, value in values.items()}
    return "?" + urlencode(
        {key: str(value).lower() if isinstance(value, bool) else value for key, value in flat.items()}
    )


def _message(data: bytes) -> str:
    try:
        return str(json.loads(data)["message"])
    except (ValueError, KeyError, TypeError):
        return data.decode(errors="replace").strip()
