"""How each stack of this host fares, as the controller last saw it, and what happened: what the API, the page, the metrics and the
log are made from.

A ``Board`` holds the newest ``StackStatus`` of every stack and tells its listeners of each ``Happening``. Nothing is decided
here. Times are seconds since 1970, for people; what has to be measured is measured elsewhere.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable
from enum import StrEnum

from orchestrator.controller.sources import Newer
from orchestrator.errors import Where
from orchestrator.listeners import Listeners
from orchestrator.model.host import Mode
from orchestrator.model.plan import Plan
from orchestrator.records import dataclass

REMEMBERED = 1_000
LONGEST = 8_000  # characters of what is told; whoever writes specs must not fill the memory with them


class Phase(StrEnum):
    """What can be said of a stack in one word."""

    PENDING = "pending"  # not looked at yet
    WAITING = "waiting"  # for another stack, another writer, or a window
    PROGRESSING = "progressing"  # changes are under way
    CONVERGED = "converged"
    DRIFTED = "drifted"  # it is not as the file says, and may not be changed
    DEGRADED = "degraded"  # as the file says, but something loops or is unhealthy
    FAILED = "failed"  # the last try failed; there will be another
    INVALID = "invalid"  # the file cannot be used; a new one is waited for
    SUSPENDED = "suspended"
    STOPPED = "stopped"  # someone stopped it on purpose
    UNREACHABLE = "unreachable"  # the engine does not answer


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaStatus:
    name: str
    slot: int
    state: str
    health: str = ""
    image: str = ""
    restarts: int = 0
    exit_code: int = 0
    started_at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceStatus:
    """``loops``: it keeps ending; ``stopped``: on purpose."""

    name: str
    wanted: int
    running: int
    ready: int
    image: str = ""
    depends_on: tuple[str, ...] = ()
    replicas: tuple[ReplicaStatus, ...] = ()
    loops: bool = False
    unhealthy: bool = False
    stopped: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """One thing that is not as the file says: ``field`` is empty where the object as a whole is meant."""

    object: str
    field: str = ""
    before: str = ""
    after: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StackStatus:
    """``source``: the repository it comes from, by its name on this host; ``version``: the commit that is kept. ``since``: in this
    phase; ``looked_at``: the last observation; ``changed_at``: the last apply that changed anything.
    """

    name: str
    phase: Phase = Phase.PENDING
    mode: Mode = Mode.ENFORCE
    message: str = ""
    reference: str = ""
    where: Where | None = None
    since: float = 0.0
    looked_at: float = 0.0
    changed_at: float = 0.0
    retry_at: float = 0.0
    passes: int = 0
    pass_seconds: float = 0.0  # in all
    failures: int = 0  # in a row
    drift: tuple[Drift, ...] = ()
    services: tuple[ServiceStatus, ...] = ()
    plan: Plan | None = None  # the last one that was not empty
    outcome: str = ""
    held: tuple[str, ...] = ()  # services whose new version failed and is not tried again
    files: tuple[str, ...] = ()
    source: str = ""
    version: str = ""
    newer: Newer | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """Something to tell: ``kind`` is a word in kebab case (``applied``, ``crash-loop``), ``level`` info, warning or error."""

    number: int
    time: float
    stack: str
    kind: str
    text: str
    level: str = "info"
    service: str = ""


class Board:
    """The newest status of each stack. Safe from any thread; listeners are called in the thread that tells."""

    def __init__(self, clock: Callable[[], float], *, after: int = 0) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._stacks: dict[str, StackStatus] = {}
        self._happenings: deque[Happening] = deque(maxlen=REMEMBERED)
        self._number = after
        self._listeners = Listeners[Happening]()
        self._counts: Counter[str] = Counter()
        self._actions: Counter[tuple[str, str]] = Counter()

    @property
    def counts(self) -> dict[str, int]:
        """How many happenings of each kind there were."""
        with self._lock:
            return dict(self._counts)

    @property
    def actions(self) -> dict[tuple[str, str], int]:
        """How many actions of each kind ended in which way."""
        with self._lock:
            return dict(self._actions)

    def acted(self, action: str, outcome: str) -> None:
        """An action ended."""
        with self._lock:
            self._actions[action, outcome] += 1

    def put(self, status: StackStatus) -> None:
        with self._lock:
            self._stacks[status.name] = status

    def drop(self, name: str) -> None:
        """The stack is no longer one of this host."""
        with self._lock:
            self._stacks.pop(name, None)

    def of(self, name: str) -> StackStatus | None:
        with self._lock:
            return self._stacks.get(name)

    def all(self) -> tuple[StackStatus, ...]:
        with self._lock:
            return tuple(self._stacks[name] for name in sorted(self._stacks))

    def tell(self, stack: str, kind: str, text: str, *, level: str = "info", service: str = "") -> None:
        """Something happened: remember it and pass it on."""
        with self._lock:
            self._number += 1
            happening = Happening(
                number=self._number,
                time=self._clock(),
                stack=stack,
                kind=kind,
                text=text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}...",
                level=level,
                service=service,
            )
            self._happenings.append(happening)
            self._counts[kind] += 1
        for listener in self._listeners:
            listener(happening)

    def happenings(self, after: int = 0, stack: str = "") -> tuple[Happening, ...]:
        """What was told after the happening of that number, oldest first."""
        with self._lock:
            return tuple(one for one in self._happenings if one.number > after and stack in ("", one.stack))

    def listen(self, listener: Callable[[Happening], None]) -> Callable[[], None]:
        """Call ``listener`` with everything from now on; the answer ends that."""
        return self._listeners.add(listener)
