"""A host under a daemon, and random faults on it one after the other: what a soak test is made from.

Everything random comes from one seed, which a failure names. Faults are dealt like cards, so that every kind comes as often as any
other. Whatever is done here may be done to a host by people, by chance or by other programs; nothing of it may cost data, or leave
the host other than its files say. What must hold all the while is in ``soak_watch``.
"""

from __future__ import annotations

import random
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

from scripts.machine.engine_api import EngineRefused

from .clocks import Clock
from .commands import Running, environment_for, start_stack
from .engines import Engine
from .faults import Fault
from .fragile import Fragile
from .proxy import Proxy
from .soak_watch import STRANGER, Watch
from .waiting import eventually

STACKS = ("soak-a", "soak-b")
SERVICES = ("db", "web", "worker")

SPEC = """\
services:
  db:
    image: busybox:stable
    command: sh -c 'touch /ok; exec sleep 100000'
    init: true
    stop_signal: SIGKILL
    volumes: ["data:/data"]
    healthcheck: {{test: "test -e /ok", interval: 500ms, retries: 2, start_period: 10s}}
  web:
    image: busybox:stable
    command: sleep 100000
    init: true
    stop_signal: SIGKILL
    environment: {{VERSION: "{version}"}}
    depends_on: [db]
    networks: [default, side]
    deploy: {{replicas: 2, update_config: {{monitor: 100ms}}}}
  worker:
    image: busybox:stable
    command: sleep 100000
    init: true
    stop_signal: SIGKILL
    mem_limit: {limit}m
networks: {{side: {{}}}}
volumes: {{data: {{}}}}
{more}"""


