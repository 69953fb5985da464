"""Listening: a Unix socket always, TCP only where it was asked for, and beyond loopback only with TLS.

Each listener is a uvicorn server in a thread of its own. The socket of the file system is made by us, so that its mode is right
from its first moment.
"""

from __future__ import annotations

import asyncio
import grp
import ipaddress
import logging
import os
import socket
import threading

import uvicorn

from orchestrator.api import routes
from orchestrator.api.connections import Connection
from orchestrator.api.control import Control
from orchestrator.api.guard import Guard
from orchestrator.api.tokens import Tokens
from orchestrator.errors import StackError, UsageError
from orchestrator.records import dataclass

SOCKET = "/run/stack/stack.sock"
MODE = 0o660
GROUP = "stack"
STOP_SECONDS = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen:
    """Where to listen. ``address`` is HOST:PORT, "" for no TCP; ``hosts`` are further names it may be asked for."""

    socket: str = SOCKET
    address: str = ""
    hosts: tuple[str, ...] = ()
    certificate: str = ""
    key: str = ""


class Server:
    """``start`` raises StackError where it cannot listen; ``stop`` ends all listeners."""

    def __init__(self, control: Control, tokens: Tokens, listen: Listen) -> None:
        self._control, self._tokens, self._listen = control, tokens, listen
        self._running: list[tuple[uvicorn.Server, threading.Thread, socket.socket]] = []

    def start(self) -> None:
        logging.getLogger("uvicorn.error").disabled = True  # what it says is told on the board, or is no news
        application = routes.app(self._control)
        if self._listen.address:
            host, port = parsed(self._listen.address)
            self._check(host)
            listener = _tcp(host, port)
            names = frozenset({host.lower(), *_loopback_names(host), *map(str.lower, self._listen.hosts)})
            self._serve(Guard(application, self._tokens, hosts=names), listener, tls=bool(self._listen.certificate))
        if self._listen.socket:
            self._serve(Guard(application, self._tokens, local=True), _unix(self._listen.socket), tls=False)

    def stop(self) -> None:
        for server, thread, listener in self._running:
            server.should_exit = server.force_exit = True
            thread.join(STOP_SECONDS)
            listener.close()
        if self._listen.socket and self._running:
            _unlink(self._listen.socket)

    def _check(self, host: str) -> None:
        if not _is_loopback(host) and not (self._listen.certificate and self._listen.key):
            raise UsageError(
                f"{host} can be reached from elsewhere, so it needs TLS",
                hint="give --tls-cert and --tls-key, or listen on 127.0.0.1 behind a proxy that has TLS",
                reference="tls-needed",
            )
        if bool(self._listen.certificate) != bool(self._listen.key):
            raise UsageError(
                "TLS needs a certificate and its key, and only one of them is given",
                hint="give both, --tls-cert and --tls-key",
                reference="tls-needed",
            )
        if not self._tokens.all():
            raise UsageError(
                "there is no token, so nobody could come in",
                hint="make one with `stack daemon token create NAME`",
                reference="no-token",
            )

    def _serve(self, application: Guard, listener: socket.socket, *, tls: bool) -> None:
        config = uvicorn.Config(
            application,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            http=Connection,
            limit_concurrency=400,
            timeout_keep_alive=20,
            h11_max_incomplete_event_size=64 * 1024,
            ssl_certfile=self._listen.certificate if tls else None,
            ssl_keyfile=self._listen.key if tls else None,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])), name="api", daemon=True)
        thread.start()
        self._running.append((server, thread, listener))


def parsed(address: str) -> tuple[str, int]:
    """HOST:PORT, also ``[::1]:8700`` and ``:8700`` (which is 127.0.0.1)."""
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal() or not 0 <= int(port) < 65536:
        raise UsageError(f"{address!r} is no HOST:PORT", hint="for instance --listen 127.0.0.1:8700")
    return host.strip("[]") or "127.0.0.1", int(port)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _loopback_names(host: str) -> tuple[str, ...]:
    return ("localhost", "127.0.0.1", "::1") if _is_loopback(host) else ()


def _tcp(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as problem:
        raise StackError(
            f"cannot listen on {host}:{port}: {problem.strerror}", reference="cannot-listen", hint="choose another port"
        ) from problem


def _unix(path: str) -> socket.socket:
    """A socket that only its owner and group can open. One that a dead daemon left behind is replaced."""
    folder = os.path.dirname(path)
    try:
        os.makedirs(folder, mode=0o755, exist_ok=True)
        if _answers(path):
            raise StackError(
                f"a daemon listens on {path} already",
                reference="already-running",
                hint="`stack daemon status` shows it",
            )
        _unlink(path)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        before = os.umask(0o777 & ~MODE)
        try:
            listener.bind(path)
        finally:
            os.umask(before)
        _give_to_group(path)
        listener.listen(128)
    except OSError as problem:
        raise StackError(
            f"cannot listen on {path}: {problem.strerror or problem}",
            reference="cannot-listen",
            hint="name another socket with --socket",
        ) from problem
    return listener


def _answers(path: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(path) == 0


def _give_to_group(path: str) -> None:
    try:
        os.chown(path, -1, grp.getgrnam(GROUP).gr_gid)
    except (KeyError, PermissionError):
        pass  # there is no such group here: its owner alone, then


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
