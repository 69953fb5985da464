"""Connected sockets to an endpoint: Unix, TCP, TLS, or a pipe through ``ssh``.

An ``Endpoint`` comes in, a ``Connection`` goes out, or an ``EngineUnreachable`` that says what was tried and how to
mend it. Separate from the client because each transport fails in its own way and the hints belong next to those
ways.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Mapping
from time import monotonic, sleep
from typing import TYPE_CHECKING

from orchestrator.engines.docker.endpoint import Endpoint, Tls
from orchestrator.engines.docker.wire import Connection
from orchestrator.errors import EngineUnreachable, UsageError, Where

if TYPE_CHECKING:
    from ssl import SSLContext

CONNECT_SECONDS = 5.0


def connect(endpoint: Endpoint, environment: Mapping[str, str], timeout: float = CONNECT_SECONDS) -> Connection:
    """A fresh connection; ``environment`` serves the hints and the ssh program."""
    try:
        if endpoint.scheme == "unix":
            return Connection(_unix(endpoint.address, timeout))
        if endpoint.scheme == "ssh":
            return _ssh(endpoint, environment)
        return Connection(_tcp(endpoint, timeout))
    except (OSError, ValueError) as problem:
        raise unreachable(endpoint, problem, environment) from problem


def unreachable(endpoint: Endpoint, problem: Exception, environment: Mapping[str, str]) -> EngineUnreachable:
    reason = _reason(problem)
    message = f"cannot reach the Docker engine at {endpoint} (from {endpoint.source}): {reason}"
    return EngineUnreachable(message, hint=_hint(endpoint, problem, environment))


def _unix(path: str, timeout: float) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(timeout)
    until = monotonic() + timeout
    while True:
        try:
            sock.connect(path)
            return sock
        except BlockingIOError:
            # A hung engine's backlog is full; the kernel says so at once instead of waiting like for TCP.
            if monotonic() > until:
                sock.close()
                raise TimeoutError("the engine accepts no connection") from None
            sleep(0.02)
        except BaseException:
            sock.close()
            raise


def _tcp(endpoint: Endpoint, timeout: float) -> socket.socket:
    sock = socket.create_connection((endpoint.address, endpoint.port), timeout=timeout)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if endpoint.tls is None:
            return sock
        return _tls_context(endpoint.tls).wrap_socket(sock, server_hostname=endpoint.address)
    except BaseException:
        sock.close()
        raise


def _tls_context(tls: Tls) -> SSLContext:
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    try:
        if tls.ca:
            context.load_verify_locations(tls.ca)
        elif tls.verify:
            context.load_default_certs()
        if tls.certificate and tls.key:
            context.load_cert_chain(tls.certificate, tls.key)
    except (OSError, ssl.SSLError) as problem:
        place = Where(file=os.path.dirname(tls.ca or tls.certificate))
        hint = "ca.pem, cert.pem and key.pem are read from DOCKER_CERT_PATH"
        raise UsageError(f"the TLS files cannot be used: {problem}", where=place, hint=hint) from problem
    return context


def _ssh(endpoint: Endpoint, environment: Mapping[str, str]) -> Connection:
    """The remote engine's socket through ``docker system dial-stdio``, with a socket pair as ssh's input and output."""
    import subprocess
    import tempfile

    ours, theirs = socket.socketpair()
    complaints = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the connection
    try:
        # Its own session: the terminal's Ctrl-C must not cut the line we still clean up over.
        process = subprocess.Popen(
            ssh_command(endpoint),
            stdin=theirs.fileno(),
            stdout=theirs.fileno(),
            stderr=complaints,
            env=dict(environment),
            start_new_session=True,
        )
    except BaseException:
        ours.close()
        complaints.close()
        raise
    finally:
        theirs.close()

    def end() -> None:
        process.kill()
        process.wait()
        complaints.close()

    def explain() -> str:
        complaints.seek(0)
        return complaints.read(4096).decode(errors="replace").strip()

    return Connection(ours, on_close=end, explain=explain)


def ssh_command(endpoint: Endpoint) -> list[str]:
    user = ["-l", endpoint.user] if endpoint.user else []
    port = ["-p", str(endpoint.port)] if endpoint.port else []
    remote = ["docker"] + (["--host", f"unix://{endpoint.path}"] if endpoint.path else []) + ["system", "dial-stdio"]
    return ["ssh", *user, *port, "-o", "ConnectTimeout=30", "-T", "--", endpoint.address, *remote]


def _reason(problem: Exception) -> str:
    if isinstance(problem, TimeoutError):
        return "no answer in time"
    if isinstance(problem, OSError) and problem.strerror:
        return problem.strerror.lower()
    return str(problem)


def _hint(endpoint: Endpoint, problem: Exception, environment: Mapping[str, str]) -> str:
    number = problem.errno if isinstance(problem, OSError) else None
    if endpoint.scheme == "ssh":
        return "try `ssh HOST docker version` by hand; it needs a key without a question, and docker there"
    if endpoint.scheme == "tcp":
        return "check that the engine listens there, or set DOCKER_HOST to another address"
    if number in (errno.EACCES, errno.EPERM):
        return "join the group that owns the socket (`sudo usermod -aG docker $USER`, then log in again), or use sudo"
    if number in (errno.ENOENT, errno.ECONNREFUSED):
        return _where_else(endpoint, environment)
    if number == errno.ENOTSOCK or isinstance(problem, ValueError):
        return "DOCKER_HOST has to name the engine's socket"
    return "the engine may be hung; look at its log (`journalctl -u docker`)"


def _where_else(endpoint: Endpoint, environment: Mapping[str, str]) -> str:
    runtime = environment.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    usual = ("/var/run/docker.sock", f"{runtime}/docker.sock", f"{runtime}/podman/podman.sock")
    others = [path for path in usual if path != endpoint.address and os.path.exists(path)]
    if others:
        return f"there is a socket at {others[0]}: `export DOCKER_HOST=unix://{others[0]}`"
    return "start the engine (`sudo systemctl start docker`), or set DOCKER_HOST to where it listens"
