"""The memory engine as a command's engine, its world kept in a file between runs: for trying things and for tests.

Everything above the engine is the real thing: loading, planning, carrying out, displays, exit codes. Only
containers are made up. The file is a pickle that this program wrote itself; do not read one from somebody else.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import NoReturn

from orchestrator.engines.console import (
    Ended,
    Execution,
    Happened,
    ImageFacts,
    Listed,
    LogWish,
    Processes,
    Said,
    Silent,
    Transfer,
)
from orchestrator.engines.gate import Gate
from orchestrator.engines.hands import Attachment, Facts
from orchestrator.engines.memory import Behaviour, MemoryEngine
from orchestrator.engines.operations import Operations
from orchestrator.errors import NotFound, StackError, UsageError
from orchestrator.model.observed import Health, ObservedContainer, ObservedState, State
from orchestrator.model.probe import Probe


class Rehearsal:
    """Reads the world when made and writes it when closed, if anything was carried out."""

    def __init__(self, path: str) -> None:
        self._path = os.path.abspath(path)
        self.engine = MemoryEngine(self._read())
        self.engine.behaviours.update(_behaviours())
        self.console = RehearsalConsole(self.engine)
        self.hands = RehearsalHands(self.console)

    @property
    def operations(self) -> Operations:
        raise UsageError("the memory engine has nothing of this kind", hint="leave STACK_ENGINE unset for Docker")

    @property
    def id(self) -> str:
        return f"memory:{self._path}"

    def greet(self) -> None:
        return None

    def guard(self, gate: Gate) -> None:
        self.engine = self.engine.guarded(gate)

    def close(self) -> None:
        if not self.engine.executed:
            return
        draft = f"{self._path}.{os.getpid()}"
        with open(draft, "wb") as file:
            pickle.dump(self.engine.world, file)
        os.replace(draft, self._path)

    def _read(self) -> ObservedState | None:
        try:
            with open(self._path, "rb") as file:
                state = pickle.load(file)
        except FileNotFoundError:
            return None
        except (OSError, pickle.UnpicklingError, EOFError) as problem:
            raise StackError(f"cannot read {self._path}: {problem}", reference="memory-engine") from problem
        return state if isinstance(state, ObservedState) else None


def _behaviours() -> dict[str, Behaviour]:
    """Images that do in memory what a test needs: end with a code, or never get healthy."""
    exits = {f"exits:{code}": Behaviour(exits=code, log=f"ended with {code}") for code in range(4)}
    return {**exits, "sick": Behaviour(health=Health.UNHEALTHY, log="the door is stuck")}


class RehearsalConsole:
    """What the memory engine's containers look like from outside. They say one line and run nothing."""

    def __init__(self, engine: MemoryEngine) -> None:
        self._engine = engine

    def containers(self, *, labels: Iterable[str] = (), everything: bool = True) -> tuple[Listed, ...]:
        wanted = list(labels)
        return tuple(
            _listed(container)
            for container in self._engine.world.containers
            if (everything or container.running) and all(_carries(container, label) for label in wanted)
        )

    def logs(self) -> RehearsalLogs:
        return RehearsalLogs(self._find)

    def execute(self, wish: Execution) -> int:
        del wish
        return 0

    def happenings(self, stack: str) -> Silence:
        del stack
        return Silence()

    def ended(self, container: str) -> Ended:
        found = self._find(container)
        return Ended(found.exit_code, found.running)

    def processes(self, container: str) -> Processes:
        found = self._find(container)
        return Processes(("PID", "CMD"), (("1", found.image),))

    def probed(self, probes: Mapping[str, Probe]) -> dict[str, str]:
        """Whoever runs answers."""
        return {container: "healthy" for container in probes if self._find(container).running}

    def image(self, image_id: str) -> ImageFacts:
        known = [image for image in self._engine.world.images.values() if image.id == image_id]
        return ImageFacts(id=image_id, digests=known[0].digests if known else ())

    def images(self, pattern: str) -> tuple[ImageFacts, ...]:
        names: dict[str, list[str]] = {}
        for name, image in self._engine.world.images.items():
            if fnmatchcase(name, pattern):
                names.setdefault(image.id, []).append(name)
        return tuple(ImageFacts(id=found, tags=tuple(tags)) for found, tags in names.items())

    def last_lines(self, container: str, count: int) -> tuple[str, ...]:
        return (f"{self._find(container).name} says hello",)[:count]

    def sync(self) -> NoSync:
        return NoSync()

    def _find(self, container: str) -> ObservedContainer:
        for found in self._engine.world.containers:
            if container in (found.id, found.name):
                return found
        raise NotFound(f"no such container: {container}")


class RehearsalHands:
    """Containers of the memory engine have nothing inside; they can be looked at and waited for."""

    def __init__(self, console: RehearsalConsole) -> None:
        self._console = console

    def attach(self, wish: Attachment) -> int | None:
        if wish.start is not None:
            wish.start()
        return self.wait(wish.container)

    def facts(self, container: str) -> Facts:
        return Facts(id=container, running=self._console.ended(container).running)

    def wait(self, container: str) -> int:
        return self._console.ended(container).exit_code

    def nothing_inside(self, *_: object, **__: object) -> NoReturn:
        raise UsageError("containers of the memory engine have nothing inside", hint="use a real engine for this")

    path = take = put = export = commit = measure = events = nothing_inside


class RehearsalLogs:
    """One line per container, then silence."""

    def __init__(self, find: Callable[[str], ObservedContainer]) -> None:
        self._find = find
        self._wishes: list[LogWish] = []

    def add(self, wish: LogWish) -> None:
        self._wishes.append(wish)

    def finish_adding(self) -> None:
        return None

    def close(self) -> None:
        return None

    def __iter__(self) -> Iterator[Said | Silent]:
        for wish in list(self._wishes):
            found = self._find(wish.container)
            yield Said(found.id, f"{found.name} says hello".encode())
            yield Silent(found.id)


class NoSync:
    """Containers in memory hold no files."""

    def bring(self, containers: Sequence[str], transfer: Transfer) -> None:
        del containers, transfer


class Silence:
    """Nothing happens in memory unless a plan does it."""

    def __iter__(self) -> Iterator[Happened]:
        return iter(())

    def close(self) -> None:
        return None


def _carries(container: ObservedContainer, label: str) -> bool:
    key, equals, value = label.partition("=")
    return key in container.labels and (not equals or container.labels[key] == value)


def _listed(container: ObservedContainer) -> Listed:
    command = container.settings.command if container.settings and container.settings.command else ()
    ended = container.state is State.EXITED
    health = f" ({container.health.value})" if container.health is not Health.NONE else ""
    return Listed(
        id=container.id,
        name=container.name,
        image=container.image,
        image_id=container.image_id,
        command=" ".join(command),
        state=container.state.value,
        status=f"Exited ({container.exit_code})" if ended else f"Up{health}",
        labels=container.labels,
        networks=tuple(endpoint.network_name for endpoint in container.endpoints),
    )
