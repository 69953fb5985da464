"""A daemon in this process on a real engine, whose only stack lies in a repository behind a real https server.

Engine calls go through a recording proxy. It asks the server only when it is poked, so that a test decides when a poll is.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cli.engines import Docker
from orchestrator.controller.status import Phase
from orchestrator.engines.docker.client import Client
from orchestrator.gitops.follower import Follower

from . import daemons
from .daemons import Running
from .engines import Engine
from .gitrepos import Repo
from .gitserver import TOKEN, Authority, HttpsGit
from .projects import unique_name
from .proxy import Proxy
from .waiting import eventually

SPEC = """
services:
  db: {{image: "busybox:stable", command: sleep 100000, init: true, stop_signal: SIGKILL}}
  cache: {{image: "busybox:stable", command: sleep 100000, init: true, stop_signal: SIGKILL}}
  web:
    image: busybox:stable
    command: sleep 100000
    init: true
    stop_signal: SIGKILL
    mem_limit: {megabytes}m
    depends_on: [db]
"""


class Followed:
    """``change`` makes the newest commit good again and waits, one poll later, until the engine has what it says."""

    def __init__(
        self, host: Running, repo: Repo, server: HttpsGit, authority: Authority, engine: Engine, name: str
    ) -> None:
        self.host, self.repo, self.server, self.authority, self.engine, self.name = (
            host,
            repo,
            server,
            authority,
            engine,
            name,
        )
        self._sizes = count(16)
        self._context, self._first = server.context, repo.git("rev-parse", "HEAD")
        self.proxy: Proxy

    @property
    def follower(self) -> Follower:
        """For faults to be put into."""
        return self.host.daemon.repositories.shown()[0].follower

    @property
    def source(self) -> dict[str, Any]:
        """As people see it."""
        return self.host.client.sources()[0]

    @property
    def spec(self) -> str:
        return f"stacks/{self.name}/app.yml"

    def poll(self) -> None:
        self.host.daemon.repositories.poke("infra")

    def ids(self) -> dict[str, str]:
        """Names and ids of what runs, with when each was started: what shows that nothing was touched."""
        return {one["Name"]: one["Id"] + one["State"]["StartedAt"] for one in self.engine.containers(self.name)}

    def memory(self) -> int:
        """MiB that the container of ``web`` has, 0 while it is not there."""
        found = self.engine.inspect(f"{self.name}-web-1")
        return int(found["HostConfig"]["Memory"]) >> 20 if found else 0

    def change(self, *, commit: bool = True) -> int:
        """Write a spec that differs from all before; the size that it gives to ``web``."""
        size = next(self._sizes)
        self.repo.write(self.spec, SPEC.format(megabytes=size))
        if commit:
            self.repo.commit()
        return size

    def has(self, size: int) -> None:
        eventually(lambda: self.memory() == size, what=f"web has {size} MiB")
        self.host.settles(self.name)

    def is_well(self) -> bool:
        """Whether nothing of a fault is left: daemon, server and repository are as they should be, and the newest commit runs."""
        status = self.host.daemon.board.of(self.name)
        return (
            any(thread.name == "daemon" for thread in threading.enumerate())
            and not self.server.fault
            and self.server.context is self._context
            and self.repo.git("rev-parse", "--abbrev-ref", "HEAD") == "main"
            and not self.repo.git("status", "--porcelain")
            and self.source["commit"] == self.repo.git("rev-parse", "HEAD")
            and status is not None
            and (status.phase, status.newer) == (Phase.CONVERGED, None)
        )

    def recover(self) -> None:
        """End what a fault has left, and have a good commit taken: one that comes after all that were ever fetched."""
        self.server.fault, self.server.context = "", self._context
        newest = self.source["commit"] or self._first
        self.repo.git("checkout", "--quiet", "--force", "-B", "main", newest)
        self.repo.git("clean", "-qfdx")
        self.repo.git("rm", "-rq", "--ignore-unmatch", ".")
        size = self.change()
        self.poll()
        self.has(size)

    def mutations(self) -> int:
        return len(self.proxy.mutations)


@contextmanager
def followed(
    folder: Path, port: int, engine: Engine, source: str = "timeout: 3s", settings: str = ""
) -> Iterator[Followed]:
    """The daemon, the server and the repository, with the first commit running; taken down at the end."""
    name = unique_name("followed")
    authority = Authority(folder / "ca")
    repo = Repo(folder / "served" / "infra")
    (folder / "token").write_text(TOKEN)
    patches = pytest.MonkeyPatch()
    patches.setenv("STACK_LOCK_DIR", str(folder / "locks"))
    try:
        with HttpsGit(folder / "served", authority.server()) as server, Proxy(engine.address) as proxy:
            (folder / "host.yml").write_text(
                f"{settings}credentials: {{127.0.0.1: {{token_file: token, ca_file: {authority.certificate}}}}}\n"
                f"sources: {{infra: {{url: {server.url('infra')}, interval: 1h, {source}}}}}\n"
            )
            repo.write(f"stacks/{name}/app.yml", SPEC.format(megabytes=15))
            repo.commit()
            connected = Docker(Client.from_environment({**os.environ, "DOCKER_HOST": proxy.address}))
            with daemons.running(folder, port, connected) as host:
                made = Followed(host, repo, server, authority, engine, name)
                made.proxy = proxy
                eventually(lambda: host.daemon.board.of(name), what="the stack is discovered")
                made.has(15)
                yield made
    finally:
        patches.undo()
        engine.remove_project(name)
