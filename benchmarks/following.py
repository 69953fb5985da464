"""What the figures of GitOps stand on: a git server over https, repositories with stacks, and a daemon that follows them.

All of it is real and on this machine: ``git http-backend`` behind TLS, ``stack daemon run`` with its webhooks on a port of
127.0.0.1, signed deliveries. Each stack has one service whose container ends at once when asked to.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import os
import pathlib
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from benchmarks.floor import Floor
from benchmarks.specs import IMAGE
from benchmarks.watch import ROOT
from orchestrator.api.client import Client
from orchestrator.errors import StackError
from tests.support.gitrepos import Repo
from tests.support.gitserver import TOKEN, Authority, HttpsGit

STACK = str(pathlib.Path(sys.executable).with_name("stack"))


def spec(version: int) -> str:
    """One service; another version is another value in its environment."""
    return (
        f"services:\n  web:\n    image: {IMAGE}\n    command: sleep infinity\n    stop_signal: SIGKILL\n"
        f'    environment: {{VERSION: "{version}"}}\n'
    )


@dataclass(frozen=True)
class Kept:
    """A source: its repository, its stacks, and how often it is asked."""

    name: str
    repo: Repo
    stacks: tuple[str, ...]
    interval: str

    def push(self, version: int) -> str:
        """A commit that changes the last stack alone."""
        self.repo.write(f"stacks/{self.stacks[-1]}/app.yml", spec(version))
        return self.repo.commit(f"version {version}")


class Forge:
    """The server and its repositories, below a folder."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.authority = Authority(folder / "authority")
        self.server = HttpsGit(folder / "served", self.authority.server())
        (folder / "token").write_text(TOKEN)
        self.secret = secrets.token_hex(32)
        (folder / "secret").write_text(self.secret)

    def keep(self, name: str, stacks: int, interval: str) -> Kept:
        names = tuple(f"bench-git-{name}-{number}" for number in range(stacks))
        made = Kept(name, Repo(self.folder / "served" / name), names, interval)
        for one in names:
            made.repo.write(f"stacks/{one}/app.yml", spec(0))
        made.repo.commit("the first")
        return made


class Host:
    """A daemon that keeps sources. ``trace`` is where it notes its times, if it does."""

    def __init__(self, engine: str, forge: Forge, kept: list[Kept], folder: pathlib.Path, *, traced: bool) -> None:
        self.engine, self.forge, self.kept, self.folder = engine, forge, kept, folder
        self.traced, self.trace = traced, folder / "trace"
        self.port = _free_port()
        folder.mkdir(parents=True)
        lines = [f"credentials: {{127.0.0.1: {{token_file: {forge.folder}/token, "]
        lines = [f"{lines[0]}ca_file: {forge.authority.certificate}}}}}", "sources:"]
        for one in kept:
            where = f"url: {forge.server.url(one.name)}, interval: {one.interval}"
            lines.append(f"  {one.name}: {{{where}, webhook: {{secret_file: {forge.folder}/secret}}}}")
        (folder / "host.yml").write_text("\n".join(lines) + "\n")

    @contextmanager
    def daemon(self) -> Iterator[subprocess.Popen[bytes]]:
        """The daemon, once every stack does well."""
        program = [sys.executable, "-m", "benchmarks.traced", str(self.trace)] if self.traced else [STACK]
        words = ["daemon", "run", "--config", "host.yml", "--socket", "s", "--listen", f"127.0.0.1:{self.port}"]
        environment = os.environ | {
            "DOCKER_HOST": self.engine,
            "STACK_STATE_DIR": str(self.folder / "state"),
            "PYTHONPATH": str(ROOT),
        }
        subprocess.run(
            [STACK, "daemon", "token", "create", "bench"], env=environment, capture_output=True, check=True
        )  # there is no port without one
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen([*program, *words], cwd=self.folder, env=environment, stdout=log, stderr=log)
        try:
            wait_for(lambda: process.poll() is not None or self.settled(), lambda: self.said(process))
            if process.poll() is not None:
                raise RuntimeError(self.said(process))
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)

    def said(self, process: subprocess.Popen[bytes]) -> str:
        return f"the daemon ({process.poll()}) said:\n{(self.folder / 'log').read_text()[-3000:]}"

    def settled(self) -> bool:
        """Whether the newest commits are kept, and nothing is left to do."""
        try:
            found = Client(str(self.folder / "s")).host()["stacks"]
        except StackError:
            return False
        wanted = {name for one in self.kept for name in one.stacks}
        return {one["name"] for one in found} == wanted and all(one["phase"] == "converged" for one in found)

    def deliver(self, source: str, commit: str) -> float:
        """A signed webhook; when it was sent."""
        body = json.dumps({"after": commit}).encode()
        digest = hmac.new(self.forge.secret.encode(), body, hashlib.sha256).hexdigest()
        sent = time.time()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("POST", f"/hooks/{source}", body, {"X-Hub-Signature-256": f"sha256={digest}"})
        answer = connection.getresponse()
        said = answer.read()
        connection.close()
        if answer.status != 202:
            raise RuntimeError(f"the webhook was answered with {answer.status} {said.decode()}")
        return sent


class Starts:
    """When containers were created and started, by the engine's own events."""

    def __init__(self, floor: Floor) -> None:
        self._seen: dict[tuple[str, str], list[tuple[float, str]]] = {}
        self._news = threading.Condition()
        self._stream = floor.events({"type": ["container"], "event": ["create", "start"]})
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        with suppress(OSError, ValueError):  # it ends with the process
            for event in self._stream:
                project = event["Actor"]["Attributes"].get("com.docker.compose.project", "")
                with self._news:
                    found = self._seen.setdefault((project, event["Action"]), [])
                    found.append((event["timeNano"] / 1e9, event["Actor"]["ID"]))
                    self._news.notify_all()

    def after(self, project: str, moment: float, action: str = "start", seconds: float = 60.0) -> float:
        """The first one of that project after the moment, waited for."""

        def found() -> float:
            return next((at for at, _ in self._seen.get((project, action), []) if at >= moment), 0.0)

        with self._news:
            if not self._news.wait_for(found, seconds):
                raise RuntimeError(f"no {action} of {project} within {seconds:g} s")
            return found()


def wait_for(condition, otherwise=lambda: "", seconds: float = 120.0) -> None:  # type: ignore[no-untyped-def]
    """Until it is so."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise RuntimeError(f"not within {seconds:g} s; {otherwise()}")
        time.sleep(0.02)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