class Soak:
    """``start`` it, let ``faults`` work for a while, and ask for ``converged``. ``rests`` are the seconds between two faults."""

    def __init__(self, engine: Engine, folder: Path, seed: int, rests: tuple[float, float] = (1.0, 3.0)) -> None:
        self.engine, self.fragile, self.folder, self.rests = engine, Fragile(engine), folder, rests
        self.random = random.Random(seed)
        self.version, self.limit = 1, 64
        self.daemon: Running | None = None
        self.proxy = Proxy(engine.address, inspect_deletes=False)
        self.clock = Clock(folder / "clock")
        self.done: list[str] = []
        self.said: list[str] = []  # by daemons that have ended
        self.watch = Watch(engine, dict.fromkeys(STACKS, SERVICES), lambda: self.daemon)

    def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.clock.jump(0)
        self._write()
        entries = "".join(f"  {name}: {{path: {name}.yml, resync: 3s}}\n" for name in STACKS)
        (self.folder / "host.yml").write_text(f"stacks:\n{entries}", encoding="utf-8")
        self.proxy.__enter__()
        self._start_daemon()
        self.converged(120)
        for name in STACKS:
            self.engine.exec(f"{name}-db-1", "sh", "-c", f"echo {name} > /data/canary")
        self.watch.start()

    def end(self) -> None:
        self.watch.end()
        if self.daemon is not None:
            self.daemon.__exit__(None, None, None)
        self.proxy.__exit__(None, None, None)

    def work(self, seconds: float) -> None:
        """Faults for so long."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.rounds(1, until)

    def rounds(self, times: int, until: float = float("inf")) -> None:
        """Every kind of fault so many times, in an order that chance decides."""
        rest = threading.Event()
        for _ in range(times):
            for fault in self.random.sample(self.faults, len(self.faults)):
                if time.monotonic() > until or self.watch.broken:
                    return
                self.done.append(fault.__name__.strip("_"))
                fault()
                rest.wait(self.random.uniform(*self.rests))

    @property
    def faults(self) -> list[Callable[[], None]]:
        return [
            self._kill_the_daemon,
            self._kill_a_command,
            self._lose_events,
            self._restart_the_engine,
            self._remove_a_container,
            self._kill_a_container,
            self._remove_a_network,
            self._edit_a_file,
            self._break_a_file_for_a_moment,
            self._flap_health,
            self._change_a_limit,
            self._jump_the_clock,
        ]

    def converged(self, within: float) -> None:
        """Every stack is as its file says, and nothing else is there."""
        eventually(self._is_converged, within=within, what=f"converged after {self.done}\n{self._said()}")

    def left_over(self) -> list[str]:
        """What is on the engine or in the state directory, and should not be any more."""
        everything, mine = self.engine.census(), {STRANGER}
        volumes = {f"{name}_data" for name in STACKS}
        for name in STACKS:
            mine |= self.engine.census(name).containers
        found = [*(everything.containers - mine), *(everything.volumes - volumes)]
        state = self.folder / "home" / "state"
        drafts = [str(file) for file in state.rglob("*") if file.suffix == ".begun" or ".draft" in file.name]
        return sorted([*found, *drafts])

    def _is_converged(self) -> bool:
        try:
            return all(self._stack_is_converged(name) for name in STACKS)
        except (OSError, EngineRefused, KeyError):
            return False

    def _stack_is_converged(self, name: str) -> bool:
        found = self.engine.containers(name)
        names = [one["Name"].lstrip("/") for one in found]
        wanted = sorted(f"{name}-{part}" for part in ("db-1", "web-1", "web-2", "worker-1"))
        by_name = dict(zip(names, found, strict=True))
        return (
            names == wanted
            and all(one["State"]["Running"] for one in found)
            and by_name[f"{name}-db-1"]["State"]["Health"]["Status"] == "healthy"
            and all(f"VERSION={self.version}" in by_name[f"{name}-web-{n}"]["Config"]["Env"] for n in (1, 2))
            and by_name[f"{name}-worker-1"]["HostConfig"]["Memory"] == self.limit << 20
            and self.engine.census(name).networks == {f"{name}_default", f"{name}_side"}
            and self.engine.census(name).volumes == {f"{name}_data"}
            and all(len(by_name[f"{name}-web-{n}"]["NetworkSettings"]["Networks"]) == 2 for n in (1, 2))
        )

    def everything_said(self) -> str:
        """By all daemons, one after the other."""
        return "".join([*self.said, self.daemon.stderr if self.daemon is not None else ""])

    def _said(self) -> str:
        return "\n".join(self.everything_said().splitlines()[-60:])

    def _start_daemon(self) -> None:
        extra = {"DOCKER_HOST": self.proxy.address, **self.clock.environment}
        environment = environment_for(self.engine, self.folder / "home", extra)
        words = ["daemon", "run", "--config", "host.yml", "--socket", "none"]
        self.daemon = start_stack(words, cwd=self.folder, env=environment)

    def _write(self, more: str = "") -> None:
        for number, name in enumerate(STACKS):
            after = f"x-stack: {{after: [{STACKS[0]}]}}\n" if number else ""
            text = SPEC.format(version=self.version, limit=self.limit, more=after + more)
            draft = self.folder / f".{name}.draft"
            draft.write_text(text, encoding="utf-8")
            draft.replace(self.folder / f"{name}.yml")

    def _some_container(self, service: str = "") -> str:
        name, chosen = self.random.choice(STACKS), service or self.random.choice(SERVICES)
        return f"{name}-{chosen}-{self.random.choice((1, 2)) if chosen == 'web' else 1}"

    def _ask(self, method: str, path: str, body: object = None) -> None:
        """Of the engine; it may be gone, and so may what is asked for."""
        try:
            self.engine.api.request(method, path, body=body)
        except (OSError, EngineRefused):
            return

    def _kill_the_daemon(self) -> None:
        assert self.daemon is not None
        self.daemon.signal(signal.SIGKILL)
        self.daemon.__exit__(None, None, None)
        self.said.append(self.daemon.stderr)
        self._start_daemon()

    def _kill_a_command(self) -> None:
        name = self.random.choice(STACKS)
        environment = environment_for(self.engine, self.folder / "home", self.clock.environment)
        words = ["-f", f"{name}.yml", "-p", name, "up", "-d", "--force-recreate"]
        with start_stack(words, cwd=self.folder, env=environment) as running:
            threading.Event().wait(self.random.uniform(0.3, 2.5))
            running.signal(signal.SIGKILL)

    def _lose_events(self) -> None:
        """The stream opens again and stays silent, for a while."""
        self.proxy.fail_from_now_on(Fault("mute", match="GET /events", times=1))

    def _restart_the_engine(self) -> None:
        self.fragile.end(crash=self.random.random() < 0.5)
        self.fragile.begin()

    def _remove_a_container(self) -> None:
        self._ask("DELETE", f"/containers/{self._some_container()}?force=1")

    def _kill_a_container(self) -> None:
        self._ask("POST", f"/containers/{self._some_container()}/kill")

    def _remove_a_network(self) -> None:
        network = f"{self.random.choice(STACKS)}_side"
        for container in (network.replace("_side", f"-web-{number}") for number in (1, 2)):
            self._ask("POST", f"/networks/{network}/disconnect", {"Container": container, "Force": True})
        self._ask("DELETE", f"/networks/{network}")

    def _edit_a_file(self) -> None:
        self.version += 1
        self.limit = self.random.choice((32, 48, 64))
        self._write()

    def _break_a_file_for_a_moment(self) -> None:
        self._write("nonsense: [\n")
        threading.Event().wait(0.3)
        self._write()

    def _flap_health(self) -> None:
        try:
            self.engine.exec(self._some_container("db"), "rm", "-f", "/ok")
        except (OSError, EngineRefused):
            return

    def _jump_the_clock(self) -> None:
        """By hours, forwards or backwards, or to the right time again."""
        self.clock.jump(
            self.random.choice((-1, 1)) * self.random.randint(1, 48) * 3600 if self.clock.offset == 0 else 0
        )

    def _change_a_limit(self) -> None:
        container = self._some_container("worker")
        self._ask("POST", f"/containers/{container}/update", {"Memory": 24 << 20, "MemorySwap": 24 << 20})
