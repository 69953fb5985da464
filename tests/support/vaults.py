"""A Vault on loopback: the part of its HTTP API that a reader of KV secrets uses, over TLS, with the answers that Vault gives.

Written by the API's public description: KV 1 and 2, AppRole with tokens that end, namespaces, 403 without telling why, 404 with an
empty list of errors (and with metadata for a deleted version), 503 while sealed.
"""

from __future__ import annotations

import json
import ssl
import subprocess
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from scripts.machine import packages


class Vault:
    """``secrets`` by path (``kv/data/shop`` for version 2, ``secret/shop`` for version 1); tokens with the paths they may read."""

    def __init__(self, folder: Path) -> None:
        self.secrets: dict[str, dict[str, Any]] = {}
        self.deleted: set[str] = set()
        self.tokens: dict[str, tuple[str, ...]] = {}
        self.roles: dict[tuple[str, str], tuple[str, ...]] = {}
        self.namespace = ""
        self.sealed = False
        self.stalled: threading.Event | None = None
        self.asked: list[tuple[str, Mapping[str, str]]] = []
        self.ca, self._pem = folder / "ca.pem", folder / "server.pem"
        packages.have(packages.GIT)  # openssl is among them
        self._make_certificate()
        self._server: ThreadingHTTPServer | None = None
        self.port = 0

    @property
    def address(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def start(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), self._handler())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._pem)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def _make_certificate(self) -> None:
        key = self._pem.with_suffix(".key")
        words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=vault"
        extra = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(self.ca)]
        subprocess.run(["openssl", *words.split(), *extra], check=True, capture_output=True)
        self._pem.write_text(key.read_text() + self.ca.read_text())

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        vault = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                return

            def do_GET(self) -> None:
                self._answer(*vault.read(self.path.removeprefix("/v1/"), self.headers))

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
                self._answer(*vault.login(self.path, body))

            def _answer(self, status: int, body: Any) -> None:
                if vault.stalled is not None:
                    vault.stalled.wait(30)
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        return Handler

    def login(self, path: str, body: Mapping[str, str]) -> tuple[int, Any]:
        self.asked.append((path, {}))
        allowed = self.roles.get((body.get("role_id", ""), body.get("secret_id", "")))
        if path != "/v1/auth/approle/login" or allowed is None:
            return 400, {"errors": ["invalid role or secret ID"]}
        token = f"hvs.{uuid.uuid4().hex}"
        self.tokens[token] = allowed
        return 200, {"auth": {"client_token": token, "lease_duration": 1200, "renewable": True}, "data": None}

    def read(self, path: str, headers: Mapping[str, str]) -> tuple[int, Any]:
        self.asked.append((path, dict(headers)))
        allowed = self.tokens.get(headers.get("X-Vault-Token", ""), ())
        if self.sealed:
            return 503, {"errors": ["Vault is sealed"]}
        if path not in allowed or headers.get("X-Vault-Namespace", "") != self.namespace:
            return 403, {"errors": ["1 error occurred:\n\t* permission denied\n\n"]}
        version_2 = "/data/" in path
        if path in self.deleted:
            return 404, {"data": {"data": None, "metadata": {"deletion_time": "2026-01-01T00:00:00Z", "version": 1}}}
        if path not in self.secrets:
            return 404, {"errors": []}
        held = self.secrets[path]
        inner = (
            {"data": held, "metadata": {"version": 1, "destroyed": False, "deletion_time": ""}} if version_2 else held
        )
        return 200, {"request_id": str(uuid.uuid4()), "lease_duration": 2764800, "renewable": False, "data": inner}


@contextmanager
def vault(folder: Path) -> Iterator[Vault]:
    made = Vault(folder)
    made.start()
    try:
        yield made
    finally:
        if made.stalled is not None:
            made.stalled.set()
        made.stop()
