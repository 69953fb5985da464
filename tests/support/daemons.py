"""A daemon in this process, on the memory engine, with its API on a Unix socket and on a port of 127.0.0.1."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from orchestrator.api.client import Client
from orchestrator.api.server import Listen, Server
from orchestrator.api.tokens import Tokens
from orchestrator.cli.engines import Docker
from orchestrator.cli.rehearsal import Rehearsal
from orchestrator.cli.render import comment, history, plan_document
from orchestrator.daemon.control import DaemonControl, Renderers
from orchestrator.daemon.keeping import Daemon
from orchestrator.daemon.parts import Parts
from orchestrator.records import dataclass
from orchestrator.spec.host import load_host

from .waiting import eventually

RENDERERS = Renderers(
    plan=plan_document.document, revisions=history.document, revision=history.whole, comment=comment.text
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back over TCP."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """``client`` comes over the socket; ``ask`` over TCP, as strangers do."""

    daemon: Daemon
    client: Client
    tokens: Tokens
    socket: Path
    port: int
    engine: Any  # Rehearsal or Docker

    def ask(self, path: str, *, method: str = "GET", token: str = "", **headers: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if token:
            given["Authorization"] = f"Bearer {token}"
        try:
            connection.request(method, path, headers=given)
            response = connection.getresponse()
            return Answer(status=response.status, headers=dict(response.getheaders()), body=response.read())
        finally:
            connection.close()

    def token(self, name: str, *scopes: str, days: float = 1) -> str:
        return self.tokens.create(name, scopes, now=time.time(), days=days)

    def settles(self, stack: str, *phases: str) -> None:
        def settled() -> bool:
            status = self.daemon.board.of(stack)
            return status is not None and status.phase.value in (phases or ("converged",))

        eventually(settled, what=f"{stack} settles")


@contextmanager
def running(folder: Path, port: int, connected: Docker | None = None) -> Iterator[Running]:
    """A daemon that keeps what ``host.yml`` in ``folder`` says, until the block ends; on the memory engine, or a ``connected`` one."""
    state = folder / "state"
    engine = connected or Rehearsal(str(folder / "world"))
    daemon = Daemon(
        Parts(
            load=lambda: load_host(str(folder / "host.yml")),
            engine=engine.engine,
            console=lambda: engine.console,
            environment={},
            state=str(state),
            key=lambda: b"k" * 32,
            pace=0.05,
        )
    )
    tokens = Tokens(str(state))
    if not tokens.all():
        tokens.create("first", ["admin"], now=time.time())
    socket = folder / "stack.sock"
    server = Server(DaemonControl(daemon, RENDERERS), tokens, Listen(socket=str(socket), address=f"127.0.0.1:{port}"))
    thread = threading.Thread(target=daemon.run, name="daemon")
    server.start()
    thread.start()
    try:
        yield Running(daemon=daemon, client=Client(str(socket)), tokens=tokens, socket=socket, port=port, engine=engine)
    finally:
        daemon.stop()
        thread.join(30)
        server.stop()
        engine.close()


@contextmanager
def running_again(before: Running, folder: Path) -> Iterator[Running]:
    """The next daemon on the same folder, once the one before has ended; it has another port and socket."""
    eventually(lambda: not any(thread.name == "daemon" for thread in threading.enumerate()), what="the first one ended")
    before.socket.unlink(missing_ok=True)
    with running(folder, before.port + 1) as again:
        yield again
