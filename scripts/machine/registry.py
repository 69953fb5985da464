"""A real image registry (Debian's ``docker-registry``) on loopback, for tests and benchmarks.

Engines speak plain HTTP to 127.0.0.1, so ``127.0.0.1:PORT/name`` works as it is, and the same address serves as a
mirror of the public registry. Two processes may serve the same folder (one of them in a network namespace).
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .commands import Problem

READY_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Registry:
    """A running registry: where it listens, what it stores, which process it is."""

    port: int
    storage: Path
    process: subprocess.Popen[bytes]

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"


def start(storage: Path, port: int, *, inside: Sequence[str] = (), htpasswd: str = "") -> Registry:
    """Serve ``storage`` on 127.0.0.1:``port``; ``inside`` are the words that enter a network namespace.

    With ``htpasswd`` (lines of ``user:bcrypt``) only these users are served.
    """
    storage.mkdir(parents=True, exist_ok=True)
    config = storage / f"config-{port}.json"
    configuration = _configuration(storage, port)
    if htpasswd:
        users = storage / f"users-{port}"
        users.write_text(htpasswd, encoding="utf-8")
        configuration["auth"] = {"htpasswd": {"realm": "registry", "path": str(users)}}
    config.write_text(json.dumps(configuration), encoding="utf-8")
    with (storage / f"registry-{port}.log").open("ab") as log:
        try:
            process = subprocess.Popen(
                [*inside, "docker-registry", "serve", str(config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "OTEL_TRACES_EXPORTER": "none"},
                start_new_session=True,
            )
        except FileNotFoundError as missing:
            raise Problem("docker-registry is not installed", "apt-get install docker-registry") from missing
    registry = Registry(port, storage, process)
    _wait_until_ready(registry, reachable_here=not inside)
    return registry


def stop(registry: Registry) -> None:
    registry.process.send_signal(signal.SIGTERM)
    try:
        registry.process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        registry.process.kill()
        registry.process.wait()


def _configuration(storage: Path, port: int) -> dict[str, object]:
    """JSON is YAML, so the standard library can write what the registry reads."""
    return {
        "version": "0.1",
        "log": {"level": "warn"},
        "storage": {"filesystem": {"rootdirectory": str(storage / "data")}, "delete": {"enabled": True}},
        "http": {"addr": f"127.0.0.1:{port}"},
    }


def _wait_until_ready(registry: Registry, *, reachable_here: bool) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while reachable_here and not _answers(registry.port):
        if registry.process.poll() is not None:
            raise Problem(
                f"docker-registry ended with exit code {registry.process.returncode}",
                f"its log is in {registry.storage}; is port {registry.port} taken?",
            )
        if time.monotonic() > deadline:
            stop(registry)
            raise Problem(f"docker-registry does not answer on {registry.address}")
        time.sleep(0.02)


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/v2/")
        return connection.getresponse().status in (200, 401)
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
